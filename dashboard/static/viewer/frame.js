// The elements of the viewer: pictures, measurements and messages.

import { make } from "./elements.js";
import { saveTable } from "./exports.js";
import { guardLetters, letterSwitch } from "./letter_keys.js";

/** Returns the elements by name; `whole` contains the others, the panel and the strip. */
export function frameOf(viewer) {
  const button = (text, hint, action) =>
    make("button", { type: "button", title: hint, onclick: action }, text);
  const notes = make("div", { class: "notes", role: "status" });
  const stages = make("div", { class: "stages" });
  const waiting = make("div", { class: "waiting", hidden: true }, "Opening the case…");
  const toast = make("div", { class: "toast", hidden: true, "aria-hidden": "true" });
  const box = make("div", { class: "box", tabindex: "-1" }, stages, waiting, toast);
  const nothing = make("p", { class: "nothing", role: "status", hidden: true });
  const table = make("div", { class: "numbers" });
  const announcement = make("div", { class: "said", "aria-live": "polite" });
  const files = make(
    "div",
    { class: "row" },
    button("Copy", "Copy the table as text", () => viewer.copyTable()),
    button("CSV of all slices", "One row per slice", () => saveTable(viewer)),
  );
  const keys = make("dl");
  guardLetters();
  const [letters, endLetters] = letterSwitch();
  const dialog = make(
    "dialog",
    { class: "keys" },
    make("h2", {}, "Keys"),
    letters,
    keys,
    button("Close", "Escape", () => dialog.close()),
  );
  const measurements = make("div", { class: "measurements" }, nothing, table, files, viewer.measuring.list.root);
  const researchUse = make("p", { class: "research-use" });
  const picture = make("div", { class: "with-rail" }, viewer.rail.root, box);
  const whole = make(
    "div",
    { class: "viewer" },
    notes,
    make("div", { class: "left" }, picture, viewer.strip.root, measurements, viewer.findings.root),
    researchUse,
    viewer.panel.root,
    announcement,
    dialog,
  );
  return { notes, stages, waiting, box, nothing, table, measurements, announcement, researchUse, toast, keys, dialog, endLetters, whole };
}
