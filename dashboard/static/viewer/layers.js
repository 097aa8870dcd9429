// The layers over the pictures: mask, prediction, their agreement, and the crosshair.

import { strokeWithRim } from "./canvas.js";
import { KEPT, REMOVED } from "./components.js";
import { cut, pixelOf } from "./planes.js";
import { differenceOf, heatOf, rgbOf, spreadOf } from "./ramps.js";

const [BOTH, PREDICTION_ONLY, MASK_ONLY] = [1, 2, 3];
const HATCH_PX = 7;

/** What a pane shows: the prediction, the one to compare with, or their difference. */
export const [PREDICTION, OTHER, DIFFERENCE] = ["prediction", "other", "difference"];

/** Returns the probability that a pane shows. */
export function foundBy(data, shows) {
  return shows === OTHER ? data.other : data.probability;
}

/** Returns the threshold of that probability, in whole steps. */
export function stepOf(look, shows) {
  return shows === OTHER ? look.otherStep : look.step;
}

/**
 * Returns the colour of each meaning, the same in every layer, chart and legend.
 *
 * The user may choose those of mask and prediction; the others come with the case: `other`, the prediction
 * to compare with; `both`, where mask and prediction agree; `removed`, removed components.
 */
export function coloursOf(data, look) {
  return { ...data.colours, mask: look.mask.colour, prediction: look.prediction.colour };
}

/** Returns which layers are visible. */
export function visible(data, look) {
  const mask = data.mask !== null && look.mask.style !== "off";
  const prediction = data.probability !== null && look.prediction.style !== "off";
  const agreement = data.mask !== null && data.probability !== null && look.agreement;
  const removed = data.probability !== null && look.removed;
  return { mask, prediction, agreement, spread: data.spread !== null && look.spread, removed };
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
    const colours = coloursOf(data, look);
    const sides = [colours.prediction, colours.other];
    drawMap(context, tile, left, (i) => right.pixels[i] - left.pixels[i], (steps) =>
      differenceOf(steps / data.steps, 1, sides),
    );
  } else drawFound(context, tile, data, plane, look, shows, position[2]);
  context.restore();
}

function drawFound(context, tile, data, plane, look, shows, z) {
  const seen = visible(data, look);
  const colours = coloursOf(data, look);
  const found = data.cut(shows, stepOf(look, shows));
  const classes = found && plane(found.classes);
  const spreads = seen.spread && shows === PREDICTION;
  if (spreads) {
    const spread = plane(data.spread);
    drawMap(context, tile, spread, (i) => spread.pixels[i], (steps) =>
      spreadOf(steps / data.steps, 0.85),
    );
  }
  if (seen.agreement) {
    const agreement = agreementOf(plane(data.mask), classes);
    if (!tile.plane.isSlice || data.hasMask[z]) {
      const ofClass = [null, ...agreementColours(colours, shows)];
      paint(context, tile, agreement, (kind) => ofClass[kind], look.mask.opacity.fill);
    }
  } else {
    if (seen.prediction) {
      const { style, opacity } = look.prediction;
      // Two overlaid maps would be illegible.
      if (style === "heat" && !spreads) {
        const probability = plane(foundBy(data, shows));
        drawMap(context, tile, probability, (i) => probability.pixels[i], (steps) =>
          heatOf(steps / data.steps, opacity.fill),
        );
      } else drawLayer(context, tile, only(classes, KEPT), { style, opacity, colour: colours[shows] });
    }
    if (look.mask.style === "labels") drawLabels(context, tile, data, plane(data.labelMap), look);
    else if (seen.mask) drawLayer(context, tile, plane(data.mask), look.mask);
  }
  if (seen.removed) drawHatched(context, tile, only(classes, REMOVED), colours.removed);
}

/** Returns the labels that are shown one by one, from the largest. */
export function shownLabels(data, look) {
  return data.labels.filter(({ name }) => !look.hidden.includes(name));
}

function drawLabels(context, tile, data, map, look) {
  const shown = shownLabels(data, look);
  for (const [index, { colour, isOf }] of shown.entries()) {
    const plane = { ...map, pixels: map.pixels.map((value) => isOf[value]) };
    // A wider line stays in sight where a smaller label ends in the same place.
    drawLayer(context, tile, plane, { ...look.mask, colour, wider: shown.length - 1 - index });
  }
}

