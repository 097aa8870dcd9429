// The components removed from a prediction: the rule in words, and a list of links to each.

import { make } from "./elements.js";
import { OTHER, PREDICTION } from "./layers.js";

const MOST_LISTED = 30;

/** Returns the number of removed components and the rule, as in brainseg/inference/components.py. */
export function removedInWords({ removed, fraction }) {
  const rule = `below ${Number((100 * fraction).toPrecision(3))} % of the largest`;
  if (!fraction) return "No component was removed: this model keeps all components.";
  if (!removed.length) return `No component was removed (none is ${rule}).`;
  const were = removed.length === 1 ? "component was" : "components were";
  return `${removed.length} smaller ${were} removed (${rule}).`;
}

/** Returns where a component lies: “slice 12” or “slices 11–13”. */
export function where({ first, last }, numbers) {
  return first === last ? `slice ${numbers[first]}` : `slices ${numbers[first]}–${numbers[last]}`;
}

/** The section of the panel that lists them. */
export class RemovedList {
  /**
   * @param {HTMLElement} toggle the switch of the layer
   * @param {(voxel: number[]) => void} onGo goes to a voxel [x, y, z]
   */
  constructor(toggle, onGo) {
    this.onGo = onGo;
    this.title = make("h3", {});
    this.lists = make("div", { class: "removed" });
    this.root = make("section", { "aria-label": "Components removed" }, this.title, toggle, this.lists);
  }

  show(data, look) {
    const sides = [
      [data.other ? "Left: " : "", data.cut(PREDICTION, look.step)],
      ["Right: ", data.cut(OTHER, look.otherStep)],
    ].filter(([, cut]) => cut);
    if (sides.every(([, cut], i) => cut === this.shown?.[i])) return;
    this.shown = sides.map(([, cut]) => cut);
    const counts = sides.map(([, cut]) => cut.removed.length);
    this.title.textContent = `Components removed (${counts.join(" and ")})`;
    this.lists.replaceChildren(...sides.flatMap(([side, cut]) => this.part(side, cut, data.sliceNumbers)));
  }

  part(side, cut, numbers) {
    const rule = make("p", { class: "hint" }, `${side}${removedInWords(cut)}`);
    if (!cut.removed.length) return [rule];
    const listed = cut.removed.slice(0, MOST_LISTED).map((one) => {
      const voxels = one.voxels === 1 ? "1 voxel" : `${one.voxels.toLocaleString("en")} voxels`;
      const go = make(
        "button",
        {
          type: "button",
          "aria-label":
            `Go to slice ${numbers[one.largest]}: removed component of ${voxels}, ${where(one, numbers)}`,
          onclick: () => this.onGo(one.voxel),
        },
        `${where(one, numbers)}: ${voxels}`,
      );
      return make("li", {}, go);
    });
    const more = cut.removed.length - listed.length;
    if (more) listed.push(make("li", {}, `${more} more, each of at most ${cut.removed[MOST_LISTED].voxels} voxels`));
    return [rule, make("ul", { "aria-label": `${side}removed components, largest first` }, ...listed)];
  }
}
