import assert from "node:assert/strict";
import { test } from "node:test";

import { actionsOf } from "../../dashboard/static/viewer/actions.js";
import { KEYS, isForAnother, keysOfOneCase, listen } from "../../dashboard/static/viewer/keys.js";

const STREAMLITS_OWN = ["r", "c"];
const letters = (keys) => keys.filter((key) => /^[a-z]$/.test(key));
const press = (key, more = {}) => ({
  key,
  composedPath: () => [],
  preventDefault() {},
  stopPropagation() {},
  ...more,
});

test("the viewer uses no key of Streamlit", () => {
  const keys = Object.keys(actionsOf({}));
  for (const key of STREAMLITS_OWN) assert.ok(!keys.includes(key), key);
});

test("every letter that acts is in the list of keys, and the reverse", () => {
  const listed = KEYS.map(([key]) => key.toLowerCase()).filter((key) => /^[a-z]$/.test(key));
  assert.deepEqual(letters(Object.keys(actionsOf({}))).sort(), listed.sort());
});

test("the list of one case names no key that leads to another case", () => {
  const listed = keysOfOneCase().map(([key]) => key);
  assert.ok(!listed.includes("X") && !listed.includes("← →"));
  assert.equal(listed.length, KEYS.length - 3);
});

test("no key acts before a case is shown", () => {
  const viewer = { state: null };
  for (const action of Object.values(actionsOf(viewer))) action();
});

test("a key acts on the viewer once a case is shown", () => {
  const calls = [];
  const viewer = { state: {}, scroll: (by) => calls.push(by), data: { sliceNumbers: [4, 5, 6] } };
  viewer.goToSlice = (index) => calls.push(index);
  const actions = actionsOf(viewer);
  for (const key of ["ArrowUp", "PageDown", "End"]) actions[key]();
  assert.deepEqual(calls, [-1, 10, 2]);
});

test("a key belongs to the field that has the focus", () => {
  const field = { matches: (selector) => selector.startsWith("input") };
  const list = { matches: (selector) => selector.includes("[role=listbox]") };
  for (const node of [field, list]) {
    assert.ok(isForAnother(press("m", { composedPath: () => [node] })));
  }
  assert.ok(isForAnother(press("m", { ctrlKey: true })));
  assert.ok(isForAnother(press("A", { shiftKey: true })), "Shift and a letter is a verdict of the review");
  assert.ok(!isForAnother(press("?", { shiftKey: true })));
  assert.ok(!isForAnother(press("m")));
});

test("a tab or a slider that has the focus keeps only the keys that move it", () => {
  for (const role of ["tab", "slider", "radio"]) {
    const node = { matches: (selector) => selector.includes(`[role=${role}]`) };
    const on = (key) => isForAnother(press(key, { composedPath: () => [node] }));
    assert.ok(!on("u"), `${role} swallows a letter`);
    for (const key of ["ArrowUp", "PageDown", "Home"]) assert.ok(on(key), `${role} loses ${key}`);
  }
});

test("a press calls its action in either case of the letter until listening ends", (context) => {
  const listeners = new Set();
  globalThis.document = {
    addEventListener: (kind, listener) => listeners.add(listener),
    removeEventListener: (kind, listener) => listeners.delete(listener),
  };
  context.after(() => delete globalThis.document);
  let pressed = 0;
  const end = listen({ m: () => (pressed += 1) });
  const [listener] = listeners;
  for (const key of ["m", "M", "k"]) listener(press(key));
  assert.equal(pressed, 2);
  end();
  assert.equal(listeners.size, 0);
});
