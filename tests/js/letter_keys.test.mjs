// The switch that lets keys of one character rest.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { holdBack, letLettersAct, lettersAct } from "../../dashboard/static/viewer/letter_keys.js";

globalThis.document = { dispatchEvent: () => true };
beforeEach(() => letLettersAct(true));

function isHeldBack(key, more = {}, ...path) {
  let held = false;
  holdBack({ key, composedPath: () => path, stopImmediatePropagation: () => (held = true), ...more });
  return held;
}

test("every key acts until the reader switches keys of one character off", () => {
  for (const key of ["m", "M", "1", "?", "ArrowUp"]) assert.ok(!isHeldBack(key), key);
  letLettersAct(false);
  for (const key of ["m", "M", "1", "?", "+"]) assert.ok(isHeldBack(key), key);
  assert.ok(isHeldBack("Y", { shiftKey: true }), "Shift and a letter is one character, too");
});

test("keys with a name, Space and combinations act at all times", () => {
  letLettersAct(false);
  for (const key of ["ArrowUp", "Enter", "Escape", " "]) assert.ok(!isHeldBack(key), key);
  for (const modifier of ["ctrlKey", "altKey", "metaKey"]) assert.ok(!isHeldBack("c", { [modifier]: true }));
});

test("a field receives what is typed into it", () => {
  letLettersAct(false);
  assert.ok(!isHeldBack("m", {}, { matches: (selector) => selector.includes("textarea") }));
});

test("the choice is kept by the browser, and holds for the visit without a storage", (context) => {
  letLettersAct(false);
  assert.ok(!lettersAct());
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) };
  context.after(() => delete globalThis.localStorage);
  letLettersAct(true);
  assert.deepEqual([...kept.values()], ["on"]);
  kept.set("brainseg-letter-keys", "off");
  assert.ok(!lettersAct(), "another tab has switched them off");
});
