// The shown picture as a file: panes side by side with captions, warnings and the research-use notice.

const LINE_PX = 18;

/**
 * Returns a text as lines of at most a width; a longer word gets its own line.
 *
 * @param {string} text
 * @param {(line: string) => number} widthOf returns the width of a line
 * @param {number} width
 */
export function wrapped(text, widthOf, width) {
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && widthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * Returns panes and texts on one canvas.
 *
 * @param {HTMLCanvasElement[]} pictures of one height
 * @param {string[]} lines written under them
 * @param {string[]} warnings written above them, in a coloured band
 */
export function composed(pictures, lines, warnings = []) {
  const ratio = globalThis.devicePixelRatio || 1;
  const line = Math.round(LINE_PX * ratio);
  const { height } = pictures[0];
  const canvas = document.createElement("canvas");
  canvas.width = pictures.reduce((sum, { width }) => sum + width, 0);
  const context = canvas.getContext("2d");
  const bold = `bold ${Math.round(13 * ratio)}px system-ui, sans-serif`;
  context.font = bold;
  const widthOf = (text) => context.measureText(text).width;
  const band = warnings.flatMap((one) => wrapped(`Warning: ${one}`, widthOf, canvas.width - line));
  const top = band.length && (band.length + 1) * line;
  canvas.height = top + height + (lines.length + 1) * line;
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  let left = 0;
  for (const picture of pictures) {
    context.drawImage(picture, left, top);
    left += picture.width;
  }
  context.fillStyle = "#f0e442";
  context.fillRect(0, 0, canvas.width, top);
  context.fillStyle = "#000";
  context.font = bold;
  band.forEach((text, i) => context.fillText(text, line / 2, (i + 1) * line));
  context.fillStyle = "#fff";
  context.font = `${Math.round(13 * ratio)}px system-ui, sans-serif`;
  lines.forEach((text, i) =>
    context.fillText(text, line / 2, top + height + (i + 1) * line, canvas.width - line),
  );
  return canvas;
}
