// The legend on the picture: each shown layer with its colour and pattern.

import { make } from "./elements.js";
import { DIFFERENCE, OTHER, PREDICTION, coloursOf, shownLabels, stepOf, visible } from "./layers.js";
import { MOST_SPREAD, gradientOf, heatOf, spreadOf } from "./ramps.js";

/** How a layer is drawn. */
export const [LINE, FILL, HATCH, RAMP] = ["line", "fill", "hatch", "ramp"];

const SIZE_PX = 12;
const ROW_PX = 18;

/**
 * Returns the entries of a pane's legend: label, kind (LINE, FILL, HATCH or RAMP), and colour or colourOf.
 *
 * @param shows PREDICTION, OTHER or DIFFERENCE; see layers.js
 */
export function legendOf(data, look, shows) {
  const colours = coloursOf(data, look);
  if (shows === DIFFERENCE) {
    return [
      { label: "left higher", kind: FILL, colour: colours.prediction },
      { label: "right higher", kind: FILL, colour: colours.other },
    ];
  }
  const seen = visible(data, look);
  const spreads = seen.spread && shows === PREDICTION;
  const side = { [PREDICTION]: data.other ? "left prediction" : "prediction", [OTHER]: "right prediction" }[shows];
  const entries = [];
  if (seen.agreement) {
    entries.push(
      { label: `both mask and ${side}`, kind: FILL, colour: colours.both },
      { label: `${side} only (false positive)`, kind: FILL, colour: colours[shows] },
      { label: "mask only (false negative)", kind: FILL, colour: colours.mask },
    );
  } else {
    if (look.mask.style === "labels") {
      for (const { name, colour } of shownLabels(data, look)) entries.push({ label: name, kind: LINE, colour });
    } else if (seen.mask) entries.push({ label: data.maskName, kind: kindOf(look.mask), colour: colours.mask });
    if (seen.prediction) entries.push(predictionEntry(look.prediction, side, colours[shows], spreads));
  }
  if (spreads) {
    const label = `uncertainty, 0 to ${MOST_SPREAD}`;
    entries.push({ label, kind: RAMP, colourOf: (share) => spreadOf(share * MOST_SPREAD, 1) });
  }
  const removed = seen.removed ? data.cut(shows, stepOf(look, shows)).removed.length : 0;
  if (removed) entries.push({ label: `components removed (${removed})`, kind: HATCH, colour: colours.removed });
  return entries;
}

function kindOf({ style }) {
  return style === "contour" ? LINE : FILL;
}

function predictionEntry(look, side, colour, spreads) {
  if (look.style === "heat" && !spreads) {
    return { label: `${side}: probability, 0 to 1`, kind: RAMP, colourOf: (share) => heatOf(share, 1) };
  }
  return { label: side, kind: look.style === "fill" ? FILL : LINE, colour };
}

/** The legend as elements. */
export class Legend {
  constructor() {
    this.root = make("ul", { class: "layers", "aria-label": "Legend" });
  }

  show(entries) {
    const drawn = JSON.stringify(entries);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.root.replaceChildren(
      ...entries.map(({ label, kind, colour, colourOf }) => {
        const swatch = make("i", { class: kind, "aria-hidden": "true" });
        if (colour) swatch.style.setProperty("--colour", colour);
        else swatch.style.backgroundImage = gradientOf(colourOf);
        return make("li", {}, swatch, label);
      }),
    );
  }
}

/** Draws the legend into an exported picture; the unit of the context is the CSS pixel. */
export function paintLegend(context, entries, height) {
  let top = height - 34 - entries.length * ROW_PX;
  for (const { label, kind, colour, colourOf } of entries) {
    context.fillStyle = "rgba(0, 0, 0, 0.55)";
    context.fillRect(8, top, 2 * SIZE_PX + 8 + label.length * 6.2, ROW_PX);
    paintSwatch(context, kind, colour, colourOf, 11, top + 3);
    context.fillStyle = "#fff";
    context.font = "12px system-ui, sans-serif";
    context.fillText(label, 2 * SIZE_PX + 5, top + 13);
    top += ROW_PX;
  }
}

function paintSwatch(context, kind, colour, colourOf, x, y) {
  context.save();
  context.beginPath();
  context.rect(x, y, SIZE_PX, SIZE_PX);
  context.clip();
  context.strokeStyle = context.fillStyle = colour ?? "#fff";
  context.lineWidth = 2;
  if (kind === FILL) context.fillRect(x, y, SIZE_PX, SIZE_PX);
  if (kind === LINE) context.strokeRect(x + 1, y + 1, SIZE_PX - 2, SIZE_PX - 2);
  if (kind === HATCH) {
    for (let by = -SIZE_PX; by < SIZE_PX; by += 4) {
      context.beginPath();
      context.moveTo(x + by, y + SIZE_PX);
      context.lineTo(x + by + SIZE_PX, y);
      context.stroke();
    }
  }
  for (let i = 0; kind === RAMP && i < SIZE_PX; i++) {
    const [r, g, b] = colourOf(i / (SIZE_PX - 1));
    context.fillStyle = `rgb(${r}, ${g}, ${b})`;
    context.fillRect(x + i, y, 1, SIZE_PX);
  }
  context.restore();
}
