// Plays the slices one after the other, forwards and again from the first.

const FRAMES_PER_S = 8;

export class Cine {
  constructor(viewer) {
    this.viewer = viewer;
    this.timer = null;
  }

  get playing() {
    return this.timer !== null;
  }

  toggle() {
    if (this.playing) this.stop();
    else this.timer = setInterval(() => this.next(), 1000 / FRAMES_PER_S);
    this.viewer.changed();
  }

  next() {
    const { data, position } = this.viewer;
    this.viewer.goToSlice((position[2] + 1) % data.sliceNumbers.length);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }
}
