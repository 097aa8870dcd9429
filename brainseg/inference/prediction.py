"""Prediction: from a volume to a probability, for training, evaluation, pages and files alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainseg.cohort.index import Progress
from brainseg.errors import ModelError
from brainseg.inference.components import Split, remove_small_components
from brainseg.metrics import dice
from brainseg.models import NEW, CaseExposure, Model
from brainseg.notebook import Shown
from brainseg.preprocessing import back_to_volume, prepared_parts
from brainseg.volume import Volume

if TYPE_CHECKING:
    from brainseg.models.engines import Engine

FAST, STANDARD, FULL = "fast", "standard", "full"

MODES = {
    FAST: "one fold, each slice once",
    STANDARD: "every applicable fold, with the settings of the manifest, as the model is scored",
    FULL: "every applicable fold, each slice and its mirror image",
}
"""Which passes are averaged. A held-out case is predicted only by the fold that held it out, in every
mode."""

SLICES_AT_ONCE = 36
"""Number of slices prepared at a time, which bounds the memory."""


@dataclass(frozen=True, repr=False)
class Prediction(Shown):
    """A probability and how it was computed. Any threshold can be applied later, without the network.

    Attributes:
        probability: (n, h, w) float32, 0..1, on the volume's own grid: the mean of all passes.
        std: (n, h, w) float32, 0..0.5, the standard deviation over the passes; None for a single
            pass. It is computed on the network's grid and resampled to the volume's.
        exposure: whether the model was trained on the patient, and which folds predicted.
        seconds: duration of preprocessing and networks, without opening the model.
        engine: the inference engine, such as “TensorFlow float32”.
        device: where it ran, such as “CPU”.
        ensemble_size: number of passes averaged: networks, times two with mirror images.
        min_component_fraction: the mask keeps no component below this fraction of the largest, 0..1;
            see :func:`brainseg.inference.components.remove_small_components`. The probability is
            never changed.
    """

    probability: np.ndarray
    std: np.ndarray | None
    exposure: CaseExposure
    seconds: float
    engine: str
    device: str
    ensemble_size: int
    min_component_fraction: float = 0.0

    def _facts(self) -> dict[str, object]:
        return {
            "shape": "x".join(map(str, self.probability.shape)),
            "patient": self.exposure.relation,
            "folds": ", ".join(map(str, self.exposure.folds)),
            "passes": self.ensemble_size,
            "engine": self.engine,
        }

    def mask(self, threshold: float) -> np.ndarray:
        """Return (n, h, w) bool: the predicted mask, without its small components."""
        return self.split(threshold).mask

    def split(self, threshold: float) -> Split:
        """Return the mask at a threshold, and the components that were removed from it.

        Args:
            threshold: a probability of at least this is tumour, 0..1.
        """
        return remove_small_components(self.probability >= threshold, self.min_component_fraction)

    @property
    def flip_tta(self) -> bool:
        """Return whether each network also predicted the mirror image."""
        return self.ensemble_size > len(self.exposure.folds)


def predict_timed(
    volume: Volume,
    model: Model,
    exposure: CaseExposure,
    mode: str = STANDARD,
    progress: Progress | None = None,
) -> Prediction:
    """Return the prediction of a volume by the folds that its exposure names.

    Args:
        volume: a whole case, or one slice (n is 1). The network uses neighbouring slices and
            normalises over the case, so a slice alone may be predicted differently. Any size: it is
            resampled to the network's grid, and the result back to the volume's own grid.
        model: see :func:`brainseg.models.open_model`.
        exposure: see :meth:`brainseg.models.Model.exposure`.
        mode: a key of :data:`MODES`.
        progress: called with (slices done, slices); an exception it raises ends the prediction.

    Raises:
        ModelError: the model cannot be opened, or its output is not a probability.
    """
    if mode not in MODES:
        raise ModelError(f"unknown mode “{mode[:20]}”: choose one of {', '.join(MODES)}.")
    if mode == FAST:
        exposure = replace(exposure, folds=exposure.folds[:1])
    networks = warm_up(model, exposure.folds)
    flip_tta = mode == FULL or (mode == STANDARD and model.inference.flip_tta)
    started = time.perf_counter()
    mean, std = _mean_and_std(volume, model, networks, flip_tta, progress)
    return Prediction(
        probability=back_to_volume(mean, volume),
        std=None if std is None else back_to_volume(std, volume),
        exposure=exposure,
        seconds=time.perf_counter() - started,
        engine=networks[0].name,
        device=networks[0].device,
        ensemble_size=len(networks) * (2 if flip_tta else 1),
        min_component_fraction=model.inference.min_component_fraction,
    )


def predict(volume: Volume, model: Model, folds: tuple[int, ...] | None = None) -> np.ndarray:
    """Return the probability that each pixel is tumour, with the settings of the manifest.

    The predicted mask also has its small components removed: use :meth:`Prediction.mask`.

    Args:
        volume: see :func:`predict_timed`.
        model: see :func:`brainseg.models.open_model`.
        folds: the folds to average; all by default. For a case of a cohort use
            :attr:`brainseg.models.CaseExposure.folds`.

    Returns:
        (n, h, w) float32, 0..1, on the volume's own grid.

    Raises:
        ModelError: as for :func:`predict_timed`.
    """
    if folds is None:
        folds = tuple(record.number for record in model.folds)
    return predict_timed(volume, model, CaseExposure(NEW, folds)).probability


def warm_up(model: Model, folds: tuple[int, ...] | None = None) -> "list[Engine]":
    """Open the networks of a model ahead of the first prediction; all folds without ``folds``.

    Raises:
        ModelError: as for :func:`predict_timed`.
    """
    # The engine may import Keras, which pages that only choose a model do not need.
    from brainseg.models.engines import load_engine

    numbers = folds if folds is not None else [record.number for record in model.folds]
    return [load_engine(model, fold) for fold in numbers]


def _mean_and_std(
    volume: Volume,
    model: Model,
    networks: Sequence[Callable[[np.ndarray], np.ndarray]],
    flip_tta: bool,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return mean and standard deviation of all passes, (n, size, size) float32."""
    means: list[np.ndarray] = []
    stds: list[np.ndarray] = []
    done = 0
    for inputs in prepared_parts(volume, model.preprocessing, SLICES_AT_ONCE):
        passes = [network(inputs) for network in networks]
        if flip_tta:
            turned = np.ascontiguousarray(inputs[:, :, ::-1])
            passes += [network(turned)[:, :, ::-1] for network in networks]
        mean = np.asarray(np.mean(passes, axis=0, dtype=np.float32))
        if not np.isfinite(mean).all():
            raise ModelError(
                f"the output of {model.name} for this volume is not a probability: use another model."
            )
        means.append(mean)
        if len(passes) > 1:
            stds.append(np.asarray(np.std(passes, axis=0, dtype=np.float32)))
        done += len(inputs)
        if progress:
            progress(done, len(volume))
    return np.concatenate(means), np.concatenate(stds) if stds else None


