// The components removed from a prediction: the rule in words, and a list of links to each.

import { make } from "./elements.js";
import { OTHER, PREDICTION } from "./layers.js";

const MOST_LISTED = 30;

/** Returns the number of removed components and the rule, as in brainseg/inference/components.py. */
export function removedInWords({ removed, fraction }) {
  const rule = `below ${Number((100 * fraction).toPrecision(3))}% of the largest`;
  if (!fraction) return "No component was removed: this model keeps all components.";
  if (!removed.length) return `No component was removed (none is ${rule}).`;
  const were = removed.length === 1 ? "component was" : "components were";
  return `${removed.length} smaller ${were} removed (${rule}).`;
}

/** Returns where a component lies: “slice 12” or “slices 11–13”. */
function where({ first, last }, numbers) {
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
    this.title = make("h2", {});
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
    const name = `${side}removed components, largest first`;
    return [rule, componentsList(cut.removed, numbers, name, this.onGo, "removed component")];
  }
}

/**
 * Returns a list of components, largest first, each with a button that leads to it.
 *
 * @param {object[]} components of a Cut; see components.js
 * @param {number[]} numbers of the slices
 * @param {string} name of the list, for screen readers
 * @param {(voxel: number[]) => void} onGo goes to a voxel [x, y, z]
 * @param {string|null} noun of a component in the name of its button; null if its text is enough
 */
export function componentsList(components, numbers, name, onGo, noun = null) {
  const items = components.slice(0, MOST_LISTED).map((one) => {
    const voxels = one.voxels === 1 ? "1 voxel" : `${one.voxels.toLocaleString("en")} voxels`;
    const place = where(one, numbers);
    const label = noun && `Go to slice ${numbers[one.largest]}: ${noun} of ${voxels}, ${place}`;
    const attributes = { type: "button", "aria-label": label, onclick: () => onGo(one.voxel) };
    return make("li", {}, make("button", attributes, `${place}: ${voxels}`));
  });
  const more = components.length - items.length;
  if (more) items.push(make("li", {}, `${more} more, each of at most ${components[MOST_LISTED].voxels} voxels`));
  return make("ul", { "aria-label": name }, ...items);
}
