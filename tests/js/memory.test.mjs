// What the viewer remembers from one page to the next.

import assert from "node:assert/strict";
import { test } from "node:test";

import { remember, remembered } from "../../dashboard/static/viewer/memory.js";

const SHOWN = { sequence: "post-contrast", mask: "off", prediction: null, slice: "14", zoom: "2", preset: null };

test("nothing is remembered before a case was shown", () => {
  assert.deepEqual(remembered("A"), {});
});

test("another case opens with the layers of the last one, not with its slice or zoom", () => {
  remember("A", SHOWN);
  assert.deepEqual(remembered("B"), { sequence: "post-contrast", mask: "off" });
});

test("the same case opens at its last slice", () => {
  remember("A", SHOWN);
  assert.deepEqual(remembered("A"), { sequence: "post-contrast", mask: "off", slice: "14" });
});

test("a display that is the default again is not remembered", () => {
  remember("A", SHOWN);
  remember("A", { ...SHOWN, mask: null });
  assert.deepEqual(remembered("B"), { sequence: "post-contrast" });
});
