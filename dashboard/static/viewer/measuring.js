// Drawing, choosing, moving and saving measurements, by mouse and by keyboard.

import { read, write } from "./address.js";
import { Drawings, drawDrawings, projection, shownOn } from "./drawings.js";
import { PASS } from "./keys.js";
import { fromParameter } from "./measurement_link.js";
import { MeasurementList } from "./measurement_list.js";
import { KINDS, begun, distanceFrom, indexOf, linesOf, metricOf, moved, needsMetric, placeInWords, reshaped, valueInWords } from "./measurements.js";
import { pictured, pointAt } from "./planes.js";
import { Resting } from "./resting.js";

const NEAR_PX = 7;
const [HALF_LONG, HALF_WIDE] = [10, 7];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST = 10;
const UNKNOWN_SPACING = "The slices are tilted or their spacing is unknown, so angles and diameters across them are, too: measure on a slice.";

const rounded = (points) => points.map((point) => point.map((value) => Number(value.toFixed(2))));

export class Measuring {
  constructor(viewer) {
    this.viewer = viewer;
    this.ofCase = new Map();
    this.drawings = new Drawings();
    this.id = null;
    /** The point that the arrow keys move; null moves the whole measurement. */
    this.handle = null;
    /** The measurement that keys change, as it was before; its item is null where it is new. */
    this.editing = null;
    /** Called with changes for the server; null if the page takes none. */
    this.send = null;
    this.resting = new Resting(viewer, () => this.save());
    this.list = new MeasurementList(this);
  }

  get items() {
    return this.drawings.items;
  }

  get selected() {
    return this.id && this.drawings.find(this.id);
  }

  /**
   * Shows the measurements of the case that is open.
   *
   * @param {object|null} stored of the server: `of`, which names the case; `reader`, their initials, or null;
   *   `items`; `error`, a sentence or null; `ends`, when they are lost without initials
   */
  receive(stored) {
    const key = stored?.of ?? this.viewer.data.name;
    if (key !== this.key) {
      this.stop();
      this.id = null;
      this.key = key;
      if (!this.ofCase.has(key)) this.ofCase.set(key, new Drawings());
      this.drawings = this.ofCase.get(key);
    }
    this.stored = stored ?? null;
    if (stored) this.drawings.merge(stored.items, stored.reader);
    if (this.id && !this.selected) this.id = null;
    if (this.drawings.unsaved() && !stored?.error) this.resting.later();
    this.viewer.changed();
  }

  /** Shows a newly opened case, the first one with the measurements of the link: they are saved once they change. */
  open(stored, before) {
    this.receive(stored);
    const { data } = this.viewer;
    if (before && before.name !== data.name) write({ drawn: null });
    const linked = before ? [] : fromParameter(read().drawn, data);
    for (const item of linked) if (!this.drawings.find(item.id)) this.drawings.put({ ...item, linked: true });
  }

  save() {
    const changes = this.drawings.unsaved();
    if (changes && this.send && this.stored) this.send({ of: this.stored.of, case: this.viewer.data.name, ...changes });
  }

  // Display.

  draw(context, tile, sequence) {
    const { data, position } = this.viewer;
    const selection = { id: this.id, handle: this.handle, editing: this.editing !== null };
    drawDrawings(context, tile, shownOn(tile, this.items, position), data, sequence, selection);
  }

  say(item) {
    const what = item.name || KINDS[item.kind][0];
    const point = this.editing && this.handle !== null ? `, point ${this.handle + 1} of ${item.points.length}` : "";
    this.viewer.announcement.textContent = `${what}, ${placeInWords(item, this.viewer.data)}: ${valueInWords(item, this.viewer.data)}${point}`;
  }

  // Changes.

  changed() {
    this.viewer.changed();
    this.resting.later();
  }

  /** Puts a measurement; the change is not yet remembered for undo. */
  put(item) {
    this.drawings.put({ ...item, linked: false });
    this.viewer.ask();
  }

  rename(id, name) {
    const item = this.drawings.find(id);
    if (!item || item.name === name) return;
    this.drawings.remember();
    this.put({ ...item, name });
    this.changed();
  }

  /** Deletes a measurement: by default the selected one, else the last on the shown slice. */
  remove(id = this.id ?? this.items.findLast((one) => one.normal === 2 && indexOf(one) === this.viewer.position[2])?.id) {
    if (!id) return;
    this.stop();
    this.drawings.remember();
    this.drawings.remove(id);
    this.id = null;
    this.changed();
    this.viewer.say("Measurement deleted. Z restores it.");
  }

