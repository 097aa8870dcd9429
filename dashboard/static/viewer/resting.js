// Calls a function once changes rest, and at once before something else on the page is pressed.

const RESTS_MS = 400;

export class Resting {
  /**
   * @param viewer whose own controls do not end the rest
   * @param {() => void} act
   */
  constructor(viewer, act) {
    Object.assign(this, { act, waiting: null });
    this.flush = (event) => {
      const elsewhere = !viewer.panels.contain(event.composedPath());
      if (this.waiting && (elsewhere || event.shiftKey)) this.now();
    };
    for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, this.flush, true);
  }

  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.now(), RESTS_MS);
  }

  now() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.act();
  }

  stop() {
    clearTimeout(this.waiting);
    for (const kind of ["pointerdown", "keydown"]) window.removeEventListener(kind, this.flush, true);
  }
}
