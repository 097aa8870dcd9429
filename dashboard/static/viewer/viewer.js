// The case viewer: one state, drawn by panes, changed by mouse, keys and panel.
//
// The server sends a case once, see payload.js. The viewer only reports a request for another case and,
// on some pages, the chosen threshold.

import { actionsOf } from "./actions.js";
import { read, write } from "./address.js";
import { CaseSource } from "./case_source.js";
import { Cine } from "./cine.js";
import { Controls } from "./controls.js";
import { make } from "./elements.js";
import { Fitting } from "./fitting.js";
import { FindingsList } from "./findings.js";
import { afterControls } from "./focus.js";
import { frameOf } from "./frame.js";
import { KEYS, keysOfOneCase, listen } from "./keys.js";
import { DIFFERENCE, OTHER, PREDICTION, coloursOf, labelsOf } from "./layers.js";
import { copied } from "./exports.js";
import { Measuring } from "./measuring.js";
import { keepLayout, layout, remember, remembered } from "./memory.js";
import { adopt, parametersOf, stateFrom, viewParametersOf } from "./state.js";
import { Pane } from "./pane.js";
import { Panel } from "./panel.js";
import { Panels } from "./panels.js";
import { PlainStage } from "./plain_stage.js";
import { Rail, TOOLS } from "./rail.js";
import { Strip } from "./strip.js";
import { keepTab, openTab } from "./tabs.js";
import { Measures, rowsOf, tableOf } from "./table.js";
import { ThresholdReport } from "./threshold_report.js";
import { Windows } from "./windows.js";
import { cornersOf, descriptionOf, notesOf, nothingFound, orientationOf, valueAt } from "./texts.js";

const SETTLED_MS = 150;
const WAITS_AT_MOST_MS = 5000;
const BACK_FOR_MS = 5000;

export class Viewer extends Controls {
  /** @param root the element that the viewer fills */
  constructor(root) {
    super();
    this.root = root;
    /** Called with "next", "previous" or "random" to open another case; null if there is none. */
    this.go = null;
    this.source = new CaseSource();
    this.report = new ThresholdReport(this);
    this.measuring = new Measuring(this);
    this.panes = [];
    this.tool = TOOLS.find(([tool]) => tool === layout().tool)?.[0] ?? TOOLS[0][0];
    this.frames = 0;
    this.windows = new Windows();
    this.cine = new Cine(this);
    this.panel = new Panel(this);
    this.rail = new Rail(this);
    this.findings = new FindingsList(this);
    this.strip = new Strip((z) => this.goToSlice(z));
    Object.assign(this, frameOf(this));
    this.whole.dataset.tool = this.tool;
    root.append(this.whole);
    const parts = { layers: this.panel.root, measurements: this.measurements, findings: this.findings.root };
    this.panels = new Panels(parts, this.whole, (items) => this.findings.showFindings(items));
    this.fitting = new Fitting(this.whole, this.stages, this.strip.root);
    const full = () => this.showFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", full);
    this.stops = [
      listen(actionsOf(this)),
      afterControls(() => this.focus()),
      keepTab(),
      this.endLetters,
      () => document.removeEventListener("fullscreenchange", full),
    ];
  }

  /** Chooses the stage: NiiVue, or plain slices without WebGL. */
  async chooseStage() {
    const { NiivueStage, hasWebGl } = await import("./niivue_stage.js");
    this.Stage = hasWebGl() ? NiivueStage : PlainStage;
    this.plain = this.Stage === PlainStage;
    this.whole.dataset.stage = this.plain ? "plain" : "niivue";
  }

  /**
   * Shows a packed case.
   *
   * @param {URL} address of its header, masks and predictions
   * @param {URL} images of its images
   * @param {object|null} drawn the measurements that the server stores; see Measuring.receive
   */
  async load(address, images, drawn = null) {
    this.waiting.hidden = true;
    const href = `${address} ${images}`;
    this.drawn = drawn;
    if (href === this.href) {
      if (drawn && href === this.shown) this.measuring.receive(drawn);
      return;
    }
    this.href = href;
    const data = await this.source.open(address, String(images));
    if (!this.Stage) await this.chooseStage();
    if (href !== this.href) return; // another case arrived meanwhile
    const before = this.data;
    this.data = data;
    // Each model has its own threshold; one chosen for another model is meaningless.
    if (before?.model && data.model && before.model !== data.model) this.stepChosen = false;
    this.measures = new Measures(data);
    this.views = [...this.Stage.views, "pair", "all", ...(data.other ? ["compare"] : [])];
    this.cine.stop();
    this.panel.build(data, this.views);
    let wrong = null;
    if (this.state) adopt(this.state, data, this.measures, before, this.stepChosen);
    else {
      const asked = { ...remembered(data.name), ...read() };
      ({ state: this.state, wrong } = stateFrom(asked, data, this.measures, this.views));
      this.stepChosen = Boolean(read().threshold);
    }
    const notes = notesOf(data, wrong, this.plain);
    this.notes.replaceChildren(...notes.map((note) => make("p", {}, note)));
    this.whole.dataset.case = data.name;
    this.shown = href;
    this.offerBack();
    this.drawStrip(); // before the pictures, which take a while: keys may come meanwhile
    this.measuring.open(this.drawn, before);
    if (before?.name !== data.name) this.mark = null;
    this.fitting.fit();
    if (!before) openTab();
    await this.refill();
    this.changed();
    this.findings.openAsked();
    this.report.opened();
  }

