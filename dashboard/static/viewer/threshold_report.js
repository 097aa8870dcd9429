// Reports the chosen thresholds to the server, which exports files with them, once they rest.

import { ownStep } from "./state.js";

const RESTS_MS = 400;

export class ThresholdReport {
  constructor(viewer) {
    this.viewer = viewer;
    /** Called with thresholds; null if the page does not use them. */
    this.send = null;
    // Report before a button elsewhere on the page acts on what the viewer shows.
    this.flush = (event) => {
      const elsewhere = !viewer.panels.contain(event.composedPath());
      if (this.waiting && (elsewhere || event.shiftKey)) this.now();
    };
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, this.flush, true);
  }

  /** Reports the thresholds of a newly opened case unless they are the server's defaults. */
  opened() {
    const { data, state } = this.viewer;
    if (!data.probability) return;
    const { step, otherStep } = state.look;
    const own = step === ownStep(data) && (!data.other || otherStep === ownStep(data, data.header.other));
    // Also confirms a threshold in the address, because the server does not know whether it is valid.
    if (!own || this.reported || this.viewer.stepChosen) this.later();
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.now(), RESTS_MS);
  }

  now() {
    clearTimeout(this.waiting);
    this.waiting = null;
    const thresholds = this.thresholds();
    const report = JSON.stringify(thresholds);
    if (!this.send || report === this.reported) return;
    this.reported = report;
    this.send(thresholds);
  }

  stop() {
    clearTimeout(this.waiting);
    for (const kind of ["pointerdown", "keydown"]) {
      window.removeEventListener(kind, this.flush, true);
    }
  }

  /** Returns the thresholds, 0..1, and their identity, as in dashboard/shared/viewer.py. */
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
