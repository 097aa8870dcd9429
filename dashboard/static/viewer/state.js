// The state of the viewer: what the address asks for, defaults for the rest.

import { PRESETS } from "./windows.js";

const FLAIR = "FLAIR";
const STYLES = { mask: ["contour", "fill", "labels", "off"], prediction: ["contour", "fill", "heat", "off"] };

/** Returns how the mask is drawn at first: by label if there are several and none was chosen. */
function defaultMask(data) {
  return data.labels.length && !data.header.label ? "labels" : "contour";
}

function maskStyle(style, data) {
  const known = STYLES.mask.includes(style) && (style !== "labels" || data.labels.length);
  return known ? style : defaultMask(data);
}

/** Returns which kind of opacity a style has. */
export function opacityKind(style) {
  return style === "fill" || style === "heat" ? "fill" : "contour";
}

function defaultSequence(data) {
  return data.sequences.includes(FLAIR) ? FLAIR : data.sequences[0];
}

/** Most sequences that are shown side by side. */
export const MOST_BESIDE = 3;

function defaultBeside(data) {
  return data.sequences.slice(0, MOST_BESIDE);
}

/** Returns some of a case's sequences in its order, at most MOST_BESIDE; the first ones if none is of it. */
function besideOf(names, data) {
  const known = data.sequences.filter((name) => names.includes(name)).slice(0, MOST_BESIDE);
  return known.length ? known : defaultBeside(data);
}

/** Returns the model's own threshold in whole steps; `made` is the header of one of two predictions. */
export function ownStep(data, made = data.header) {
  return Math.round((made?.threshold ?? 0.5) * data.steps);
}

/** Returns a slice spacing at which the stack is 0.6 times as tall as wide, for display only. */
function defaultThickness(data) {
  const [n, , w] = data.shape;
  return Math.min(12, Math.max(1, Math.round((0.6 * w) / n)));
}

/** Returns the index of the slice that a case opens at: the largest tumour area, else the middle one. */
function defaultSlice(data, measures) {
  const areas = [measures.maskAreas, measures.predictedAreas(ownStep(data))]
    .filter(Boolean)
    .map((known) => known.map((area) => area ?? 0))
    .find((known) => known.some(Boolean));
  return areas ? areas.indexOf(Math.max(...areas)) : Math.floor(data.sliceNumbers.length / 2);
}

/** Returns the numbers of a text, "1,2", if there are `count` of them within a range; else null. */
function numbersAsked(text, count, low, high) {
  const numbers = (text ?? "").split(",").map(Number);
  const fine = text && numbers.length === count && numbers.every((one) => one >= low && one <= high);
  return fine ? numbers : null;
}

/** Returns the windows in the address, sequence -> [low, high]: "FLAIR:10,200;post-contrast:0,90". */
function windowsAsked(text, data) {
  const known = (text ?? "").split(";").map((part) => {
    const at = part.lastIndexOf(":");
    return [part.slice(0, Math.max(0, at)), numbersAsked(part.slice(at + 1), 2, -128, 384)];
  });
  return Object.fromEntries(known.filter(([name, ends]) => data.sequences.includes(name) && ends?.[0] < ends?.[1]));
}

function placeAsked(text, w, h) {
  const place = numbersAsked(text, 2, 0, Math.max(w, h) - 1)?.map(Math.floor);
  return place && place[0] < w && place[1] < h ? place : [Math.floor(w / 2), Math.floor(h / 2)];
}

function stepAsked(text, data) {
  const threshold = Number(text);
  return threshold > 0 && threshold < 1 ? Math.round(threshold * data.steps) : null;
}

/**
 * Returns the state that the address asks for.
 *
 * @param asked the parameters of the address; see address.js
 * @param {string[]} views that can be shown here
 * @returns {{state: object, wrong: string|null}} `wrong` is a sentence if the case has no such slice
 */
export function stateFrom(asked, data, measures, views) {
  const one = (value, options, otherwise) => (options.includes(value) ? value : otherwise);
  const sequence = one(asked.sequence, data.sequences, defaultSequence(data));
  const others = data.sequences.filter((name) => name !== sequence);
  const opacity = numbersAsked(asked.opacity, 4, 0.1, 1) ?? [1, 0.4, 1, 0.4];
  const look = (which, colour) => {
    const [contour, fill] = which === "mask" ? opacity : opacity.slice(2);
    const style = which === "mask" ? maskStyle(asked.mask, data) : one(asked[which], STYLES[which], "contour");
    return { style, colour, opacity: { contour, fill } };
  };
  const [, h, w] = data.shape;
  const first = defaultSlice(data, measures);
  const opensWith = data.other ? "compare" : "slice";
  const z = asked.slice === undefined ? first : data.sliceNumbers.indexOf(Number(asked.slice));
  const state = {
    sequence,
    second: one(asked.second, data.sequences, others.at(-1) ?? sequence),
    beside: besideOf((asked.beside ?? "").split(";"), data),
    view: one(asked.view, views, opensWith),
    position: [...placeAsked(asked.at, w, h), z < 0 ? first : z],
    preset: asked.preset in PRESETS ? asked.preset : "auto",
    windows: windowsAsked(asked.window, data),
    invert: asked.invert === "on",
    zoom: numbersAsked(asked.zoom, 1, 0.5, 20)?.[0] ?? 1,
    pan: numbersAsked(asked.pan, 2, -4096, 4096) ?? [0, 0],
    smooth: asked.smooth !== "off",
    diameters: false,
    thickness: defaultThickness(data),
    look: {
      mask: look("mask", data.colours.mask),
      prediction: look("prediction", data.colours.prediction),
      hidden: (asked.hidden_labels ?? "").split(";").filter((name) => data.labels.some((label) => label.name === name)),
      agreement: asked.agreement === "on",
      spread: asked.uncertainty === "on",
      removed: asked.removed !== "off",
      step: stepAsked(asked.threshold, data) ?? ownStep(data),
      otherStep: stepAsked(asked.right_threshold, data) ?? ownStep(data, data.header.other),
    },
  };
  if (z >= 0) return { state, wrong: null };
  const shown = `showing slice ${data.sliceNumbers[first]}`;
  return { state, wrong: `This case has no slice “${asked.slice.slice(0, 20)}”: ${shown}.` };
}

