// Measurements that a reader draws: their geometry and values, as in brainseg/statistics/drawn.py.
//
// A measurement is { id, kind, normal, points, name, sequence }. `normal` is the axis (0 column, 1 row, 2 slice)
// at right angles to its plane; points are [x, y, z] in voxels, where voxel i covers i to i + 1. An ellipse has two
// corners of its box, an angle its vertex in the middle, a product the ends of two perpendicular diameters.

import { ellipseStatistics } from "./measure.js";
import { Plane, cut } from "./planes.js";

/** Kinds of measurements: name, and the number of points. */
export const KINDS = {
  ruler: ["Ruler", 2],
  ellipse: ["Ellipse", 2],
  angle: ["Angle", 3],
  product: ["Two diameters", 4],
};

const [ARM, VERTEX] = [0, 1];
const ELLIPSE_SIDES = 64;

/** Returns the two axes of the plane at right angles to an axis. */
function axesOf(normal) {
  return [0, 1, 2].filter((axis) => axis !== normal);
}

/** Returns the index of the slice, row or column that a measurement lies on. */
export function indexOf({ normal, points }) {
  return Math.floor(points[0][normal]);
}

/**
 * Returns the size of a voxel along the two axes of a plane, and the unit; null where it is unknown.
 *
 * Without a spacing, pixels of a slice count as squares of 1 px; how far slices are apart is then unknown, and so are
 * lengths across slices that are tilted against their axis.
 */
export function metricOf({ spacing, skewed }, normal) {
  if (!spacing) return normal === 2 ? { size: [1, 1], unit: "px" } : null;
  if (skewed && normal !== 2) return null;
  const sizes = [spacing[2], spacing[1], spacing[0]];
  const size = axesOf(normal).map((axis) => sizes[axis]);
  return size.every(Boolean) ? { size, unit: "mm" } : null;
}

/** Returns whether the values of a kind need a known distance between voxels. */
export function needsMetric(kind) {
  return kind === "angle" || kind === "product";
}

const flat = ({ normal, points }, [a, b] = [1, 1]) =>
  points.map((point) => axesOf(normal).map((axis, i) => point[axis] * [a, b][i]));
const minus = (p, q) => [p[0] - q[0], p[1] - q[1]];
const length = (vector) => Math.hypot(...vector);
const dot = (p, q) => p[0] * q[0] + p[1] * q[1];

/** Returns the points of a new measurement from the two ends of a drag, each [x, y, z]. */
export function begun(kind, normal, from, to, { size } = { size: [1, 1] }) {
  if (kind === "ruler" || kind === "ellipse") return [from, to];
  const axes = axesOf(normal);
  const turned = (start, share) => {
    const away = axes.map((axis, i) => (to[axis] - from[axis]) * size[i]);
    const aside = [-away[1] * share, away[0] * share];
    const point = [...start];
    axes.forEach((axis, i) => (point[axis] += aside[i] / size[i]));
    return point;
  };
  if (kind === "angle") return [to, from, turned(from, 1)];
  const middle = from.map((value, axis) => (value + to[axis]) / 2);
  return [from, to, turned(middle, -0.25), turned(middle, 0.25)];
}

/** Returns a measurement moved by [dx, dy, dz], inside the volume; nothing moves out of its plane. */
export function moved(measurement, by, sizes) {
  const { normal, points } = measurement;
  const shift = by.map((step, axis) => {
    if (axis === normal) return 0;
    const values = points.map((point) => point[axis]);
    return Math.min(sizes[axis] - Math.max(...values), Math.max(-Math.min(...values), step));
  });
  return { ...measurement, points: points.map((point) => point.map((value, axis) => value + shift[axis])) };
}

/** Returns a measurement with one point elsewhere; the diameters of a product stay perpendicular. */
export function reshaped(measurement, handle, to, { size } = { size: [1, 1] }) {
  const points = measurement.points.map((point, i) => (i === handle ? to : point));
  if (measurement.kind !== "product") return { ...measurement, points };
  const [before, after] = [flat(measurement, size), flat({ ...measurement, points }, size)];
  const [along, first, second] = crossing(before);
  const shares = [along, first, second];
  if (handle > 1) {
    const [share, aside] = crossing([before[0], before[1], after[handle], after[handle]]);
    shares[0] = Math.min(1, Math.max(0, share));
    shares[handle - 1] = aside;
  }
  const axes = axesOf(measurement.normal);
  const [a, b] = after;
  const away = minus(b, a);
  const reach = length(away) || 1;
  [2, 3].forEach((place) => {
    const aside = shares[place - 1];
    const point = [...points[place]];
    axes.forEach((axis, i) => {
      const square = [-away[1], away[0]][i] / reach;
      point[axis] = (a[i] + away[i] * shares[0] + square * aside) / size[i];
    });
    points[place] = point;
  });
  return { ...measurement, points };
}

/** Returns where the second diameter crosses the first, 0..1, and how far its ends are aside of it. */
function crossing([a, b, c, d]) {
  const away = minus(b, a);
  const reach = length(away) || 1;
  const square = [-away[1] / reach, away[0] / reach];
  return [dot(minus(c, a), away) / reach ** 2, dot(minus(c, a), square), dot(minus(d, a), square)];
}

