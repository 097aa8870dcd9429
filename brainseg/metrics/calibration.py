"""Calibration: whether three in ten voxels with a probability of 30% are tumour.

Each case is saved as a histogram in steps of 0.01, which gives the reliability curve and Dice at every
threshold without running the network again.
"""

import numpy as np
import pandas as pd

from brainseg.metrics.overlap import dice_of_counts

BINS = 100
CURVE_BINS = 10
"""As in Naeini et al. (2015): ten equal steps of the probability."""

VOXELS, TUMOUR, PROBABILITY = range(3)
"""Rows of a histogram: voxels, those that are tumour, and the sum of their probabilities."""

_EDGES = (np.arange(BINS + 1) / BINS).astype(np.float32)


def calibrated_voxels(head: np.ndarray, truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the voxels that calibration is measured on: the head, and any tumour outside it.

    The background of the image, over half of all voxels, would count as predicted perfectly and hide
    the rest. No error is lost: voxels of the manual mask, and those with a probability of 0.01 or more,
    count wherever they are.

    Args:
        head: (n, h, w) bool; see :func:`brainseg.cohort.head.head_masks`.
        truth: (n, h, w) bool.
        probability: (n, h, w) float32, 0..1.

    Returns:
        (n, h, w) bool.
    """
    return head | truth | (probability >= _EDGES[1])


def probability_histogram(
    probability: np.ndarray, truth: np.ndarray, counted: np.ndarray
) -> np.ndarray:
    """Return a case's probabilities as a histogram in steps of 0.01.

    Args:
        probability: (n, h, w) float32, 0..1.
        truth: (n, h, w) bool.
        counted: (n, h, w) bool, see :func:`calibrated_voxels`.

    Returns:
        (3, :data:`BINS`) float64: voxels, tumour voxels, and the sum of the probabilities. A step
        includes its lower end, the last one also 1.
    """
    values, is_tumour = probability[counted], truth[counted]
    # Nearly all voxels are in the first step, which needs no search.
    steps = np.zeros(len(values), np.intp)
    above = np.flatnonzero(values >= _EDGES[1])
    steps[above] = np.searchsorted(_EDGES, values[above], side="right") - 1
    steps = np.minimum(steps, BINS - 1)
    rows = (steps, None), (steps[is_tumour], None), (steps, values)
    return np.array([np.bincount(bins, of, BINS) for bins, of in rows], np.float64)


def reliability(histogram: np.ndarray, bins: int = CURVE_BINS) -> pd.DataFrame:
    """Return the share of tumour voxels by probability, one row per step with voxels.

    Args:
        histogram: (3, :data:`BINS`), of a case or the sum over cases.
        bins: the number of steps, a divisor of :data:`BINS`.

    Returns:
        ``from`` and ``to`` (0..1), ``voxels``, ``probability`` (the mean of the step) and ``tumour``
        (the share of its voxels, 0..1).
    """
    voxels, tumour, summed = _in_steps(histogram, bins)
    edges = np.arange(bins + 1) / bins
    filled = voxels > 0
    return pd.DataFrame(
        {
            "from": edges[:-1][filled],
            "to": edges[1:][filled],
            "voxels": voxels[filled].astype("int64"),
            "probability": summed[filled] / voxels[filled],
            "tumour": tumour[filled] / voxels[filled],
        }
    )


def expected_calibration_error(histogram: np.ndarray, bins: int = CURVE_BINS) -> np.ndarray:
    """Return the expected calibration error, 0..1 (Naeini et al. 2015; Guo et al. 2017).

    The mean over the voxels of the difference, in their step, between mean probability and share of
    tumour. NaN for a histogram without voxels.

    Args:
        histogram: (..., 3, :data:`BINS`); the result has the leading axes.
        bins: the number of steps, a divisor of :data:`BINS`.
    """
    steps = _in_steps(histogram, bins)
    total = steps[..., VOXELS, :].sum(axis=-1)
    off = np.abs(steps[..., PROBABILITY, :] - steps[..., TUMOUR, :]).sum(axis=-1)
    return np.divide(off, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def dice_by_threshold(histogram: np.ndarray) -> pd.DataFrame:
    """Return the Dice of a case at each threshold from 0.01 to 0.99.

    Args:
        histogram: (3, :data:`BINS`) of one case.

    Returns:
        ``threshold`` and ``dice`` (0..1, 1 if mask and prediction are both empty).
    """
    claimed = np.cumsum(histogram[VOXELS][::-1])[::-1]
    hits = np.cumsum(histogram[TUMOUR][::-1])[::-1]
    return pd.DataFrame(
        {
            "threshold": np.arange(1, BINS) / BINS,
            "dice": dice_of_counts(np.full(BINS - 1, hits[0]), claimed[1:], hits[1:]),
        }
    )


def _in_steps(histogram: np.ndarray, bins: int) -> np.ndarray:
    if BINS % bins:
        raise ValueError(f"{bins} steps do not divide {BINS}: take a divisor of it")
    return histogram.reshape(*histogram.shape[:-1], bins, BINS // bins).sum(axis=-1)
