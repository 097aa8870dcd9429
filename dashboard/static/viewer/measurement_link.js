// Measurements in the address, few and without their names: "ruler_2_k3x9_1_10_20_4.5_30_20_4.5*angle_…".

import { KINDS } from "./measurements.js";

const MOST = 10;

/** Returns measurements as a parameter of a link; null for none, undefined if they are too many. */
export function asParameter(items, data) {
  if (items.length > MOST) return undefined;
  const texts = items.map(({ kind, normal, id, sequence, points }) =>
    [kind, normal, id, data.sequences.indexOf(sequence), ...points.flat().map((value) => Number(value.toFixed(1)))].join("_"),
  );
  return texts.join("*") || null;
}

/** Returns the measurements in a parameter that lie inside the case. */
export function fromParameter(text, data) {
  const [n, h, w] = data.shape;
  const parsed = (text ?? "").split("*", MOST).map((part) => {
    const [kind, normal, id, sequence, ...numbers] = part.split("_");
    const values = numbers.map(Number);
    const count = Object.hasOwn(KINDS, kind) ? KINDS[kind][1] : 0;
    const isWhole = count && values.length === 3 * count && /^[012]$/.test(normal) && /^[a-z0-9]{1,16}$/.test(id);
    if (!isWhole || !values.every((value, i) => value >= 0 && value <= [w, h, n][i % 3])) return null;
    const points = Array.from({ length: count }, (_, i) => values.slice(3 * i, 3 * i + 3));
    const axis = Number(normal);
    const index = Math.floor(points[0][axis]);
    if (index >= [w, h, n][axis] || points.some((point) => Math.floor(point[axis]) !== index)) return null;
    return { id, kind, normal: axis, points, name: "", sequence: data.sequences[sequence] ?? data.sequences[0] };
  });
  return parsed.filter(Boolean);
}
