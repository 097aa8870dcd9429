// Tells the server which thresholds a person chose, for the files that it makes: once they rest.

import { usualOtherStep, usualStep } from "./opening.js";

const RESTS_MS = 400;

export class Telling {
  constructor(viewer) {
    this.viewer = viewer;
    /** Called with thresholds; null where nobody asks for them. */
    this.tell = null;
  }

  /** Tells what stands in a case that was just opened, where it is not what a server takes itself. */
  opened() {
    const { data, state } = this.viewer;
    const { step, otherStep } = state.look;
    const own = step === usualStep(data) && (!data.other || otherStep === usualOtherStep(data));
    if (!own || this.told) this.later();
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const thresholds = this.thresholds();
      const told = JSON.stringify(thresholds);
      if (!this.tell || told === this.told) return;
      this.told = told;
      this.tell(thresholds);
    }, RESTS_MS);
  }

  stop() {
    clearTimeout(this.waiting);
  }

  /** Returns the thresholds, 0..1, and what they belong to; dashboard/viewer.py has the same. */
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
