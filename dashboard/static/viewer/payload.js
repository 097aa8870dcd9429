// Unpacks the bytes into which brainseg/exports/payload.py packs a case.

import { Cutter } from "./components.js";
import { Anatomy } from "./planes.js";

export const VERSION = 3;

/**
 * A case as decoded by the viewer.
 *
 * shape is [n, h, w]; each array is a Uint8Array of n * h * w in C order, rows from the top. probability,
 * spread and other (the prediction to compare with) are in whole steps.
 */
export class CaseData {
  constructor(header, arrays) {
    this.header = header;
    this.name = header.case;
    this.shape = header.shape;
    this.sliceNumbers = header.slice_numbers;
    this.sequences = header.sequences;
    this.copies = header.copies;
    this.mask = arrays.mask ?? null;
    /** The label map, and its labels from the largest: name, colour, and isOf, 1 for its values of the map. */
    this.labelMap = arrays.labels ?? null;
    this.labels = (header.labels ?? []).map(({ name, colour, values }) => {
      const isOf = new Uint8Array(256);
      for (const value of values) isOf[value] = 1;
      return { name, colour, isOf };
    });
    this.hasMask = header.mask_there ?? header.slice_numbers.map(() => false);
    this.probability = arrays.probability ?? null;
    this.spread = arrays.spread ?? null;
    this.other = arrays.other ?? null;
    this.steps = header.steps;
    this.spacing = header.spacing_mm; // [slice, or null, row, column] in mm, or null
    this.skewed = header.skewed ?? false;
    this.anatomy = new Anatomy(header.orientation);
    this.arrays = arrays;
    this.colours = header.colours;
    const cutter = (found, made) =>
      found && new Cutter(found, this.shape, made?.min_component_fraction ?? 0);
    this.cutters = {
      prediction: cutter(this.probability, header),
      other: cutter(this.other, header.other),
    };
  }

  /**
   * Returns a prediction's mask at a threshold as a Cut, see components.js; null without a prediction.
   *
   * @param {"prediction"|"other"} which of two compared predictions
   */
  cut(which, step) {
    return this.cutters[which]?.at(step) ?? null;
  }

  /** Returns the mask as a Cut, with its components; null without a mask. */
  get maskCut() {
    this.maskCutter ??= this.mask && new Cutter(this.mask, this.shape, 0);
    return this.maskCutter?.at(1) ?? null;
  }

  /** Returns a number that was sent as whole steps, rounded down, as text of two decimals. */
  written(steps) {
    // The middle of the step rounds like the original value.
    return ((steps + 0.5) / this.steps).toFixed(2);
  }

  /** Returns the mask in words: “manual mask”, with the label that it is of. */
  get maskName() {
    return this.header.label ? `manual mask: ${this.header.label}` : "manual mask";
  }

  /** Returns the name of the model that predicted, null without one. */
  get model() {
    return this.header.made_by?.split(": ")[0] ?? null;
  }

  /** Returns a sequence's pixels; a copy has those of the sequence that it repeats. */
  pixels(sequence) {
    return this.arrays[this.copies[sequence] ?? sequence];
  }

  /** Returns the index of a voxel in each array. */
  indexOf(x, y, z) {
    const [, h, w] = this.shape;
    return (z * h + y) * w + x;
  }
}

/** Returns the header in a block of bytes, as the server sent them, and what follows it. */
export function opened(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 4 + view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  if (header.version !== VERSION) {
    throw new Error(
      `Page and server have different versions (${VERSION}, ${header.version}): reload the page.`,
    );
  }
  return { header, rest: bytes.subarray(start) };
}

/**
 * Returns the arrays in a block by name.
 *
 * @param {object} places the offset and the number of bytes of each, by name
 */
export async function inflated(bytes, places) {
  const names = Object.keys(places);
  const arrays = await Promise.all(
    names.map((name) => {
      const { offset, bytes: size } = places[name];
      return inflate(bytes.subarray(offset, offset + size));
    }),
  );
  return Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
