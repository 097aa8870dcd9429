// The panel next to the picture: what is shown, and how. Each control also has a key; see keys.js.

import { Choice, Slider, make, section } from "./elements.js";
import { MOST_SPREAD, Ramp, differenceOf, heatOf, spreadOf } from "./ramps.js";
import { RemovedList } from "./removed_components.js";
import { Thumbnails } from "./thumbnails.js";
import { MOST_BESIDE, opacityKind } from "./state.js";
import { PRESETS } from "./windows.js";

export const VIEWS = [
  ["slice", "Slice", "One plane"],
  ["planes", "Planes", "Three planes through one point"],
  ["render", "3D", "Drag to rotate"],
  ["pair", "Pair", "Two sequences side by side"],
  ["all", "All", "Sequences side by side"],
  ["compare", "Compare", "Two predictions side by side, and where they differ"],
];
const STYLES = [
  ["contour", "Outline"],
  ["fill", "Fill"],
  ["off", "Off"],
];
const LABELS = ["labels", "Labels", "Each label in its colour"];
const percent = (value) => `${Math.round(value)}%`;

export class Panel {
  constructor(viewer) {
    this.viewer = viewer;
    this.root = make("div", { class: "panel" });
  }

  /** Builds the controls that apply to a case. */
  build(data, views) {
    const { viewer } = this;
    const copied = (name) => (data.copies[name] ? `${name} is a copy of ${data.copies[name]}` : null);
    const label = (name) => (data.copies[name] ? `${name} (copy)` : name);
    const sequences = data.sequences.map((name) => [name, label(name), copied(name)]);
    const several = data.sequences.length > 1;
    this.thumbnails = new Thumbnails(data.sequences);
    const pictured = sequences.map(([name, text, hint]) => [name, this.thumbnails.content(name, text), hint]);
    this.sequence = new Choice("Sequence", pictured, (name) => viewer.set({ sequence: name }));
    this.second = new Choice("Second sequence", sequences, (name) => viewer.set({ second: name }));
    this.secondPart = section("On the right", this.second.root);
    this.besidePart = this.besideParts(data);
    const offered = VIEWS.filter(([view]) => views.includes(view) && (several || !["pair", "all"].includes(view)));
    this.view = new Choice("View", offered, (view) => viewer.set({ view }));
    this.thickness = new Slider(
      "Slice spacing",
      { min: 1, max: 12, step: 0.5, write: (value) => `× ${value}`, hint: "For display only" },
      (thickness) => viewer.set({ thickness }),
    );
    this.thicknessPart = make(
      "div",
      {},
      this.thickness.root,
      make("p", { class: "hint" }, "For display only: the slice spacing is unknown in the files."),
    );
    this.smooth = this.check("Smooth pixels", (smooth) => viewer.set({ smooth }));
    this.root.replaceChildren(
      section("Sequence", this.sequence.root),
      section("View", this.view.root, this.thicknessPart),
      this.secondPart,
      this.besidePart,
      ...this.layer("mask", this.maskTitle(data), data.mask, data.labels.length ? [LABELS, ...STYLES] : STYLES),
      ...this.layer("prediction", "Prediction", data.probability, [
        ...STYLES.slice(0, 2),
        ["heat", "Heat"],
        STYLES[2],
      ]),
      ...this.removedComponents(data),
      ...this.uncertainty(data),
      ...this.comparison(data),
      ...this.difference(data),
      section("Window", ...this.windowParts()),
      section("Picture", this.drawings(), this.smooth.root),
    );
  }

  /** Returns a switch for each sequence; those that are on are side by side. */
  besideParts({ sequences }) {
    const { viewer } = this;
    this.beside = sequences.map((name) => {
      const choose = (on) => {
        const others = viewer.state.beside.filter((one) => one !== name);
        // One too many replaces the first; the last one stays.
        const chosen = on ? [...others.slice(1 - MOST_BESIDE), name] : others;
        viewer.set({ beside: sequences.filter((one) => (chosen.length ? chosen : [name]).includes(one)) });
      };
      return { name, ...this.check(name, choose) };
    });
    const switches = make("div", { class: "labels" }, ...this.beside.map(({ root }) => root));
    return section(`Side by side, up to ${MOST_BESIDE}`, switches);
  }

