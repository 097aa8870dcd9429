"""Volume -> probability: the one way in, whatever the volume came from."""

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
from brainseg.preprocessing import back_to_volume, prepared_parts
from brainseg.volume import Volume

if TYPE_CHECKING:
    from brainseg.models.engines import Engine

FAST, STANDARD, FULL = "fast", "standard", "full"

MODES = {
    FAST: "one fold, each slice once",
    STANDARD: "every fold that may, asked as the manifest says, which is how the model is scored",
    FULL: "every fold that may, each slice and its mirror image",
}
"""How often the networks look before the mean is taken. A case that a fold never saw is predicted by
that one alone, whatever the effort."""

SLICES_AT_ONCE = 36
"""What is on the network's grid at one time: the memory is that of so many slices, not of all."""


@dataclass(frozen=True)
class Prediction:
    """A probability with what made it; the threshold comes later, and needs no network.

    Attributes:
        probability: (n, h, w) float32, 0..1, on the volume's own grid: the mean of all looks.
        std: (n, h, w) float32, 0..0.5, the standard deviation of the looks; None where there was
            one. It is taken on the network's grid and then brought to the volume's.
        exposure: what the model knew of the patient, and which folds predicted.
        seconds: networks and preprocessing took, without opening the model.
        engine: what ran the networks, such as “TensorFlow float32”.
        device: on what.
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
        """Return whether each network looked at the mirror image, too."""
        return self.ensemble_size > len(self.exposure.folds)


def predict_timed(
    volume: Volume,
    model: Model,
    exposure: CaseExposure,
    mode: str = STANDARD,
    progress: Progress | None = None,
) -> Prediction:
    """Return the prediction of a volume by the folds that its standing names.

    Args:
        volume: a whole case, or one slice (n is 1): the network looks at neighbours and normalises
            over the case, so the same slice alone may come out differently. Any size: it is brought
            to the network's grid at its own proportions, and the answer back to the volume's own grid.
        model: see :func:`brainseg.models.open_model`.
        exposure: see :meth:`brainseg.models.Model.exposure`.
        mode: a key of :data:`MODES`.
        progress: called with (slices done, slices); what it raises ends the prediction.

    Raises:
        ModelError: the model cannot be opened, or gave something that is no probability.
    """
    if mode not in MODES:
        raise ModelError(f"unknown mode “{mode[:20]}”: choose one of {', '.join(MODES)}.")
    if mode == FAST:
        exposure = replace(exposure, folds=exposure.folds[:1])
    networks = warm_up(model, exposure.folds)
    flip_tta = mode == FULL or (mode == STANDARD and model.inference.flip_tta)
    started = time.perf_counter()
    mean, std = _looked_at(volume, model, networks, flip_tta, progress)
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
    """Return the probability that each pixel is tumour, asked as the manifest says.

    The predicted mask also lacks small components: take :meth:`Prediction.mask` for it.

    Args:
        volume: see :func:`predict_timed`.
        model: see :func:`brainseg.models.open_model`.
        folds: whose mean is taken; all of them without. For a case of a cohort they are
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
    # Keras may come with the engine, and pages that only choose a model open without it.
    from brainseg.models.engines import load_engine

    numbers = folds if folds is not None else [record.number for record in model.folds]
    return [load_engine(model, fold) for fold in numbers]


def _looked_at(
    volume: Volume,
    model: Model,
    networks: Sequence[Callable[[np.ndarray], np.ndarray]],
    flip_tta: bool,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return mean and spread of all looks on the network's grid, (n, size, size) float32 each."""
    means, stds, done = [], [], 0
    for inputs in prepared_parts(volume, model.preprocessing, SLICES_AT_ONCE):
        looks = [network(inputs) for network in networks]
        if flip_tta:
            turned = np.ascontiguousarray(inputs[:, :, ::-1])
            looks += [network(turned)[:, :, ::-1] for network in networks]
        mean = np.mean(looks, axis=0, dtype=np.float32)
        if not np.isfinite(mean).all():
            raise ModelError(
                f"{model.name} gave values that are no probability for this volume: use another "
                "model."
            )
        means.append(mean)
        if len(looks) > 1:
            stds.append(np.std(looks, axis=0, dtype=np.float32))
        done += len(inputs)
        if progress:
            progress(done, len(volume))
    return np.concatenate(means), np.concatenate(stds) if stds else None


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
