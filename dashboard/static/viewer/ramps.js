// Colour scales of probability, uncertainty and difference, with their legends.

import { make } from "./elements.js";

/** Returns [r, g, b], 0..255, of "#rrggbb". */
export function rgbOf(hex) {
  return [1, 3, 5].map((place) => Number.parseInt(hex.slice(place, place + 2), 16));
}

// Stops of viridis and magma (van der Walt and Smith 2015).
const VIRIDIS = ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"].map(rgbOf);
const MAGMA = ["#1d1147", "#721f81", "#b73779", "#fc8961", "#fcfdbf"].map(rgbOf);

/** Standard deviation at the brightest colour; the maximum possible is 0.5. */
export const MOST_SPREAD = 0.3;

/** Returns the colour [r, g, b, a] of a probability 0..1; low ones are transparent. */
export function heatOf(probability, opacity) {
  return alongside(VIRIDIS, probability, opacity * Math.min(1, 1.5 * probability));
}

/** Returns the colour of a standard deviation of the probability. */
export function spreadOf(deviation, opacity) {
  const share = Math.min(1, deviation / MOST_SPREAD);
  return alongside(MAGMA, share, opacity * Math.min(1, 2 * share));
}

/**
 * Returns the colour of a difference of two probabilities, -1..1: right − left.
 *
 * @param {string[]} sides the colours of the left and of the right prediction, each as "#rrggbb"
 */
export function differenceOf(difference, opacity, [left, right]) {
  const colour = rgbOf(difference < 0 ? left : right);
  return [...colour, Math.round(255 * opacity * Math.min(1, 1.2 * Math.abs(difference)))];
}

function alongside(stops, share, opacity) {
  const place = share * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const mixed = stops[low].map((from, i) => from + (stops[low + 1][i] - from) * (place - low));
  return [...mixed.map(Math.round), Math.round(255 * opacity)];
}

/** Returns a ramp as a CSS image, from left to right. */
export function gradientOf(colourOf) {
  const stops = Array.from({ length: 21 }, (_, i) => {
    const [r, g, b, a] = colourOf(i / 20);
    return `rgba(${r}, ${g}, ${b}, ${(a / 255).toFixed(2)}) ${i * 5}%`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** A colour bar over grey, like tissue, with labels at its ends; a line can mark a value. */
export class Ramp {
  /**
   * @param {string} title the meaning of the colours
   * @param {(share: number) => number[]} colourOf returns [r, g, b, a] at a position 0..1 of the bar
   * @param {string[]} ends labels of the left and the right end
   */
  constructor(title, colourOf, [left, right]) {
    this.line = make("i", { class: "line", hidden: true });
    const bar = make("div", { class: "ramp" }, this.line);
    bar.style.backgroundImage = gradientOf(colourOf);
    this.root = make(
      "div",
      { class: "ramp-legend", role: "img", "aria-label": `${title}: from ${left} to ${right}` },
      bar,
      make("div", { class: "ends" }, make("span", {}, left), make("span", {}, right)),
    );
  }

  /** Draws the line at a position 0..1. */
  mark(share) {
    this.line.hidden = false;
    this.line.style.left = `${100 * share}%`;
  }
}
