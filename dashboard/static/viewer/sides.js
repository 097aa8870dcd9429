// The sides of the patient around each picture, and the names of the planes: R, L, A, P, S, I.

import { make } from "./elements.js";

const SIDES = { R: "right", L: "left", A: "front", P: "back", S: "top", I: "bottom" };
const PLACES = { left: "on the left", right: "on the right", top: "at the top", bottom: "at the bottom" };
const MARGIN_PX = 8;
const FONT = "600 13px system-ui, sans-serif";

/** Shows letters over a pane, and draws the same into its saved picture. */
export class Sides {
  constructor() {
    this.root = make("div", { class: "sides" });
    this.shown = [];
  }

  /**
   * Shows frames: {clip: [left, top, width, height], edges, name}, in CSS pixels.
   *
   * `edges` are the letters {left, right, top, bottom}, null where the orientation is unknown; `name` is
   * that of the plane, null where there is one picture alone.
   */
  show(frames) {
    if (JSON.stringify(frames) === JSON.stringify(this.shown)) return;
    this.shown = frames;
    this.root.replaceChildren(...frames.map(elementOf));
  }

  /** Draws the letters onto a context whose unit is the CSS pixel. */
  draw(context) {
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
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
      for (const [place, letters] of Object.entries(edges ?? {})) write(context, letters, ...places[place]);
      if (!name) continue;
      context.textAlign = "right";
      write(context, name, left + width - MARGIN_PX, top + height - inset);
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

/** Returns for a screen reader: "patient's right on the left, front at the top, …". */
function inWords(edges) {
  const sides = Object.entries(edges).map(
    ([place, letters]) => `${[...letters].map((letter) => SIDES[letter]).join(" and ")} ${PLACES[place]}`,
  );
  return `The patient's ${sides.join(", ")}`;
}

function write(context, text, x, y) {
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.fillStyle = "#e8e8e8";
  context.fillText(text, x, y);
}
