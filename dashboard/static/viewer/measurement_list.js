// The list of a case's measurements: each leads to its slice, has a name and can be deleted.

import { make } from "./elements.js";
import { saveMeasurements } from "./exports.js";
import { KINDS, placeInWords, valueInWords } from "./measurements.js";

const LONGEST_NAME = 60;

export class MeasurementList {
  constructor(measuring) {
    this.measuring = measuring;
    const button = (text, hint, onclick) => make("button", { type: "button", title: hint, onclick }, text);
    this.title = make("h3", {});
    this.list = make("ul", { class: "drawn", "aria-label": "Measurements" });
    this.kept = make("p", { class: "hint", role: "status" });
    this.tools = make(
      "div",
      { class: "row" },
      button("Undo", "Undo the last change (Z)", () => measuring.undo()),
      button("Clear", "Delete all measurements of this case", () => measuring.clear()),
      button("CSV", "One row per measurement", () => saveMeasurements(measuring.viewer)),
    );
    this.root = make("section", {}, this.title, this.list, this.kept, this.tools);
  }

  /** Shows the measurements as they are. */
  show() {
    const { items, id, stored, viewer } = this.measuring;
    const { data } = viewer;
    this.title.textContent = `Your measurements (${items.length})`;
    this.kept.textContent = keptInWords(items, stored);
    this.tools.hidden = !items.length && !this.measuring.drawings.past.length;
    const shown = items.map((item) => [item.id, item.kind, valueInWords(item, data), placeInWords(item, data), item.name, item.id === id]);
    if (JSON.stringify(shown) === this.shown) return;
    const focused = this.list.getRootNode().activeElement;
    // A name that is being typed keeps its field; the list follows when it is left.
    if (focused?.tagName === "INPUT" && this.list.contains(focused)) return;
    const again = focused && this.list.contains(focused) ? focused.getAttribute("aria-label") : null;
    this.shown = JSON.stringify(shown);
    this.list.replaceChildren(...shown.map((one) => this.row(...one)));
    if (again) [...this.list.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === again)?.focus();
  }

  row(id, kind, value, place, name, isSelected) {
    const { measuring } = this;
    const what = KINDS[kind][0];
    const field = make("input", {
      type: "text",
      maxlength: LONGEST_NAME,
      value: name,
      placeholder: "Name",
      "aria-label": `Name of ${what.toLowerCase()}, ${place}`,
      onchange: () => measuring.rename(id, field.value.trim()),
      onblur: () => this.show(),
    });
    const go = make(
      "button",
      { type: "button", "aria-pressed": String(isSelected), "aria-label": `${what} ${name}, ${place}: ${value}`, onclick: () => measuring.select(id) },
      `${what}, ${place}: ${value}`,
    );
    const remove = make(
      "button",
      { type: "button", title: "Delete", "aria-label": `Delete ${what.toLowerCase()} ${name}, ${place}`, onclick: () => measuring.remove(id) },
      "×",
    );
    return make("li", {}, go, make("div", { class: "row" }, field, remove));
  }
}

/** Returns where the measurements are kept, and until when. */
function keptInWords(items, stored) {
  if (!items.length) return "Tools 4 to 7 draw a ruler, an ellipse, an angle or two diameters; D draws by keyboard.";
  if (stored?.error) return `Not saved: ${stored.error}`;
  if (stored?.reader) return `Saved as ${stored.reader}.`;
  if (stored?.signs) return "Not saved: enter your initials in the Review tab. Until then they last until you close or reload this tab.";
  return "They last until you close or reload this tab; the files contain them.";
}
