// Rulers and ellipses that the user draws on slices, with their measurements.

import { strokeWithRim, writeWithRim } from "./canvas.js";
import { ellipseStatistics } from "./measure.js";
import { SLICE, cut } from "./planes.js";

const COLOUR = "#ffffff";
const WIDTHS = [3.5, 1.5];

export class Drawings {
  constructor() {
    this.ofCase = new Map();
    this.current = null;
  }

  /** Returns the drawings of a case, including the current one. */
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

  /** Ends a drawing; a click without a drag is discarded. */
  end(name) {
    const { current } = this;
    this.current = null;
    if (current && Math.hypot(...away(current)) < 1) this.of(name).pop();
  }

  /** Removes the most recent drawing of a slice. */
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
 * Returns the measurement of a drawing as text.
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

/** Draws the drawings of the shown slice. */
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
    strokeWithRim(context, path, COLOUR, WIDTHS);
    const text = measured(drawing, data, sequence);
    writeWithRim(context, text, Math.max(x0, x1) + 6, Math.max(y0, y1) - 4, COLOUR);
  }
}

/** Draws the two diameters of a mask. */
export function drawDiameters(context, tile, diameters, colour) {
  for (const { ends } of [diameters.longest, diameters.across]) {
    const path = new Path2D();
    // Ends are pixel centres, half a pixel from the pixel's corner.
    path.moveTo(...tile.toScreen(ends[0][0] + 0.5, ends[0][1] + 0.5));
    path.lineTo(...tile.toScreen(ends[1][0] + 0.5, ends[1][1] + 0.5));
    strokeWithRim(context, path, colour, WIDTHS, [6, 3]);
  }
}