  layer(which, title, array, styles) {
    if (!array) return [];
    const { viewer } = this;
    const look = (values) => viewer.setLook(which, values);
    const style = new Choice(title, styles, (chosen) => look({ style: chosen }));
    const opacity = new Slider(
      `${title}: opacity`,
      { min: 10, max: 100, step: 5, write: percent },
      (value) => look({ opacity: value / 100 }),
    );
    opacity.root.firstChild.textContent = "Opacity";
    const colour = make("input", {
      type: "color",
      "aria-label": `${title}: colour`,
      title: "Colour",
      oninput: () => look({ colour: colour.value }),
    });
    const parts = [make("div", { class: "row" }, style.root, colour), opacity.root];
    this[which] = { style, opacity, colour };
    if (which === "mask") parts.push(this.labelParts(viewer.data));
    if (which === "prediction") parts.push(...this.thresholdParts(viewer.data));
    return [section(title, ...parts)];
  }

  maskTitle({ header, labels }) {
    if (!labels.length) return "Mask, manual";
    return `Mask, manual: ${header.label ?? "all labels"}`;
  }

  /** Returns a switch for each label, with its colour. */
  labelParts({ labels }) {
    const { viewer } = this;
    this.labels = labels.map(({ name, colour }) => {
      const check = this.check(name, (on) => {
        const others = viewer.state.look.hidden.filter((one) => one !== name);
        viewer.setLook("hidden", on ? others : [...others, name]);
      });
      const swatch = make("i", { class: "swatch", "aria-hidden": "true" });
      swatch.style.backgroundColor = colour;
      check.input.after(swatch);
      return { name, ...check };
    });
    this.labelsPart = make("div", { class: "labels" }, ...this.labels.map(({ root }) => root));
    return this.labelsPart;
  }

  thresholdParts({ header, other, steps }) {
    this.range = {
      low: Math.round(0.05 * steps),
      high: Math.round(0.95 * steps),
      by: Math.round(0.01 * steps),
    };
    this.heatLegend = new Ramp("Probability", (share) => heatOf(share, 0.85), ["0", "1"]);
    const parts = [this.heatLegend.root];
    this.threshold = this.thresholdSlider(other ? "Threshold, left" : "Threshold", "step", header);
    parts.push(this.threshold.root, make("p", { class: "hint" }, header.made_by));
    if (other) {
      this.otherThreshold = this.thresholdSlider("Threshold, right", "otherStep", header.other);
      parts.push(this.otherThreshold.root, make("p", { class: "hint" }, header.other.made_by));
    }
    return parts;
  }

  thresholdSlider(title, which, { threshold }) {
    const { low, high, by } = this.range;
    const { steps } = this.viewer.data;
    const write = (step) => (step / steps).toFixed(2);
    return new Slider(
      title,
      { min: low, max: high, step: by, write, hint: `Model's own threshold: ${threshold}` },
      (step) => this.viewer.setThreshold(step, which),
    );
  }

  uncertainty(data) {
    if (!data.spread) return [];
    this.spread = this.check("Show uncertainty", (on) => this.viewer.setLook("spread", on));
    this.spreadLegend = new Ramp(
      "Standard deviation of the probability",
      (share) => spreadOf(share * MOST_SPREAD, 0.85),
      ["0", `${MOST_SPREAD} or more`],
    );
    const means = "Standard deviation of the probability over the passes (folds, original and mirrored).";
    const hint = make("p", { class: "hint" }, means);
    this.spreadPart = make("div", {}, this.spreadLegend.root, hint);
    return [section("Uncertainty", this.spread.root, this.spreadPart)];
  }

  /** Returns the part for removed components: a switch, the rule, and a list of links to each. */
  removedComponents(data) {
    this.removedList = null;
    const { cutters } = data;
    if (!cutters.prediction?.fraction && !cutters.other?.fraction) return [];
    this.removed = this.check("Show removed components, hatched", (on) =>
      this.viewer.setLook("removed", on),
    );
    this.removedList = new RemovedList(this.removed.root, (voxel) => this.viewer.goTo(voxel));
    return [this.removedList.root];
  }

