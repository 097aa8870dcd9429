// Measurements that a reader draws: geometry, values, undo, merging with the server's list, links.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawings, shownOn } from "../../dashboard/static/viewer/drawings.js";
import { asParameter, fromParameter } from "../../dashboard/static/viewer/measurement_link.js";
import { begun, distanceFrom, linesOf, moved, reshaped, valueInWords, valuesOf } from "../../dashboard/static/viewer/measurements.js";
import { Pane } from "../../dashboard/static/viewer/pane.js";
import { Anatomy, Tile, pictured, pointAt } from "../../dashboard/static/viewer/planes.js";
import { CaseData } from "../../dashboard/static/viewer/payload.js";
import { measurementsCsvOf } from "../../dashboard/static/viewer/table.js";
import { COLOURS } from "./cases.mjs";

const SHAPE = [4, 20, 30]; // slices, rows, columns
const TURNED = { left: "L", right: "R", top: "P", bottom: "A", first: "S", last: "I" };

/** A case whose grey value is its column plus 50 times its slice, which no turn or flip maps onto itself. */
function volume(header = {}) {
  const [n, h, w] = SHAPE;
  const flair = Uint8Array.from({ length: n * h * w }, (_, i) => (i % w) + 50 * Math.floor(i / (h * w)));
  const usual = { case: "A", shape: SHAPE, slice_numbers: [3, 4, 5, 6], sequences: ["FLAIR"], copies: {}, steps: 200 };
  const texts = { colours: COLOURS, warnings: [], notes: [], research_use: "Research.", spacing_mm: null };
  return new CaseData({ ...usual, ...texts, ...header }, { FLAIR: flair });
}

const one = (kind, points, normal = 2, more = {}) => ({ id: "a", kind, normal, points, name: "", sequence: "FLAIR", ...more });
const near = (value, expected) => assert.ok(Math.abs(value - expected) < 1e-6, `${value} is not ${expected}`);
const RULER = one("ruler", [[2, 3, 1.5], [5, 7, 1.5]]);

test("a ruler has pixels without a spacing, and millimetres with one", () => {
  near(valuesOf(RULER, volume()).length, 5);
  assert.equal(valueInWords(RULER, volume()), "5.0 px");
  const data = volume({ spacing_mm: [5, 2, 1] });
  near(valuesOf(RULER, data).length, Math.hypot(3, 8));
  assert.match(valueInWords(RULER, data), / mm$/);
});

test("a length across slices is in millimetres only where their distance is known", () => {
  const across = one("ruler", [[2, 3.5, 0.5], [2, 3.5, 2.5]], 1);
  assert.equal(valueInWords(across, volume()), "0.0 px × 2.0 slices, length unknown");
  assert.equal(valuesOf(across, volume({ spacing_mm: [null, 2, 1] })).length, null);
  near(valuesOf(across, volume({ spacing_mm: [5, 2, 1] })).length, 10);
});

test("an angle is measured at its vertex, in the space of the patient", () => {
  const angle = one("angle", [[10, 5, 0.5], [5, 5, 0.5], [10, 10, 0.5]]);
  near(valuesOf(angle, volume()).degrees, 45);
  near(valuesOf(angle, volume({ spacing_mm: [5, 2, 1] })).degrees, (Math.atan(2) * 180) / Math.PI);
  assert.equal(valueInWords(one("angle", angle.points.map(([x, , z]) => [x, 1.5, z + x / 10]), 1), volume()), "unknown");
});

test("two diameters stay perpendicular however their ends are moved", () => {
  const data = volume({ spacing_mm: [5, 2, 1] });
  const metric = { size: [1, 2] };
  let product = one("product", begun("product", 2, [4, 4, 0.5], [20, 10, 0.5], metric));
  const isSquare = ({ points: [a, b, c, d] }) => near((b[0] - a[0]) * (d[0] - c[0]) + 4 * (b[1] - a[1]) * (d[1] - c[1]), 0);
  isSquare(product);
  for (const [handle, to] of [[2, [12, 2, 0.5]], [0, [3, 9, 0.5]], [3, [15, 15, 0.5]], [1, [25, 3, 0.5]]]) {
    product = reshaped(product, handle, to, metric);
    isSquare(product);
    if (handle < 2) assert.deepEqual(product.points[handle], to);
  }
  const { longest, perpendicular, product: value } = valuesOf(product, data);
  assert.ok(longest >= perpendicular);
  near(value, longest * perpendicular);
  assert.match(valueInWords(product, data), /^\d+\.\d × \d+\.\d mm = \d+ mm²$/);
});

test("an ellipse has the grey values of its own plane", () => {
  const axial = one("ellipse", [[2, 2, 1.5], [9, 9, 1.5]]);
  near(valuesOf(axial, volume()).mean, 50 + 5);
  const coronal = one("ellipse", [[2, 4.5, 0], [9, 4.5, 4]], 1);
  near(valuesOf(coronal, volume()).mean, 75 + 5);
  assert.match(valueInWords(coronal, volume()), /voxels/);
  assert.equal(valueInWords(one("ellipse", [[2, 2, 1.5], [2.1, 2.1, 1.5]]), volume()), "no pixel inside");
});

test("a measurement is moved within the volume and never out of its plane", () => {
  const { points } = moved(RULER, [-10, 2, 5], [30, 20, 4]);
  assert.deepEqual(points, [[0, 5, 1.5], [3, 9, 1.5]]);
});

