// Tells the server which thresholds a person chose, for the files that it makes: once they rest.

import { usualOtherStep, usualStep } from "./opening.js";

const RESTS_MS = 400;

export class Telling {
  constructor(viewer) {
    this.viewer = viewer;
    /** Called with thresholds; null where nobody asks for them. */
    this.tell = null;
    // A button elsewhere on the page acts on what the viewer shows: it must not come first.
    this.flush = (event) => {
      const elsewhere = !event.composedPath().includes(viewer.whole);
      if (this.waiting && (elsewhere || event.shiftKey)) this.now();
    };
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, this.flush, true);
  }

  /** Tells what stands in a case that was just opened, where it is not what a server takes itself. */
  opened() {
    const { data, state } = this.viewer;
    if (!data.probability) return;
    const { step, otherStep } = state.look;
    const own = step === usualStep(data) && (!data.other || otherStep === usualOtherStep(data));
    // One in the address is confirmed, too: the server cannot know whether it could be used.
    if (!own || this.told || this.viewer.stepChosen) this.later();
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.now(), RESTS_MS);
  }

  now() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const thresholds = this.thresholds();
    const told = JSON.stringify(thresholds);
    if (!this.tell || told === this.told) return;
    this.told = told;
    this.tell(thresholds);
  }

  stop() {
    clearTimeout(this.waiting);
    for (const kind of ["pointerdown", "keydown"]) {
      window.removeEventListener(kind, this.flush, true);
    }
  }

  /** Returns the thresholds, 0..1, and what they belong to; dashboard/shared/viewer.py has the same. */
  thresholds() {
    const { data, state } = this.viewer;
    const share = (step) => Number((step / data.steps).toFixed(4));
    const { step, otherStep } = state.look;
    return {
      of: [data.name, data.header.made_by, data.header.other?.made_by ?? null],
      values: [share(step), ...(data.other ? [share(otherStep)] : [])],
    };
  }
}
