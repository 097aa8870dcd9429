// The measurements of the slice and of the case, as a table, as text and as CSV.

import { make } from "./elements.js";
import { areaOf, componentsOf, diametersOf, dice, volumeComponents } from "./measure.js";
import { cutAt } from "./layers.js";
import { AXIAL, cut } from "./planes.js";

const UNKNOWN = "unknown";

/**
 * The numbers of a case's mask and prediction.
 *
 * Lengths and areas are pixels, or millimetres where the source holds a spacing.
 */
export class Measures {
  constructor(data, table) {
    this.data = data;
    this.thresholds = table;
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

  predictedAreas(step) {
    return this.thresholds && this.data.shape[0]
      ? this.data.sliceNumbers.map((_, z) => this.thresholds.area(z, step))
      : null;
  }

  /** Returns the plane of 0 and 1 of "mask" or "prediction" on a slice; null where it is unknown. */
  plane(which, z, step) {
    const { data } = this;
    const position = [0, 0, z];
    if (which === "mask") {
      return data.mask && data.maskThere[z] ? cut(data.mask, data.shape, AXIAL, position) : null;
    }
    return data.probability && cutAt(cut(data.probability, data.shape, AXIAL, position), step);
  }

  /** Returns the numbers of a slice for "mask" or "prediction"; null where they are unknown. */
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
    if (which === "mask" ? !data.maskThere.includes(true) : !data.probability) return null;
    const volume =
      which === "mask"
        ? this.maskAreas.reduce((sum, area) => sum + (area ?? 0), 0)
        : this.predictedAreas(step).reduce((sum, area) => sum + area, 0);
    const key = which === "mask" ? which : `${which} ${step}`;
    if (!this.components.has(key)) {
      // One threshold is kept, not each that a slider passes.
      for (const old of this.components.keys()) if (old !== "mask") this.components.delete(old);
      const holds =
        which === "mask" ? (i) => data.mask[i] === 1 : (i) => data.probability[i] >= step;
      this.components.set(key, volumeComponents(holds, data.shape));
    }
    return { volume, components: this.components.get(key) };
  }

  /** Returns Dice of the slice and of the case over the slices with a mask; null where unknown. */
  agreement(z, step) {
    const { data, thresholds, maskAreas } = this;
    if (!thresholds || !data.maskThere.includes(true)) return { slice: null, whole: null };
    const known = data.sliceNumbers.map((_, i) => i).filter((i) => data.maskThere[i]);
    const sum = (f) => known.reduce((total, i) => total + f(i), 0);
    return {
      slice: data.maskThere[z]
        ? dice(maskAreas[z], thresholds.area(z, step), thresholds.shared(z, step))
        : null,
      whole: dice(
        sum((i) => maskAreas[i]),
        sum((i) => thresholds.area(i, step)),
        sum((i) => thresholds.shared(i, step)),
      ),
    };
  }
}

/** Returns the rows of the table: [what, mask, prediction] as text, headings first. */
export function rowsOf(measures, z, step) {
  const { data, lengthUnit } = measures;
  const { spacing } = data;
  const slices = { mask: measures.ofSlice("mask", z, step) };
  const cases = { mask: measures.ofCase("mask", step) };
  const columns = data.probability ? ["mask", "prediction"] : ["mask"];
  if (data.probability) {
    slices.prediction = measures.ofSlice("prediction", z, step);
    cases.prediction = measures.ofCase("prediction", step);
  }
  const row = (what, text) => [what, ...columns.map((which) => text(which) ?? UNKNOWN)];
  const length = (value) => (value === null ? "none" : `${value.toFixed(1)} ${lengthUnit}`);
  const area = (px) =>
    spacing ? `${(px * spacing[1] * spacing[2]).toFixed(1)} mm² (${px} px)` : `${px} px`;
  const volume = (vx) =>
    spacing
      ? `${((vx * spacing[0] * spacing[1] * spacing[2]) / 1000).toFixed(2)} ml (${vx} voxels)`
      : `${vx.toLocaleString("en")} voxels`;
  const rows = [
    [`Slice ${data.sliceNumbers[z]}`, ...columns.map((name) => name[0].toUpperCase() + name.slice(1))],
    row("Area", (which) => slices[which] && area(slices[which].areaPx)),
    row("Longest diameter", (which) => slices[which] && length(slices[which].longest)),
    row("Longest across it", (which) => slices[which] && length(slices[which].across)),
    row("Components", (which) => slices[which] && String(slices[which].components)),
  ];
  const agreement = measures.agreement(z, step);
  const score = (value) => (value === null ? UNKNOWN : value.toFixed(3));
  if (data.probability) rows.push(["Dice", "", score(agreement.slice)]);
  rows.push(
    ["Whole case", ...columns.map(() => "")],
    row("Volume", (which) => cases[which] && volume(cases[which].volume)),
    row("Components", (which) => cases[which] && String(cases[which].components)),
  );
  if (data.probability) rows.push(["Dice", "", score(agreement.whole)]);
  return rows;
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
export function csvOf(measures, step) {
  const { data, lengthUnit } = measures;
  const columns = data.probability ? ["mask", "prediction"] : ["mask"];
  const numbers = ["area_px", `longest_${lengthUnit}`, `across_${lengthUnit}`, "components"];
  const head = ["case", "slice", ...columns.flatMap((which) => numbers.map((n) => `${which}_${n}`))];
  const lines = data.sliceNumbers.map((number, z) => {
    const values = columns.flatMap((which) => {
      const found = measures.ofSlice(which, z, step);
      if (!found) return ["", "", "", ""];
      const lengths = [found.longest, found.across].map((value) => value?.toFixed(3) ?? "");
      return [found.areaPx, ...lengths, found.components];
    });
    return [quoted(data.name), number, ...values].join(",");
  });
  return `# ${data.header.research_use}\n${[head.join(","), ...lines].join("\n")}\n`;
}

function quoted(text) {
  // A table program would run a cell that begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
