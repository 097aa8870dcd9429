// The case viewer: one state, drawn by panes, changed by mouse, keys and panel.
//
// The server sends a case once, see payload.js. The viewer only reports a request for another case and,
// on some pages, the chosen threshold.

import { actionsOf } from "./actions.js";
import { read, write } from "./address.js";
import { Drawings, measured } from "./drawings.js";
import { make } from "./elements.js";
import { frameOf } from "./frame.js";
import { KEYS, keysOfOneCase, listen } from "./keys.js";
import { DIFFERENCE, OTHER, PREDICTION, coloursOf, labelsOf } from "./layers.js";
import { copied } from "./exports.js";
import { WHOLE_WINDOW, adopt, parametersOf, stateFrom } from "./state.js";
import { Pane } from "./pane.js";
import { Panel } from "./panel.js";
import { unpack } from "./payload.js";
import { PlainStage } from "./plain_stage.js";
import { Strip } from "./strip.js";
import { Measures, rowsOf, tableOf } from "./table.js";
import { ThresholdReport } from "./threshold_report.js";
import { cornersOf, descriptionOf, notesOf, nothingFound, orientationOf, valueAt } from "./texts.js";

const SETTLED_MS = 150;
const WAITS_AT_MOST_MS = 5000;

/** Returns the bytes at an address. */
async function fetched(href) {
  const answer = await fetch(href);
  if (!answer.ok) throw new Error(`the case was not received: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

export class Viewer {
  /** @param root the element that the viewer fills */
  constructor(root) {
    this.root = root;
    /** Called with "next", "previous" or "random" to open another case; null if there is none. */
    this.go = null;
    this.report = new ThresholdReport(this);
    this.drawings = new Drawings();
    this.panes = [];
    this.tool = "scroll";
    this.frames = 0;
    this.panel = new Panel(this);
    this.strip = new Strip((z) => this.goToSlice(z));
    Object.assign(this, frameOf(this));
    root.append(this.whole);
    this.stopKeys = listen(actionsOf(this));
  }

  /** Chooses the stage: NiiVue, or plain slices without WebGL. */
  async chooseStage() {
    const { NiivueStage, hasWebGl } = await import("./niivue_stage.js");
    this.Stage = hasWebGl() ? NiivueStage : PlainStage;
    this.plain = this.Stage === PlainStage;
    this.whole.dataset.stage = this.plain ? "plain" : "niivue";
  }

  /** Shows the packed case at an address. */
  async load(address) {
    this.waiting.hidden = true;
    const href = String(address);
    if (href === this.href) return;
    this.href = href;
    const data = await unpack(await fetched(href));
    if (!this.Stage) await this.chooseStage();
    if (href !== this.href) return; // another case arrived meanwhile
    const before = this.data;
    this.data = data;
    // Each model has its own threshold; one chosen for another model is meaningless.
    if (before?.model && data.model && before.model !== data.model) this.stepChosen = false;
    this.measures = new Measures(data);
    this.views = [...this.Stage.views, "pair", ...(data.other ? ["compare"] : [])];
    this.panel.build(data, this.views);
    let wrong = null;
    if (this.state) adopt(this.state, data, this.measures, before, this.stepChosen);
    else {
      ({ state: this.state, wrong } = stateFrom(read(), data, this.measures, this.views));
      this.stepChosen = Boolean(read().threshold);
    }
    const notes = notesOf(data, wrong, this.plain);
    this.notes.replaceChildren(...notes.map((note) => make("p", {}, note)));
    this.whole.dataset.case = data.name;
    this.drawStrip(); // before the slower pictures, because keys may arrive meanwhile
    await this.refill();
    this.changed();
    this.report.opened();
  }

  // Changes of the state.

  set(values) {
    const deep = "view" in values || "sequence" in values || "second" in values;
    Object.assign(this.state, values);
    if (deep || "thickness" in values) this.refill().then(() => this.changed());
    else this.changed();
  }

  setLook(which, values) {
    const { look } = this.state;
    if (["agreement", "spread", "removed"].includes(which)) look[which] = values;
    else {
      const { opacity, ...others } = values;
      Object.assign(look[which], others);
      const kind = look[which].style === "contour" ? "contour" : "fill";
      if (opacity !== undefined) look[which].opacity[kind] = opacity;
    }
    this.changed();
    this.labelsLater();
  }

  /** @param {"step"|"otherStep"} which of two compared predictions */
  setThreshold(step, which = "step") {
    this.state.look[which] = step;
    if (which === "step") this.stepChosen = true;
    this.stripStale = true; // drawn with the next frame, because a slider may outrun a large volume
    this.changed();
    this.labelsLater();
    this.report.later();
  }

  moveThreshold(by) {
    const { low, high, by: one } = this.panel.range;
    this.setThreshold(Math.min(high, Math.max(low, this.state.look.step + by * one)));
  }

  useTool(tool) {
    this.tool = tool;
    this.whole.dataset.tool = tool;
    this.changed();
  }

  goTo([x, y, z]) {
    this.state.position = [x, y, z];
    this.changed();
  }

  goToSlice(z) {
    const { position } = this.state;
    if (z !== position[2]) this.goTo([position[0], position[1], z]);
  }

  scroll(steps, axis = 2) {
    const [n, h, w] = this.data.shape;
    const position = [...this.state.position];
    position[axis] = Math.min([w, h, n][axis] - 1, Math.max(0, position[axis] + steps));
    this.goTo(position);
  }

  windowBy(dx, dy) {
    const [low, high] = this.state.window;
    const width = Math.min(255, Math.max(2, high - low + dx));
    const level = Math.min(255, Math.max(0, (low + high) / 2 - dy / 2));
    this.set({ window: [level - width / 2, level + width / 2] });
  }

  resetWindow() {
    this.set({ window: [...WHOLE_WINDOW] });
  }

  zoomBy(factor) {
    this.set({ zoom: Math.min(20, Math.max(0.5, this.state.zoom * factor)) });
  }

  panBy(dx, dy) {
    const { pan } = this.state;
    this.set({ pan: [pan[0] + dx, pan[1] + dy] });
  }

  fit() {
    this.set({ zoom: 1, pan: [0, 0] });
  }

  cycle(key, options) {
    const now = options.indexOf(this.state[key]);
    this.set({ [key]: options[(now + 1) % options.length] });
  }

  toggle(which) {
    if (!this.has(which)) return;
    const look = this.state.look[which];
    this.setLook(which, { style: look.style === "off" ? (look.before ?? "contour") : "off" });
    if (look.style === "off") return;
    look.before = look.style;
  }

  has(which) {
    return Boolean(this.data[which === "prediction" ? "probability" : which]);
  }

  beginDrawing(kind, u, v) {
    this.drawings.begin(this.data.name, kind, this.position[2], u, v);
  }

  extendDrawing(u, v) {
    this.drawings.extend(u, v);
    this.ask();
  }

  endDrawing() {
    this.drawings.end(this.data.name);
    this.changed();
  }

  clearDrawings() {
    this.drawings.clear(this.data.name);
    this.changed();
  }

  get position() {
    return this.state.position;
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  /** Asks the server for another case, and shows that until it arrives. */
  leave(where) {
    if (!this.go) return;
    this.waiting.hidden = false;
    clearTimeout(this.waitingEnds);
    // At the end of the list no other case arrives.
    this.waitingEnds = setTimeout(() => (this.waiting.hidden = true), WAITS_AT_MOST_MS);
    this.go(where);
  }

  /** @param {"agreement"|"spread"|"removed"} which the layer to switch on or off */
  toggleLayer(which) {
    this.setLook(which, !this.state.look[which]);
  }

  removeDrawing() {
    this.drawings.removeLast(this.data.name, this.position[2]);
    this.changed();
  }

  // Display of the state.

  /** Returns the sequence and the prediction of each pane. */
  wanted() {
    const { sequence, second, view } = this.state;
    if (view === "compare") return [PREDICTION, OTHER, DIFFERENCE].map((shows) => [sequence, shows]);
    return (view === "pair" ? [sequence, second] : [sequence]).map((one) => [one, PREDICTION]);
  }

  /** Gives the panes their volumes; adds panes for a comparison. */
  async refill() {
    const { data } = this;
    const wanted = this.wanted();
    while (this.panes.length > wanted.length) this.panes.pop().destroy();
    while (this.panes.length < wanted.length) {
      const pane = new Pane(this, this.Stage);
      this.panes.push(pane);
      this.stages.append(pane.root);
    }
    this.filled = false;
    const voxel = this.voxel();
    await Promise.all(
      this.panes.map((pane, i) => pane.show(wanted[i][0], data, voxel, wanted[i][1])),
    );
    this.whole.dataset.panes = this.panes.length;
    await this.showLabels();
    this.filled = true;
  }

  voxel() {
    const [between, row, column] = this.data.spacing ?? [null, 1, 1];
    return [column, row, between ?? column * this.state.thickness];
  }

  async showLabels() {
    const found = this.state.view === "render" ? labelsOf(this.data, this.state.look) : null;
    await this.panes[0].stage.setLabels(found?.labels ?? null, found?.colours ?? [], 1);
  }

  labelsLater() {
    if (this.state.view !== "render") return;
    clearTimeout(this.labelling);
    this.labelling = setTimeout(() => this.showLabels().then(() => this.ask()), SETTLED_MS);
  }

  /** Shows a changed state: the picture with the next frame, measurements and address once it rests. */
  changed() {
    this.panel.show(this.state, this.tool);
    this.strip.mark(this.position[2]);
    this.ask();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), SETTLED_MS);
  }

  ask() {
    if (this.asked || !this.state) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.drawNow();
    });
  }

  drawNow() {
    if (!this.filled) return;
    const { data, state } = this;
    const started = performance.now();
    if (this.stripStale) this.drawStrip();
    const scene = { ...state, view: this.panes.length > 1 ? "slice" : state.view };
    for (const [meaning, colour] of Object.entries(coloursOf(data, state.look))) {
      this.whole.style.setProperty(`--${meaning}`, colour);
    }
    for (const pane of this.panes) {
      pane.write(cornersOf(data, state, pane.sequence, pane.shows));
      pane.draw(data, scene);
      const description = descriptionOf(data, this.measures, pane.sequence, this.position[2], state.look);
      pane.overlay.setAttribute("aria-label", description);
    }
    this.frames += 1;
    Object.assign(this.whole.dataset, {
      slice: data.sliceNumbers[this.position[2]],
      frames: this.frames,
      drawn: data.name,
      ms: (performance.now() - started).toFixed(1),
    });
  }

  /** Writes the value under the mouse into the corner. */
  probe(voxel) {
    const unknown = orientationOf(this.data, this.state.view);
    for (const pane of this.panes) {
      pane.corners["bottom-right"].textContent = voxel
        ? [valueAt(this.data, pane.sequence, voxel, this.state.look), unknown].filter(Boolean).join("\n")
        : cornersOf(this.data, this.state, pane.sequence, pane.shows)["bottom-right"];
    }
  }

  drawStrip() {
    const { measures, state, data } = this;
    this.strip.show(data.sliceNumbers, measures.byDrawnSlice(state.look));
    this.stripStale = false;
    this.strip.mark(this.position[2]);
  }

  settle() {
    const { data, measures, state } = this;
    const { look, position } = state;
    this.rows = rowsOf(measures, position[2], look);
    this.table.replaceChildren(tableOf(this.rows));
    const none = nothingFound(data, measures, position[2], look, state.view === "compare");
    this.nothing.hidden = !none;
    this.nothing.textContent = none ?? "";
    this.announcement.textContent = descriptionOf(data, measures, state.sequence, position[2], look);
    this.panel.removedList?.show(data, look);
    this.listDrawings();
    write(parametersOf(state, data, measures, this.stepChosen));
    this.whole.dataset.settled = data.sliceNumbers[this.position[2]];
  }

  /** Lists the measurements of the drawings on the slice as text. */
  listDrawings() {
    const { data, state } = this;
    const here = this.drawings.of(data.name).filter((one) => one.z === this.position[2]);
    const texts = here.map((one) => measured(one, data, state.sequence));
    this.drawn.replaceChildren(...texts.map((text) => make("li", {}, text)));
  }

  diametersToDraw() {
    const { state } = this;
    if (!state.diameters) return [];
    return ["mask", "prediction"]
      .filter((which) => state.look[which].style !== "off" && this.has(which))
      .map((which) => ({
        diameters: this.measures.ofSlice(which, this.position[2], state.look.step)?.diameters,
        colour: state.look[which].colour,
      }))
      .filter(({ diameters }) => diameters);
  }

  // Exports and dialogs.

  async copyTable() {
    this.announcement.textContent = await copied(this.rows);
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.whole.requestFullscreen?.();
  }

  showKeys() {
    const shown = this.go ? KEYS : keysOfOneCase();
    this.keys.replaceChildren(
      ...shown.flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)]),
    );
    this.dialog.showModal();
  }

  destroy() {
    this.stopKeys();
    clearTimeout(this.settling);
    clearTimeout(this.waitingEnds);
    this.report.stop();
    for (const pane of this.panes) pane.destroy();
    this.whole.remove();
  }
}
