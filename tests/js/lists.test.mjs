// Lists that lead to places: the slices in doubt, and the zoom to a finding.

import assert from "node:assert/strict";
import { test } from "node:test";

import { slicesInDoubt } from "../../dashboard/static/viewer/doubt.js";
import { areaInWords } from "../../dashboard/static/viewer/measure.js";
import { zoomTo } from "../../dashboard/static/viewer/mark.js";
import { CaseData } from "../../dashboard/static/viewer/payload.js";
import { Anatomy } from "../../dashboard/static/viewer/planes.js";
import { Measures } from "../../dashboard/static/viewer/table.js";
import { COLOURS } from "./cases.mjs";

const SHAPE = [4, 2, 3];
const by = (...slices) => Uint8Array.from(slices.flat());

function measures({ mask = null, spread = null, known = [true, true, true, true] } = {}) {
  const probability = by([0, 0, 0, 0, 0, 0], [150, 150, 0, 0, 0, 0], [150, 110, 110, 95, 0, 0], [150, 0, 0, 0, 0, 0]);
  const arrays = { FLAIR: new Uint8Array(24), probability, ...(mask && { mask }), ...(spread && { spread }) };
  const header = { case: "A", shape: SHAPE, slice_numbers: [1, 2, 3, 4], sequences: ["FLAIR"], copies: {}, steps: 200 };
  return new Measures(new CaseData({ ...header, mask_there: known, colours: COLOURS, spacing_mm: null }, arrays));
}

const lists = (of) => slicesInDoubt(of, { step: 100 }).map(({ title, slices }) => [title, slices.map(({ z, words }) => [z, words])]);

test("slices are ranked by the pixels in which mask and prediction differ", () => {
  const mask = by([0, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0]);
  const [[title, slices]] = lists(measures({ mask }));
  assert.equal(title, "Slices that differ most");
  assert.deepEqual(slices, [
    [2, "3 px outside, 1 px missed"],
    [3, "0 px outside, 2 px missed"],
    [0, "0 px outside, 1 px missed"],
  ]);
});

test("a slice without a usable mask is in no list of differences", () => {
  const mask = by([0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]);
  const [[, slices]] = lists(measures({ mask, known: [true, false, false, true] }));
  assert.deepEqual(slices.map(([z]) => z), [0, 3]);
});

test("slices are ranked by uncertainty, or by voxels near the threshold after a single pass", () => {
  const spread = by([0, 0, 0, 0, 0, 0], [200, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [200, 200, 200, 0, 0, 0]);
  assert.deepEqual(lists(measures({ spread })), [["Most uncertain slices", [[3, "3 px"], [1, "1 px"]]]]);
  assert.deepEqual(lists(measures()), [["Slices near the threshold", [[2, "3 px"]]]]);
});

test("a finding is shown large in the middle of the picture, mirrored where the picture is", () => {
  const shape = [1, 100, 200];
  const mirrored = new Anatomy({ left: "L", right: "R", top: "A", bottom: "P", first: "I", last: "S" }).slice;
  const box = [[10, 20, 20, 30]];
  assert.deepEqual(zoomTo(new Anatomy(null).slice, shape, box), { zoom: 3.5, pan: [85, 25] });
  assert.deepEqual(zoomTo(mirrored, shape, box), { zoom: 3.5, pan: [-85, 25] });
  assert.equal(zoomTo(mirrored, shape, [[0, 0, 1, 1]]).zoom, 6);
  assert.equal(zoomTo(mirrored, shape, [[0, 0, 200, 100]]).zoom, 1);
});

test("areas have commas between the thousands, in pixels and in millimetres", () => {
  assert.equal(areaInWords(2877, null), "2,877 px");
  assert.equal(areaInWords(2877, [5, 1, 0.5]), "1,439 mm²");
});
