// Splits volumes as the viewer does: reads a JSON list of them, writes what became of each.

import { readFileSync } from "node:fs";
import { Cutter } from "../../../dashboard/static/viewer/components.js";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const told = asked.map(({ values, shape, step, fraction }) => {
  const cut = new Cutter(Uint8Array.from(values), shape, fraction).at(step);
  return {
    classes: [...cut.classes],
    areas: [...cut.areas],
    removed: cut.removed.map(({ voxels, first, last, largest }) => [voxels, first, last, largest]),
  };
});
process.stdout.write(JSON.stringify(told));
