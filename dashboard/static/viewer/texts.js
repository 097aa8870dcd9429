// Texts of the viewer: corners of the picture, descriptions for screen readers, notes.

import { REMOVED } from "./components.js";
import { DIFFERENCE, OTHER, PREDICTION, foundBy } from "./layers.js";
import { areaInWords } from "./measure.js";

const NO_WEBGL =
  "This browser has no WebGL 2: 3D is not available; slices are shown without it.";

/**
 * Returns the corner texts of a pane.
 *
 * @param pane sequence; shows, in a comparison one of the predictions; isFirst, the leftmost
 * @param {number[]} window of its sequence, [low, high]
 * @param {Measures} measures of the case
 */
export function cornersOf(data, state, { sequence, shows, isFirst = true }, [low, high], measures) {
  const numbers = data.sliceNumbers;
  const z = state.position[2];
  const place = `${z + 1} of ${numbers.length}`;
  const gaps = numbers[0] !== 1 || numbers.at(-1) !== numbers.length;
  const slice = gaps ? `slice ${numbers[z]} (${place})` : `slice ${place}`;
  const repeats = data.copies[sequence];
  const name = state.view === "render" ? data.name : `${data.name}\n${slice}`;
  const shown = repeats ? `${sequence} (copy of ${repeats})` : sequence;
  // Of several pictures the window's panel says how; here the words would meet those of the other corner.
  const beside = state.view === "pair" || state.view === "all";
  const how = beside || state.windows[sequence] ? "" : { auto: " (automatic)", contrast: " (high contrast)", stored: " (as stored)" }[state.preset];
  const window = `window ${Math.round(high - low)}, level ${Math.round((low + high) / 2)}${how}`;
  const orientation = orientationOf(data, state.view);
  if (state.view !== "compare") {
    return {
      "top-left": isFirst ? name : "",
      "top-right": [shown, ...(isFirst ? resultOf(data, state, measures) : [])].join("\n"),
      "bottom-left": window,
      "bottom-right": orientation,
    };
  }
  // Three narrow pictures: each shows what differs; common texts appear once.
  return {
    "top-left": sideOf(data, state.look, shows),
    "top-right": shows === DIFFERENCE ? shown : "",
    "bottom-left": { [PREDICTION]: name, [OTHER]: window }[shows] ?? "",
    "bottom-right": shows === DIFFERENCE ? orientation : "",
  };
}

const [ALONE, NARROW] = [0, 1];
/** Whether the model was trained on the patient, in words for one picture and for several. */
const EXPOSURES = {
  "held out": ["held-out: not trained on this patient", "held-out"],
  new: ["patient not in the training data", "new patient"],
  seen: ["trained on this patient", "trained on this patient"],
  unknown: ["training on this patient unknown", "training unknown"],
};

/** Returns model, whether it was trained on the patient, Dice and volume of the case, one line each. */
function resultOf(data, state, measures) {
  const { look } = state;
  const { header } = data;
  const words = (which) => {
    const found = measures.ofCase(which, look.step);
    return found && volumeInWords(found.volume, data.spacing);
  };
  if (!data.probability) return data.mask ? [`mask ${words("mask")}`] : [];
  const { whole } = measures.agreement(0, look.step);
  return [
    header.made_by,
    EXPOSURES[header.exposure]?.[state.view === "slice" ? ALONE : NARROW],
    whole === null ? null : `Dice ${whole.toFixed(3)}`,
    `predicted ${words(PREDICTION)}`,
  ].filter(Boolean);
}

/** Returns a volume in millilitres, or in voxels without a spacing. */
function volumeInWords(voxels, spacing) {
  return spacing?.[0]
    ? `${((voxels * spacing[0] * spacing[1] * spacing[2]) / 1000).toFixed(1)} ml`
    : `${voxels.toLocaleString("en")} voxels`;
}

function sideOf(data, look, shows) {
  const at = (step) => `at ${(step / data.steps).toFixed(2)}`;
  if (shows === DIFFERENCE) return "Difference (right − left)";
  return shows === OTHER
    ? `Right: ${data.header.other.made_by}\n${at(look.otherStep)}`
    : `Left: ${data.header.made_by}\n${at(look.step)}`;
}

