// The measurements of a case as a list with undo, merged with those that the server stores, and their drawing.

import { strokeWithRim, writeWithRim } from "./canvas.js";
import { indexOf, linesOf, valueInWords } from "./measurements.js";
import { pictured } from "./planes.js";

const [COLOUR, SELECTED] = ["#ffffff", "#ffe95c"];
const WIDTHS = [3.5, 1.5];
const HANDLE_PX = 4;
const MOST_UNDONE = 50;

const asText = ({ kind, normal, points, name, sequence }) => JSON.stringify([kind, normal, points, name, sequence]);

/** The measurements of one case. */
export class Drawings {
  constructor() {
    this.items = [];
    this.past = [];
    /** What the server stores: id -> text of the measurement. */
    this.stored = new Map();
    this.reader = null;
  }

  find(id) {
    return this.items.find((one) => one.id === id) ?? null;
  }

  /** Remembers the list, so that the next changes can be undone together. */
  remember() {
    this.past.push(this.items);
    this.past = this.past.slice(-MOST_UNDONE);
  }

  put(item) {
    const known = this.find(item.id);
    this.items = known ? this.items.map((one) => (one.id === item.id ? item : one)) : [...this.items, item];
  }

  remove(id) {
    this.items = this.items.filter((one) => one.id !== id);
  }

  undo() {
    if (!this.past.length) return false;
    this.items = this.past.pop();
    return true;
  }

  /**
   * Takes the server's list: what was changed here since the last one stays, the rest is as stored.
   *
   * @param {string|null} reader whose list it is; null for that of this page, which has no other writer
   */
  merge(items, reader) {
    const remote = new Map(items.map((one) => [one.id, one]));
    if (reader !== this.reader) {
      if (this.reader !== null) this.items = [];
      this.stored = new Map();
      this.reader = reader;
    }
    const isRemoved = (one) => reader !== null && this.stored.get(one.id) === asText(one) && !remote.has(one.id);
    const isOutdated = (one) => this.stored.get(one.id) === asText(one) && remote.has(one.id);
    const kept = this.items.filter((one) => !isRemoved(one)).map((one) => (isOutdated(one) ? remote.get(one.id) : one));
    const known = new Set([...kept.map(({ id }) => id), ...this.stored.keys()]);
    const added = items.filter(({ id }) => !known.has(id));
    this.items = [...kept, ...added];
    // Undo must not remove what came from elsewhere.
    this.past = this.past.map((list) => [...list, ...added]);
    this.stored = new Map(items.map((one) => [one.id, asText(one)]));
  }

  /** Returns what the server has yet to store and to remove; null if nothing. Those of a link are not the reader's. */
  unsaved() {
    const put = this.items.filter((one) => !one.linked && this.stored.get(one.id) !== asText(one));
    const removed = [...this.stored.keys()].filter((id) => !this.find(id));
    return put.length || removed.length ? { put: put.map(({ linked, ...one }) => one), removed } : null;
  }
}

/** Returns the measurements that a tile shows at a position. */
export function shownOn(tile, items, position) {
  const { normal } = tile.plane;
  return items.filter((one) => one.normal === normal && indexOf(one) === position[normal]);
}

/** Returns a function from a point [x, y, z] to its place on the screen. */
export function projection(tile, shape) {
  return (point) => tile.toScreen(...pictured(tile.plane, shape, point));
}

/**
 * Draws measurements on a tile, the selected one with its handles.
 *
 * @param {{id: string|null, handle: number|null, editing: boolean}} selection
 */
export function drawDrawings(context, tile, items, data, sequence, selection) {
  for (const item of items) {
    const isSelected = item.id === selection.id;
    const colour = isSelected ? SELECTED : COLOUR;
    const project = projection(tile, data.shape);
    const path = new Path2D();
    for (const line of linesOf(item, project)) line.forEach((place, i) => (i ? path.lineTo(...place) : path.moveTo(...place)));
    strokeWithRim(context, path, colour, WIDTHS);
    const places = item.points.map(project);
    if (isSelected) drawHandles(context, places, selection);
    const text = [item.name, valueInWords(item, data, sequence)].filter(Boolean).join(": ");
    writeWithRim(context, text, Math.max(...places.map(([x]) => x)) + 6, Math.max(...places.map(([, y]) => y)) - 4, colour);
  }
}

function drawHandles(context, places, { handle, editing }) {
  places.forEach(([x, y], i) => {
    const path = new Path2D();
    path.rect(x - HANDLE_PX, y - HANDLE_PX, 2 * HANDLE_PX, 2 * HANDLE_PX);
    strokeWithRim(context, path, SELECTED, WIDTHS);
    if (!editing || (handle !== null && handle !== i)) return;
    context.fillStyle = SELECTED;
    context.fill(path);
  });
}

/** Draws the two diameters of a mask. */
export function drawDiameters(context, tile, diameters, colour) {
  for (const { ends } of [diameters.longest, diameters.across]) {
    const path = new Path2D();
    // Ends are pixel centres, half a pixel from the pixel's corner.
    path.moveTo(...tile.toScreen(ends[0][0] + 0.5, ends[0][1] + 0.5));
    path.lineTo(...tile.toScreen(ends[1][0] + 0.5, ends[1][1] + 0.5));
    strokeWithRim(context, path, colour, WIDTHS, [6, 3]);
  }
}
