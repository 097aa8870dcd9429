"""Calibration: whether of the voxels called 30 % probable three in ten are tumour.

A case is kept as a histogram in steps of 0.01, small enough to store, exact enough to draw a
reliability curve and Dice at every threshold again without the network.
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
    """Return which voxels calibration is asked of: the head, and whatever was called tumour outside it.

    The background of the image, over half of all voxels, would count as predicted perfectly and hide
    the rest. No error is lost with it: voxels of the manual mask, and those of a probability of 0.01
    or more, count wherever they are.

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
        holds its lower end, the last one also 1.
    """
    values, is_tumour = probability[counted], truth[counted]
    # Nearly all voxels are in the first step, and need not be looked for.
    places = np.zeros(len(values), np.intp)
    above = np.flatnonzero(values >= _EDGES[1])
    places[above] = np.searchsorted(_EDGES, values[above], side="right") - 1
    places = np.minimum(places, BINS - 1)
    return np.stack(
        [
            np.bincount(places, minlength=BINS),
            np.bincount(places[is_tumour], minlength=BINS),
            np.bincount(places, weights=values, minlength=BINS),
        ]
    ).astype(np.float64)


def reliability(histogram: np.ndarray, bins: int = CURVE_BINS) -> pd.DataFrame:
    """Return how often voxels of each probability are tumour, a row a step with voxels in it.

    Args:
        histogram: (3, :data:`BINS`), of a case or the sum over cases.
        bins: how many steps, a divisor of :data:`BINS`.

    Returns:
        ``from`` and ``to`` (0..1), ``voxels``, ``probability`` (the mean of the step) and ``tumour``
        (the share of its voxels that are tumour), 0..1.
    """
    voxels, tumour, summed = _in_steps(histogram, bins)
    edges = np.arange(bins + 1) / bins
    there = voxels > 0
    return pd.DataFrame(
        {
            "from": edges[:-1][there],
            "to": edges[1:][there],
            "voxels": voxels[there].astype("int64"),
            "probability": summed[there] / voxels[there],
            "tumour": tumour[there] / voxels[there],
        }
    )


def expected_calibration_error(histogram: np.ndarray, bins: int = CURVE_BINS) -> np.ndarray | float:
    """Return how far probabilities are off on average, 0..1 (Naeini et al. 2015; Guo et al. 2017).

    The mean over the voxels of the distance, in their step, between mean probability and share of
    tumour. NaN where the histogram holds no voxel.

    Args:
        histogram: (..., 3, :data:`BINS`); leading axes give an array of errors.
        bins: how many steps, a divisor of :data:`BINS`.
    """
    steps = _in_steps(histogram, bins)
    total = steps[..., VOXELS, :].sum(axis=-1)
    off = np.abs(steps[..., PROBABILITY, :] - steps[..., TUMOUR, :]).sum(axis=-1)
    error = np.divide(off, total, out=np.full(np.shape(total), np.nan), where=total > 0)
    return float(error) if error.ndim == 0 else error


def dice_by_threshold(histogram: np.ndarray) -> pd.DataFrame:
    """Return Dice of a case at each threshold from 0.01 to 0.99.

    Args:
        histogram: (3, :data:`BINS`) of one case.

    Returns:
        ``threshold`` and ``dice`` (0..1, 1 where mask and prediction are both empty).
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