/** Returns a sentence if nothing is predicted on a slice or in the case; else null. */
export function nothingFound(data, measures, z, { step, otherStep }, compared) {
  const texts = [
    nothingIn(data, measures, z, step, PREDICTION),
    compared ? nothingIn(data, measures, z, otherStep, OTHER) : null,
  ];
  if (!compared) return texts[0];
  const sides = texts.map((text, i) => text && `${i ? "Right" : "Left"}: ${text}`).filter(Boolean);
  return sides.length ? sides.join(" ") : null;
}

function nothingIn(data, measures, z, step, shows) {
  const areas = measures.predictedAreas(step, shows);
  if (!areas || areas[z]) return null;
  const found = foundBy(data, shows);
  const size = data.shape[1] * data.shape[2];
  const predicted = areas.filter(Boolean).length;
  const alone = areas.length === 1;
  const nowhere = !predicted && !alone;
  const values = nowhere ? found : found.subarray(z * size, (z + 1) * size);
  const highest = data.written(values.reduce((most, value) => Math.max(most, value), 0));
  const removed = measures.removedAreas(step, shows)[z];
  const where = nowhere ? `on any of the ${areas.length} slices` : "on this slice";
  const elsewhere = predicted ? ` Slices with a prediction: ${predicted}.` : "";
  const of = removed === 1 ? "1 pixel" : `${removed} pixels`;
  const without = removed ? ` Small components of ${of} were removed here.` : "";
  return (
    `No tumour predicted ${where} at the threshold ${(step / data.steps).toFixed(2)}. ` +
    `The highest probability is ${highest}.${without}${elsewhere}`
  );
}

/** Returns a description of a pane for screen readers. */
export function descriptionOf(data, measures, sequence, z, look) {
  const area = measures.maskAreas?.[z] ?? null;
  const mask = area === null ? "no usable mask" : `mask of ${areaInWords(area, data.spacing, "pixels")}`;
  const found = measures.predictedAreas(look.step)?.[z];
  const predicted = found === undefined ? "" : `, prediction of ${areaInWords(found, data.spacing, "pixels")}`;
  const removedPx = measures.removedAreas(look.step)?.[z];
  const removed = removedPx ? `, removed components of ${areaInWords(removedPx, data.spacing, "pixels")}` : "";
  return `${sequence} of ${data.name}, slice ${data.sliceNumbers[z]}, ${mask}${predicted}${removed}`;
}

/** Returns a note if the orientation is unknown, with the assumption of planes and 3D; else "". */
export function orientationOf(data, view) {
  if (data.anatomy.known) return "";
  const deep = view === "planes" || view === "render";
  return deep
    ? "orientation unknown: assumed axial slices,\nfeet to head, patient's right on the left"
    : "orientation unknown";
}

/** Returns the values under the mouse. */
export function valueAt(data, sequence, voxel, look) {
  const index = data.indexOf(...voxel);
  const share = (array) => data.written(array[index]);
  const removed = (which, step) =>
    data.cut(which, step).classes[index] === REMOVED ? " (component removed)" : "";
  const values = [`x ${voxel[0]}, y ${voxel[1]}: ${data.pixels(sequence)[index]}`];
  if (data.other) {
    const left = `${share(data.probability)}${removed(PREDICTION, look.step)}`;
    values.push(`probability left ${left}, right ${share(data.other)}${removed(OTHER, look.otherStep)}`);
  } else if (data.probability) {
    const spread = data.spread ? ` ± ${share(data.spread)}` : "";
    values.push(`probability ${share(data.probability)}${spread}${removed(PREDICTION, look.step)}`);
  }
  return values.join("\n");
}

/** Returns the notes on a case, one sentence each. */
export function notesOf(data, wrong, plain) {
  const copies = Object.entries(data.copies).map(
    ([name, of]) => `${name} is missing: this channel repeats ${of}.`,
  );
  const { notes } = data.header;
  const noted = notes.some((note) => note.includes("filled with"));
  const sentences = notes.map((note) => note.replace(/^[a-z](?=[a-z]* )/, (first) => first.toUpperCase()).replace(/[^.]$/, "$&."));
  return [wrong, plain ? NO_WEBGL : null, ...(noted ? [] : copies), ...sentences].filter(Boolean);
}
