// Lines and text on a canvas, with a dark rim that keeps them visible on bright tissue.

/** Strokes a path; widths are those of the rim and of the line, in px. */
export function strokeWithRim(context, path, colour, [rim, line], dash = []) {
  context.setLineDash(dash);
  for (const [style, width] of [
    ["rgba(0, 0, 0, 0.55)", rim],
    [colour, line],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke(path);
  }
  context.setLineDash([]);
}

const TEXT_FONT = "600 13px system-ui, sans-serif";

/** Writes text at a place, in {@link TEXT_FONT}. */
export function writeWithRim(context, text, x, y, colour) {
  context.font = TEXT_FONT;
  context.lineJoin = "round";
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}