/** Returns the colours of both, prediction only and mask only. */
function agreementColours(colours, shows) {
  return [colours.both, colours[shows], colours.mask];
}

/** Returns the classes 1 both, 2 prediction only, 3 mask only, and 0, of two planes. */
function agreementOf(mask, classes) {
  const pixels = mask.pixels.map((inside, i) => agreementAt(inside, classes.pixels[i] === KEPT));
  return { ...mask, pixels };
}

function agreementAt(inside, predicted) {
  if (inside) return predicted ? BOTH : MASK_ONLY;
  return predicted ? PREDICTION_ONLY : 0;
}

/** Returns 1 where a plane has a class, else 0. */
export function only(classes, which) {
  return { ...classes, pixels: classes.pixels.map((value) => Number(value === which)) };
}

/** Returns the classes of voxels to show in 3D and their colours; null if there are none. */
export function labelsOf(data, look) {
  const seen = visible(data, look);
  if (!seen.mask && !seen.prediction && !seen.agreement && !seen.removed) return null;
  const colours = coloursOf(data, look);
  const classes = data.cut(PREDICTION, look.step)?.classes;
  const labels = new Uint8Array(data.shape[0] * data.shape[1] * data.shape[2]);
  const byLabel = look.mask.style === "labels" && !seen.agreement ? shownLabels(data, look) : [];
  const shown = seen.agreement ? agreementColours(colours, PREDICTION) : [colours.mask, colours.prediction];
  shown.push(...byLabel.map(({ colour }) => colour));
  const asRemoved = shown.length + 1;
  // The smallest label of a voxel is shown.
  const ofValue = Uint8Array.from({ length: 256 }, (_, value) => {
    const index = byLabel.findLastIndex(({ isOf }) => isOf[value]);
    return index < 0 ? 0 : index + 3;
  });
  for (let i = 0; i < labels.length; i++) {
    if (seen.agreement) labels[i] = agreementAt(data.mask[i], classes[i] === KEPT);
    else if (byLabel.length && ofValue[data.labelMap[i]]) labels[i] = ofValue[data.labelMap[i]];
    else if (seen.mask && look.mask.style !== "labels" && data.mask[i]) labels[i] = 1;
    else if (seen.prediction && classes[i] === KEPT) labels[i] = 2;
    if (seen.removed && !labels[i] && classes[i] === REMOVED) labels[i] = asRemoved;
  }
  return { labels, colours: [...shown, colours.removed].map(rgbOf) };
}

/** Draws a plane of 0 and 1 hatched, with a dashed outline. */
function drawHatched(context, tile, plane, colour) {
  if (!plane.pixels.includes(1)) return;
  const [left, top, width, height] = tile.clip;
  const lines = new Path2D();
  for (let x = left - height; x < left + width; x += HATCH_PX) {
    lines.moveTo(x, top + height);
    lines.lineTo(x + height, top);
  }
  context.save();
  context.clip(regionOf(plane, tile));
  strokeWithRim(context, lines, colour, [3, 1.5]);
  context.restore();
  strokeWithRim(context, outlineOf(plane, tile), colour, [3, 1.5], [4, 3]);
}

/** Returns the pixels inside as a path, one rectangle per run of a row. */
function regionOf({ width, height, pixels }, tile) {
  const path = new Path2D();
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      if (!pixels[v * width + u]) continue;
      const from = u;
      while (u < width && pixels[v * width + u]) u++;
      path.rect(...tile.toScreen(from, v), (u - from) * tile.sx, tile.sy);
    }
  }
  return path;
}

function drawLayer(context, tile, plane, { style, colour, opacity, wider = 0 }) {
  if (style === "fill") {
    paint(context, tile, plane, (inside) => (inside ? colour : null), opacity.fill);
  } else {
    const outline = outlineOf(plane, tile);
    context.globalAlpha = opacity.contour;
    strokeWithRim(context, outline, colour, [3.5 + wider, 1.75 + wider]);
    context.globalAlpha = 1;
  }
}

/** Returns the boundary between the pixels inside and outside, along their edges. */
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

/** Draws the crosshair where the other planes intersect this one. */
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
