// A magnifier at the pointer: the picture with its layers, three times as large.

const RADIUS_PX = 90;
const TIMES = 3;

/**
 * Draws the magnifier.
 *
 * @param context of the overlay, whose unit is the CSS pixel
 * @param {HTMLCanvasElement} picture below the overlay, of the same size on the screen
 * @param {number[]} place of the pointer, [x, y]
 * @param {boolean} inverted whether the picture is shown inverted
 */
export function drawLens(context, picture, [x, y], inverted) {
  const layers = context.canvas;
  const size = 2 * RADIUS_PX;
  const from = [x - RADIUS_PX / TIMES, y - RADIUS_PX / TIMES];
  const part = (canvas) => {
    const ratio = canvas.width / layers.clientWidth;
    return [...from, size / TIMES, size / TIMES].map((value) => value * ratio);
  };
  // A copy, because the magnified picture is drawn over the layers.
  const copy = new OffscreenCanvas(size, size);
  copy.getContext("2d").drawImage(layers, ...part(layers), 0, 0, size, size);
  const circle = new Path2D();
  circle.arc(x, y, RADIUS_PX, 0, 2 * Math.PI);
  context.save();
  context.clip(circle);
  context.fillStyle = "#000";
  context.fill(circle);
  context.imageSmoothingEnabled = false;
  if (inverted) context.filter = "invert(1)";
  context.drawImage(picture, ...part(picture), x - RADIUS_PX, y - RADIUS_PX, size, size);
  context.filter = "none";
  context.drawImage(copy, x - RADIUS_PX, y - RADIUS_PX);
  context.restore();
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.5;
  context.stroke(circle);
}