test("a place in a flipped picture is the same point of the volume", () => {
  const planes = [...new Anatomy(TURNED).planes, ...new Anatomy(null).planes];
  for (const plane of planes) {
    const position = [4, 5, 2];
    const point = pointAt(plane, SHAPE, position, 2.25, 3);
    const [u, v] = pictured(plane, SHAPE, point);
    near(u, 2.25);
    near(v, 3);
    assert.equal(point[plane.normal], position[plane.normal] + 0.5);
  }
});

test("a tile shows the measurements of its own plane and position", () => {
  const coronal = one("ruler", [[2, 3.5, 0.5], [2, 3.5, 2.5]], 1, { id: "b" });
  const shown = (normal, position) => shownOn({ plane: { normal } }, [RULER, coronal], position).map(({ id }) => id);
  assert.deepEqual(shown(2, [0, 0, 1]), ["a"]);
  assert.deepEqual(shown(2, [0, 0, 2]), []);
  assert.deepEqual(shown(1, [0, 3, 2]), ["b"]);
});

test("a line is hit near it and an ellipse on its outline", () => {
  const flat = ([x, y]) => [x, y];
  near(distanceFrom(linesOf(RULER, flat), [2, 3]), 0);
  near(distanceFrom(linesOf(one("ellipse", [[0, 0, 0.5], [10, 10, 0.5]]), flat), [10, 5]), 0);
  assert.ok(distanceFrom(linesOf(one("ellipse", [[0, 0, 0.5], [10, 10, 0.5]]), flat), [5, 5]) > 4.9);
});

test("a change can be undone, a deletion too", () => {
  const drawings = new Drawings();
  drawings.remember();
  drawings.put(RULER);
  drawings.remember();
  drawings.remove("a");
  drawings.undo();
  assert.deepEqual(drawings.items, [RULER]);
  assert.ok(drawings.undo());
  assert.deepEqual(drawings.items, []);
  assert.ok(!drawings.undo());
});

test("only what the server lacks is sent, and a measurement of a link only once it is changed", () => {
  const drawings = new Drawings();
  drawings.merge([], "AB");
  drawings.put(RULER);
  drawings.put({ ...RULER, id: "b", linked: true });
  assert.deepEqual(drawings.unsaved(), { put: [RULER], removed: [] });
  drawings.merge([RULER], "AB");
  assert.equal(drawings.unsaved(), null);
  drawings.remove("a");
  assert.deepEqual(drawings.unsaved(), { put: [], removed: ["a"] });
  drawings.merge([], "AB");
  assert.equal(drawings.unsaved(), null);
});

test("a change made here survives the server's list, and another page's deletion is taken over", () => {
  const drawings = new Drawings();
  const other = { ...RULER, id: "b" };
  drawings.merge([RULER, other], "AB");
  drawings.put({ ...RULER, name: "mine" });
  drawings.merge([RULER], "AB");
  assert.deepEqual(drawings.items.map(({ id, name }) => [id, name]), [["a", "mine"]]);
});

test("without initials nothing is lost when the server forgets, and initials take the measurements over", () => {
  const drawings = new Drawings();
  drawings.merge([], null);
  drawings.put(RULER);
  drawings.merge([RULER], null);
  drawings.merge([], null); // the server was started anew
  assert.deepEqual(drawings.unsaved().put, [RULER]);
  drawings.merge([{ ...RULER, id: "b" }], "AB");
  assert.deepEqual(drawings.items.map(({ id }) => id), ["a", "b"]);
  assert.deepEqual(drawings.unsaved().put, [RULER]);
  drawings.merge([], "CD");
  assert.deepEqual(drawings.items, []);
});

test("a link carries few measurements, and drops what is not of the case", () => {
  const data = volume();
  const items = [RULER, one("angle", [[1, 1, 0.5], [2, 2, 0.5], [3, 1, 0.5]], 2, { id: "b" })];
  assert.deepEqual(fromParameter(asParameter(items, data), data), items);
  assert.equal(asParameter([], data), null);
  assert.equal(asParameter(Array(11).fill(RULER), data), undefined);
  for (const wrong of ["x", "ruler_2_a_0_1_1_1.5", "ruler_2_a_0_99_1_1.5_2_2_1.5", "constructor_2_a_0_1_1_1", "ruler_2_a_0_1_1_1.5_2_2_2.5"]) {
    assert.deepEqual(fromParameter(wrong, data), [], wrong);
  }
});

test("the CSV of measurements has the warnings, and a name never becomes a formula", () => {
  const csv = measurementsCsvOf(volume({ warnings: ["Odd."] }), [{ ...RULER, name: "=1+1" }], "AB");
  const [warning, , head, row] = csv.split("\n");
  assert.equal(warning, "# Warning: Odd.");
  assert.equal(head.split(",").slice(0, 8).join(), "case,reader,plane,place,kind,name,sequence,unit");
  assert.equal(row.split(",").slice(0, 8).join(), "A,AB,slice,4,ruler,'=1+1,,px");
});

test("two fingers and Ctrl with the wheel zoom at their place", () => {
  const plane = new Anatomy(null).slice;
  const tile = new Tile(plane, [0, 0, 300, 200], 0, 0, 10, 10);
  const calls = [];
  const viewer = { data: { shape: SHAPE }, zoomBy: (...call) => calls.push(call) };
  Pane.prototype.zoomAt.call({ tiles: [tile], viewer }, 2, 50, 40);
  assert.deepEqual(calls, [[2, [5 - 15, 4 - 10]]]);
});
