// The area of the tumour by slice, under the picture: a click or a drag goes there.

import { MASK_COLOUR, PREDICTION_COLOUR } from "./layers.js";
import { make } from "./elements.js";

const HEIGHT = 72;
const SVG = "http://www.w3.org/2000/svg";

export class Strip {
  constructor(onGo) {
    this.onGo = onGo;
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("class", "strip");
    this.svg.setAttribute("role", "img");
    this.legend = make("div", { class: "legend" });
    this.root = make("div", { class: "strip-box" }, this.svg, this.legend);
    const go = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const { left, width } = this.svg.getBoundingClientRect();
      const place = Math.floor(((event.clientX - left) / width) * this.count);
      onGo(Math.min(this.count - 1, Math.max(0, place)));
    };
    this.svg.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
      go(event);
    });
    this.svg.addEventListener("pointermove", go);
  }

  /**
   * Draws the bars.
   *
   * @param {(number|null)[]|null} mask area of each slice, null where it is unknown
   * @param {number[]|null} predicted area of each slice
   */
  show(numbers, mask, predicted) {
    this.count = numbers.length;
    this.numbers = numbers;
    this.root.hidden = this.count === 1; // there is nowhere to go
    const most = Math.max(1, ...(mask ?? []).map((area) => area ?? 0), ...(predicted ?? []));
    this.svg.setAttribute("viewBox", `0 0 ${this.count} ${HEIGHT}`);
    this.svg.replaceChildren();
    const both = Boolean(mask && predicted);
    numbers.forEach((number, z) => {
      const said = [];
      if (mask) {
        const area = mask[z];
        if (area === null) this.bar(z, 0.1, 0.8, HEIGHT, "unknown");
        else this.bar(z, 0.1, both ? 0.4 : 0.8, (area / most) * (HEIGHT - 4), "mask");
        said.push(area === null ? "no usable mask" : `mask ${area} px`);
      }
      if (predicted) {
        const height = (predicted[z] / most) * (HEIGHT - 4);
        this.bar(z, both ? 0.5 : 0.1, both ? 0.4 : 0.8, height, "prediction");
        said.push(`prediction ${predicted[z]} px`);
      }
      const whole = this.bar(z, 0, 1, HEIGHT, "target");
      const title = document.createElementNS(SVG, "title");
      title.textContent = [`slice ${number}`, ...said].join(", ");
      whole.append(title);
    });
    this.here = this.bar(0, 0, 1, HEIGHT, "here");
    this.svg.setAttribute("aria-label", this.described(mask, predicted));
    const swatch = (colour, text) =>
      make("span", {}, make("i", { style: `background: ${colour}` }), text);
    this.legend.replaceChildren(
      make("span", {}, `Area by slice, up to ${most} px`),
      ...(mask ? [swatch(MASK_COLOUR, "mask")] : []),
      ...(predicted ? [swatch(PREDICTION_COLOUR, "prediction")] : []),
      ...(mask?.includes(null) ? [swatch("var(--faint)", "no usable mask")] : []),
    );
  }

  /** Marks the slice that is shown. */
  mark(z) {
    this.here.setAttribute("x", z);
  }

  described(mask, predicted) {
    const areas = mask?.map((area) => area ?? 0) ?? predicted;
    if (!areas) return "No mask and no prediction to draw by slice";
    const largest = areas.indexOf(Math.max(...areas));
    return `Tumour area by slice; the largest is on slice ${this.numbers[largest]}`;
  }

  bar(z, from, width, height, kind) {
    const bar = document.createElementNS(SVG, "rect");
    const box = { x: z + from, y: HEIGHT - height, width, height };
    for (const [name, value] of Object.entries(box)) bar.setAttribute(name, value);
    bar.setAttribute("class", kind);
    this.svg.append(bar);
    return bar;
  }
}
