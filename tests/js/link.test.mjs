// The link that reopens exactly the view, with its measurements, and what the reader hears about it.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { copyLink } from "../../dashboard/static/viewer/exports.js";
import { stateFrom } from "../../dashboard/static/viewer/state.js";
import { Measures } from "../../dashboard/static/viewer/table.js";
import { smallCase } from "./cases.mjs";

let copied;

beforeEach(() => {
  globalThis.location = { href: "http://localhost/case?model=net&finding=x" };
  Object.defineProperty(globalThis, "navigator", {
    configurable: true,
    value: { clipboard: { writeText: async (text) => (copied = new URL(text)) } },
  });
});
afterEach(() => {
  delete globalThis.location;
  delete globalThis.navigator;
});

const ruler = (id) => ({ id, kind: "ruler", normal: 2, points: [[0, 0, 0.5], [3, 1, 0.5]], name: "n", sequence: "FLAIR" });

async function said(items) {
  const data = smallCase();
  const measures = new Measures(data);
  const { state } = stateFrom({}, data, measures, ["slice"]);
  let text = null;
  const viewer = { data, measures, measuring: { items }, state, stepChosen: false, say: (what) => (text = what) };
  await copyLink(viewer);
  return text;
}

test("a link names case, slice, view and sequence, and has the measurements without their names", async () => {
  assert.equal(await said([ruler("a1")]), "Link copied.");
  const asked = Object.fromEntries(copied.searchParams);
  assert.deepEqual(asked, {
    model: "net",
    finding: "x",
    case: "A",
    slice: "1",
    view: "slice",
    sequence: "FLAIR",
    drawn: "ruler_2_a1_0_0_0_0.5_3_1_0.5",
  });
});

test("a link without the measurements says so", async () => {
  const many = Array.from({ length: 11 }, (_, i) => ruler(`a${i}`));
  assert.equal(await said(many), "Link copied, without the measurements: they are too many.");
  assert.equal(copied.searchParams.get("drawn"), null);
});

test("a browser that refuses to copy is reported", async () => {
  navigator.clipboard.writeText = async () => {
    throw new Error("refused");
  };
  assert.equal(await said([]), "The browser does not allow copying.");
});