/**
 * Returns the values of a measurement: length; longest, perpendicular and product; degrees; or area, pixels, mean
 * and deviation. A value is null where it is unknown.
 *
 * @param {string} sequence whose grey values an ellipse has
 */
export function valuesOf(measurement, data, sequence = measurement.sequence) {
  const { kind, normal } = measurement;
  const metric = metricOf(data, normal);
  const unit = metric?.unit ?? null;
  const points = flat(measurement, metric?.size);
  const known = (value) => (metric ? value : null);
  const apart = (i, j) => length(minus(points[i], points[j]));
  if (kind === "ruler") return { unit, length: known(apart(0, 1)) };
  if (kind === "angle") {
    const [one, other] = [points[ARM], points[2]].map((point) => minus(point, points[VERTEX]));
    const share = dot(one, other) / (length(one) * length(other) || 1);
    return { unit, degrees: known((Math.acos(Math.min(1, Math.max(-1, share))) * 180) / Math.PI) };
  }
  if (kind === "product") {
    const [perpendicular, longest] = [apart(0, 1), apart(2, 3)].sort((one, other) => one - other);
    return { unit, longest: known(longest), perpendicular: known(perpendicular), product: known(longest * perpendicular) };
  }
  const axes = axesOf(normal);
  const plane = new Plane("", { axis: axes[0], flipped: false }, { axis: axes[1], flipped: false });
  const position = [0, 0, 0];
  position[normal] = indexOf(measurement);
  const shown = data.sequences.includes(sequence) ? sequence : data.sequences[0];
  const { pixels: values, width } = cut(data.pixels(shown), data.shape, plane, position);
  const { pixels, mean, deviation } = ellipseStatistics(values, width, flat(measurement).flat());
  return { unit, pixels, mean, deviation, area: metric && pixels ? pixels * metric.size[0] * metric.size[1] : null };
}

/** Returns the value of a measurement as text. */
export function valueInWords(measurement, data, sequence = measurement.sequence) {
  const values = valuesOf(measurement, data, sequence);
  const { unit } = values;
  const size = (value) => value.toFixed(1);
  switch (measurement.kind) {
    case "ruler":
      return values.length === null ? acrossSlices(measurement) : `${size(values.length)} ${unit}`;
    case "angle":
      return values.degrees === null ? "unknown" : `${size(values.degrees)}°`;
    case "product": {
      const { longest, perpendicular, product } = values;
      return product === null ? "unknown" : `${size(longest)} × ${size(perpendicular)} ${unit} = ${Math.round(product)} ${unit}²`;
    }
    default: {
      if (!values.pixels) return "no pixel inside";
      const area = unit === "mm" ? `${Math.round(values.area)} mm²` : `${values.pixels} ${unit ?? "voxels"}`;
      return `${size(values.mean)} ± ${size(values.deviation)} (${area})`;
    }
  }
}

/** Returns a length across slices whose distance is unknown: pixels and slices, each on its own. */
function acrossSlices({ normal, points: [from, to] }) {
  const counts = axesOf(normal).map((axis) => Math.abs(to[axis] - from[axis]).toFixed(1));
  return `${counts[0]} px × ${counts[1]} slices, length unknown`;
}

/** Returns the name of the plane, and its number: “slice 12”, “coronal 84”. */
export function placeInWords(measurement, data) {
  const { normal } = measurement;
  const index = indexOf(measurement);
  if (normal === 2) return `slice ${data.sliceNumbers[index]}`;
  const { name } = data.anatomy.planes.find((plane) => plane.normal === normal);
  return `${name} ${index}`;
}

/**
 * Returns the lines of a measurement, lists of points [x, y] on the screen.
 *
 * @param {(point: number[]) => number[]} project gives the place of a point [x, y, z] on the screen
 */
export function linesOf({ kind, points }, project) {
  const shown = points.map(project);
  if (kind === "product") return [shown.slice(0, 2), shown.slice(2)];
  if (kind !== "ellipse") return [shown];
  const [[x0, y0], [x1, y1]] = shown;
  const around = Array.from({ length: ELLIPSE_SIDES + 1 }, (_, i) => {
    const turn = (2 * Math.PI * i) / ELLIPSE_SIDES;
    return [(x0 + x1 + (x1 - x0) * Math.cos(turn)) / 2, (y0 + y1 + (y1 - y0) * Math.sin(turn)) / 2];
  });
  return [around];
}

/** Returns the distance of a place on the screen from lines. */
export function distanceFrom(lines, place) {
  const segments = lines.flatMap((line) => line.slice(1).map((end, i) => [line[i], end]));
  const distances = segments.map(([from, to]) => {
    const away = minus(to, from);
    const share = Math.min(1, Math.max(0, dot(minus(place, from), away) / (dot(away, away) || 1)));
    return length(minus(place, [from[0] + share * away[0], from[1] + share * away[1]]));
  });
  return Math.min(...distances);
}
