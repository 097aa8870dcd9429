"""Predictions that tests make of a probability, without a network."""

import numpy as np

from brainseg.inference.prediction import Prediction
from brainseg.inference.record import Predicted
from brainseg.models import CaseExposure


def made(
    model: str,
    relation: str,
    folds: tuple[int, ...],
    threshold: float,
    probability: np.ndarray,
    dice: float | None,
    prediction: Prediction | None = None,
    digest: str | None = None,
) -> Predicted:
    """Return a model's part of a record, by default of one pass per fold that took no time."""
    exposure = CaseExposure(relation, folds)
    passes = Prediction(probability, None, exposure, 0.0, "Net", "CPU", len(folds))
    prediction = prediction or passes
    return Predicted(model, prediction, threshold, dice, prediction.split(threshold), digest)
