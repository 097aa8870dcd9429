// Small pictures of the sequences at the shown slice, on the buttons that choose them.

import { make } from "./elements.js";
import { cut } from "./planes.js";

const MOST_PX = 64;

export class Thumbnails {
  /** @param {string[]} sequences */
  constructor(sequences) {
    this.canvases = new Map(sequences.map((name) => [name, make("canvas", { class: "thumbnail" })]));
    // Hidden from screen readers: the name of a button should not change with the window.
    const shown = { title: "Grey window", "aria-hidden": "true" };
    this.windows = new Map(sequences.map((name) => [name, make("small", shown)]));
  }

  /** Returns the content of a sequence's button. */
  content(name, label) {
    return make("span", { class: "with-thumbnail" }, this.canvases.get(name), label, this.windows.get(name));
  }

  /** @param {(sequence: string) => number[]} windowOf gives [low, high] */
  draw(data, position, windowOf) {
    for (const [name, canvas] of this.canvases) {
      const { width, height, pixels } = cut(data.pixels(name), data.shape, data.anatomy.slice, position);
      const window = windowOf(name);
      this.windows.get(name).textContent = window.map(Math.round).join("–");
      const step = Math.max(1, Math.ceil(Math.max(width, height) / MOST_PX));
      const [columns, rows] = [Math.floor(width / step), Math.floor(height / step)];
      Object.assign(canvas, { width: columns, height: rows });
      canvas.getContext("2d").putImageData(new ImageData(shrunk(pixels, width, step, columns, rows, window), columns, rows), 0, 0);
    }
  }
}

/** Returns every `step`-th pixel in a grey window as RGBA. */
export function shrunk(pixels, width, step, columns, rows, [low, high]) {
  const grey = new Uint8ClampedArray(4 * columns * rows).fill(255);
  for (let row = 0, out = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, out += 4) {
      const value = pixels[row * step * width + column * step];
      grey.fill(Math.round((255 * (value - low)) / Math.max(1, high - low)), out, out + 3);
    }
  }
  return grey;
}
