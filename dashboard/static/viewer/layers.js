// What is drawn over the pictures: mask, prediction, their agreement, diameters and the crosshair.

import { AXIAL, cut, pixelOf } from "./planes.js";
import { differenceOf, heatOf, rgbOf, spreadOf } from "./ramps.js";

// Colours of the palette of Okabe and Ito (2008), which colour-blind readers tell apart.
export const MASK_COLOUR = "#e69f00";
export const PREDICTION_COLOUR = "#56b4e9";
export const OTHER_COLOUR = "#cc79a7";
export const AGREEMENT = [
  { key: "both", label: "both (true positive)", colour: "#56b4e9" },
  { key: "prediction", label: "prediction only (false positive)", colour: "#d55e00" },
  { key: "mask", label: "mask only (false negative)", colour: "#f0e442" },
];

const [BOTH, PREDICTION_ONLY, MASK_ONLY] = [1, 2, 3];

/** What a pane shows: the prediction, the one it is compared with, or how they differ. */
export const [PREDICTION, OTHER, DIFFERENCE] = ["prediction", "other", "difference"];

/** Returns the probability that a pane shows. */
export function foundBy(data, shows) {
  return shows === OTHER ? data.other : data.probability;
}

/** Returns the threshold, in whole steps, that cuts it. */
export function stepOf(look, shows) {
  return shows === OTHER ? look.otherStep : look.step;
}

/** Returns which layers are seen: mask, prediction, their agreement, and the uncertainty. */
export function visible(data, look) {
  const mask = data.mask !== null && look.mask.style !== "off";
  const prediction = data.probability !== null && look.prediction.style !== "off";
  const agreement = data.mask !== null && data.probability !== null && look.agreement;
  return { mask, prediction, agreement, spread: data.spread !== null && look.spread };
}

/**
 * Draws the layers of one tile.
 *
 * @param context of a canvas whose unit is the CSS pixel
 * @param tile see planes.js
 * @param data a CaseData
 * @param look how mask and prediction are drawn; `step` is the threshold in whole steps
 * @param shows PREDICTION, OTHER or DIFFERENCE
 */
export function drawLayers(context, tile, data, position, look, shows = PREDICTION) {
  context.save();
  context.beginPath();
  context.rect(...tile.clip);
  context.clip();
  const plane = (array) => cut(array, data.shape, tile.plane, position);
  if (shows === DIFFERENCE) {
    const [left, right] = [plane(data.probability), plane(data.other)];
    drawMap(context, tile, left, (i) => right.pixels[i] - left.pixels[i], (steps) =>
      differenceOf(steps / data.steps, 1),
    );
  } else drawFound(context, tile, data, plane, look, shows, position[2]);
  context.restore();
}

function drawFound(context, tile, data, plane, look, shows, z) {
  const seen = visible(data, look);
  const step = stepOf(look, shows);
  const spreads = seen.spread && shows === PREDICTION;
  if (spreads) {
    const spread = plane(data.spread);
    drawMap(context, tile, spread, (i) => spread.pixels[i], (steps) =>
      spreadOf(steps / data.steps, 0.85),
    );
  }
  if (seen.agreement) {
    const classes = agreementOf(plane(data.mask), plane(foundBy(data, shows)), step);
    if (tile.plane !== AXIAL || data.maskThere[z]) {
      const colours = [null, ...AGREEMENT.map(({ colour }) => colour)];
      paint(context, tile, classes, (kind) => colours[kind], look.mask.opacity.fill);
    }
    return;
  }
  if (seen.prediction) {
    const found = plane(foundBy(data, shows));
    const { style, opacity } = look.prediction;
    // Two maps over one another could not be read.
    if (style === "heat" && !spreads) {
      drawMap(context, tile, found, (i) => found.pixels[i], (steps) =>
        heatOf(steps / data.steps, opacity.fill),
      );
    } else drawLayer(context, tile, cutAt(found, step), { ...look.prediction, ...coloured(look, shows) });
  }
  if (seen.mask) drawLayer(context, tile, plane(data.mask), look.mask);
}

function coloured(look, shows) {
  return { colour: shows === OTHER ? OTHER_COLOUR : look.prediction.colour };
}

/** Returns the classes 1 both, 2 prediction only, 3 mask only, and 0, of two planes. */
function agreementOf(mask, found, step) {
  const pixels = mask.pixels.map((inside, i) => {
    const predicted = found.pixels[i] >= step;
    if (inside) return predicted ? BOTH : MASK_ONLY;
    return predicted ? PREDICTION_ONLY : 0;
  });
  return { ...mask, pixels };
}

