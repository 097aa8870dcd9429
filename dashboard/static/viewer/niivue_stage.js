// Draws slices, planes and 3D with NiiVue (https://niivue.com), which needs WebGL 2.

import { MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "../niivue/niivue.js";
import { Tile } from "./planes.js";

const HEADER_BYTES = 352;
const UINT8 = 2;
const PLANES = [SLICE_TYPE.AXIAL, SLICE_TYPE.CORONAL, SLICE_TYPE.SAGITTAL];
/** The initial direction of 3D, in degrees: slightly left of the face and above it. */
const [AZIMUTH, ELEVATION] = [160, 15];

/** Draws a volume in the patient's space, which NiiVue uses too (RAS+). */
export class NiivueStage {
  static views = ["slice", "planes", "render"];

  constructor(host) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "picture";
    this.canvas.setAttribute("aria-label", "3D: rotate with the mouse, or with H, J, K and L");
    host.append(this.canvas);
    this.niivue = new Niivue({
      backColor: [0, 0, 0, 1],
      // The viewer draws its own crosshair, text and layers, and handles keys and mouse.
      crosshairWidth: 0,
      show3Dcrosshair: false,
      isOrientationTextVisible: false,
      isCornerOrientationText: false,
      isOrientCube: false,
      loadingText: "",
      dragAndDropEnabled: false,
      viewModeHotKey: "",
      clipPlaneHotKey: "",
      cycleClipPlaneHotKey: "",
      multiplanarShowRender: SHOW_RENDER.NEVER,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      logLevel: "error",
    });
    /** Called after 3D was rotated. */
    this.onTurn = () => {};
    Object.assign(this.niivue.scene, { renderAzimuth: AZIMUTH, renderElevation: ELEVATION });
    this.niivue.scene.onAzimuthElevationChange = () => this.onTurn();
    this.ready = this.niivue.attachToCanvas(this.canvas, false).then(() => skipGradient(this.niivue));
    this.labels = null;
    this.window = [0, 255];
    this.smooth = true;
  }

  /**
   * Takes the volume to draw.
   *
   * @param {Uint8Array} pixels (n, h, w)
   * @param {number[]} shape [n, h, w]
   * @param {number[]} voxel width, height and depth of a voxel, in any one unit
   * @param {Anatomy} anatomy the orientation in the patient; see planes.js
   */
  async show(pixels, shape, voxel, anatomy) {
    await this.ready;
    const geometry = String([shape, voxel, anatomy.axes]);
    const same = geometry === this.geometry;
    Object.assign(this, { shape, voxel, anatomy, geometry });
    if (same && this.pixels) {
      // Refilling the texture keeps its shaders and position.
      this.niivue.volumes[0].img = pixels;
      this.pixels = pixels;
      this.stale = true;
      return;
    }
    this.pixels = pixels;
    this.labels = this.labelsAsked = null;
    for (const volume of [...this.niivue.volumes]) this.niivue.removeVolume(volume);
    const volume = await this.image(pixels, "gray", 1);
    // The window of the last scene, so that the next one needs no second upload.
    [volume.cal_min, volume.cal_max] = this.window;
    this.niivue.addVolume(volume);
  }

  get drawn() {
    return this.canvas;
  }

  /**
   * Draws a scene.
   *
   * @param scene view; position [x, y, z]; window [low, high]; zoom, 1 fits; pan [x, y] in pixels of
   *   the slice; smooth, whether pixels are blended
   * @returns {Tile[]} the positions of the planes; none in 3D
   */
  draw({ view, position, window, zoom, pan, smooth }) {
    const { niivue } = this;
    this.fill();
    const { planes, slice, towardsRas } = this.anatomy;
    niivue.opts.sliceType = {
      slice: PLANES[planes.indexOf(slice)],
      planes: SLICE_TYPE.MULTIPLANAR,
      render: SLICE_TYPE.RENDER,
    }[view];
    niivue.scene.crosshairPos = towardsRas.map(({ axis, flipped }) => {
      const share = (position[axis] + 0.5) / this.size(axis);
      return flipped ? 1 - share : share;
    });
    if (view !== "render") {
      // Pictures run right to left, front to back and top to bottom: opposite to the axes of RAS+.
      const panned = [0, 0, 0];
      [panned[slice.u.axis], panned[slice.v.axis]] = [-pan[0], -pan[1]];
      const shifts = towardsRas.map(({ axis }) => {
        const centre = ((this.size(axis) - 1) / 2) * this.voxel[axis];
        return centre - zoom * (centre - panned[axis] * this.voxel[axis]);
      });
      niivue.scene.pan2Dxyzmm = [...shifts, zoom];
    }
    if (String(window) !== String(this.window) || smooth !== this.smooth || this.stale) {
      [niivue.volumes[0].cal_min, niivue.volumes[0].cal_max] = window;
      niivue.opts.isNearestInterpolation = !smooth;
      Object.assign(this, { window: [...window], smooth, stale: false });
      niivue.updateGLVolume(); // also draws
    } else {
      niivue.drawScene();
    }
    // NiiVue's own keys rotate the head; a plane has none, and no focus ring.
    this.canvas.tabIndex = view === "render" ? 0 : -1;
    if (view !== "render") this.canvas.blur();
    return view === "render" ? [] : this.tiles();
  }

  /** Fits the canvas to its element now: NiiVue does it one frame later, and layers would be displaced. */
  fill() {
    const ratio = globalThis.devicePixelRatio || 1;
    const { offsetWidth, offsetHeight, width, height } = this.canvas;
    const fills = width === Math.trunc(offsetWidth * ratio) && height === Math.trunc(offsetHeight * ratio);
    if (!fills) this.niivue.resizeListener();
  }

  tiles() {
    const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    return this.niivue.screenSlices
      .filter((slice) => slice.axCorSag < PLANES.length)
      .map((slice) => {
        const plane = this.anatomy.planes[slice.axCorSag];
        const [left, top, width, height] = slice.leftTopWidthHeight.map((px) => px / ratio);
        const [du, dv] = [this.voxel[plane.u.axis], this.voxel[plane.v.axis]];
        // The edge of the first pixel in millimetres of NiiVue's plane; u and v run opposite to them.
        const [u, v] = [plane.u, plane.v].map(({ axis }) => (this.size(axis) - 0.5) * this.voxel[axis]);
        const [sx, sy] = [width / slice.fovMM[0], height / slice.fovMM[1]];
        const px = left + (u - slice.leftTopMM[0]) * sx;
        const py = top + height - (v - slice.leftTopMM[1]) * sy;
        return new Tile(plane, [left, top, width, height], px, py, -du * sx, dv * sy);
      });
  }

  /** Returns the number of voxels along an axis: 0 column, 1 row, 2 slice. */
  size(axis) {
    return this.shape[2 - axis];
  }

  /** Returns the sides of the patient around the current 3D view; null if unknown. */
  edgesSeen() {
    const { renderAzimuth, renderElevation } = this.niivue.scene;
    const turned = this.niivue.calculateModelMatrix(renderAzimuth, renderElevation);
    return this.anatomy.edgesSeen([turned[0], turned[4], turned[8]], [turned[1], turned[5], turned[9]]);
  }

  /**
   * Shows classes of voxels in 3D, or removes them, because in the planes they would cover the layers.
   *
   * @param {Uint8Array|null} labels (n, h, w): 0 is nothing, k has the colour k - 1
   * @param {number[][]} colours [r, g, b] 0..255 of each class
   * @param {number} opacity 0..1
   */
  async setLabels(labels, colours, opacity) {
    await this.ready;
    const asked = (this.labelsAsked = {});
    const made = labels && (await this.image(labels, "gray", opacity));
    if (asked !== this.labelsAsked) return; // replaced by a later call
    if (this.labels) this.niivue.removeVolume(this.labels);
    this.labels = made;
    if (made) {
      const all = [[0, 0, 0], ...colours];
      this.labels.setColormapLabel({
        R: all.map((colour) => colour[0]),
        G: all.map((colour) => colour[1]),
        B: all.map((colour) => colour[2]),
        A: all.map((_, place) => (place ? 255 : 0)),
        I: all.map((_, place) => place),
        labels: all.map(String),
      });
      this.niivue.addVolume(this.labels);
    }
  }

  /** Returns an array of this volume's shape as a NiiVue image. */
  image(array, colormap, opacity) {
    const affine = this.anatomy.towardsRas.map(({ axis, flipped }) => {
      const row = [0, 0, 0, flipped ? (this.size(axis) - 1) * this.voxel[axis] : 0];
      row[axis] = flipped ? -this.voxel[axis] : this.voxel[axis];
      return row;
    });
    return nifti(array, this.shape, this.voxel, affine, colormap, opacity);
  }

  destroy() {
    this.niivue.cleanup();
    this.niivue.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}

/**
 * Keeps NiiVue from computing the gradient of a volume, which it repeats with each change of window.
 *
 * Only the illumination of surfaces uses the gradient, and it is off here. With software rendering, the
 * gradient took nine tenths of the time of a new case or window.
 */
function skipGradient(niivue) {
  const { gl } = niivue;
  const program = gl.createProgram();
  for (const [kind, body] of [
    [gl.VERTEX_SHADER, "void main() { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); }"], // outside the picture
    [gl.FRAGMENT_SHADER, "out lowp vec4 colour; void main() { colour = vec4(0.0); }"],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, `#version 300 es\n${body}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  const nothing = { use: () => gl.useProgram(program), uniforms: {} };
  niivue.blurShader = nothing;
  niivue.sobelFirstOrderShader = nothing;
}

/** Returns whether this browser can draw with WebGL 2. */
export function hasWebGl() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

/**
 * Returns a volume as a NiiVue image, from a NIfTI-1 file in memory (Cox et al. 2004).
 *
 * @param {number[][]} affine three rows, from column, row and slice to the patient's right, front and top
 */
async function nifti(pixels, [n, h, w], [dx, dy, dz], affine, colormap, opacity) {
  const buffer = new ArrayBuffer(HEADER_BYTES + pixels.length);
  const header = new DataView(buffer);
  header.setInt32(0, 348, true);
  [3, w, h, n, 1, 1, 1, 1].forEach((size, i) => header.setInt16(40 + 2 * i, size, true));
  header.setInt16(70, UINT8, true);
  header.setInt16(72, 8, true);
  [1, dx, dy, dz, 1, 1, 1, 1].forEach((size, i) => header.setFloat32(76 + 4 * i, size, true));
  header.setFloat32(108, HEADER_BYTES, true);
  header.setFloat32(112, 1, true);
  header.setFloat32(124, 255, true); // cal_max
  header.setInt16(254, 1, true); // sform
  affine.flat().forEach((value, i) => header.setFloat32(280 + 4 * i, value, true));
  [0x6e, 0x2b, 0x31, 0].forEach((letter, i) => header.setUint8(344 + i, letter)); // "n+1"
  new Uint8Array(buffer, HEADER_BYTES).set(pixels);
  return NVImage.new(buffer, "case.nii", colormap, opacity);
}
