// The mark of a finding on the picture: a dashed box around each of its places.

import { strokeWithRim } from "./canvas.js";
import { pictured, sizeOf } from "./planes.js";

const COLOUR = "#ff5ad9";
const MARGIN_PX = 4;
const SHARE = 0.35;
const MOST_ZOOM = 6;

/** Draws the boxes of a mark, { z, boxes }, on the slice that they are of. */
export function drawMark(context, tile, shape, position, mark) {
  if (!mark || !tile.plane.isSlice || mark.z !== position[2]) return;
  for (const box of mark.boxes) {
    const [[x0, y0], [x1, y1]] = cornersOf(tile.plane, shape, box).map((corner) => tile.toScreen(...corner));
    const [left, top] = [Math.min(x0, x1) - MARGIN_PX, Math.min(y0, y1) - MARGIN_PX];
    const path = new Path2D();
    path.rect(left, top, Math.abs(x1 - x0) + 2 * MARGIN_PX, Math.abs(y1 - y0) + 2 * MARGIN_PX);
    strokeWithRim(context, path, COLOUR, [4, 2], [6, 4]);
  }
}

/** Returns the zoom and pan that show boxes large in the middle of a slice's picture. */
export function zoomTo(plane, shape, boxes) {
  const corners = boxes.flatMap((box) => cornersOf(plane, shape, box));
  const size = sizeOf(plane, shape);
  const ends = [0, 1].map((i) => [Math.min(...corners.map((one) => one[i])), Math.max(...corners.map((one) => one[i]))]);
  const zooms = ends.map(([low, high], i) => (SHARE * size[i]) / (high - low));
  const zoom = Math.min(MOST_ZOOM, Math.max(1, ...[Math.min(...zooms)]));
  return { zoom, pan: ends.map(([low, high], i) => (size[i] - low - high) / 2) };
}

function cornersOf(plane, shape, [left, top, right, bottom]) {
  return [
    [left, top, 0],
    [right, bottom, 0],
  ].map((corner) => pictured(plane, shape, corner));
}
