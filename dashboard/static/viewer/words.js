// What the viewer says: corners of the picture, descriptions for who does not see it, notes.

const NO_WEBGL =
  "This browser offers no WebGL 2, so the case is shown as plain slices: 3D needs WebGL, all else is here.";

/** Returns the words in the corners of a pane. */
export function cornersOf(data, state, sequence) {
  const [low, high] = state.window;
  const numbers = data.sliceNumbers;
  const z = state.position[2];
  const place = `${z + 1} of ${numbers.length}`;
  const gaps = numbers[0] !== 1 || numbers.at(-1) !== numbers.length;
  const slice = gaps ? `slice ${numbers[z]} (${place})` : `slice ${place}`;
  const repeats = data.copies[sequence];
  return {
    "top-left": state.view === "render" ? data.name : `${data.name}\n${slice}`,
    "top-right": repeats ? `${sequence}: a copy of ${repeats}` : sequence,
    "bottom-left": `window ${Math.round(high - low)}, level ${Math.round((low + high) / 2)}`,
    "bottom-right": data.header.orientation ? "" : "orientation unknown",
  };
}

/** Returns in a sentence what a pane shows. */
export function descriptionOf(data, measures, sequence, z) {
  const area = measures.maskAreas?.[z] ?? null;
  const mask = area === null ? "no usable mask" : `mask of ${area} pixels`;
  return `${sequence} of ${data.name}, slice ${data.sliceNumbers[z]}, ${mask}`;
}

/** Returns what is under the mouse. */
export function valueAt(data, sequence, voxel) {
  const place = data.place(...voxel);
  const probability = data.probability
    ? `\nprobability ${(data.probability[place] / data.steps).toFixed(2)}`
    : "";
  return `x ${voxel[0]}, y ${voxel[1]}: ${data.pixels(sequence)[place]}${probability}`;
}

/** Returns what a person should know of a case before looking, a sentence each. */
export function notesOf(data, wrong, plain) {
  const copies = Object.entries(data.copies).map(
    ([name, of]) => `${name} is not there: on every slice of this case it repeats ${of}.`,
  );
  return [wrong, plain ? NO_WEBGL : null, ...copies, ...data.header.notes].filter(Boolean);
}