  // Changes of the state.

  set(values) {
    const deep = "view" in values || "sequence" in values || "second" in values || "beside" in values;
    Object.assign(this.state, values);
    if (deep || "thickness" in values) this.refill().then(() => this.changed());
    else this.changed();
  }

  useTool(tool) {
    this.measuring.stop();
    this.tool = tool;
    this.whole.dataset.tool = tool;
    keepLayout({ tool });
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

  get position() {
    return this.state.position;
  }

  focus() {
    this.box.focus({ preventScroll: true });
  }

  /** Asks the server for another case, and shows that until it arrives. */
  leave(where) {
    const { data } = this;
    if (!this.go) return;
    this.waiting.hidden = false;
    clearTimeout(this.waitingEnds);
    // At the end of the list no other case arrives.
    this.waitingEnds = setTimeout(() => (this.waiting.hidden = true), WAITS_AT_MOST_MS);
    this.caseLeft = data.name;
    this.go(where);
  }

  /** After a key has opened another case, a key leads back for some seconds. */
  offerBack() {
    if (!this.caseLeft || this.caseLeft === this.data.name) return;
    this.caseLeft = null;
    this.backUntil = Date.now() + BACK_FOR_MS;
    this.say(`${this.data.name} opened. Backspace goes back.`, BACK_FOR_MS);
  }

  back() {
    if (Date.now() < (this.backUntil ?? 0)) history.back();
    this.backUntil = 0;
  }

  // Display of the state.

  /** Returns the sequence and the prediction of each pane. */
  wanted() {
    const { sequence, second, view } = this.state;
    if (view === "compare") return [PREDICTION, OTHER, DIFFERENCE].map((shows) => [sequence, shows]);
    const shown = { pair: [sequence, second], all: this.state.beside };
    return (shown[view] ?? [sequence]).map((one) => [one, PREDICTION]);
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
    this.panel.show(this.state);
    this.rail.show(this.state, this.tool, this.cine.playing, this.lens);
    this.whole.classList.toggle("inverted", this.state.invert);
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
      this.panel.root.style.setProperty(`--${meaning}`, colour);
    }
    for (const pane of this.panes) {
      pane.write(this.cornersOf(pane));
      pane.draw(data, { ...scene, window: this.windowOf(pane.sequence) });
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

  cornersOf(pane) {
    const { sequence, shows } = pane;
    const isFirst = pane === this.panes[0];
    return cornersOf(this.data, this.state, { sequence, shows, isFirst }, this.windowOf(sequence), this.measures);
  }

  /** Writes the value under the mouse into the corner, and marks the voxel in the other panes. */
  probe(voxel, source) {
    for (const pane of this.panes) pane.markVoxel(pane === source ? null : voxel);
    const unknown = orientationOf(this.data, this.state.view);
    for (const pane of this.panes) {
      pane.corners["bottom-right"].textContent = voxel
        ? [valueAt(this.data, pane.sequence, voxel, this.state.look), unknown].filter(Boolean).join("\n")
        : this.cornersOf(pane)["bottom-right"];
    }
  }

  drawStrip() {
    const { measures, state, data } = this;
    this.strip.show(data.sliceNumbers, measures.byDrawnSlice(state.look), data.spacing);
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
    this.findings.show(data, look, measures);
    this.measuring.list.show();
    this.panel.thumbnails.draw(data, position, (sequence) => this.windowOf(sequence));
    const parameters = parametersOf(state, data, measures, this.stepChosen);
    write(parameters);
    remember(data.name, { ...parameters, ...viewParametersOf(state, data) });
    this.whole.dataset.settled = data.sliceNumbers[this.position[2]];
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
    this.say(await copied(this.rows));
  }

  /** Tells screen readers, and shows it on the picture for a moment. */
  say(text, forMs = 2000) {
    this.announcement.textContent = text;
    this.toast.textContent = text;
    this.toast.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => (this.toast.hidden = true), forMs);
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    // Of the page and not of the viewer: the page's messages stay visible.
    else document.documentElement.requestFullscreen?.();
  }

  showFull(full) {
    this.whole.classList.toggle("full", full);
    this.researchUse.textContent = full ? this.data.header.research_use : "";
    this.fitting.fit();
  }

  showKeys() {
    const shown = this.go ? KEYS : keysOfOneCase();
    this.keys.replaceChildren(
      ...shown.flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)]),
    );
    this.dialog.showModal();
  }

  destroy() {
    for (const stop of this.stops) stop();
    this.cine.stop();
    this.measuring.destroy();
    this.panels.destroy();
    this.fitting.destroy();
    clearTimeout(this.toasting);
    clearTimeout(this.settling);
    clearTimeout(this.waitingEnds);
    this.report.stop();
    for (const pane of this.panes) pane.destroy();
    this.whole.remove();
  }
}
