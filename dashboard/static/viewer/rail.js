// The tools beside the picture, as icons with a name and a key.

import { Choice, make } from "./elements.js";
import { copyLink, savePicture } from "./exports.js";

/** Tools of the mouse: value, name, what dragging does, key. */
export const TOOLS = [
  ["scroll", "Scroll", "drag up and down to change the slice", "1"],
  ["window", "Window", "drag sideways for width, up and down for level; so does the right button", "2"],
  ["move", "Move", "drag the picture; so does the middle button, or Shift", "3"],
  ["ruler", "Ruler", "drag to measure a distance", "4"],
  ["ellipse", "Ellipse", "drag a region to measure mean and standard deviation", "5"],
  ["angle", "Angle", "drag the first side from the vertex, then move the end of the second", "6"],
  ["product", "Two diameters", "drag the longest diameter, then move the ends of its perpendicular", "7"],
];

/** Drawings of 20 x 20, stroked. */
const ICONS = {
  scroll: "M10 3v14M6.5 6.5L10 3l3.5 3.5M6.5 13.5L10 17l3.5-3.5",
  window: "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14M10 3v14M10 6h3.5M10 9h6M10 12h6M10 15h3.5",
  move: "M10 2v16M2 10h16M7.5 4.5L10 2l2.5 2.5M7.5 15.5L10 18l2.5-2.5M4.5 7.5L2 10l2.5 2.5M15.5 7.5L18 10l-2.5 2.5",
  ruler: "M3 14L14 3l3 3L6 17zM6 11l1.5 1.5M8.5 8.5L10 10M11 6l1.5 1.5",
  ellipse: "M3 10a7 4.5 0 1 0 14 0a7 4.5 0 1 0-14 0",
  angle: "M15 4L4 16h12M8.5 11a6 6 0 0 1 2 5",
  product: "M4 15L16 5M7.5 6.5l5 7",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  invert: "M10 3a7 7 0 1 0 0 14a7 7 0 1 0 0-14M10 3v14M12 4.5v11M14 6v8M16 8.5v3",
  lens: "M8.5 3.5a5 5 0 1 0 0 10a5 5 0 1 0 0-10M12 12l5 5M6.5 8.5h4M8.5 6.5v4",
  play: "M6 4l10 6l-10 6z",
  fullScreen: "M3 8V3h5M17 12v5h-5M3 3l6 6M17 17l-6-6",
  picture: "M3 4h14v12H3zM3 13l4-4l4 4l2-2l4 4",
  link: "M8.5 11.5l3-3M7 9L5 11a2.8 2.8 0 0 0 4 4l2-2M13 11l2-2a2.8 2.8 0 0 0-4-4L9 7",
  keys: "M2 6h16v9H2zM5 9h1M8 9h1M11 9h1M14 9h1M6 12h8",
};

function iconOf(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export class Rail {
  constructor(viewer) {
    const tools = TOOLS.map(([tool, name, means, key]) => [tool, iconOf(tool), `${name}: ${means} (${key})`, name]);
    this.tool = new Choice("Mouse tool", tools, (tool) => viewer.useTool(tool));
    this.invert = this.button("invert", "Invert grey values", "I", () => viewer.invert());
    this.lens = this.button("lens", "Magnifier", "G", () => viewer.magnify());
    this.play = this.button("play", "Play the slices", "Space", () => viewer.cine.toggle());
    this.root = make(
      "div",
      { class: "rail", role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical" },
      this.tool.root,
      this.button("fit", "Fit the picture", "0", () => viewer.fit()),
      this.invert,
      this.lens,
      this.play,
      this.button("fullScreen", "Full screen", "F", () => viewer.fullScreen()),
      this.button("picture", "Save PNG", null, () => savePicture(viewer)),
      this.button("link", "Copy link to this view", "L", () => copyLink(viewer)),
      this.button("keys", "Keys", "?", () => viewer.showKeys()),
    );
  }

  button(icon, name, key, action) {
    const title = key ? `${name} (${key})` : name;
    return make("button", { type: "button", title, "aria-label": name, onclick: action }, iconOf(icon));
  }

  show(state, tool, playing, magnifies) {
    this.tool.set(tool);
    this.invert.setAttribute("aria-pressed", String(state.invert));
    this.lens.setAttribute("aria-pressed", String(Boolean(magnifies)));
    this.play.setAttribute("aria-pressed", String(playing));
  }
}
