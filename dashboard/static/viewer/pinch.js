// Two fingers on a picture: apart and together zoom, up and down scroll.

const PX_PER_SLICE = 24;
const ZOOMS_FROM_PX = 12;

export class Pinch {
  /**
   * @param onZoom called with a factor and the point between the fingers, [x, y]
   * @param onScroll called with a number of slices
   */
  constructor(onZoom, onScroll) {
    Object.assign(this, { onZoom, onScroll });
    this.fingers = new Map();
  }

  get active() {
    return this.fingers.size > 1;
  }

  down({ pointerId, pointerType, offsetX, offsetY }) {
    if (pointerType !== "touch") return;
    this.fingers.set(pointerId, [offsetX, offsetY]);
    this.before = this.active ? this.measured() : null;
    this.begun = this.before;
    this.rest = 0;
  }

  /** Returns whether the movement belongs to two fingers. */
  move({ pointerId, offsetX, offsetY }) {
    if (!this.fingers.has(pointerId)) return false;
    this.fingers.set(pointerId, [offsetX, offsetY]);
    if (!this.active) return false;
    const now = this.measured();
    if (Math.abs(now.apart - this.begun.apart) > ZOOMS_FROM_PX) {
      this.onZoom(now.apart / this.before.apart, now.middle);
    } else {
      this.rest += this.before.middle[1] - now.middle[1];
      const steps = Math.trunc(this.rest / PX_PER_SLICE);
      this.rest -= steps * PX_PER_SLICE;
      if (steps) this.onScroll(steps);
    }
    this.before = now;
    return true;
  }

  up({ pointerId }) {
    this.fingers.delete(pointerId);
  }

  measured() {
    const [[ax, ay], [bx, by]] = [...this.fingers.values()];
    return { apart: Math.max(1, Math.hypot(ax - bx, ay - by)), middle: [(ax + bx) / 2, (ay + by) / 2] };
  }
}