/**
 * Adopts the state for the next case: the display settings stay, the slice is the new default.
 *
 * @param before the previous case
 * @param {boolean} keepStep whether the user chose the threshold
 */
export function adopt(state, data, measures, before, keepStep) {
  const same = before.name === data.name && String(before.shape) === String(data.shape);
  if (!data.sequences.includes(state.sequence)) state.sequence = defaultSequence(data);
  if (!data.sequences.includes(state.second)) state.second = data.sequences.at(-1);
  state.beside = besideOf(state.beside, data);
  const { mask } = state.look;
  if (before.header.label !== data.header.label && mask.style !== "off") mask.style = defaultMask(data);
  mask.style = maskStyle(mask.style, data);
  if (!keepStep) state.look.step = ownStep(data);
  if (data.other && before.header.other?.made_by !== data.header.other.made_by) {
    state.look.otherStep = ownStep(data, data.header.other);
  }
  if (data.other && !before.other) state.view = "compare";
  if (!data.other && state.view === "compare") state.view = "slice";
  if (same) return;
  const [, h, w] = data.shape;
  const [x, y] = state.position;
  state.position = [Math.min(w - 1, x), Math.min(h - 1, y), defaultSlice(data, measures)];
  // A window set by hand fits the grey values of one case only.
  Object.assign(state, { zoom: 1, pan: [0, 0], windows: {}, thickness: defaultThickness(data) });
}

/** Returns the further parameters of a link that reopens exactly this view; null for the usual. */
export function viewParametersOf(state, data) {
  const rounded = (numbers) => numbers.map((one) => Number(one.toFixed(2))).join(",");
  const [, h, w] = data.shape;
  const [x, y] = state.position;
  const middle = x === Math.floor(w / 2) && y === Math.floor(h / 2);
  const windows = Object.entries(state.windows).map(([name, ends]) => `${name}:${rounded(ends)}`);
  return {
    preset: state.preset === "auto" ? null : state.preset,
    window: windows.join(";") || null,
    invert: state.invert ? "on" : null,
    zoom: state.zoom === 1 ? null : rounded([state.zoom]),
    pan: state.pan.some(Boolean) ? rounded(state.pan) : null,
    at: middle ? null : `${x},${y}`,
    smooth: state.smooth ? null : "off",
    opacity: opacityOf(state.look),
  };
}

/** Returns the opacities of mask and prediction, outline and fill, as the address has them. */
function opacityOf({ mask, prediction }) {
  const shares = [mask, prediction].flatMap(({ opacity }) => [opacity.contour, opacity.fill]);
  return String(shares) === "1,0.4,1,0.4" ? null : shares.join(",");
}

/** Returns the parameters that reopen a state; null for a default, which is omitted. */
export function parametersOf(state, data, measures, keepStep) {
  const { look } = state;
  const unless = (value, standard) => (value === standard ? null : String(value));
  const number = (z) => data.sliceNumbers[z];
  const threshold = (step, own) => (step === own ? null : (step / data.steps).toFixed(2));
  return {
    slice: unless(number(state.position[2]), number(defaultSlice(data, measures))),
    sequence: unless(state.sequence, defaultSequence(data)),
    view: unless(state.view, data.other ? "compare" : "slice"),
    second: state.view === "pair" ? state.second : null,
    beside: unless(state.beside.join(";"), defaultBeside(data).join(";")),
    mask: unless(look.mask.style, defaultMask(data)),
    hidden_labels: look.hidden.join(";") || null,
    prediction: unless(look.prediction.style, "contour"),
    agreement: look.agreement ? "on" : null,
    uncertainty: look.spread ? "on" : null,
    removed: look.removed ? null : "off",
    threshold: data.probability && keepStep ? threshold(look.step, ownStep(data)) : null,
    right_threshold: data.other ? threshold(look.otherStep, ownStep(data, data.header.other)) : null,
  };
}
