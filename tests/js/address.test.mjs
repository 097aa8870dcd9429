import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { read, write } from "../../dashboard/static/viewer/address.js";

let written;

beforeEach(() => {
  written = [];
  globalThis.location = { search: "?case=A&slice=3", pathname: "/case", hash: "#x" };
  globalThis.history = { state: { kept: 1 }, replaceState: (...call) => written.push(call) };
});
afterEach(() => {
  delete globalThis.location;
  delete globalThis.history;
});

test("the address is read by name", () => {
  assert.deepEqual(read(), { case: "A", slice: "3" });
});

test("writing replaces the entry of the history and keeps the other parameters", () => {
  write({ slice: "4", mask: "off" });
  assert.deepEqual(written, [[{ kept: 1 }, "", "/case?case=A&slice=4&mask=off#x"]]);
});

test("a default leaves the address", () => {
  write({ slice: null, case: null });
  assert.deepEqual(written, [[{ kept: 1 }, "", "/case#x"]]);
});

test("an unchanged address is not written", () => {
  write({ slice: "3" });
  assert.deepEqual(written, []);
});
