// The measurements of the slice and of the case, as a table, as text and as CSV.

import { make } from "./elements.js";
import {
  ThresholdTable,
  areaOf,
  componentsOf,
  diametersOf,
  dice,
  volumeComponents,
} from "./measure.js";
import { cutAt } from "./layers.js";
import { AXIAL, cut } from "./planes.js";

const UNKNOWN = "unknown";

/** Returns the threshold table of "prediction" and of "other", each where it is there. */
export function tablesOf({ probability, other, mask, shape, steps }) {
  const found = Object.entries({ prediction: probability, other }).filter(([, one]) => one);
  return Object.fromEntries(
    found.map(([name, one]) => [name, new ThresholdTable(one, mask, shape, steps)]),
  );
}

/**
 * The numbers of a case's mask and prediction.
 *
 * Lengths and areas are pixels, or millimetres where the source holds a spacing.
 */
export class Measures {
  /**
   * @param data a CaseData
   * @param thresholds see tablesOf
   */
  constructor(data, thresholds) {
    this.data = data;
    this.thresholds = thresholds;
    const size = data.shape[1] * data.shape[2];
    this.maskAreas = data.mask
      ? data.maskThere.map((there, z) =>
          there ? areaOf(data.mask.subarray(z * size, (z + 1) * size)) : null,
        )
      : null;
    this.components = new Map();
    const { spacing } = data;
    this.unit = spacing ? [spacing[2], spacing[1]] : [1, 1];
    this.lengthUnit = spacing ? "mm" : "px";
  }

  /** Returns what can be measured, in the order of the table's columns. */
  get regions() {
    const found = Object.keys(this.thresholds);
    // An upload has no mask, which needs no column to say so.
    return this.data.mask || !found.length ? ["mask", ...found] : found;
  }

  predictedAreas(step, which = "prediction") {
    const table = this.thresholds[which];
    return table ? this.data.sliceNumbers.map((_, z) => table.area(z, step)) : null;
  }

  found(which) {
    return which === "other" ? this.data.other : this.data.probability;
  }

  /** Returns the plane of 0 and 1 of a region on a slice; null where it is unknown. */
  plane(which, z, step) {
    const { data } = this;
    const position = [0, 0, z];
    if (which === "mask") {
      return data.mask && data.maskThere[z] ? cut(data.mask, data.shape, AXIAL, position) : null;
    }
    const found = this.found(which);
    return found && cutAt(cut(found, data.shape, AXIAL, position), step);
  }

  /** Returns the numbers of a region on a slice; null where they are unknown. */
  ofSlice(which, z, step) {
    const plane = this.plane(which, z, step);
    if (!plane) return null;
    const diameters = diametersOf(plane.pixels, plane.width, this.unit);
    return {
      areaPx: areaOf(plane.pixels),
      longest: diameters?.longest.length ?? null,
      across: diameters?.across.length ?? null,
      components: componentsOf(plane.pixels, plane.width).count,
      diameters,
    };
  }

  /** Returns the volume in voxels and the components of the whole case; null where unknown. */
  ofCase(which, step) {
    const { data } = this;
    if (which === "mask" ? !data.maskThere.includes(true) : !this.found(which)) return null;
    const areas = which === "mask" ? this.maskAreas : this.predictedAreas(step, which);
    const volume = areas.reduce((sum, area) => sum + (area ?? 0), 0);
    const at = which === "mask" ? null : step;
    // One threshold is kept, not each that a slider passes.
    if (!this.components.has(which) || this.components.get(which).at !== at) {
      const found = this.found(which);
      const holds = which === "mask" ? (i) => data.mask[i] === 1 : (i) => found[i] >= step;
      this.components.set(which, { at, count: volumeComponents(holds, data.shape) });
    }
    return { volume, components: this.components.get(which).count };
  }

  /** Returns Dice of the slice and of the case over the slices with a mask; null where unknown. */
  agreement(z, step, which = "prediction") {
    const { data, maskAreas } = this;
    const table = this.thresholds[which];
    if (!table || !data.maskThere.includes(true)) return { slice: null, whole: null };
    const known = data.sliceNumbers.map((_, i) => i).filter((i) => data.maskThere[i]);
    const sum = (f) => known.reduce((total, i) => total + f(i), 0);
    return {
      slice: data.maskThere[z]
        ? dice(maskAreas[z], table.area(z, step), table.shared(z, step))
        : null,
      whole: dice(
        sum((i) => maskAreas[i]),
        sum((i) => table.area(i, step)),
        sum((i) => table.shared(i, step)),
      ),
    };
  }

