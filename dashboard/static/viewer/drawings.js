// A ruler and an ellipse, drawn by hand on slices, with what they measure.

import { ellipseStatistics } from "./measure.js";
import { SLICE, cut } from "./planes.js";

const COLOUR = "#ffffff";

export class Drawings {
  constructor() {
    this.ofCase = new Map();
    this.current = null;
  }

  /** Returns the drawings of a case, the one under way included. */
  of(name) {
    if (!this.ofCase.has(name)) this.ofCase.set(name, []);
    return this.ofCase.get(name);
  }

  begin(name, kind, z, u, v) {
    this.current = { kind, z, from: [u, v], to: [u, v] };
    this.of(name).push(this.current);
  }

  extend(u, v) {
    if (this.current) this.current.to = [u, v];
  }

  /** Ends a drawing; one that was not dragged is none. */
  end(name) {
    const { current } = this;
    this.current = null;
    if (current && Math.hypot(...away(current)) < 1) this.of(name).pop();
  }

  /** Removes the drawing of a slice that was drawn last. */
  removeLast(name, z) {
    const drawings = this.of(name);
    const place = drawings.findLastIndex((one) => one.z === z);
    if (place >= 0) drawings.splice(place, 1);
  }

  clear(name) {
    this.of(name).length = 0;
  }
}

function away({ from, to }) {
  return [to[0] - from[0], to[1] - from[1]];
}

/**
 * Returns what a drawing measures.
 *
 * @param spacing [slice, or null, row, column] in mm, or null
 */
export function measured(drawing, data, sequence) {
  const { spacing } = data;
  const [du, dv] = away(drawing);
  if (drawing.kind === "ruler") {
    return spacing
      ? `${Math.hypot(du * spacing[2], dv * spacing[1]).toFixed(1)} mm`
      : `${Math.hypot(du, dv).toFixed(1)} px`;
  }
  const plane = cut(data.pixels(sequence), data.shape, SLICE, [0, 0, drawing.z]);
  const box = [...drawing.from, ...drawing.to];
  const { pixels, mean, deviation } = ellipseStatistics(plane.pixels, plane.width, box);
  if (!pixels) return "no pixel inside";
  const area = spacing
    ? `${(pixels * spacing[1] * spacing[2]).toFixed(0)} mm²`
    : `${pixels} px`;
  return `${mean.toFixed(1)} ± ${deviation.toFixed(1)} (${area})`;
}

/** Draws the drawings that lie on the shown slice. */
export function drawDrawings(context, tile, drawings, data, sequence, z) {
  if (!tile.plane.isSlice) return;
  for (const drawing of drawings.filter((one) => one.z === z)) {
    const [x0, y0] = tile.toScreen(...drawing.from);
    const [x1, y1] = tile.toScreen(...drawing.to);
    const path = new Path2D();
    if (drawing.kind === "ruler") {
      path.moveTo(x0, y0);
      path.lineTo(x1, y1);
    } else {
      const [rx, ry] = [Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
      path.ellipse((x0 + x1) / 2, (y0 + y1) / 2, rx, ry, 0, 0, 2 * Math.PI);
    }
    strokeTwice(context, path, COLOUR);
    write(context, measured(drawing, data, sequence), Math.max(x0, x1) + 6, Math.max(y0, y1) - 4);
  }
}

/** Draws the two diameters of a mask. */
export function drawDiameters(context, tile, diameters, colour) {
  for (const { ends } of [diameters.longest, diameters.across]) {
    const path = new Path2D();
    // Ends are pixel centres, which lie half a pixel from the pixel's corner.
    path.moveTo(...tile.toScreen(ends[0][0] + 0.5, ends[0][1] + 0.5));
    path.lineTo(...tile.toScreen(ends[1][0] + 0.5, ends[1][1] + 0.5));
    strokeTwice(context, path, colour, [6, 3]);
  }
}

function strokeTwice(context, path, colour, dash = []) {
  context.setLineDash(dash);
  for (const [style, width] of [
    ["rgba(0, 0, 0, 0.6)", 3.5],
    [colour, 1.5],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke(path);
  }
  context.setLineDash([]);
}

function write(context, text, x, y) {
  context.font = "600 13px system-ui, sans-serif";
  context.lineJoin = "round";
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = COLOUR;
  context.fillText(text, x, y);
}
