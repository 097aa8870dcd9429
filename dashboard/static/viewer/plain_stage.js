// Draws slices on a plain canvas for browsers without WebGL, with the same planes, window, zoom and pan.

import { Tile, cut, sizeOf } from "./planes.js";

export class PlainStage {
  static views = ["slice", "planes"];

  constructor(host) {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "picture";
    host.append(this.canvas);
    this.buffer = document.createElement("canvas");
    this.grey = new Uint32Array(256);
  }

  /** Takes the volume to draw; see NiivueStage.show. */
  async show(pixels, shape, voxel, anatomy) {
    Object.assign(this, { pixels, shape, voxel, anatomy });
  }

  get drawn() {
    return this.canvas;
  }

  /** Draws a scene and returns its tiles; see NiivueStage.draw. */
  draw({ view, position, window, zoom, pan, smooth }) {
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = smooth;
    this.fillGrey(window);
    const tiles = this.layOut(view, width, height, zoom, pan);
    for (const tile of tiles) this.drawTile(context, tile, position);
    return tiles;
  }

  setLabels() {}

  destroy() {
    this.canvas.remove();
  }

  fillGrey([low, high]) {
    for (let value = 0; value < 256; value++) {
      const level = Math.round((255 * (value - low)) / Math.max(1, high - low));
      const grey = Math.min(255, Math.max(0, level));
      this.grey[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
    }
  }

  layOut(view, width, height, zoom, pan) {
    const { slice, planes } = this.anatomy;
    const quarter = [width / 2, height / 2];
    // The layout of NiiVue: coronal and sagittal side by side, axial below coronal.
    const corners = [
      [0, height / 2],
      [0, 0],
      [width / 2, 0],
    ];
    const cells =
      view === "slice"
        ? [[slice, 0, 0, width, height]]
        : planes.map((plane, i) => [plane, ...corners[i], ...quarter]);
    return cells.map(([plane, left, top, w, h]) => {
      const [columns, rows] = sizeOf(plane, this.shape);
      const [du, dv] = [this.voxel[plane.u.axis], this.voxel[plane.v.axis]];
      const scale = Math.min(w / (columns * du), h / (rows * dv)) * zoom;
      const [sx, sy] = [scale * du, scale * dv];
      const [panX, panY] = plane.isSlice ? pan : [0, 0];
      const x = left + (w - columns * sx) / 2 + panX * sx;
      const y = top + (h - rows * sy) / 2 + panY * sy;
      return new Tile(plane, [left, top, w, h], x, y, sx, sy);
    });
  }

  drawTile(context, tile, position) {
    const { width, height, pixels } = cut(this.pixels, this.shape, tile.plane, position);
    const image = new ImageData(width, height);
    const colours = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) colours[i] = this.grey[pixels[i]];
    this.buffer.width = width;
    this.buffer.height = height;
    this.buffer.getContext("2d").putImageData(image, 0, 0);
    context.save();
    context.beginPath();
    context.rect(...tile.clip);
    context.clip();
    context.drawImage(this.buffer, tile.x, tile.y, width * tile.sx, height * tile.sy);
    context.restore();
  }
}