  /** Returns Dice of two predictions with each other, of the slice and of the case. */
  likeness(z, { step, otherStep }) {
    const { probability, other, shape } = this.data;
    const size = shape[1] * shape[2];
    const shared = (from, to) => {
      let count = 0;
      for (let i = from; i < to; i++) count += probability[i] >= step && other[i] >= otherStep;
      return count;
    };
    const [one, two] = [this.predictedAreas(step), this.predictedAreas(otherStep, "other")];
    const sum = (areas) => areas.reduce((total, area) => total + area, 0);
    return {
      slice: dice(one[z], two[z], shared(z * size, (z + 1) * size)),
      whole: dice(sum(one), sum(two), shared(0, probability.length)),
    };
  }
}

/**
 * Returns the rows of the table: [what, a column a region] as text, headings first.
 *
 * @param look with `step` and `otherStep`, the thresholds in whole steps
 */
export function rowsOf(measures, z, look) {
  const { data, regions } = measures;
  const say = words(data.spacing, measures.lengthUnit);
  const step = (which) => (which === "other" ? look.otherStep : look.step);
  const all = (f) => Object.fromEntries(regions.map((which) => [which, f(which)]));
  const slices = all((which) => measures.ofSlice(which, z, step(which)));
  const cases = all((which) => measures.ofCase(which, step(which)));
  const scores = all((which) => measures.agreement(z, step(which), which));
  const row = (what, from, text) => [
    what,
    ...regions.map((which) => (from[which] ? text(from[which]) : UNKNOWN)),
  ];
  const dice = (of) => (which) => {
    if (which === "mask") return "";
    return data.mask ? say.score(scores[which][of]) : "needs a mask";
  };
  const both = (of) => say.score(measures.likeness(z, look)[of]);
  const dices = (of) => [
    ["Dice", ...regions.map(dice(of))],
    ...(data.other ? [["Dice of both", ...regions.slice(1).map(() => ""), both(of)]] : []),
  ];
  return [
    [`Slice ${data.sliceNumbers[z]}`, ...regions.map((which) => titleOf(which, data))],
    row("Area", slices, ({ areaPx }) => say.area(areaPx)),
    row("Longest diameter", slices, ({ longest }) => say.length(longest)),
    row("Longest across it", slices, ({ across }) => say.length(across)),
    row("Components", slices, ({ components }) => String(components)),
    ...(data.probability ? dices("slice") : []),
    ["Whole case", ...regions.map(() => "")],
    row("Volume", cases, ({ volume }) => say.volume(volume)),
    row("Components", cases, ({ components }) => String(components)),
    ...(data.probability ? dices("whole") : []),
  ];
}

function titleOf(which, data) {
  if (which === "mask") return "Mask";
  if (!data.other) return "Prediction";
  return which === "other" ? "Right" : "Left";
}

/** Returns how numbers are written, with millimetres where there is a spacing. */
function words(spacing, lengthUnit) {
  return {
    length: (value) => (value === null ? "none" : `${value.toFixed(1)} ${lengthUnit}`),
    area: (px) =>
      spacing ? `${(px * spacing[1] * spacing[2]).toFixed(1)} mm² (${px} px)` : `${px} px`,
    volume: (vx) =>
      spacing?.[0]
        ? `${((vx * spacing[0] * spacing[1] * spacing[2]) / 1000).toFixed(2)} ml (${vx} voxels)`
        : `${vx.toLocaleString("en")} voxels`,
    score: (value) => (value === null ? UNKNOWN : value.toFixed(3)),
  };
}

/** Returns the table as an element. */
export function tableOf(rows) {
  const heading = (row) => row[0].startsWith("Slice ") || row[0] === "Whole case";
  return make(
    "table",
    { class: "measures" },
    ...rows.map((row) =>
      make(
        "tr",
        { class: heading(row) ? "heading" : null },
        ...row.map((text, i) => make(i && !heading(row) ? "td" : "th", {}, text)),
      ),
    ),
  );
}

/** Returns a row a slice as CSV; its first line says what it may be used for. */
export function csvOf(measures, look) {
  const { data, lengthUnit, regions } = measures;
  const numbers = ["area_px", `longest_${lengthUnit}`, `across_${lengthUnit}`, "components"];
  const head = ["case", "slice", ...regions.flatMap((which) => numbers.map((n) => `${which}_${n}`))];
  const lines = data.sliceNumbers.map((number, z) => {
    const values = regions.flatMap((which) => {
      const found = measures.ofSlice(which, z, which === "other" ? look.otherStep : look.step);
      if (!found) return ["", "", "", ""];
      const lengths = [found.longest, found.across].map((value) => value?.toFixed(3) ?? "");
      return [found.areaPx, ...lengths, found.components];
    });
    return [quoted(data.name), number, ...values].join(",");
  });
  const comments = [...data.header.warnings.map((one) => `Warning: ${one}`), data.header.research_use];
  const first = comments.map((text) => `# ${text.replace(/\s+/g, " ")}\n`).join("");
  return `${first}${[head.join(","), ...lines].join("\n")}\n`;
}

function quoted(text) {
  // A table program would run a cell that begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
