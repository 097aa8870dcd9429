// The three planes of a volume: which pixels they hold, and where a pixel lies on the screen.
//
// A plane's picture has u from the left and v from the top, in pixels; pixel (u, v) covers the square
// from (u, v) to (u + 1, v + 1). Axial: u is the column, v the row, as the file holds them. The other
// two have the last slice on top. Nothing here knows left from right: the files do not say.

export const AXIAL = "axial";
export const CORONAL = "coronal";
export const SAGITTAL = "sagittal";

/** Returns [width, height] of a plane's picture for a volume of shape [n, h, w]. */
export function sizeOf(plane, [n, h, w]) {
  if (plane === AXIAL) return [w, h];
  return [plane === CORONAL ? w : h, n];
}

/** Returns the voxel [x, y, z] under pixel (u, v) of a plane through a position [x, y, z]. */
export function voxelAt(plane, [n, h], position, u, v) {
  if (plane === AXIAL) return [u, v, position[2]];
  if (plane === CORONAL) return [u, position[1], n - 1 - v];
  return [position[0], h - 1 - u, n - 1 - v];
}

/** Returns the pixel (u, v) of a plane that shows a voxel, by its centre. */
export function pixelOf(plane, [n, h], [x, y, z]) {
  if (plane === AXIAL) return [x + 0.5, y + 0.5];
  if (plane === CORONAL) return [x + 0.5, n - z - 0.5];
  return [h - y - 0.5, n - z - 0.5];
}

/** Returns the axis (0 x, 1 y, 2 z) that scrolling moves along. */
export function axisOf(plane) {
  return { [AXIAL]: 2, [CORONAL]: 1, [SAGITTAL]: 0 }[plane];
}

/** Returns a plane of a volume's array as {width, height, pixels}; the axial one without a copy. */
export function cut(array, shape, plane, position) {
  const [n, h, w] = shape;
  const [width, height] = sizeOf(plane, shape);
  if (plane === AXIAL) {
    const start = position[2] * h * w;
    return { width, height, pixels: array.subarray(start, start + h * w) };
  }
  const pixels = new Uint8Array(width * height);
  const [uStep, start] = plane === CORONAL ? [1, position[1] * w] : [-w, (h - 1) * w + position[0]];
  for (let v = 0, out = 0; v < height; v++) {
    let from = (n - 1 - v) * h * w + start;
    for (let u = 0; u < width; u++, from += uStep) pixels[out++] = array[from];
  }
  return { width, height, pixels };
}

/**
 * Where a plane lies on the screen, in CSS pixels of its pane.
 *
 * clip is [left, top, width, height]; (x, y) is where u = v = 0 lies; (sx, sy) the size of a pixel.
 */
export class Tile {
  constructor(plane, clip, x, y, sx, sy) {
    Object.assign(this, { plane, clip, x, y, sx, sy });
  }

  toScreen(u, v) {
    return [this.x + u * this.sx, this.y + v * this.sy];
  }

  toPicture(px, py) {
    return [(px - this.x) / this.sx, (py - this.y) / this.sy];
  }

  holds(px, py) {
    const [left, top, width, height] = this.clip;
    return px >= left && px < left + width && py >= top && py < top + height;
  }
}
