import assert from "node:assert/strict";
import { test } from "node:test";

import { legendOf } from "../../dashboard/static/viewer/legend.js";
import { COLOURS, overlays, smallCase } from "./cases.mjs";

function legend({ compared = false, shows = "prediction", look = {} } = {}) {
  const entries = legendOf(smallCase({ compared }), overlays(look), shows);
  return entries.map(({ label, kind, colour }) => [label, kind, colour ?? null]);
}

test("the legend lists each visible layer in its colour", () => {
  assert.deepEqual(legend(), [
    ["manual mask", "line", COLOURS.mask],
    ["prediction", "line", COLOURS.prediction],
    ["components removed (1)", "hatch", COLOURS.removed],
  ]);
  assert.deepEqual(legend({ look: { mask: "off", prediction: "fill", removed: false } }), [
    ["prediction", "fill", COLOURS.prediction],
  ]);
});

test("a probability map has a ramp, and a contour where uncertainty is shown as well", () => {
  const heat = legend({ look: { prediction: "heat" } });
  assert.deepEqual(heat[1], ["prediction: probability, 0 to 1", "ramp", null]);
  const both = legend({ look: { prediction: "heat", removed: false, spread: true } });
  assert.deepEqual(both.slice(1), [
    ["prediction", "line", COLOURS.prediction],
    ["uncertainty, 0 to 0.3", "ramp", null],
  ]);
});

test("agreement and comparison keep the colours of their sides", () => {
  assert.deepEqual(legend({ look: { agreement: true, removed: false } }), [
    ["both mask and prediction", "fill", COLOURS.both],
    ["prediction only (false positive)", "fill", COLOURS.prediction],
    ["mask only (false negative)", "fill", COLOURS.mask],
  ]);
  const look = { mask: "off", removed: false };
  assert.deepEqual(legend({ compared: true, look }), [["left prediction", "line", COLOURS.prediction]]);
  assert.deepEqual(legend({ compared: true, look, shows: "other" }), [
    ["right prediction", "line", COLOURS.other],
  ]);
  assert.deepEqual(legend({ compared: true, shows: "difference" }), [
    ["left higher", "fill", COLOURS.prediction],
    ["right higher", "fill", COLOURS.other],
  ]);
});
