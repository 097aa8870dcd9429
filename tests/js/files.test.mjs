// What leaves the viewer: the table as CSV, the words on a saved picture, the sentence on components.

import assert from "node:assert/strict";
import { test } from "node:test";

import { wrapped } from "../../dashboard/static/viewer/picture.js";
import { removedInWords } from "../../dashboard/static/viewer/removed_components.js";
import { Measures, csvOf } from "../../dashboard/static/viewer/table.js";
import { overlays, smallCase } from "./cases.mjs";

const csv = (header) => csvOf(new Measures(smallCase({ header })), overlays()).trimEnd().split("\n");

test("a CSV begins with the warnings and what it may be used for", () => {
  assert.deepEqual(csv({ warnings: ["It is\nodd."] }).slice(0, 2), ["# Warning: It is odd.", "# Research."]);
});

test("a CSV has one row per slice with the sizes of mask and prediction", () => {
  const [, head, row] = csv({});
  assert.deepEqual(
    head.split(",").slice(0, 6),
    ["case", "slice", "mask_area_px", "mask_longest_px", "mask_perpendicular_px", "mask_components"],
  );
  assert.deepEqual(row.split(","), ["A", "1", "0", "", "", "0", "6", "2.236", "1.118", "1"]);
});

test("a name never becomes a formula or a second cell of the CSV", () => {
  assert.match(csv({ case: "=1+1" }).at(-1), /^'=1\+1,/);
  assert.match(csv({ case: 'a,"b' }).at(-1), /^"a,""b",/);
});

test("a warning on a picture is wrapped between words, and a long word has its own line", () => {
  const width = (text) => text.length;
  assert.deepEqual(wrapped("one two three four", width, 9), ["one two", "three", "four"]);
  assert.deepEqual(wrapped("a pneumonoultramicroscopic b", width, 9), ["a", "pneumonoultramicroscopic", "b"]);
});

test("removed components are named with their rule", () => {
  const words = (removed, fraction) => removedInWords({ removed: Array(removed).fill({}), fraction });
  assert.match(words(0, 0), /keeps all components/);
  assert.match(words(0, 0.2), /none is below 20%/);
  assert.equal(words(1, 0.2), "1 smaller component was removed (below 20% of the largest).");
  assert.equal(words(3, 0.2), "3 smaller components were removed (below 20% of the largest).");
});
