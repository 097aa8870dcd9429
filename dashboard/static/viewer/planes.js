// The three planes of a volume: their orientation, voxels and position on the screen.
//
// A plane's picture has u from the left and v from the top, in pixels; pixel (u, v) covers the square
// from (u, v) to (u + 1, v + 1). Planes follow the radiological convention: axial and coronal with the
// patient's right on the left, sagittal with the face on the left.

const BODY_AXES = ["LR", "PA", "IS"]; // each towards its second letter, as in RAS+

/** Assumed directions of columns, rows and slices in a volume without orientation. */
const ASSUMED = ["L", "P", "S"];

/** The planes in NiiVue's order: the name, and the sides of the patient on the right and at the bottom. */
const CONVENTIONS = [
  ["axial", "L", "P"],
  ["coronal", "L", "I"],
  ["sagittal", "P", "I"],
];

/** Names of planes if the orientation is unknown, by their normal axis. */
const NEUTRAL = ["column plane", "row plane", "slice plane"];

const opposite = (letter) => {
  const axis = BODY_AXES.find((sides) => sides.includes(letter));
  return axis[1 - axis.indexOf(letter)];
};

const sizesOf = ([n, h, w]) => [w, h, n];

/** Returns the sides of the patient at the four edges of a picture. */
const edgesOf = (right, bottom) => ({
  left: opposite(right),
  right,
  top: opposite(bottom),
  bottom,
});

/** A plane of a volume; axes are 0 column, 1 row, 2 slice. */
export class Plane {
  /**
   * @param {string} name shown to the user
   * @param u, v {axis, flipped}: the volume's axis, and whether it runs right to left or bottom to top
   * @param edges the sides of the patient, {left, right, top, bottom}; null where unknown
   */
  constructor(name, u, v, edges = null) {
    Object.assign(this, { name, u, v, edges });
    this.normal = 3 - u.axis - v.axis;
  }

  /** Whether this is the plane of the slices. */
  get isSlice() {
    return this.normal === 2;
  }
}

/** A slice as stored in the volume. */
export const SLICE = new Plane("slice", { axis: 0, flipped: false }, { axis: 1, flipped: false });

/** The orientation of a volume in the patient. */
export class Anatomy {
  /** @param orientation of the case's header: the letter at each edge of a slice; null where unknown */
  constructor(orientation) {
    this.known = Boolean(orientation);
    /** The side of the patient towards which columns, rows and slices increase. */
    this.axes = this.known ? [orientation.right, orientation.bottom, orientation.last] : ASSUMED;
    /** The axial, the coronal and the sagittal plane. */
    this.planes = CONVENTIONS.map((convention) => this.plane(...convention));
    this.slice = this.planes.find((plane) => plane.isSlice);
  }

  plane(name, right, bottom) {
    const [u, v] = [this.towards(right), this.towards(bottom)];
    return this.known
      ? new Plane(name, u, v, edgesOf(right, bottom))
      : new Plane(NEUTRAL[3 - u.axis - v.axis], u, v);
  }

  /** Returns the volume's axis that runs towards a side, and whether it must be flipped. */
  towards(letter) {
    const same = this.axes.indexOf(letter);
    return same < 0
      ? { axis: this.axes.indexOf(opposite(letter)), flipped: true }
      : { axis: same, flipped: false };
  }

  /** Returns the volume's axes that run to the patient's right, front and top. */
  get towardsRas() {
    return BODY_AXES.map((sides) => this.towards(sides[1]));
  }

  /**
   * Returns the sides of the patient around a picture seen from any direction.
   *
   * @param {number[]} right, up towards the right and the top of the screen, as [R, A, S] of length 1
   */
  edgesSeen(right, up) {
    if (!this.known) return null;
    const back = (vector) => vector.map((share) => -share);
    return { left: sidesOf(back(right)), right: sidesOf(right), top: sidesOf(up), bottom: sidesOf(back(up)) };
  }
}

/** Returns the letters of a direction, the nearest side first: “RA” is right and anterior. */
function sidesOf(direction) {
  const nearest = [0, 1, 2].sort((one, other) => Math.abs(direction[other]) - Math.abs(direction[one]));
  return nearest
    .filter((axis) => Math.abs(direction[axis]) > Math.sin(Math.PI / 8))
    .map((axis) => BODY_AXES[axis][Number(direction[axis] > 0)])
    .join("");
}

/** Returns [width, height] of a plane's picture for a volume of shape [n, h, w]. */
export function sizeOf({ u, v }, shape) {
  return [sizesOf(shape)[u.axis], sizesOf(shape)[v.axis]];
}

/** Returns the voxel [x, y, z] under pixel (u, v) of a plane through a position [x, y, z]. */
export function voxelAt(plane, shape, position, u, v) {
  const [width, height] = sizeOf(plane, shape);
  const voxel = [...position];
  voxel[plane.u.axis] = plane.u.flipped ? width - 1 - u : u;
  voxel[plane.v.axis] = plane.v.flipped ? height - 1 - v : v;
  return voxel;
}

/** Returns the pixel (u, v) of a plane that shows a voxel, by its centre. */
export function pixelOf(plane, shape, voxel) {
  return pictured(plane, shape, voxel.map((index) => index + 0.5));
}

/** Returns the place (u, v) in a plane's picture of a point [x, y, z], where voxel i covers i to i + 1. */
export function pictured(plane, shape, point) {
  const [width, height] = sizeOf(plane, shape);
  const [u, v] = [point[plane.u.axis], point[plane.v.axis]];
  return [plane.u.flipped ? width - u : u, plane.v.flipped ? height - v : v];
}

/** Returns the point [x, y, z] at a place (u, v) in the picture of a plane through a position. */
export function pointAt(plane, shape, position, u, v) {
  const [width, height] = sizeOf(plane, shape);
  const point = position.map((index) => index + 0.5);
  point[plane.u.axis] = plane.u.flipped ? width - u : u;
  point[plane.v.axis] = plane.v.flipped ? height - v : v;
  return point;
}

/** Returns a plane of a volume's array as {width, height, pixels}; a slice as stored without a copy. */
export function cut(array, shape, plane, position) {
  const [, h, w] = shape;
  const steps = [1, w, w * h];
  const [width, height] = sizeOf(plane, shape);
  const { u, v, normal } = plane;
  let start = steps[normal] * position[normal];
  if (plane.isSlice && !u.flipped && !v.flipped && u.axis === 0) {
    return { width, height, pixels: array.subarray(start, start + h * w) };
  }
  const [uStep, vStep] = [u, v].map(({ axis, flipped }) => (flipped ? -steps[axis] : steps[axis]));
  if (u.flipped) start += (width - 1) * steps[u.axis];
  if (v.flipped) start += (height - 1) * steps[v.axis];
  const pixels = new Uint8Array(width * height);
  for (let row = 0, out = 0; row < height; row++) {
    let from = start + row * vStep;
    for (let column = 0; column < width; column++, from += uStep) pixels[out++] = array[from];
  }
  return { width, height, pixels };
}

/**
 * The position of a plane on the screen, in CSS pixels of its pane.
 *
 * clip is [left, top, width, height]; (x, y) is the position of u = v = 0; (sx, sy) is the size of a pixel.
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

  contains(px, py) {
    const [left, top, width, height] = this.clip;
    return px >= left && px < left + width && py >= top && py < top + height;
  }
}
