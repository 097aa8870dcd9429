// Masks with several labels: each in its colour, with its name in the legend, switched one by one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { labelsOf } from "../../dashboard/static/viewer/layers.js";
import { legendOf } from "../../dashboard/static/viewer/legend.js";
import { adopt, parametersOf, stateFrom } from "../../dashboard/static/viewer/state.js";
import { Measures } from "../../dashboard/static/viewer/table.js";
import { labelledCase, overlays, smallCase } from "./cases.mjs";

const opened = (data, asked = {}) => stateFrom(asked, data, new Measures(data), ["slice"]).state;
const masks = (data, look) =>
  legendOf(data, overlays({ prediction: "off", removed: false, ...look }), "prediction").map(({ label }) => label);

test("a case with several labels opens with each label, unless one was chosen", () => {
  assert.equal(opened(labelledCase()).look.mask.style, "labels");
  assert.equal(opened(labelledCase({ label: "core" })).look.mask.style, "contour");
  assert.equal(opened(smallCase(), { mask: "labels" }).look.mask.style, "contour");
});

test("the legend names the labels that are shown, or the label of the mask", () => {
  assert.deepEqual(masks(labelledCase(), { mask: "labels" }), ["whole", "core"]);
  assert.deepEqual(masks(labelledCase(), { mask: "labels", hidden: ["whole"] }), ["core"]);
  assert.deepEqual(masks(labelledCase({ label: "core" }), {}), ["manual mask: core"]);
});

test("the address keeps the labels that are switched off", () => {
  const data = labelledCase();
  const state = opened(data, { hidden_labels: "core;unknown" });
  assert.deepEqual(state.look.hidden, ["core"]);
  const parameters = parametersOf(state, data, new Measures(data), false);
  assert.equal(parameters.hidden_labels, "core");
  assert.equal(parameters.mask, null);
});

test("the next case is drawn by label only if it has labels", () => {
  const before = labelledCase();
  const state = opened(before);
  const next = smallCase();
  adopt(state, next, new Measures(next), before, false);
  assert.equal(state.look.mask.style, "contour");
});

test("a chosen label is drawn as the mask, and all labels again once none is chosen", () => {
  const [all, core] = [labelledCase(), labelledCase({ label: "core" })];
  const state = opened(all);
  adopt(state, core, new Measures(core), all, false);
  assert.equal(state.look.mask.style, "contour");
  adopt(state, all, new Measures(all), core, false);
  assert.equal(state.look.mask.style, "labels");
});

test("3D shows the smallest label of each voxel in its colour", () => {
  const data = labelledCase();
  const look = overlays({ mask: "labels", prediction: "off", removed: false });
  const { labels, colours } = labelsOf(data, look);
  const shown = [...labels].map((index) => colours[index - 1].join());
  const expected = [...data.labelMap].map((value) => (value === 1 ? "0,170,0" : "170,0,0"));
  assert.deepEqual(shown, expected);
});
