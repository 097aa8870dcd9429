// Lists that lead to places of the case: findings of the checks, slices in doubt, components of mask and prediction.

import { read, write } from "./address.js";
import { slicesInDoubt } from "./doubt.js";
import { make } from "./elements.js";
import { PREDICTION } from "./layers.js";
import { zoomTo } from "./mark.js";
import { componentsList } from "./removed_components.js";

const LONGEST_REASON = 500;
const SEVERITY_NAMES = { error: "Error", warning: "Warning", info: "Note" }; // as on the Checks page

export class FindingsList {
  /** @param viewer with the case and its state; see viewer.js */
  constructor(viewer) {
    this.viewer = viewer;
    /** Called with a finding's id and a reason to accept it; null if the page cannot. */
    this.accept = null;
    this.checks = make("section", { "aria-label": "Findings of the checks" });
    this.doubt = make("div");
    this.components = make("div");
    this.root = make("div", { class: "panel" }, this.checks, this.doubt, this.components);
    this.showFindings(null);
  }

  /**
   * @param {object[]|null} findings id, severity, text, why, remedy, slice (or null), sequence (or null) and boxes,
   *   the places on the slice as [left, top, right, bottom]; null if unknown
   */
  showFindings(findings) {
    this.checks.hidden = findings === null;
    if (JSON.stringify(findings) === this.listed) return;
    this.listed = JSON.stringify(findings);
    this.findings = findings;
    if (!findings) return;
    const none = make("p", { class: "hint" }, "The checks have no open finding on this case.");
    const items = findings.map((finding) => this.finding(finding));
    this.checks.replaceChildren(make("h2", {}, `Findings (${items.length})`), items.length ? make("ul", { class: "findings" }, ...items) : none);
    this.openAsked();
  }

  finding(finding) {
    const { id, severity, text, why, remedy, slice } = finding;
    const reason = make("input", { type: "text", maxlength: LONGEST_REASON, placeholder: "Reason for accepting", "aria-label": "Reason for accepting" });
    const accept = () => {
      if (reason.value.trim()) this.accept?.(id, reason.value.trim());
      else {
        this.viewer.say("Enter a reason to accept the finding.");
        reason.focus();
      }
    };
    const button = make("button", { type: "button", onclick: accept }, "Accept");
    const words = make("p", { class: "hint" }, `${why} Remedy: ${remedy}.`);
    const details = make("details", {}, make("summary", {}, "Why, and accept"), words, make("div", { class: "row" }, reason, button));
    details.dataset.finding = id;
    const label = `${SEVERITY_NAMES[severity]}: ${text}`;
    const go = () => {
      this.goTo(finding);
      details.open = true;
    };
    return make("li", {}, slice === null ? label : make("button", { type: "button", onclick: go }, label), details);
  }

  /** Shows the slice, the sequence and the places of a finding. */
  goTo({ slice, sequence, boxes, text }) {
    const { viewer } = this;
    const { data } = viewer;
    const z = data.sliceNumbers.indexOf(slice);
    if (sequence && data.sequences.includes(sequence)) viewer.set({ sequence });
    if (z < 0) return viewer.say(`Slice ${slice} is missing from this case.`);
    viewer.mark = { z, boxes };
    if (boxes.length) viewer.set(zoomTo(data.anatomy.slice, data.shape, boxes));
    viewer.goToSlice(z);
    return viewer.say(text, 6000);
  }

  /** Shows the finding that the address names, once the case and its findings are there. */
  openAsked() {
    const { finding: asked } = read();
    const found = asked && this.viewer.data && this.findings?.find(({ id }) => id === asked);
    if (!found) return;
    write({ finding: null });
    if (found.slice !== null) this.goTo(found);
    this.checks.querySelector(`details[data-finding="${found.id}"]`).open = true;
  }

  /** Lists slices in doubt, and the components of mask and prediction, largest first; null cuts are left out. */
  show(data, look, measures) {
    const cuts = [
      ["mask", data.maskCut],
      [data.other ? "left prediction" : "prediction", data.cut(PREDICTION, look.step)],
    ].filter(([, cut]) => cut);
    if (cuts.length === this.shown?.length && cuts.every(([, cut], i) => cut === this.shown[i])) return;
    this.shown = cuts.map(([, cut]) => cut);
    this.components.replaceChildren(...cuts.map(([of, cut]) => this.section(of, cut.kept, data.sliceNumbers)));
    this.doubt.replaceChildren(...slicesInDoubt(measures, look).map((list) => this.doubtful(list, data.sliceNumbers)));
  }

  doubtful({ title, hint, slices }, numbers) {
    const items = slices.map(({ z, words }) =>
      make("li", {}, make("button", { type: "button", onclick: () => this.viewer.goToSlice(z) }, `slice ${numbers[z]}: ${words}`)),
    );
    const list = make("ul", { "aria-label": title }, ...items);
    return make("section", {}, make("h2", {}, title), make("p", { class: "hint" }, hint), list);
  }

  section(of, components, numbers) {
    const title = make("h2", {}, `Components of the ${of} (${components.length})`);
    const name = `Components of the ${of}, largest first`;
    return make("section", {}, title, componentsList(components, numbers, name, (voxel) => this.viewer.goTo(voxel)));
  }
}
