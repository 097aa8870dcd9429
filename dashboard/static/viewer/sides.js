// The sides of the patient around each picture (R, L, A, P, S, I), and the names of the planes.

import { writeWithRim } from "./canvas.js";
import { make } from "./elements.js";

const SIDES = { R: "right", L: "left", A: "front", P: "back", S: "top", I: "bottom" };
const PLACES = { left: "on the left", right: "on the right", top: "at the top", bottom: "at the bottom" };
const MARGIN_PX = 8;
const COLOUR = "#e8e8e8";

/** Shows letters over a pane, and draws them into its saved picture. */
export class Sides {
  constructor() {
    this.root = make("div", { class: "sides" });
    this.shown = [];
  }

  /**
   * Shows frames: {clip: [left, top, width, height], edges, name}, in CSS pixels.
   *
   * `edges` are the letters {left, right, top, bottom}, null if the orientation is unknown; `name` is
   * the plane's, null for a single picture.
   */
  show(frames) {
    if (JSON.stringify(frames) === JSON.stringify(this.shown)) return;
    this.shown = frames;
    this.root.replaceChildren(...frames.map(elementOf));
  }

  /** Draws the letters; the unit of the context is the CSS pixel. */
  draw(context) {
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { clip, edges, name } of this.shown) {
      const [left, top, width, height] = clip;
      const [middle, centre] = [left + width / 2, top + height / 2];
      const inset = 2 * MARGIN_PX;
      const places = {
        left: [left + inset, centre],
        right: [left + width - inset, centre],
        top: [middle, top + inset],
        bottom: [middle, top + height - inset],
      };
      for (const [place, letters] of Object.entries(edges ?? {}))
        writeWithRim(context, letters, ...places[place], COLOUR);
      if (!name) continue;
      context.textAlign = "right";
      writeWithRim(context, name, left + width - MARGIN_PX, top + height - inset, COLOUR);
      context.textAlign = "center";
    }
  }
}

function elementOf({ clip, edges, name }) {
  const [left, top, width, height] = clip.map((px) => `${px}px`);
  const letters = Object.entries(edges ?? {}).map(([place, text]) =>
    make("div", { class: `edge ${place}`, "aria-hidden": "true" }, text),
  );
  const named = name ? [make("div", { class: "plane-name" }, name)] : [];
  const hidden = edges ? [make("span", { class: "said" }, inWords(edges))] : [];
  const style = `left: ${left}; top: ${top}; width: ${width}; height: ${height}`;
  return make("div", { class: "frame", style }, ...letters, ...named, ...hidden);
}

/** Returns the text for screen readers: "The patient's right on the left, front at the top, …". */
function inWords(edges) {
  const sides = Object.entries(edges).map(
    ([place, letters]) => `${[...letters].map((letter) => SIDES[letter]).join(" and ")} ${PLACES[place]}`,
  );
  return `The patient's ${sides.join(", ")}`;
}
