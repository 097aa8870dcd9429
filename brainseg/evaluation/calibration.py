"""Calibration of a model over the scored cases, from their kept histograms."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import expected_calibration_error, reliability, resampling_of
from brainseg.metrics.calibration import CURVE_BINS, TUMOUR, VOXELS
from brainseg.metrics.intervals import weighted_ratio

REGION = (
    "Counted are the voxels of the head (its bright part on FLAIR, holes filled), and outside of it "
    "those of the manual mask and those of a probability of 0.01 or more. The background, more than "
    "half of an image, would count as predicted perfectly."
)


@dataclass(frozen=True)
class Calibration:
    """How far the probabilities of a model can be taken at their word.

    Attributes:
        curve: as of :func:`brainseg.metrics.reliability`, with ``low`` and ``high``, the 95 %
            bootstrap interval of ``tumour`` by patient.
        error: the expected calibration error, 0..1.
        error_low: lower bound of its 95 % interval, bootstrap by patient.
        error_high: upper bound.
        cases: how many.
    """

    curve: pd.DataFrame
    error: float
    error_low: float
    error_high: float
    cases: int


def calibration(evaluation: Evaluation) -> Calibration | None:
    """Return the calibration over the scored cases, or None where no probability was kept.

    The voxels of all cases are pooled; the cases are what is drawn again, for the voxels of one case
    are anything but independent.
    """
    histograms = evaluation.histograms
    if not len(histograms) or not histograms[:, VOXELS].sum():
        return None
    drawn = resampling_of(evaluation.patients, len(histograms))
    # 2,000 resamples of whole histograms say the second digit, and 10,000 would take a second.
    few = resampling_of(evaluation.patients, len(histograms), resamples=2_000)

    def error_of(weights: np.ndarray) -> np.ndarray:
        return expected_calibration_error(np.tensordot(weights, histograms, axes=1))

    curve = reliability(histograms.sum(axis=0))
    low, high = [], []
    for step in (curve["from"] * CURVE_BINS).round().astype(int):
        part = _step(histograms, step)
        ends = drawn.interval(weighted_ratio(part[:, TUMOUR], part[:, VOXELS]))
        low.append(ends[0])
        high.append(ends[1])
    return Calibration(
        curve.assign(low=low, high=high),
        expected_calibration_error(histograms.sum(axis=0)),
        *few.interval(error_of),
        len(histograms),
    )


def _step(histograms: np.ndarray, step: int) -> np.ndarray:
    """Return (n, 3) of one step of the curve."""
    width = histograms.shape[-1] // CURVE_BINS
    return histograms[..., step * width : (step + 1) * width].sum(axis=-1)
