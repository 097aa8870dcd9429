// Measurements of masks, with the definitions of brainseg/statistics/measures.py; tests compare both.

/** Returns the area of a plane of 0 and 1, in pixels. */
export function areaOf(plane) {
  let area = 0;
  for (let i = 0; i < plane.length; i++) area += plane[i];
  return area;
}

/**
 * Returns the connected components of a plane; pixels that touch at a corner belong together.
 *
 * @param {Uint8Array} plane (h, w) of 0 and 1
 * @returns {{count: number, largest: number[]}} the pixel indices of the largest one in reading order;
 *   the first of equally large ones
 */
export function componentsOf(plane, width) {
  const height = plane.length / width;
  const seen = new Uint8Array(plane.length);
  const found = { count: 0, largest: [] };
  for (let start = 0; start < plane.length; start++) {
    if (!plane[start] || seen[start]) continue;
    seen[start] = 1;
    const component = [start];
    for (let next = 0; next < component.length; next++) {
      const x = component[next] % width;
      const y = (component[next] - x) / width;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const place = v * width + u;
          if (plane[place] && !seen[place]) {
            seen[place] = 1;
            component.push(place);
          }
        }
      }
    }
    found.count += 1;
    if (component.length > found.largest.length) found.largest = component;
  }
  found.largest.sort((a, b) => a - b);
  return found;
}

/**
 * Returns the longest diameter of a plane's largest component, and the longest across it.
 *
 * The longest connects two pixel centres; the other is the longest perpendicular chord of the convex hull.
 *
 * @param {number[]} unit width and height of a pixel, the unit of the lengths
 * @returns {{longest: object, across: object}|null} each with length, and ends [[x, y], [x, y]] in
 *   pixels; null for an empty plane
 */
export function diametersOf(plane, width, [ux, uy] = [1, 1]) {
  const { largest } = componentsOf(plane, width);
  if (!largest.length) return null;
  const hull = hullOf(largest.map((place) => [(place % width) * ux, Math.floor(place / width) * uy]));
  const inOrder = [...hull].sort(byReading);
  let [a, b, most] = [inOrder[0], inOrder[0], 0];
  for (let i = 0; i < inOrder.length; i++) {
    for (let j = i + 1; j < inOrder.length; j++) {
      const length = squared(inOrder[i], inOrder[j]);
      if (length > most) [a, b, most] = [inOrder[i], inOrder[j], length];
    }
  }
  const found = { longest: { length: Math.sqrt(most), ends: [a, b] } };
  found.across = longestAcross(hull, a, b);
  for (const diameter of Object.values(found)) {
    diameter.ends = diameter.ends.map(([x, y]) => [x / ux, y / uy]);
  }
  return found;
}

function longestAcross(hull, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const along = ([x, y]) => dx * x + dy * y;
  const aside = ([x, y]) => dy * x - dx * y;
  const best = { length: 0, ends: [a, a] };
  const tries = [...hull].sort((p, q) => along(p) - along(q) || byReading(p, q));
  for (const through of tries) {
    const ends = chord(hull, along, along(through)).sort((p, q) => aside(p) - aside(q));
    if (!ends.length) continue;
    const [first, last] = [ends[0], ends[ends.length - 1]];
    const length = Math.sqrt(squared(first, last));
    if (length > best.length + 1e-9) Object.assign(best, { length, ends: [first, last] });
  }
  return best;
}

/** Returns the points of a hull's outline at one position along a direction. */
function chord(hull, along, place) {
  const points = [];
  hull.forEach((u, i) => {
    const v = hull[(i + 1) % hull.length];
    const [from, to] = [along(u), along(v)];
    if (from === to) {
      if (from === place) points.push(u, v);
    } else if (place >= Math.min(from, to) && place <= Math.max(from, to)) {
      const share = (place - from) / (to - from);
      points.push([u[0] + (v[0] - u[0]) * share, u[1] + (v[1] - u[1]) * share]);
    }
  });
  return points;
}

/** Returns the corners of the convex hull of points, without those on its edges (Andrew 1979). */
function hullOf(points) {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  if (sorted.length < 3) return sorted;
  const half = (ordered) => {
    const chain = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(o, p, q) {
  return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]);
}

function squared(p, q) {
  return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;
}

function byReading(p, q) {
  return p[1] - q[1] || p[0] - q[0];
}

/**
 * Returns the number of pixels in an ellipse, and the mean and standard deviation of their values.
 *
 * A pixel counts if its centre is inside; the standard deviation divides by n.
 *
 * @param {number[]} box [x0, y0, x1, y1] around the ellipse, in pixels of the picture
 */
export function ellipseStatistics(plane, width, [x0, y0, x1, y1]) {
  const height = plane.length / width;
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const [rx, ry] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
  let [pixels, sum, squares] = [0, 0, 0];
  if (!rx || !ry) return { pixels, mean: NaN, deviation: NaN };
  const [top, bottom] = [Math.max(0, Math.floor(cy - ry)), Math.min(height - 1, Math.ceil(cy + ry))];
  const [left, right] = [Math.max(0, Math.floor(cx - rx)), Math.min(width - 1, Math.ceil(cx + rx))];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      if (((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 > 1) continue;
      const value = plane[y * width + x];
      pixels += 1;
      sum += value;
      squares += value * value;
    }
  }
  const mean = sum / pixels;
  return { pixels, mean, deviation: Math.sqrt(Math.max(0, squares / pixels - mean * mean)) };
}

/** Returns the Dice coefficient (Dice 1945); 1 if both are empty, as in brainseg.metrics. */
export function dice(maskArea, predictedArea, shared) {
  return maskArea + predictedArea ? (2 * shared) / (maskArea + predictedArea) : 1;
}

/** Returns an area of one slice in mm² if the spacing [slice, row, column] is known, else in a word for pixels. */
export function areaInWords(pixels, spacing, word = "px") {
  const [value, unit] = spacing ? [Math.round(pixels * spacing[1] * spacing[2]), "mm²"] : [pixels, word];
  return `${value.toLocaleString("en")} ${unit}`;
}