def area_by_slice(
    prediction: np.ndarray, slice_numbers: list[int], masks: np.ndarray, has_mask: np.ndarray
) -> pd.DataFrame:
    """Return predicted and manual tumour area per slice.

    Args:
        prediction: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        masks: (n, h, w) bool.
        has_mask: (n,) bool, False where a slice has no usable mask.

    Returns:
        One row per slice: ``slice_number``; ``predicted_px``; ``mask_px`` (Int64) and ``dice`` (Float64,
        0..1, 1 where both are empty), both missing without a mask.
    """
    rows = [
        {
            "slice_number": number,
            "predicted_px": int(np.count_nonzero(plane)),
            "mask_px": int(np.count_nonzero(mask)) if known else None,
            "dice": dice(mask, plane) if known else None,
        }
        for number, plane, mask, known in zip(
            slice_numbers, prediction, masks, has_mask, strict=True
        )
    ]
    return pd.DataFrame(rows).astype({"mask_px": "Int64", "dice": "Float64"})


def dice_of_case(prediction: np.ndarray, masks: np.ndarray, has_mask: np.ndarray) -> float | None:
    """Return the Dice of a case over all slices with a usable mask; None if there is none."""
    return dice(masks[has_mask], prediction[has_mask]) if has_mask.any() else None
