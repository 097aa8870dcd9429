// Tumour area by slice, below the picture; a click or a drag goes to the slice.

import { make } from "./elements.js";
import { areaInWords } from "./measure.js";

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
   * @param {object[]} series side by side on each slice: kind, which names its colour; label; areas by
   *   slice, null if unknown; removed, the areas of removed components, stacked on top
   * @param {number[]|null} spacing in mm, for areas in mm²
   */
  show(numbers, series, spacing = null) {
    this.count = numbers.length;
    this.numbers = numbers;
    this.root.hidden = this.count === 1; // nothing to choose
    const totals = series.flatMap(({ areas, removed }) =>
      areas.map((area, z) => (area ?? 0) + (removed?.[z] ?? 0)),
    );
    const most = Math.max(1, ...totals);
    const tall = (area) => (area / most) * (HEIGHT - 4);
    const width = 0.8 / Math.max(1, series.length);
    this.svg.setAttribute("viewBox", `0 0 ${this.count} ${HEIGHT}`);
    this.svg.replaceChildren();
    numbers.forEach((number, z) => {
      const texts = series.map(({ kind, label, areas, removed }, i) => {
        const left = 0.1 + i * width;
        if (areas[z] === null) {
          this.bar(z, 0.1, 0.8, HEIGHT, "unknown");
          return `no usable ${label}`;
        }
        this.bar(z, left, width, tall(areas[z]), kind);
        const area = `${label} ${areaInWords(areas[z], spacing)}`;
        if (!removed?.[z]) return area;
        this.bar(z, left, width, tall(removed[z]), "removed", tall(areas[z]));
        return `${area}, removed ${areaInWords(removed[z], spacing)}`;
      });
      const whole = this.bar(z, 0, 1, HEIGHT, "target");
      const title = document.createElementNS(SVG, "title");
      title.textContent = [`slice ${number}`, ...texts].join(", ");
      whole.append(title);
    });
    this.here = this.bar(0, 0, 1, HEIGHT, "here");
    this.svg.setAttribute("aria-label", this.described(series));
    const swatch = (kind, text) => make("span", {}, make("i", { class: kind }), text);
    this.legend.replaceChildren(
      make("span", {}, `Area by slice, up to ${areaInWords(most, spacing)}`),
      ...series.map(({ kind, label }) => swatch(kind, label)),
      ...(series.some(({ removed }) => removed?.some(Boolean)) ? [swatch("removed", "removed")] : []),
      ...(series.some(({ areas }) => areas.includes(null)) ? [swatch("unknown", "no usable mask")] : []),
    );
  }

  /** Marks the shown slice. */
  mark(z) {
    this.here.setAttribute("x", z);
  }

  described([first]) {
    const areas = first?.areas.map((area) => area ?? 0);
    if (!areas) return "No mask and no prediction to show by slice";
    const largest = areas.indexOf(Math.max(...areas));
    return `Tumour area by slice; the largest is on slice ${this.numbers[largest]}`;
  }

  bar(z, from, width, height, kind, above = 0) {
    const bar = document.createElementNS(SVG, "rect");
    const box = { x: z + from, y: HEIGHT - above - height, width, height };
    for (const [name, value] of Object.entries(box)) bar.setAttribute(name, value);
    bar.setAttribute("class", kind);
    this.svg.append(bar);
    return bar;
  }
}
