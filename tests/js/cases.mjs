// A case of one slice of 3 x 6 pixels, as the viewer opens it: one large component, one of two pixels.

import { CaseData } from "../../dashboard/static/viewer/payload.js";

export const COLOURS = {
  mask: "#111111",
  prediction: "#222222",
  other: "#333333",
  both: "#444444",
  removed: "#555555",
};

const NINES = [9, 9, 9, 0, 0, 0, 9, 9, 9, 0, 0, 9, 0, 0, 0, 0, 0, 9];

/** Returns a CaseData; `header` replaces parts of its header, `compared` adds a second prediction, `labels` a label map. */
export function smallCase({ compared = false, header = {}, labels = null } = {}) {
  const probability = Uint8Array.from(NINES, (n) => 20 * n);
  const arrays = { FLAIR: new Uint8Array(18), mask: new Uint8Array(18), probability, spread: new Uint8Array(18) };
  if (compared) arrays.other = probability;
  if (labels) arrays.labels = labels;
  return new CaseData(
    {
      case: "A",
      shape: [1, 3, 6],
      slice_numbers: [1],
      mask_there: [true],
      sequences: ["FLAIR"],
      copies: {},
      steps: 200,
      min_component_fraction: 0.5,
      other: compared ? { min_component_fraction: 0 } : null,
      colours: COLOURS,
      warnings: [],
      notes: [],
      research_use: "Research.",
      spacing_mm: null,
      ...header,
    },
    arrays,
  );
}

/** Returns a case whose masks have two labels, “core” in “whole”. */
export function labelledCase(header = {}) {
  const labels = [
    { name: "whole", values: [1, 2], colour: "#aa0000" },
    { name: "core", values: [1], colour: "#00aa00" },
  ];
  return smallCase({ header: { labels, label: null, ...header }, labels: Uint8Array.from(NINES, (n) => (n ? 2 : 1)) });
}

/** Returns how the layers of a case are drawn, with changes. */
export function overlays({ mask = "contour", prediction = "contour", ...layers } = {}) {
  return {
    mask: { style: mask, colour: COLOURS.mask },
    prediction: { style: prediction, colour: COLOURS.prediction },
    hidden: [],
    agreement: false,
    spread: false,
    removed: true,
    step: 100,
    otherStep: 100,
    ...layers,
  };
}
