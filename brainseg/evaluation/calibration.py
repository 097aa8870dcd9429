"""Calibration of a model over the scored cases, from their saved histograms."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import expected_calibration_error, reliability, resampling_of
from brainseg.metrics.calibration import CURVE_BINS, TUMOUR, VOXELS
from brainseg.metrics.intervals import weighted_ratio

REGION = (
    "Measured on the voxels of the head (its bright part on FLAIR, holes filled), and outside it on "
    "those of the manual mask and those with a probability of 0.01 or more. The background, more than "
    "half of an image, would count as predicted perfectly."
)


@dataclass(frozen=True)
class Calibration:
    """The reliability of a model's probabilities.

    Attributes:
        curve: as of :func:`brainseg.metrics.reliability`, with ``low`` and ``high``, the 95%
            bootstrap interval of ``tumour`` by patient.
        error: the expected calibration error, 0..1.
        error_low, error_high: its 95% interval, bootstrap by patient.
        cases: number of cases.
    """

    curve: pd.DataFrame
    error: float
    error_low: float
    error_high: float
    cases: int


def calibration(evaluation: Evaluation) -> Calibration | None:
    """Return the calibration over the scored cases, or None without saved probabilities.

    The voxels of all cases are pooled; the bootstrap resamples cases, because the voxels of one case are
    not independent.
    """
    histograms = evaluation.histograms
    if not len(histograms) or not histograms[:, VOXELS].sum():
        return None
    drawn = resampling_of(evaluation.patients, len(histograms))
    # 2,000 resamples of whole histograms give the second digit; 10,000 would take a second.
    few = resampling_of(evaluation.patients, len(histograms), resamples=2_000)
    curve = reliability(histograms.sum(axis=0))
    steps = np.stack(np.split(histograms, CURVE_BINS, axis=-1)).sum(axis=-1)
    ends = [
        drawn.interval(weighted_ratio(steps[step, :, TUMOUR], steps[step, :, VOXELS]))
        for step in (curve["from"] * CURVE_BINS).round().astype(int)
    ]
    low, high = zip(*ends, strict=True)
    return Calibration(
        curve.assign(low=low, high=high),
        float(expected_calibration_error(histograms.sum(axis=0))),
        *few.interval(
            lambda weights: expected_calibration_error(np.tensordot(weights, histograms, axes=1))
        ),
        len(histograms),
    )
