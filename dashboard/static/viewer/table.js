// The measurements of the slice and of the case, as a table, as text and as CSV.

import { make } from "./elements.js";
import { KEPT, volumeComponents } from "./components.js";
import { only } from "./layers.js";
import { areaOf, componentsOf, diametersOf, dice } from "./measure.js";
import { indexOf, valuesOf } from "./measurements.js";
import { SLICE, cut } from "./planes.js";

const UNKNOWN = "unknown";

/**
 * The numbers of a case's mask and prediction.
 *
 * Lengths and areas are pixels, or millimetres if the source has a spacing.
 */
export class Measures {
  /** @param data a CaseData */
  constructor(data) {
    this.data = data;
    const size = data.shape[1] * data.shape[2];
    this.maskAreas = data.mask
      ? data.hasMask.map((known, z) =>
          known ? areaOf(data.mask.subarray(z * size, (z + 1) * size)) : null,
        )
      : null;
    this.counted = new WeakMap();
    const { spacing } = data;
    this.unit = spacing ? [spacing[2], spacing[1]] : [1, 1];
    this.lengthUnit = spacing ? "mm" : "px";
  }

  /** Returns the regions that can be measured, in the order of the table's columns. */
  get regions() {
    const found = Object.keys(this.data.cutters).filter((which) => this.data.cutters[which]);
    // An upload has no mask, and needs no empty column for it.
    return this.data.mask || !found.length ? ["mask", ...found] : found;
  }

  /** Returns the predicted pixels of each slice, without removed components; null without a prediction. */
  predictedAreas(step, which = "prediction") {
    const found = this.data.cut(which, step);
    return found && Array.from(found.areas);
  }

  /** Returns the pixels of removed components on each slice; null without a prediction. */
  removedAreas(step, which = "prediction") {
    const found = this.data.cut(which, step);
    return found && Array.from(found.removedAreas);
  }

  /** Returns the areas of the slices as the strip draws them; see strip.js. */
  byDrawnSlice({ step, otherStep }) {
    const mask = this.maskAreas ? [{ kind: "mask", label: "mask", areas: this.maskAreas }] : [];
    const found = [
      ["prediction", step, this.data.other ? "left prediction" : "prediction"],
      ["other", otherStep, "right prediction"],
    ].filter(([kind]) => this.data.cutters[kind]);
    return [
      ...mask,
      ...found.map(([kind, at, label]) => ({
        kind,
        label,
        areas: this.predictedAreas(at, kind),
        removed: this.removedAreas(at, kind),
      })),
    ];
  }

  /** Returns a region on a slice as a plane of 0 and 1; null where it is unknown. */
  plane(which, z, step) {
    const { data } = this;
    const position = [0, 0, z];
    if (which === "mask") {
      return data.mask && data.hasMask[z] ? cut(data.mask, data.shape, SLICE, position) : null;
    }
    const found = data.cut(which, step);
    return found && only(cut(found.classes, data.shape, SLICE, position), KEPT);
  }

  /** Returns the measurements of a region on a slice; null where they are unknown. */
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
    if (which === "mask") {
      if (!data.hasMask.includes(true)) return null;
      this.maskComponents ??= volumeComponents(data.mask, 1, data.shape).sizes.length;
      const volume = this.maskAreas.reduce((sum, area) => sum + (area ?? 0), 0);
      return { volume, components: this.maskComponents };
    }
    const found = data.cut(which, step);
    return found && { volume: found.volume, components: found.count };
  }

  /** Returns the number of predicted pixels inside the mask on each slice. */
  shared(found) {
    if (!this.counted.has(found)) {
      const { mask, shape } = this.data;
      const size = shape[1] * shape[2];
      const pixels = new Uint32Array(shape[0]);
      for (let i = 0; i < mask.length; i++) {
        if (mask[i] && found.classes[i] === KEPT) pixels[Math.floor(i / size)] += 1;
      }
      this.counted.set(found, pixels);
    }
    return this.counted.get(found);
  }

  /** Returns Dice of the slice and of the case over the slices with a mask; null where unknown. */
  agreement(z, step, which = "prediction") {
    const { data, maskAreas } = this;
    const found = data.cut(which, step);
    if (!found || !data.hasMask.includes(true)) return { slice: null, whole: null };
    const shared = this.shared(found);
    const known = data.sliceNumbers.map((_, i) => i).filter((i) => data.hasMask[i]);
    const sum = (f) => known.reduce((total, i) => total + f(i), 0);
    return {
      slice: data.hasMask[z] ? dice(maskAreas[z], found.areas[z], shared[z]) : null,
      whole: dice(
        sum((i) => maskAreas[i]),
        sum((i) => found.areas[i]),
        sum((i) => shared[i]),
      ),
    };
  }

  /** Returns Dice of two predictions with each other, of the slice and of the case. */
  diceBetween(z, { step, otherStep }) {
    const { data } = this;
    const [left, right] = [data.cut("prediction", step), data.cut("other", otherStep)];
    const size = data.shape[1] * data.shape[2];
    const shared = (from, to) => {
      let count = 0;
      for (let i = from; i < to; i++) count += left.classes[i] === KEPT && right.classes[i] === KEPT;
      return count;
    };
    const [one, two] = [left.areas, right.areas];
    const sum = (areas) => areas.reduce((total, area) => total + area, 0);
    return {
      slice: dice(one[z], two[z], shared(z * size, (z + 1) * size)),
      whole: dice(sum(one), sum(two), shared(0, left.classes.length)),
    };
  }
}