  clear() {
    this.stop();
    if (!this.items.length) return;
    this.drawings.remember();
    this.drawings.items = [];
    this.id = null;
    this.changed();
  }

  undo() {
    this.stop();
    this.viewer.say(this.drawings.undo() ? "Last change of the measurements undone." : "No change of the measurements to undo.");
    if (this.id && !this.selected) this.id = null;
    this.changed();
  }

  // Choosing.

  /** Selects a measurement and shows its place. */
  select(id) {
    this.stop();
    this.id = id;
    const item = this.selected;
    if (item) {
      const { viewer } = this;
      const position = [...viewer.position];
      position[item.normal] = indexOf(item);
      if (item.normal !== 2 && viewer.state.view !== "planes") viewer.set({ view: "planes" });
      viewer.goTo(position);
      this.say(item);
    } else this.viewer.changed();
  }

  selectNext() {
    if (!this.items.length) return this.viewer.say("This case has no measurement. D draws one.");
    const next = (this.items.findIndex(({ id }) => id === this.id) + 1) % this.items.length;
    this.select(this.items[next].id);
  }

  // By mouse.

  /** Takes a press on a picture; returns whether it belongs to a measurement. */
  grab(tile, x, y) {
    const { data, tool, position } = this.viewer;
    this.stop();
    const hit = this.hit(tile, x, y);
    if (!hit && !(tool in KINDS)) {
      this.id = null;
      return false;
    }
    const from = this.pointUnder(tile, x, y);
    if (hit) {
      this.id = hit.item.id;
      this.drag = { item: hit.item, handle: hit.handle, from, tile, moved: false };
      this.say(hit.item);
    } else {
      const { normal } = tile.plane;
      const metric = metricOf(data, normal);
      if (needsMetric(tool) && !metric) {
        this.viewer.say(UNKNOWN_SPACING, 5000);
        return true;
      }
      this.drag = { item: this.created(tool, normal, from, from, metric), from, tile, position, begins: true };
    }
    this.viewer.changed();
    return true;
  }

  dragTo(x, y) {
    const { drag } = this;
    if (!drag) return;
    const to = this.pointUnder(drag.tile, x, y);
    if (!drag.moved) {
      if (Math.hypot(...to.map((value, axis) => value - drag.from[axis])) < (drag.begins ? 1 : 0.2)) return;
      drag.moved = true;
      this.drawings.remember();
      if (drag.begins) this.id = drag.item.id;
    }
    this.put(this.dragged(drag, to));
  }

  dragged({ item, handle, from, begins }, to) {
    const metric = metricOf(this.viewer.data, item.normal) ?? undefined;
    if (begins) return { ...item, points: begun(item.kind, item.normal, from, to, metric).map((point) => this.inside(point)) };
    if (handle !== null) return reshaped(item, handle, to, metric);
    return moved(item, to.map((value, axis) => value - from[axis]), this.sizes);
  }

  drop() {
    const { drag } = this;
    this.drag = null;
    if (drag?.moved) this.settle();
  }

  /** Takes back what the first of two fingers has drawn or moved. */
  abandon() {
    const { drag } = this;
    this.drag = null;
    if (!drag?.moved) return;
    this.drawings.undo();
    if (this.id && !this.selected) this.id = null;
    this.changed();
  }

  settle() {
    const item = this.selected;
    if (item) this.put({ ...item, points: rounded(item.points) });
    this.changed();
  }

  created(kind, normal, from, to, metric) {
    const points = begun(kind, normal, from, to, metric ?? undefined);
    return { id: Math.random().toString(36).slice(2, 10), kind, normal, points, name: "", sequence: this.viewer.state.sequence };
  }

  hit(tile, x, y) {
    const { data, position } = this.viewer;
    const project = projection(tile, data.shape);
    for (const item of shownOn(tile, this.items, position).reverse()) {
      const handle = item.points.findIndex((point) => distanceFrom([[project(point), project(point)]], [x, y]) <= NEAR_PX);
      if (handle >= 0 && (item.kind !== "ellipse" || item.id === this.id)) return { item, handle };
      if (distanceFrom(linesOf(item, project), [x, y]) <= NEAR_PX) return { item, handle: null };
    }
    return null;
  }