/** Returns where a plane of a probability reaches a step, as 0 and 1. */
export function cutAt(found, step) {
  return { ...found, pixels: found.pixels.map((value) => Number(value >= step)) };
}

/** Returns the voxels to show in 3D as classes, and the colour of each; null where there are none. */
export function labelsOf(data, look) {
  const seen = visible(data, look);
  if (!seen.mask && !seen.prediction && !seen.agreement) return null;
  const labels = new Uint8Array(data.shape[0] * data.shape[1] * data.shape[2]);
  if (seen.agreement) {
    for (let i = 0; i < labels.length; i++) {
      const predicted = data.probability[i] >= look.step;
      if (data.mask[i]) labels[i] = predicted ? BOTH : MASK_ONLY;
      else if (predicted) labels[i] = PREDICTION_ONLY;
    }
    return { labels, colours: AGREEMENT.map(({ colour }) => rgbOf(colour)) };
  }
  for (let i = 0; i < labels.length; i++) {
    if (seen.mask && data.mask[i]) labels[i] = 1;
    else if (seen.prediction && data.probability[i] >= look.step) labels[i] = 2;
  }
  return { labels, colours: [look.mask.colour, look.prediction.colour].map(rgbOf) };
}

function drawLayer(context, tile, plane, { style, colour, opacity }) {
  if (style === "fill") {
    paint(context, tile, plane, (inside) => (inside ? colour : null), opacity.fill);
  } else {
    const outline = outlineOf(plane, tile);
    context.globalAlpha = opacity.contour;
    // The dark rim keeps the line in sight on bright tissue.
    for (const [style_, width] of [
      ["rgba(0, 0, 0, 0.55)", 3.5],
      [colour, 1.75],
    ]) {
      context.strokeStyle = style_;
      context.lineWidth = width;
      context.stroke(outline);
    }
    context.globalAlpha = 1;
  }
}

/** Returns the line between the pixels inside and those outside, along their edges. */
function outlineOf({ width, height, pixels }, tile) {
  const path = new Path2D();
  const at = (u, v) => (u >= 0 && u < width && v >= 0 && v < height ? pixels[v * width + u] : 0);
  const line = (u0, v0, u1, v1) => {
    path.moveTo(...tile.toScreen(u0, v0));
    path.lineTo(...tile.toScreen(u1, v1));
  };
  for (let v = 0; v <= height; v++) {
    for (let u = 0; u < width; u++) {
      if (at(u, v) === at(u, v - 1)) continue;
      const from = u;
      while (u < width && at(u, v) !== at(u, v - 1)) u++;
      line(from, v, u, v);
    }
  }
  for (let u = 0; u <= width; u++) {
    for (let v = 0; v < height; v++) {
      if (at(u, v) === at(u - 1, v)) continue;
      const from = v;
      while (v < height && at(u, v) !== at(u - 1, v)) v++;
      line(u, from, u, v);
    }
  }
  return path;
}

function paint(context, tile, { width, height, pixels }, colourOf, opacity) {
  const colours = new Map();
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i++) {
    if (!pixels[i]) continue;
    if (!colours.has(pixels[i])) {
      const colour = colourOf(pixels[i]);
      colours.set(pixels[i], colour && [...rgbOf(colour), Math.round(255 * opacity)]);
    }
    const colour = colours.get(pixels[i]);
    if (colour) image.data.set(colour, 4 * i);
  }
  drawImage(context, tile, image);
}

/** Paints each pixel whose value is not 0; colourOf gives [r, g, b, a] of a value. */
function drawMap(context, tile, { width, height, pixels }, valueAt, colourOf) {
  const colours = new Map();
  const image = new ImageData(width, height);
  for (let i = 0; i < pixels.length; i++) {
    const value = valueAt(i);
    if (!value) continue;
    if (!colours.has(value)) colours.set(value, colourOf(value));
    image.data.set(colours.get(value), 4 * i);
  }
  drawImage(context, tile, image);
}

function drawImage(context, tile, image) {
  const buffer = new OffscreenCanvas(image.width, image.height);
  buffer.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  const size = [image.width * tile.sx, image.height * tile.sy];
  context.drawImage(buffer, tile.x, tile.y, ...size);
}

/** Draws where the other planes cut this one. */
export function drawCrosshair(context, tile, shape, position) {
  const [px, py] = tile.toScreen(...pixelOf(tile.plane, shape, position));
  const [left, top, width, height] = tile.clip;
  context.strokeStyle = "rgba(255, 255, 255, 0.45)";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, py);
  context.lineTo(left + width, py);
  context.moveTo(px, top);
  context.lineTo(px, top + height);
  context.stroke();
}
