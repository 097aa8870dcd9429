// The case viewer: one state, drawn by panes, changed by mouse, keys and panel.
//
// The server sends a case once, see payload.js; after that nothing here asks it for anything. It is
// told only that a person wants another case.

import { read, write } from "./address.js";
import { Drawings, measured } from "./drawings.js";
import { make, save } from "./elements.js";
import { KEYS, listen } from "./keys.js";
import { labelsOf } from "./layers.js";
import { ThresholdTable } from "./measure.js";
import { WHOLE_WINDOW, adopt, parametersOf, stateFrom } from "./opening.js";
import { Pane } from "./pane.js";
import { Panel, VIEWS } from "./panel.js";
import { unpack } from "./payload.js";
import { composed } from "./picture.js";
import { PlainStage } from "./plain_stage.js";
import { Strip } from "./strip.js";
import { Measures, csvOf, rowsOf, tableOf } from "./table.js";
import { cornersOf, descriptionOf, notesOf, valueAt } from "./words.js";

const SETTLED_MS = 150;
const WAITS_AT_MOST_MS = 5000;

export class Viewer {
  /**
   * @param root the element that the viewer fills
   * @param go called with "next", "previous" or "random" where another case is asked for
   */
  constructor(root, go) {
    this.root = root;
    this.go = go;
    this.drawings = new Drawings();
    this.panes = [];
    this.tool = "scroll";
    this.frames = 0;
    this.panel = new Panel(this);
    this.strip = new Strip((z) => this.goToSlice(z));
    this.build();
    this.stopKeys = listen(this.actions());
  }

