// Grey windows: which values of a sequence are drawn black and white.

export const STORED = [0, 255];

/** Windows that can be chosen: name -> [label, percentiles of the values above 0, or null for all]. */
export const PRESETS = {
  auto: ["Automatic (1 to 99%)", [1, 99]],
  contrast: ["High contrast (10 to 98%)", [10, 98]],
  stored: ["As stored (0 to 255)", null],
};

/**
 * Returns the window between two percentiles of the values above 0, which leave out the background.
 *
 * @param {Uint8Array} pixels of all slices of a sequence
 * @param {number[]} percentiles [low, high], 0..100
 * @returns {number[]} [low, high]; the stored range where fewer than two values occur
 */
export function percentileWindow(pixels, [low, high]) {
  const counts = new Uint32Array(256);
  for (const value of pixels) counts[value] += 1;
  const total = pixels.length - counts[0];
  const at = (percentile) => {
    let rest = (percentile / 100) * total;
    for (let value = 1; value < 256; value++) {
      rest -= counts[value];
      if (rest <= 0) return value;
    }
    return 255;
  };
  const window = total ? [at(low), at(high)] : STORED;
  return window[0] < window[1] ? window : [...STORED];
}

/** The windows of a case: a preset for all sequences, and what the user set for one. */
export class Windows {
  constructor() {
    this.computed = new WeakMap();
  }

  /**
   * Returns the window of a sequence, [low, high].
   *
   * @param data a CaseData
   * @param state with `preset`, a name of PRESETS, and `windows`, sequence -> [low, high]
   */
  of(data, { preset, windows }, sequence) {
    return windows[sequence] ?? this.ofPreset(data, preset, sequence);
  }

  ofPreset(data, preset, sequence) {
    const [, percentiles] = PRESETS[preset];
    if (!percentiles) return [...STORED];
    const pixels = data.pixels(sequence);
    if (!this.computed.has(pixels)) this.computed.set(pixels, {});
    const known = this.computed.get(pixels);
    return (known[preset] ??= percentileWindow(pixels, percentiles));
  }
}

/** Returns a window moved by a drag: to the right wider, up brighter. */
export function dragged([low, high], dx, dy) {
  const width = Math.min(255, Math.max(2, high - low + dx));
  const level = Math.min(255, Math.max(0, (low + high) / 2 - dy / 2));
  return [level - width / 2, level + width / 2];
}
