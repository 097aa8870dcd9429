// Lists that lead to places of the case: findings of the checks, components of mask and prediction.

import { make } from "./elements.js";
import { PREDICTION } from "./layers.js";
import { componentsList } from "./removed_components.js";

export class FindingsList {
  /**
   * @param {(voxel: number[]) => void} onVoxel leads to a voxel [x, y, z]
   * @param {(finding: object) => void} onFinding leads to the slice and the sequence of a finding
   */
  constructor(onVoxel, onFinding) {
    Object.assign(this, { onVoxel, onFinding });
    this.checks = make("section", { "aria-label": "Findings of the checks" });
    this.components = make("div");
    this.root = make("div", { class: "panel" }, this.checks, this.components);
    this.showFindings(null);
  }

  /** @param {object[]|null} findings severity, text, slice (or null), sequence (or null); null if unknown */
  showFindings(findings) {
    this.checks.hidden = findings === null;
    if (!findings) return;
    const items = findings.map((finding) => {
      const text = `${finding.severity}: ${finding.text}`;
      if (finding.slice === null) return make("li", {}, text);
      const go = () => this.onFinding(finding);
      return make("li", {}, make("button", { type: "button", onclick: go }, text));
    });
    const none = make("p", { class: "hint" }, "The checks have no open finding on this case.");
    this.checks.replaceChildren(make("h2", {}, `Findings (${items.length})`), items.length ? make("ul", {}, ...items) : none);
  }

  /** Lists the components of mask and prediction, largest first; null cuts are left out. */
  show(data, look) {
    const cuts = [
      ["mask", data.maskCut],
      [data.other ? "left prediction" : "prediction", data.cut(PREDICTION, look.step)],
    ].filter(([, cut]) => cut);
    if (cuts.every(([, cut], i) => cut === this.shown?.[i])) return;
    this.shown = cuts.map(([, cut]) => cut);
    this.components.replaceChildren(...cuts.map(([of, cut]) => this.section(of, cut.kept, data.sliceNumbers)));
  }

  section(of, components, numbers) {
    const title = make("h2", {}, `Components of the ${of} (${components.length})`);
    const name = `Components of the ${of}, largest first`;
    return make("section", {}, title, componentsList(components, numbers, name, this.onVoxel));
  }
}
