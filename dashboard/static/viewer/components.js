// A predicted mask at a threshold, without its small components: the rule of
// brainseg/inference/components.py; a test compares both.

export const [KEPT, REMOVED] = [1, 2];

/**
 * A volume at one threshold.
 *
 * classes has KEPT, REMOVED or 0 for each voxel; areas the kept pixels of each slice, removedAreas the
 * others; kept and removed the components, largest first, each with voxels, first, last and largest
 * (indices of slices; most of it is on the largest), and voxel, one of its [x, y, z] there.
 */
class Cut {
  constructor(step, fraction, shape, classes) {
    Object.assign(this, { step, fraction, shape, classes, kept: [], removed: [] });
    this.areas = new Uint32Array(shape[0]);
    this.removedAreas = new Uint32Array(shape[0]);
  }

  /** Returns the number of kept components. */
  get count() {
    return this.kept.length;
  }

  /** Returns the kept voxels. */
  get volume() {
    return this.areas.reduce((sum, area) => sum + area, 0);
  }
}

/** Applies thresholds to a probability, and caches the last result. */
export class Cutter {
  /**
   * @param {Uint8Array} probability (n, h, w) in whole steps
   * @param {number[]} shape [n, h, w]
   * @param {number} fraction components below this fraction of the largest are removed; 0 removes none
   */
  constructor(probability, shape, fraction) {
    Object.assign(this, { probability, shape, fraction, last: null });
  }

  /** Returns the Cut where the probability has `step` or more. */
  at(step) {
    if (this.last?.step !== step) this.last = this.cut(step);
    return this.last;
  }

  cut(step) {
    const { probability, shape, fraction } = this;
    const cut = new Cut(step, fraction, shape, new Uint8Array(probability.length));
    const { runs, sizes } = volumeComponents(probability, step, shape);
    const least = fraction * sizes.reduce((most, voxels) => Math.max(most, voxels), 0);
    const components = { kept: new Map(), removed: new Map() };
    for (const run of runs) {
      const small = sizes[run.label] < least;
      cut.classes.fill(small ? REMOVED : KEPT, run.from, run.to);
      (small ? cut.removedAreas : cut.areas)[run.z] += run.to - run.from;
      const runsOf = small ? components.removed : components.kept;
      if (!runsOf.has(run.label)) runsOf.set(run.label, []);
      runsOf.get(run.label).push(run);
    }
    for (const [which, found] of Object.entries(components)) {
      // In the order of their first voxels, which a stable sort keeps among equals.
      cut[which] = [...found.values()]
        .map((of) => describe(of, shape))
        .sort((one, other) => other.voxels - one.voxels);
    }
    return cut;
  }
}

/** Returns the position of a component from its runs in reading order. */
function describe(runs, [, h, w]) {
  const areas = new Map();
  for (const { z, from, to } of runs) areas.set(z, (areas.get(z) ?? 0) + to - from);
  const [largest] = [...areas].reduce((most, one) => (one[1] > most[1] ? one : most));
  const inSlice = runs.filter(({ z }) => z === largest);
  const { from, to } = inSlice[inSlice.length >> 1];
  const middle = ((from + to) >> 1) % (h * w);
  return {
    voxels: [...areas.values()].reduce((sum, area) => sum + area, 0),
    first: runs[0].z,
    last: runs.at(-1).z,
    largest,
    voxel: [middle % w, Math.floor(middle / w), largest],
  };
}

/**
 * Returns the connected components of a volume; voxels that touch at a corner belong together.
 *
 * It joins runs of voxels along the rows instead of single voxels, so each step of a slider takes
 * milliseconds.
 *
 * @param {Uint8Array} values (n, h, w); voxels of at least `least` belong to the mask
 * @returns {{runs: object[], sizes: number[]}} the runs in reading order, each with its slice z, its
 *   indices from `from` to before `to`, and the label of its component; and the number of voxels of each
 *   label. Labels count from 0 in the order of the components' first voxels.
 */
export function volumeComponents(values, least, [n, h, w]) {
  const { runs, firstOfRow } = runsOf(values, least, [n, h, w]);
  const parents = runs.map((_, i) => i);
  const root = (i) => {
    while (parents[i] !== i) i = parents[i] = parents[parents[i]];
    return i;
  };
  // Joins the runs of a row with those that they touch in an earlier row, `apart` indices before.
  const join = (row, earlier, apart) => {
    let [i, j] = [firstOfRow[row], firstOfRow[earlier]];
    const [iEnds, jEnds] = [firstOfRow[row + 1], firstOfRow[earlier + 1]];
    while (i < iEnds && j < jEnds) {
      const [one, other] = [runs[i], runs[j]];
      if (one.from <= other.to + apart && other.from + apart <= one.to) {
        const [a, b] = [root(i), root(j)];
        // The older run stays the root, so that components are numbered by their first voxels.
        parents[Math.max(a, b)] = Math.min(a, b);
      }
      if (one.to < other.to + apart) i += 1;
      else j += 1;
    }
  };
  for (let z = 0, row = 0; z < n; z++) {
    for (let y = 0; y < h; y++, row++) {
      if (firstOfRow[row] === firstOfRow[row + 1]) continue;
      if (y) join(row, row - 1, w);
      for (let by = -1; z && by <= 1; by++) {
        if (y + by >= 0 && y + by < h) join(row, row - h + by, (h - by) * w);
      }
    }
  }
  const sizes = [];
  runs.forEach((run, i) => {
    const of = root(i);
    run.label = of === i ? sizes.push(0) - 1 : runs[of].label;
    sizes[run.label] += run.to - run.from;
  });
  return { runs, sizes };
}

/** Returns the runs of a volume in reading order, and the index of the first run of each row. */
function runsOf(values, least, [n, h, w]) {
  const runs = [];
  const firstOfRow = new Int32Array(n * h + 1);
  for (let row = 0, place = 0; row < n * h; row++) {
    firstOfRow[row] = runs.length;
    const ends = place + w;
    while (place < ends) {
      if (values[place] < least) {
        place += 1;
        continue;
      }
      const from = place;
      while (place < ends && values[place] >= least) place += 1;
      runs.push({ z: Math.floor(row / h), from, to: place, label: -1 });
    }
  }
  firstOfRow[n * h] = runs.length;
  return { runs, firstOfRow };
}
