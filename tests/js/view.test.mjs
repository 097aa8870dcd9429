// How a case is shown: grey windows, the link that reopens a view, and two fingers on the picture.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pinch } from "../../dashboard/static/viewer/pinch.js";
import { adopt, parametersOf, stateFrom, viewParametersOf } from "../../dashboard/static/viewer/state.js";
import { Measures } from "../../dashboard/static/viewer/table.js";
import { cornersOf, notesOf } from "../../dashboard/static/viewer/texts.js";
import { STORED, Windows, dragged, percentileWindow } from "../../dashboard/static/viewer/windows.js";
import { smallCase } from "./cases.mjs";

const VIEWS = ["slice", "planes", "pair", "all"];
const opened = (asked) => {
  const data = smallCase();
  return { data, ...stateFrom(asked, data, new Measures(data), VIEWS) };
};

test("each note on a case is a sentence, and keeps the name of a file", () => {
  const data = smallCase({ header: { notes: ["the masks are compared", "a.nii is T2."] } });
  assert.deepEqual(notesOf(data, null, false), ["The masks are compared.", "a.nii is T2."]);
});

test("a window covers the percentiles of the values above 0", () => {
  const pixels = Uint8Array.from({ length: 300 }, (_, i) => (i < 200 ? 0 : i - 199)); // 1 to 100
  assert.deepEqual(percentileWindow(pixels, [1, 99]), [1, 99]);
  assert.deepEqual(percentileWindow(pixels, [10, 90]), [10, 90]);
});

test("a sequence of one value or none has the stored window", () => {
  assert.deepEqual(percentileWindow(new Uint8Array(5), [1, 99]), STORED);
  assert.deepEqual(percentileWindow(new Uint8Array(5).fill(7), [1, 99]), STORED);
});

test("a window set by hand is of one sequence, the preset of the others", () => {
  const data = smallCase();
  const windows = new Windows();
  const state = { preset: "stored", windows: { T2: [3, 9] } };
  assert.deepEqual(windows.of(data, state, "T2"), [3, 9]);
  assert.deepEqual(windows.of(data, state, "FLAIR"), STORED);
});

test("a drag to the right widens a window and up brightens it, within the stored values", () => {
  assert.deepEqual(dragged([50, 150], 20, 0), [40, 160]);
  assert.deepEqual(dragged([50, 150], 0, -20), [60, 160]);
  assert.deepEqual(dragged([0, 255], 500, 0), [0, 255]);
});

test("a link reopens exactly the view", () => {
  const asked = {
    preset: "stored",
    window: "FLAIR:10,200",
    invert: "on",
    zoom: "2.5",
    pan: "3,-4.25",
    at: "1,2",
    smooth: "off",
    opacity: "0.5,0.3,1,0.9",
  };
  const { data, state } = opened(asked);
  assert.deepEqual(viewParametersOf(state, data), asked);
});

test("the default view has no parameter", () => {
  const { data, state } = opened({});
  assert.deepEqual(Object.values(viewParametersOf(state, data)).filter((value) => value !== null), []);
});

test("wrong parameters of a link mean the defaults", () => {
  const wrong = { preset: "x", window: "FLAIR:9,1;T2:1,2", zoom: "99", pan: "1", at: "7,9", opacity: "2,2,2,2" };
  const { data, state } = opened(wrong);
  assert.deepEqual(Object.values(viewParametersOf(state, data)).filter((value) => value !== null), []);
});

test("two fingers zoom when they part, and scroll when they move together", () => {
  const calls = [];
  const pinch = new Pinch(
    (factor) => calls.push(["zoom", factor]),
    (steps) => calls.push(["scroll", steps]),
  );
  const finger = (pointerId, offsetX, offsetY) => ({ pointerId, pointerType: "touch", offsetX, offsetY });
  pinch.down(finger(1, 0, 0));
  assert.ok(!pinch.move(finger(1, 0, 30)), "one finger is the tool's");
  pinch.down(finger(2, 100, 30));
  assert.ok(pinch.move(finger(2, 200, 30)));
  assert.deepEqual(calls.pop(), ["zoom", 2]);
  pinch.up(finger(2, 200, 30));
  pinch.down(finger(3, 100, 30));
  pinch.move(finger(1, 0, 0));
  pinch.move(finger(3, 100, 0));
  assert.deepEqual(calls.pop(), ["scroll", 1]);
});

test("up to three of a case's sequences are side by side, and the address keeps another choice", () => {
  const data = smallCase({ header: { sequences: ["T1", "FLAIR", "T1 Gd", "T2"] } });
  const of = (asked) => stateFrom(asked, data, new Measures(data), VIEWS).state;
  const parameter = (state) => parametersOf(state, data, new Measures(data), false).beside;
  assert.deepEqual(of({}).beside, ["T1", "FLAIR", "T1 Gd"]);
  assert.equal(parameter(of({})), null);
  assert.deepEqual(of({ beside: "T2;FLAIR" }).beside, ["FLAIR", "T2"]);
  assert.equal(parameter(of({ beside: "T2;FLAIR" })), "FLAIR;T2");
  assert.deepEqual(of({ beside: "unknown" }).beside, ["T1", "FLAIR", "T1 Gd"]);
  const state = of({ beside: "T2" });
  const next = smallCase();
  adopt(state, next, new Measures(next), data, false);
  assert.deepEqual(state.beside, ["FLAIR"]);
});

test("side by side, the corners leave out how the window was chosen, so that they do not meet", () => {
  const data = smallCase();
  const { state } = stateFrom({}, data, new Measures(data), ["slice", "all"]);
  const corner = (view) =>
    cornersOf(data, { ...state, view }, { sequence: "FLAIR" }, [0, 100], new Measures(data))["bottom-left"];
  assert.equal(corner("slice"), "window 100, level 50 (automatic)");
  assert.equal(corner("all"), "window 100, level 50");
});
