"""How well a prediction covers a mask. The rule for empty masks is part of each definition."""

import numpy as np

EMPTY_MASK_RULE = (
    "Dice by case: the whole volume, all slices. Both empty counts as 1, "
    "only one of the two empty as 0; a missed tumour is never dropped from a mean."
)


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the overlap 2|A∩B| / (|A|+|B|) of two masks (Dice 1945), 0..1.

    Both empty is 1: there was nothing to find, and nothing was claimed. One of them empty is 0.

    Args:
        truth: bool, any shape: (h, w) for a slice, (n, h, w) for a case as one volume.
        prediction: bool, of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if truth.shape != prediction.shape:
        raise ValueError(
            f"truth is {truth.shape}, prediction {prediction.shape}: bring them to one grid first"
        )
    both = int(np.count_nonzero(truth)) + int(np.count_nonzero(prediction))
    if both == 0:
        return 1.0
    return 2 * int(np.count_nonzero(truth & prediction)) / both


def bootstrap_interval(
    scores: np.ndarray, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean over cases (Efron 1979).

    Args:
        scores: (n,) a score a case; the cases are what is drawn again.
        confidence: the share of resampled means that the interval holds.
        resamples: how many samples of n cases are drawn.
        seed: the same seed gives the same interval.

    Returns:
        Lower and upper bound; both are the score itself where there is one case only.

    Raises:
        ValueError: there is no score.
    """
    if len(scores) == 0:
        raise ValueError("an interval needs at least one score, and there is none")
    rng = np.random.default_rng(seed)
    means = rng.choice(scores, (resamples, len(scores))).mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