  build() {
    this.notes = make("div", { class: "notes", role: "status" });
    this.stages = make("div", { class: "stages" });
    this.waiting = make("div", { class: "waiting", hidden: true }, "Opening the case…");
    this.box = make("div", { class: "box", tabindex: "-1" }, this.stages, this.waiting);
    this.table = make("div", { class: "numbers" });
    this.said = make("div", { class: "said", "aria-live": "polite" });
    const button = (text, hint, action) =>
      make("button", { type: "button", title: hint, onclick: action }, text);
    const files = make(
      "div",
      { class: "row" },
      button("Copy", "The table as text", () => this.copyTable()),
      button("CSV of all slices", "A row a slice", () => this.saveTable()),
    );
    this.dialog = make(
      "dialog",
      { class: "keys" },
      make("h3", {}, "Keys"),
      make(
        "dl",
        {},
        ...KEYS.flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)]),
      ),
      button("Close", "Escape", () => this.dialog.close()),
    );
    this.drawn = make("ul", { class: "drawn" });
    this.measurements = make("div", { class: "measurements" }, this.drawn, this.table, files);
    this.whole = make(
      "div",
      { class: "viewer" },
      this.notes,
      make("div", { class: "left" }, this.box, this.strip.root, this.measurements),
      this.panel.root,
      this.said,
      this.dialog,
    );
    this.root.append(this.whole);
  }

  /** Chooses what draws: NiiVue, or plain slices where there is no WebGL. */
  async chooseStage() {
    const { NiivueStage, hasWebGl } = await import("./niivue_stage.js");
    this.Stage = hasWebGl() ? NiivueStage : PlainStage;
    this.plain = this.Stage === PlainStage;
    this.whole.dataset.stage = this.plain ? "plain" : "niivue";
  }

  /** Shows the case in a block of bytes. */
  async load(bytes) {
    this.waiting.hidden = true;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    const data = await unpack(bytes);
    if (!this.Stage) await this.chooseStage();
    if (bytes !== this.bytes) return; // another case came meanwhile
    const sameCase = this.data?.name === data.name;
    this.data = data;
    const table = data.probability
      ? new ThresholdTable(data.probability, data.mask, data.shape, data.steps)
      : null;
    this.measures = new Measures(data, table);
    this.views = [...this.Stage.views, "pair"];
    this.panel.build(data, this.views);
    let wrong = null;
    if (this.state) adopt(this.state, data, this.measures, sameCase, this.stepChosen);
    else ({ state: this.state, wrong } = stateFrom(read(), data, this.measures, this.views));
    const notes = notesOf(data, wrong, this.plain);
    this.notes.replaceChildren(...notes.map((note) => make("p", {}, note)));
    this.whole.dataset.case = data.name;
    await this.refill();
    this.drawStrip();
    this.changed();
  }

  // What changes the state.

  set(values) {
    const deep = "view" in values || "sequence" in values || "second" in values;
    Object.assign(this.state, values);
    if (deep || "thickness" in values) this.refill().then(() => this.changed());
    else this.changed();
  }

  setLook(which, values) {
    const { look } = this.state;
    if (which === "agreement") look.agreement = values;
    else {
      const { opacity, ...others } = values;
      Object.assign(look[which], others);
      const kind = look[which].style === "contour" ? "contour" : "fill";
      if (opacity !== undefined) look[which].opacity[kind] = opacity;
    }
    this.changed();
    this.labelsLater();
  }

  setThreshold(step) {
    this.state.look.step = step;
    this.stepChosen = true;
    this.drawStrip();
    this.changed();
    this.labelsLater();
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
    return Boolean(which === "mask" ? this.data.mask : this.data.probability);
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

  /** Asks the server for another case, and says so until it comes. */
  leave(where) {
    this.waiting.hidden = false;
    clearTimeout(this.waitingEnds);
    // At the end of the list there is no other case to come.
    this.waitingEnds = setTimeout(() => (this.waiting.hidden = true), WAITS_AT_MOST_MS);
    this.go(where);
  }

  actions() {
    const when = (action) => () => this.state && action();
    const last = () => this.data.sliceNumbers.length - 1;
    const views = () => VIEWS.map(([view]) => view).filter((view) => this.views.includes(view));
    const actions = {
      ArrowUp: () => this.scroll(-1),
      ArrowDown: () => this.scroll(1),
      PageUp: () => this.scroll(-10),
      PageDown: () => this.scroll(10),
      Home: () => this.goToSlice(0),
      End: () => this.goToSlice(last()),
      ArrowLeft: () => this.leave("previous"),
      ArrowRight: () => this.leave("next"),
      x: () => this.leave("random"),
      s: () => this.cycle("sequence", this.data.sequences),
      m: () => this.toggle("mask"),
      p: () => this.toggle("prediction"),
      a: () => this.has("mask") && this.has("prediction") && this.toggleAgreement(),
      v: () => this.cycle("view", views()),
      w: () => this.resetWindow(),
      "+": () => this.zoomBy(1.25),
      "=": () => this.zoomBy(1.25),
      "-": () => this.zoomBy(0.8),
      0: () => this.fit(),
      f: () => this.fullScreen(),
      "?": () => this.showKeys(),
      Delete: () => this.removeDrawing(),
    };
    return Object.fromEntries(Object.entries(actions).map(([key, f]) => [key, when(f)]));
  }

  toggleAgreement() {
    this.setLook("agreement", !this.state.look.agreement);
  }

  removeDrawing() {
    this.drawings.removeLast(this.data.name, this.position[2]);
    this.changed();
  }

  // What shows the state.

  /** Gives the panes their volumes; makes the second one where two sequences are compared. */
  async refill() {
    const { data, state } = this;
    const wanted = state.view === "pair" ? [state.sequence, state.second] : [state.sequence];
    while (this.panes.length > wanted.length) this.panes.pop().destroy();
    while (this.panes.length < wanted.length) {
      const pane = new Pane(this, this.Stage);
      this.panes.push(pane);
      this.stages.append(pane.root);
    }
    this.filled = false;
    const voxel = this.voxel();
    await Promise.all(this.panes.map((pane, i) => pane.show(wanted[i], data, voxel)));
    await this.showLabels();
    this.filled = true;
  }

  voxel() {
    const { spacing } = this.data;
    return spacing ? [spacing[2], spacing[1], spacing[0]] : [1, 1, this.state.thickness];
  }

  async showLabels() {
    if (this.state.view !== "render") return;
    const found = labelsOf(this.data, this.state.look);
    await this.panes[0].stage.setLabels(found?.labels ?? null, found?.colours ?? [], 1);
  }

  labelsLater() {
    if (this.state.view !== "render") return;
    clearTimeout(this.labelling);
    this.labelling = setTimeout(() => this.showLabels().then(() => this.ask()), SETTLED_MS);
  }

  /** Shows a changed state: the picture with the next frame, numbers and address once it rests. */
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
    const scene = { ...state, view: state.view === "pair" ? "slice" : state.view };
    const edges = scene.view === "slice" ? data.header.orientation : null;
    for (const pane of this.panes) {
      pane.write(cornersOf(data, state, pane.sequence), edges);
      pane.draw(data, scene);
      const said = descriptionOf(data, this.measures, pane.sequence, this.position[2]);
      pane.overlay.setAttribute("aria-label", said);
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
    for (const pane of this.panes) {
      pane.corners["bottom-right"].textContent = voxel
        ? valueAt(this.data, pane.sequence, voxel)
        : cornersOf(this.data, this.state, pane.sequence)["bottom-right"];
    }
  }

  drawStrip() {
    const { measures, state, data } = this;
    this.strip.show(data.sliceNumbers, measures.maskAreas, measures.predictedAreas(state.look.step));
    this.strip.mark(this.position[2]);
  }

  settle() {
    const { data, measures, state } = this;
    this.rows = rowsOf(measures, this.position[2], state.look.step);
    this.table.replaceChildren(tableOf(this.rows));
    this.said.textContent = descriptionOf(data, measures, state.sequence, this.position[2]);
    this.listDrawings();
    write(parametersOf(state, data, measures, this.stepChosen));
    this.whole.dataset.settled = data.sliceNumbers[this.position[2]];
  }

  /** Writes the drawings of the slice as text, too. */
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

  // What leaves the viewer.

  async copyTable() {
    const text = this.rows.map((row) => row.join("\t")).join("\n");
    try {
      await navigator.clipboard.writeText(text);
      this.said.textContent = "The table was copied.";
    } catch {
      this.said.textContent = "The browser does not let this page copy: use the CSV.";
    }
  }

  saveTable() {
    save(csvOf(this.measures, this.state.look.step), "text/csv", `${this.data.name}_slices.csv`);
  }

  savePicture() {
    const corners = cornersOf(this.data, this.state, this.state.sequence);
    const sequences = this.panes.map((pane) => pane.sequence);
    const what = [corners["top-left"].replace("\n", ", "), ...sequences, corners["bottom-left"]];
    const canvas = composed(
      this.panes.map((pane) => pane.picture()),
      [what.join(", "), this.data.header.research_use],
    );
    const name = `${this.data.name}_slice${this.data.sliceNumbers[this.position[2]]}.png`;
    canvas.toBlob((blob) => save(blob, "image/png", name));
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.whole.requestFullscreen?.();
  }

  showKeys() {
    this.dialog.showModal();
  }

  destroy() {
    this.stopKeys();
    clearTimeout(this.settling);
    clearTimeout(this.waitingEnds);
    for (const pane of this.panes) pane.destroy();
    this.whole.remove();
  }
}