/**
 * Returns the rows of the table as text: [label, one value per region], headings first.
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
  const both = (of) => say.score(measures.diceBetween(z, look)[of]);
  const dices = (of) => [
    ["Dice", ...regions.map(dice(of))],
    ...(data.other ? [["Dice between the two", ...regions.slice(1).map(() => ""), both(of)]] : []),
  ];
  return [
    [`Slice ${data.sliceNumbers[z]}`, ...regions.map((which) => titleOf(which, data))],
    row("Area", slices, ({ areaPx }) => say.area(areaPx)),
    row("Longest diameter", slices, ({ longest }) => say.length(longest)),
    row("Longest perpendicular", slices, ({ across }) => say.length(across)),
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

/** Returns a number with a fixed number of decimals, and commas between the thousands. */
function fixed(value, decimals) {
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Returns functions that format numbers, in millimetres if the spacing is known. */
function words(spacing, lengthUnit) {
  return {
    length: (value) => (value === null ? "none" : `${value.toFixed(1)} ${lengthUnit}`),
    area: (px) =>
      spacing
        ? `${fixed(px * spacing[1] * spacing[2], 1)} mm² (${px.toLocaleString("en")} px)`
        : `${px.toLocaleString("en")} px`,
    volume: (vx) =>
      spacing?.[0]
        ? `${fixed((vx * spacing[0] * spacing[1] * spacing[2]) / 1000, 2)} ml (${vx.toLocaleString("en")} voxels)`
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

/** Returns one row per slice as CSV; the first lines are warnings and the research-use notice. */
export function csvOf(measures, look) {
  const { data, lengthUnit, regions } = measures;
  const numbers = ["area_px", `longest_${lengthUnit}`, `perpendicular_${lengthUnit}`, "components"];
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
  return commented(data, [head.join(","), ...lines]);
}

/** The columns of a measurement's values in a CSV, as in brainseg/statistics/drawn.py. */
const VALUES = ["length", "longest", "perpendicular", "product", "degrees", "area", "pixels", "mean", "deviation"];

/** Returns one row per measurement as CSV; the first lines are warnings and the research-use notice. */
export function measurementsCsvOf(data, items, reader = "") {
  const head = ["case", "reader", "plane", "place", "kind", "name", "sequence", "unit", ...VALUES];
  const lines = items.map((item) => {
    const { normal, kind, name, sequence } = item;
    const values = valuesOf(item, data);
    const plane = normal === 2 ? "slice" : data.anatomy.planes.find((one) => one.normal === normal).name;
    const place = normal === 2 ? data.sliceNumbers[indexOf(item)] : indexOf(item);
    const numbers = VALUES.map((column) => {
      const value = values[column];
      return Number.isFinite(value) ? Number(value.toFixed(3)) : "";
    });
    const shown = kind === "ellipse" ? sequence : "";
    return [quoted(data.name), reader, plane, place, kind, quoted(name), shown, values.unit ?? "", ...numbers].join(",");
  });
  return commented(data, [head.join(","), ...lines]);
}

/** Returns the lines of a CSV below the case's warnings and the research-use notice. */
function commented({ header }, lines) {
  const comments = [...header.warnings.map((one) => `Warning: ${one}`), header.research_use];
  const first = comments.map((text) => `# ${text.replace(/\s+/g, " ")}\n`).join("");
  return `${first}${lines.join("\n")}\n`;
}

function quoted(text) {
  // A spreadsheet would run a cell that begins like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
