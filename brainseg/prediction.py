"""Volume -> probability: the one way in, whatever the volume came from."""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.errors import ModelError
from brainseg.metrics import dice
from brainseg.models import Model, Standing
from brainseg.preprocessing import back_from_grid, prepare
from brainseg.volume import Volume


def predict(volume: Volume, model: Model, folds: tuple[int, ...] | None = None) -> np.ndarray:
    """Return the probability that each pixel is tumour.

    Args:
        volume: a whole case, or one slice (n is 1): the network looks at neighbours and normalises
            over the case, so the same slice alone may come out differently.
        model: see :func:`brainseg.models.open_model`.
        folds: whose mean is taken; all of them without. For a case of a cohort they are
            :attr:`brainseg.models.Standing.folds`.

    Returns:
        (n, h, w) float32, 0..1, on the volume's own grid.

    Raises:
        ModelError: the model cannot be opened, or gave something that is no probability.
    """
    # Keras comes with the engine, and pages that only choose a model open without it.
    from brainseg.engines import load_engine

    if folds is None:
        folds = tuple(record.number for record in model.folds)
    inputs = prepare(volume, model.preprocessing)
    probability = np.mean([load_engine(model, fold)(inputs) for fold in folds], axis=0)
    if not np.isfinite(probability).all():
        raise ModelError(
            f"{model.name} gave values that are no probability for this volume: use another model."
        )
    return back_from_grid(probability.astype(np.float32), *volume.pixels.shape[1:3])


@dataclass(frozen=True)
class Prediction:
    """A probability with what made it; the threshold comes later, and needs no network.

    Attributes:
        probability: (n, h, w) float32, 0..1, on the volume's own grid.
        standing: what the model knew of the patient, and which folds therefore predicted.
        seconds: the network and its preprocessing took, without opening the model.
    """

    probability: np.ndarray
    standing: Standing
    seconds: float

    def mask(self, threshold: float) -> np.ndarray:
        """Return (n, h, w) bool: where the probability is at least the threshold."""
        return self.probability >= threshold


def predict_timed(volume: Volume, model: Model, standing: Standing) -> Prediction:
    """Return the prediction of a volume by the folds that its standing names.

    Raises:
        ModelError: as for :func:`predict`.
    """
    warm_up(model, standing.folds)
    started = time.perf_counter()
    probability = predict(volume, model, standing.folds)
    return Prediction(probability, standing, time.perf_counter() - started)


def warm_up(model: Model, folds: tuple[int, ...] | None = None) -> None:
    """Open the networks of a model ahead of the first prediction; all folds without ``folds``.

    Raises:
        ModelError: as for :func:`predict`.
    """
    from brainseg.engines import load_engine

    for fold in folds if folds is not None else [record.number for record in model.folds]:
        load_engine(model, fold)


def area_by_slice(
    prediction: np.ndarray, slice_numbers: list[int], masks: np.ndarray, there: np.ndarray
) -> pd.DataFrame:
    """Return how much of each slice is predicted tumour, beside its mask.

    Args:
        prediction: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        masks: (n, h, w) bool.
        there: (n,) bool, False where a slice has no mask that can be used.

    Returns:
        A row a slice: ``slice_number``; ``predicted_px``; ``mask_px`` (Int64) and ``dice`` (Float64,
        0..1, 1 where both are empty), both missing without a mask.
    """
    rows = [
        {
            "slice_number": number,
            "predicted_px": int(np.count_nonzero(plane)),
            "mask_px": int(np.count_nonzero(mask)) if known else None,
            "dice": dice(mask, plane) if known else None,
        }
        for number, plane, mask, known in zip(slice_numbers, prediction, masks, there, strict=True)
    ]
    return pd.DataFrame(rows).astype({"mask_px": "Int64", "dice": "Float64"})


def dice_of_case(prediction: np.ndarray, masks: np.ndarray, there: np.ndarray) -> float | None:
    """Return Dice of a case as one volume, over the slices with a usable mask; None without one."""
    return dice(masks[there], prediction[there]) if there.any() else None
