// Returns the viewer's legend of a small case, for a look and a pane that are asked for.

import { legendOf } from "../../dashboard/static/viewer/legend.js";
import { CaseData } from "../../dashboard/static/viewer/payload.js";

const asked = JSON.parse(process.argv[2]);
const header = {
  case: "A",
  shape: [1, 3, 6],
  slice_numbers: [1],
  sequences: ["FLAIR"],
  copies: {},
  steps: 200,
  min_component_fraction: 0.5,
  other: asked.other ? { min_component_fraction: 0 } : null,
  colours: asked.colours,
};
const probability = Uint8Array.from([9, 9, 9, 0, 0, 0, 9, 9, 9, 0, 0, 9, 0, 0, 0, 0, 0, 9], (n) => 20 * n);
const arrays = { mask: new Uint8Array(18), probability, spread: new Uint8Array(18) };
if (asked.other) arrays.other = probability;
const { mask, prediction, ...layers } = asked.look;
const look = {
  mask: { style: mask ?? "contour", colour: asked.colours.mask },
  prediction: { style: prediction ?? "contour", colour: asked.colours.prediction },
  agreement: false,
  spread: false,
  removed: true,
  step: 100,
  otherStep: 100,
  ...layers,
};
process.stdout.write(JSON.stringify(legendOf(new CaseData(header, arrays), look, asked.shows)));