  get sizes() {
    const [n, h, w] = this.viewer.data.shape;
    return [w, h, n];
  }

  inside(point) {
    return point.map((value, axis) => Math.min(this.sizes[axis], Math.max(0, value)));
  }

  pointUnder(tile, x, y) {
    const { data, position } = this.viewer;
    return this.inside(pointAt(tile.plane, data.shape, position, ...tile.toPicture(x, y)));
  }

  // By keyboard.

  /** Starts a measurement at the crosshair; pressed again, it starts on the next plane. */
  start() {
    const { viewer } = this;
    const { data, state } = viewer;
    const kind = viewer.tool in KINDS ? viewer.tool : "ruler";
    const planes = state.view === "planes" ? data.anatomy.planes : [data.anatomy.slice];
    const usable = planes.filter(({ normal }) => !needsMetric(kind) || metricOf(data, normal));
    const before = this.editing?.item === null ? this.selected?.normal : null;
    this.stop(true);
    const plane = usable[(usable.findIndex(({ normal }) => normal === before) + 1) % usable.length];
    const [u, v] = pictured(plane, data.shape, viewer.position.map((index) => index + 0.5));
    const wide = kind === "ellipse" ? HALF_WIDE : 0;
    const ends = [-1, 1].map((side) =>
      this.inside(pointAt(plane, data.shape, viewer.position, u + side * HALF_LONG, v + side * wide)),
    );
    const item = this.created(kind, plane.normal, ...ends, metricOf(data, plane.normal));
    this.editing = { item: null };
    this.put({ ...item, points: rounded(item.points.map((point) => this.inside(point))) });
    [this.id, this.handle] = [item.id, 0];
    this.edited("Arrows move the point, Tab takes the next one, Enter ends, Escape leaves.");
  }

  /** Edits the selected measurement by keys, or ends it. */
  enter() {
    if (this.editing) this.stop();
    else if (this.selected) {
      this.editing = { item: this.selected };
      this.handle = 0;
      this.edited();
    } else return PASS;
    return null;
  }

  /** Leaves without the changes, or takes the selection away. */
  leave() {
    if (this.editing) this.stop(true);
    else if (this.id) this.id = null;
    else if (this.viewer.mark) this.viewer.mark = null;
    else return PASS;
    this.viewer.changed();
    return null;
  }

  /** Takes an arrow; returns whether it belongs to the measurement. */
  step(key, isFast) {
    const item = this.editing && this.selected;
    if (!item || !(key in STEPS)) return false;
    const { data } = this.viewer;
    const [du, dv] = STEPS[key].map((step) => step * (isFast ? FAST : 1));
    const plane = data.anatomy.planes.find(({ normal }) => normal === item.normal);
    const shifted = (point) => {
      const [u, v] = pictured(plane, data.shape, point);
      const to = pointAt(plane, data.shape, [0, 0, 0], u + du, v + dv);
      to[item.normal] = point[item.normal];
      return to;
    };
    const metric = metricOf(data, item.normal) ?? undefined;
    const [from] = item.points;
    const by = shifted(from).map((value, axis) => value - from[axis]);
    this.put(
      this.handle === null
        ? moved(item, by, this.sizes)
        : reshaped(item, this.handle, this.inside(shifted(item.points[this.handle])), metric),
    );
    this.edited();
    return true;
  }

  /** Takes the next point, or the whole measurement after the last. */
  nextHandle(back) {
    const item = this.editing && this.selected;
    if (!item) return PASS;
    const stops = [...item.points.keys(), null];
    const now = stops.indexOf(this.handle);
    this.handle = stops[(now + (back ? stops.length - 1 : 1)) % stops.length];
    this.edited();
    return null;
  }

  edited(hint = null) {
    if (hint) this.viewer.say(hint, 5000);
    this.say(this.selected);
    this.viewer.ask();
  }

  /** Ends the work by keys; `undone` brings the measurement back to what it was before. */
  stop(undone = false) {
    const { editing, selected } = this;
    if (!editing) return;
    this.editing = null;
    if (editing.item) this.drawings.put(editing.item);
    else this.drawings.remove(this.id);
    if (undone || !selected) {
      if (!editing.item) this.id = null;
      return;
    }
    this.drawings.remember();
    this.drawings.put(selected);
    this.settle();
  }

  destroy() {
    if (this.resting.waiting) this.save();
    this.resting.stop();
  }
}
