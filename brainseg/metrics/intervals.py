"""Bootstrap intervals: cases are resampled, all cases of a patient together (Efron 1979)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95

FEWEST_CASES = 6
"""Groups of fewer cases get no interval: it cannot reach beyond their lowest and highest score, and
these two enclose the median of all patients only 1 - 2 * 0.5**n of the time, 0.94 for 5."""

_PART = 1_000


@dataclass(frozen=True)
class Resampling:
    """How often each resample contains each case; the same patients give the same draws.

    Attributes:
        weights: (resamples, n) int, one row per resample, one column per case.
    """

    weights: np.ndarray

    def interval(
        self, statistic: Callable[[np.ndarray], np.ndarray], confidence: float = CONFIDENCE
    ) -> tuple[float, float]:
        """Return the percentile interval of a statistic.

        Args:
            statistic: takes weights (k, n) and returns the statistic of each row, (k,); a resample for
                which it is NaN is left out; inf is allowed.
            confidence: the share of resamples inside the interval, 0..1.

        Returns:
            Lower and upper bound; NaN if no resample defines the statistic.
        """
        starts = range(0, len(self.weights), _PART)
        values = np.concatenate([statistic(self.weights[at : at + _PART]) for at in starts])
        values = values[~np.isnan(values)]
        if not len(values):
            return float("nan"), float("nan")
        ends = [(1 - confidence) / 2, (1 + confidence) / 2]
        # Between two values there is nothing where one of them may be infinite.
        how: Literal["linear", "nearest"] = "linear" if np.isfinite(values).all() else "nearest"
        low, high = np.quantile(values, ends, method=how)
        return float(low), float(high)


def resampling_of(
    patients: np.ndarray | None, count: int, resamples: int = RESAMPLES, seed: int = 0
) -> Resampling:
    """Return resamples of cases, drawn by patient.

    Args:
        patients: (n,) the patient of each case, or None if each case is its own patient.
        count: n, the number of cases.
        resamples: their number; each has as many patients as the cases.
        seed: the same seed gives the same draws.
    """
    names = range(count) if patients is None else patients
    codes = np.unique(np.asarray(names, dtype=object), return_inverse=True)[1]
    return _drawn(tuple(codes.tolist()), resamples, seed)


@lru_cache(maxsize=16)
def _drawn(patient_of_case: tuple[int, ...], resamples: int, seed: int) -> Resampling:
    number = max(patient_of_case) + 1
    draws = np.random.default_rng(seed).integers(0, number, (resamples, number))
    rows = np.arange(resamples)[:, np.newaxis] * number
    drawn = np.bincount((draws + rows).ravel(), minlength=resamples * number)
    weights = drawn.reshape(resamples, number)[:, list(patient_of_case)].astype(np.int32)
    weights.flags.writeable = False
    return Resampling(weights)


def weighted_mean(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the statistic “mean of these values” for :meth:`Resampling.interval`.

    Args:
        values: (n,) one per case.

    Returns:
        A function from (resamples, n), how often each case was drawn, to (resamples,) float64.
    """

    def statistic(weights: np.ndarray) -> np.ndarray:
        return weights @ values / weights.sum(axis=1)

    return statistic


def weighted_median(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the statistic “median of these values”, (n,), which may be infinite."""
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values, np.float64)[order]

    def statistic(weights: np.ndarray) -> np.ndarray:
        reached = np.cumsum(weights[:, order], axis=1)
        half = reached[:, -1:] / 2
        lower = ordered[(reached < half).sum(axis=1)]
        upper = ordered[(reached <= half).sum(axis=1).clip(max=len(ordered) - 1)]
        return (lower + upper) / 2

    return statistic


def weighted_ratio(
    numerators: np.ndarray, denominators: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the statistic “sum of these over sum of those”, NaN where the second sum is 0.

    Both are (n,), one number per case; the result is as that of :func:`weighted_mean`.
    """

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = (weights @ denominators).astype(np.float64)
        empty = np.full(len(weights), np.nan)
        return np.divide(weights @ numerators, total, out=empty, where=total > 0)

    return statistic


def bootstrap_interval(
    scores: np.ndarray,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
    patients: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a mean over cases (Efron 1979).

    Args:
        scores: (n,) one score per case.
        confidence: the share of resampled means inside the interval.
        resamples: their number.
        seed: the same seed gives the same interval.
        patients: (n,) the patient of each case, if a patient may have several: they are then drawn
            together.

    Returns:
        Lower and upper bound; both are the score itself if there is only one case.

    Raises:
        ValueError: there is no score.
    """
    if len(scores) == 0:
        raise ValueError("an interval needs at least one score, and there is none")
    drawn = resampling_of(patients, len(scores), resamples, seed)
    return drawn.interval(weighted_mean(np.asarray(scores, np.float64)), confidence)
