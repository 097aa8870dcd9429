// The shown picture as a file: panes side by side, what they show, and what it may be used for.

const LINE_PX = 18;

/**
 * Returns panes and words on one canvas.
 *
 * @param {HTMLCanvasElement[]} pictures of one height
 * @param {string[]} lines written under them
 */
export function composed(pictures, lines) {
  const ratio = globalThis.devicePixelRatio || 1;
  const line = Math.round(LINE_PX * ratio);
  const { height } = pictures[0];
  const canvas = document.createElement("canvas");
  canvas.width = pictures.reduce((sum, { width }) => sum + width, 0);
  canvas.height = height + (lines.length + 1) * line;
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  let left = 0;
  for (const picture of pictures) {
    context.drawImage(picture, left, 0);
    left += picture.width;
  }
  context.fillStyle = "#fff";
  context.font = `${Math.round(13 * ratio)}px system-ui, sans-serif`;
  lines.forEach((text, i) =>
    context.fillText(text, line / 2, height + (i + 1) * line, canvas.width - line),
  );
  return canvas;
}
