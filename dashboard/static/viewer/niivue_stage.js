// Draws slices, planes and 3D with NiiVue (https://niivue.com), which needs WebGL 2.

import { MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "../niivue/niivue.js";
import { AXIAL, CORONAL, SAGITTAL, Tile } from "./planes.js";

const HEADER_BYTES = 352;
const UINT8 = 2;
const PLANES = [AXIAL, CORONAL, SAGITTAL];
const VIEWS = {
  slice: SLICE_TYPE.AXIAL,
  planes: SLICE_TYPE.MULTIPLANAR,
  render: SLICE_TYPE.RENDER,
};

export class NiivueStage {
  static views = Object.keys(VIEWS);

  constructor(host) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "picture";
    host.append(this.canvas);
    this.niivue = new Niivue({
      backColor: [0, 0, 0, 1],
      // The viewer draws its own crosshair, text and layers, and has its own keys and mouse.
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
      isRadiologicalConvention: false,
      sagittalNoseLeft: false,
      logLevel: "error",
    });
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
   */
  async show(pixels, shape, voxel) {
    await this.ready;
    const same = this.shape && String([shape, voxel]) === String([this.shape, this.voxel]);
    Object.assign(this, { shape, voxel });
    if (same && this.pixels) {
      // A texture that is only filled anew keeps its shaders and its place.
      this.niivue.volumes[0].img = upended(pixels, shape);
      this.pixels = pixels;
      this.stale = true;
      return;
    }
    this.pixels = pixels;
    this.labels = null;
    for (const volume of [...this.niivue.volumes]) this.niivue.removeVolume(volume);
    const volume = await image(pixels, shape, voxel, "gray", 1);
    // As the last scene was: then the next one needs no second upload.
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
   * @returns {Tile[]} where the planes lie; none in 3D
   */
  draw({ view, position, window, zoom, pan, smooth }) {
    const { niivue } = this;
    this.fill();
    const [n, h, w] = this.shape;
    const [dx, dy] = this.voxel;
    const [x, y, z] = position;
    niivue.opts.sliceType = VIEWS[view];
    niivue.scene.crosshairPos = [(x + 0.5) / w, (h - y - 0.5) / h, (z + 0.5) / n];
    if (view !== "render") {
      const [cx, cy] = [((w - 1) / 2) * dx, ((h - 1) / 2) * dy];
      const cz = ((n - 1) / 2) * this.voxel[2];
      niivue.scene.pan2Dxyzmm = [
        cx - zoom * (cx - pan[0] * dx),
        cy - zoom * (cy + pan[1] * dy),
        cz - zoom * cz,
        zoom,
      ];
    }
    if (String(window) !== String(this.window) || smooth !== this.smooth || this.stale) {
      [niivue.volumes[0].cal_min, niivue.volumes[0].cal_max] = window;
      niivue.opts.isNearestInterpolation = !smooth;
      Object.assign(this, { window: [...window], smooth, stale: false });
      niivue.updateGLVolume(); // draws, too
    } else {
      niivue.drawScene();
    }
    return view === "render" ? [] : this.tiles();
  }

  /** Makes the canvas as large as its place now: NiiVue does it a frame later, and layers would be off. */
  fill() {
    const ratio = globalThis.devicePixelRatio || 1;
    const { offsetWidth, offsetHeight, width, height } = this.canvas;
    const fills = width === Math.trunc(offsetWidth * ratio) && height === Math.trunc(offsetHeight * ratio);
    if (!fills) this.niivue.resizeListener();
  }

  tiles() {
    const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    const [n, h] = this.shape;
    const [dx, dy, dz] = this.voxel;
    // The edge of the first pixel, and the size of one, in the millimetres of NiiVue's plane.
    const grids = {
      [AXIAL]: [-0.5 * dx, (h - 0.5) * dy, dx, dy],
      [CORONAL]: [-0.5 * dx, (n - 0.5) * dz, dx, dz],
      [SAGITTAL]: [-0.5 * dy, (n - 0.5) * dz, dy, dz],
    };
    return this.niivue.screenSlices
      .filter((slice) => slice.axCorSag < PLANES.length)
      .map((slice) => {
        const plane = PLANES[slice.axCorSag];
        const [left, top, width, height] = slice.leftTopWidthHeight.map((px) => px / ratio);
        const [u, v, du, dv] = grids[plane];
        const [sx, sy] = [width / slice.fovMM[0], height / slice.fovMM[1]];
        const px = left + (u - slice.leftTopMM[0]) * sx;
        const py = top + height - (v - slice.leftTopMM[1]) * sy;
        return new Tile(plane, [left, top, width, height], px, py, du * sx, dv * sy);
      });
  }

  /**
   * Shows classes of voxels in 3D.
   *
   * @param {Uint8Array|null} labels (n, h, w): 0 is nothing, k has the colour k - 1
   * @param {number[][]} colours [r, g, b] 0..255 of each class
   * @param {number} opacity 0..1
   */
  async setLabels(labels, colours, opacity) {
    await this.ready;
    if (this.labels) this.niivue.removeVolume(this.labels);
    this.labels = null;
    if (labels) {
      this.labels = await image(labels, this.shape, this.voxel, "gray", opacity);
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

  destroy() {
    this.niivue.cleanup();
    this.niivue.gl?.getExtension("WEBGL_lose_context")?.loseContext();
    this.canvas.remove();
  }
}

/**
 * Keeps NiiVue from computing the gradient of a volume, which it does anew with each change of window.
 *
 * Only its illumination of surfaces draws with the gradient, and here that is off. Where the browser
 * draws in software, nine tenths of the time of a new case or window went into it.
 */
function skipGradient(niivue) {
  const { gl } = niivue;
  const program = gl.createProgram();
  for (const [kind, body] of [
    [gl.VERTEX_SHADER, "void main() { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); }"], // off the picture
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

/** Returns pixels with their rows from the bottom, as NIfTI's y axis points. */
function upended(pixels, [n, h, w]) {
  const rows = new Uint8Array(pixels.length);
  for (let z = 0; z < n; z++) {
    for (let y = 0; y < h; y++) {
      const from = (z * h + y) * w;
      rows.set(pixels.subarray(from, from + w), (z * h + h - 1 - y) * w);
    }
  }
  return rows;
}

/** Returns a volume as NiiVue takes it: a NIfTI-1 file in memory (Cox et al. 2004). */
async function image(pixels, shape, [dx, dy, dz], colormap, opacity) {
  const [n, h, w] = shape;
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
  [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0].forEach((value, i) =>
    header.setFloat32(280 + 4 * i, value, true),
  );
  [0x6e, 0x2b, 0x31, 0].forEach((letter, i) => header.setUint8(344 + i, letter)); // "n+1"
  new Uint8Array(buffer, HEADER_BYTES).set(upended(pixels, shape));
  return NVImage.new(buffer, "case.nii", colormap, opacity);
}