  difference(data) {
    if (!data.other) return [];
    const ends = ["left higher by 1", "right higher by 1"];
    const { prediction, other } = data.colours;
    const colourOf = (share) => differenceOf(2 * share - 1, 1, [prediction, other]);
    const legend = new Ramp("Difference", colourOf, ends);
    this.differencePart = section("Difference of the probabilities (right − left)", legend.root);
    return [this.differencePart];
  }

  comparison(data) {
    if (!data.mask || !data.probability) return [];
    this.agreement = this.check("Mask vs prediction", (on) => this.viewer.setLook("agreement", on));
    return [section("Agreement", this.agreement.root)];
  }

  drawings() {
    const { viewer } = this;
    this.diameters = this.check("Show diameters", (diameters) => viewer.set({ diameters }));
    return make("div", { class: "row" }, this.diameters.root);
  }

  windowParts() {
    const { viewer } = this;
    const options = Object.entries(PRESETS).map(([name, [label]]) => make("option", { value: name }, label));
    this.preset = make(
      "select",
      { "aria-label": "Window preset", onchange: () => viewer.usePreset(this.preset.value) },
      ...options,
      make("option", { value: "own", disabled: true, hidden: true }, "Set by hand"),
    );
    const typed = () => viewer.typeWindow(...this.ends.map((end) => Number(end.value)));
    this.ends = ["Black at", "White at"].map((name) =>
      make("input", { type: "number", min: 0, max: 255, step: 1, "aria-label": name, onchange: typed }),
    );
    this.invert = this.check("Invert", () => viewer.invert());
    return [
      make("div", { class: "row" }, this.preset),
      make("div", { class: "row" }, "From", this.ends[0], "to", this.ends[1], this.invert.root),
      make("p", { class: "hint" }, "8-bit grey values, as given to the model. The window changes only the display."),
    ];
  }

  check(text, onChange) {
    const input = make("input", { type: "checkbox", onchange: () => onChange(input.checked) });
    return { root: make("label", { class: "check" }, input, text), input };
  }

  /** Shows the state in the controls. */
  show(state) {
    const { look } = state;
    this.sequence.set(state.sequence);
    this.second.set(state.second);
    this.view.set(state.view);
    this.secondPart.hidden = state.view !== "pair";
    this.besidePart.hidden = state.view !== "all" || this.beside.length <= MOST_BESIDE;
    for (const { name, input } of this.beside) input.checked = state.beside.includes(name);
    const deep = state.view === "planes" || state.view === "render";
    this.thicknessPart.hidden = !deep || Boolean(this.viewer.data.spacing?.[0]);
    this.thickness.set(state.thickness);
    this.smooth.input.checked = state.smooth;
    this.diameters.input.checked = state.diameters;
    this.preset.value = state.windows[state.sequence] ? "own" : state.preset;
    this.viewer.windowOf(state.sequence).forEach((value, i) => {
      if (this.ends[i].getRootNode().activeElement !== this.ends[i]) this.ends[i].value = Math.round(value);
    });
    this.invert.input.checked = state.invert;
    for (const which of ["mask", "prediction"]) {
      const part = this[which];
      if (!part?.style.root.isConnected) continue;
      const { style, opacity, colour } = look[which];
      part.style.set(style);
      part.colour.value = colour;
      part.colour.hidden = style === "labels";
      part.opacity.set(100 * opacity[opacityKind(style)]);
    }
    if (this.labelsPart?.isConnected) {
      this.labelsPart.hidden = look.mask.style !== "labels";
      for (const { name, input } of this.labels) input.checked = !look.hidden.includes(name);
    }
    if (this.threshold?.root.isConnected) {
      this.threshold.set(look.step);
      this.heatLegend.root.hidden = look.prediction.style !== "heat";
      this.heatLegend.mark(look.step / this.viewer.data.steps);
    }
    if (this.otherThreshold?.root.isConnected) this.otherThreshold.set(look.otherStep);
    if (this.spread?.input.isConnected) {
      this.spread.input.checked = look.spread;
      this.spreadPart.hidden = !look.spread;
    }
    if (this.differencePart?.isConnected) this.differencePart.hidden = state.view !== "compare";
    if (this.agreement?.root.isConnected) this.agreement.input.checked = look.agreement;
    if (this.removedList) this.removed.input.checked = look.removed;
  }
}
