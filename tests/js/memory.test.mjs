// What the viewer remembers from one page to the next.

import assert from "node:assert/strict";
import { test } from "node:test";

import { keepLayout, layout, remember, remembered } from "../../dashboard/static/viewer/memory.js";
import { shrunk } from "../../dashboard/static/viewer/thumbnails.js";

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

test("the browser keeps the layout alone for the next visit, and does without a storage", (context) => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) };
  context.after(() => delete globalThis.localStorage);
  remember("A", { view: "planes", sequence: null, mask: "off", slice: "14" });
  keepLayout({ tool: "ruler" });
  assert.deepEqual(layout(), { view: "planes", sequence: null, second: null, beside: null, tool: "ruler" });
  kept.set("brainseg-layout", "{");
  assert.deepEqual(layout(), {});
  delete globalThis.localStorage;
  keepLayout({ tool: "ruler" });
  assert.deepEqual(layout(), {});
});

test("a thumbnail has the grey window of its sequence", () => {
  const pixels = Uint8Array.from([0, 9, 50, 9, 9, 9, 9, 9, 100, 9, 200, 9, 9, 9, 9, 9]); // 4 x 4
  const grey = [...shrunk(pixels, 4, 2, 2, 2, [50, 100])];
  assert.deepEqual(grey, [0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
});
