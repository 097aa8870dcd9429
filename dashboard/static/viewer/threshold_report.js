// Reports the chosen thresholds to the server, which exports files with them, once they rest.

import { Resting } from "./resting.js";
import { ownStep } from "./state.js";

export class ThresholdReport {
  constructor(viewer) {
    this.viewer = viewer;
    /** Called with thresholds; null if the page does not use them. */
    this.send = null;
    this.resting = new Resting(viewer, () => this.now());
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
    this.resting.later();
  }

  now() {
    const thresholds = this.thresholds();
    const report = JSON.stringify(thresholds);
    if (!this.send || report === this.reported) return;
    this.reported = report;
    this.send(thresholds);
  }

  stop() {
    this.resting.stop();
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
