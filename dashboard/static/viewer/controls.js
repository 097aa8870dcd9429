// What changes how a case is shown: grey window, zoom, layers, thresholds.

import { opacityKind } from "./state.js";
import { PRESETS, dragged } from "./windows.js";

/** The part of the viewer that its controls and keys call; see viewer.js for the rest. */
export class Controls {
  /** Returns the grey window of a sequence, [low, high]. */
  windowOf(sequence) {
    return this.windows.of(this.data, this.state, sequence);
  }

  setWindow(sequence, window) {
    this.set({ windows: { ...this.state.windows, [sequence]: window } });
  }

  windowBy(dx, dy, sequence) {
    this.setWindow(sequence, dragged(this.windowOf(sequence), dx, dy));
  }

  typeWindow(low, high) {
    if (low < high) this.setWindow(this.state.sequence, [low, high]);
    else this.changed(); // shows the window that stays
  }

  usePreset(preset) {
    this.set({ preset, windows: {} });
  }

  nextPreset() {
    const names = Object.keys(PRESETS);
    const byHand = Object.keys(this.state.windows).length > 0;
    const index = names.indexOf(this.state.preset) + (byHand ? 0 : 1);
    this.usePreset(names[index % names.length]);
  }

  magnify() {
    this.lens = !this.lens;
    this.changed();
  }

  invert() {
    this.set({ invert: !this.state.invert });
  }

  /** @param {number[]} around the point that stays, [columns, rows] from the middle of the slice */
  zoomBy(factor, around = [0, 0]) {
    const { zoom, pan } = this.state;
    const next = Math.min(20, Math.max(0.5, zoom * factor));
    const moved = pan.map((shift, i) => ((around[i] + shift) * zoom) / next - around[i]);
    this.set({ zoom: next, pan: moved });
  }

  panBy(dx, dy) {
    const { pan } = this.state;
    this.set({ pan: [pan[0] + dx, pan[1] + dy] });
  }

  fit() {
    this.set({ zoom: 1, pan: [0, 0] });
  }

  /** @param {"step"|"otherStep"} which of two compared predictions */
  setThreshold(step, which = "step") {
    this.state.look[which] = step;
    if (which === "step") this.stepChosen = true;
    this.stripStale = true; // drawn with the next frame: a slider may be faster than a large volume
    this.changed();
    this.labelsLater();
    this.report.later();
  }

  moveThreshold(by) {
    const { low, high, by: one } = this.panel.range;
    this.setThreshold(Math.min(high, Math.max(low, this.state.look.step + by * one)));
  }

  setLook(which, values) {
    const { look } = this.state;
    if (["agreement", "spread", "removed", "hidden"].includes(which)) look[which] = values;
    else {
      const { opacity, ...others } = values;
      Object.assign(look[which], others);
      if (opacity !== undefined) look[which].opacity[opacityKind(look[which].style)] = opacity;
    }
    this.changed();
    this.labelsLater();
  }

  toggle(which) {
    if (!this.has(which)) return;
    const look = this.state.look[which];
    this.setLook(which, { style: look.style === "off" ? (look.before ?? "contour") : "off" });
    if (look.style === "off") return;
    look.before = look.style;
  }

  /** @param {"agreement"|"spread"|"removed"} which layer is switched on or off */
  toggleLayer(which) {
    this.setLook(which, !this.state.look[which]);
  }

  has(which) {
    return Boolean(this.data[which === "prediction" ? "probability" : which]);
  }

  cycle(key, options) {
    const now = options.indexOf(this.state[key]);
    this.set({ [key]: options[(now + 1) % options.length] });
  }
}
