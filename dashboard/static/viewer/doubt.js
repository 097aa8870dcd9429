// Slices in doubt: where mask and prediction differ most, and where the prediction is least certain.

const MOST = 5;
const NEAR = 0.1;

/**
 * Returns lists of slices, most doubtful first; none where nothing is in doubt.
 *
 * @param {Measures} measures of the case
 * @param look with `step`, the threshold in whole steps
 * @returns {{title: string, hint: string, slices: {z: number, words: string}[]}[]}
 */
export function slicesInDoubt(measures, { step }) {
  const { data } = measures;
  const found = data.cut("prediction", step);
  if (!found) return [];
  const lists = [data.mask ? differing(measures, found) : null, data.spread ? uncertain(data) : nearThreshold(data, step)];
  return lists.filter((list) => list?.slices.length);
}

function ranked(values, wordsOf) {
  return [...values.keys()]
    .filter((z) => values[z] > 0)
    .sort((one, other) => values[other] - values[one])
    .slice(0, MOST)
    .map((z) => ({ z, words: wordsOf(values[z], z) }));
}

function differing(measures, found) {
  const { data, maskAreas } = measures;
  const shared = measures.shared(found);
  const missed = maskAreas.map((area, z) => (data.hasMask[z] ? area - shared[z] : 0));
  const added = maskAreas.map((_, z) => (data.hasMask[z] ? found.areas[z] - shared[z] : 0));
  return {
    title: "Slices that differ most",
    hint: "Pixels of the prediction outside the mask, and of the mask without prediction.",
    slices: ranked(missed.map((area, z) => area + added[z]), (_, z) => `${added[z]} px outside, ${missed[z]} px missed`),
  };
}

function uncertain(data) {
  return {
    title: "Most uncertain slices",
    hint: "Sum of the standard deviation of the probability over the slice, in pixels.",
    slices: ranked(sumsOf(data, data.spread, (value) => value / data.steps), (sum) => `${sum.toFixed(0)} px`),
  };
}

function nearThreshold(data, step) {
  const near = NEAR * data.steps;
  return {
    title: "Slices near the threshold",
    hint: `Pixels whose probability is within ${NEAR} of the threshold.`,
    slices: ranked(sumsOf(data, data.probability, (value) => Number(Math.abs(value - step) <= near)), (count) => `${count} px`),
  };
}

/** Returns the sum of a function of the values, by slice. */
function sumsOf({ shape: [n, h, w] }, values, f) {
  const sums = new Float64Array(n);
  // By value: there are at most 256, and millions of voxels.
  const known = Float64Array.from({ length: 256 }, (_, value) => f(value));
  values.forEach((value, i) => (sums[Math.floor(i / (h * w))] += known[value]));
  return [...sums];
}
