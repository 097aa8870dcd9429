"""Prediction: from a volume to a probability, for training, evaluation, pages and files alike."""

import os
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from brainseg.cohort.index import Progress
from brainseg.errors import ModelError
from brainseg.inference.components import Split, remove_small_components
from brainseg.inference.quantised import Compressed, PackedUnits, restore, units_from
from brainseg.inference.workers import PREDICTING, Passes, open_networks, predict_blocks
from brainseg.jobs import Jobs
from brainseg.metrics import dice
from brainseg.models import NEW, CaseExposure, Model
from brainseg.notebook import Shown
from brainseg.preprocessing import blocks_of
from brainseg.volume import Volume

FAST, STANDARD, FULL = "fast", "standard", "full"

MODES = {
    FAST: "one fold, each slice once",
    STANDARD: "every applicable fold, with the settings of the manifest, as the model is scored",
    FULL: "every applicable fold, each slice and its mirror image",
}
"""Which passes are averaged. A held-out case is predicted only by the fold that held it out, in every
mode."""

SLICES_AT_ONCE = 12
"""Number of slices predicted at a time, which bounds the memory; fewer of large slices."""

OPENVINO_SLICES = 6
"""The least number for OpenVINO, which predicts slice by slice on each processor. Inputs and outputs of
ten passes over 12 slices would take 60 MiB, and be 3% faster on two processors."""

_BLOCK_BYTES = 2**23


@dataclass(frozen=True, repr=False)
class Prediction(Shown):
    """A probability and how it was computed. Any threshold can be applied later, without the network.

    Attributes:
        units: (n, h, w) uint16, the probability on the volume's own grid, the mean of all passes, as
            :mod:`brainseg.inference.quantised` stores it. A float32 array, 0..1, is converted.
            Each access takes some ms.
        std_units: likewise the standard deviation over the passes, which is computed on the network's
            grid and resampled to the volume's; None for a single pass.
        exposure: whether the model was trained on the patient, and which folds predicted.
        seconds: duration of preprocessing and networks, without opening the model.
        engine: the inference engine, such as “TensorFlow float32”.
        device: where it ran, such as “CPU”.
        ensemble_size: number of passes averaged: networks, times two with mirror images.
        min_component_fraction: the mask keeps no component below this fraction of the largest, 0..1;
            see :func:`brainseg.inference.components.remove_small_components`. The probability is
            never changed.
    """

    units: np.ndarray
    std_units: np.ndarray | None
    exposure: CaseExposure
    seconds: float
    engine: str
    device: str
    ensemble_size: int
    min_component_fraction: float = 0.0

    @property
    def probability(self) -> np.ndarray:
        """Return (n, h, w) float32, 0..1, at most 1/40,000 below the mean of the passes; a new array."""
        return restore(self.units)

    @property
    def std(self) -> np.ndarray | None:
        """Return (n, h, w) float32, 0..0.5, the standard deviation over the passes; a new array."""
        return None if self.std_units is None else restore(self.std_units)

    @property
    def nbytes(self) -> int:
        """Return the size of what is stored, in bytes."""
        return sum(len(one.data) for one in vars(self).values() if isinstance(one, PackedUnits))

    def _facts(self) -> dict[str, object]:
        return {
            "shape": "x".join(map(str, self.units.shape)),
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
        return remove_small_components(
            self.units >= units_from(threshold), self.min_component_fraction
        )

    @property
    def flip_tta(self) -> bool:
        """Return whether each network also predicted the mirror image."""
        return self.ensemble_size > len(self.exposure.folds)


for _name in ("units", "std_units"):
    setattr(Prediction, _name, Compressed(_name))


def predict_timed(
    volume: Volume,
    model: Model,
    exposure: CaseExposure,
    mode: str = STANDARD,
    progress: Progress | None = None,
    jobs: Jobs = PREDICTING,
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
        jobs: the worker that predicts; see :mod:`brainseg.inference.workers`.

    Raises:
        ModelError: the model cannot be opened, its output is not a probability, or it needs a sequence
            that the volume lacks.
    """
    _check(volume, model, mode)
    if mode == FAST:
        exposure = replace(exposure, folds=exposure.folds[:1])
    flip_tta = mode == FULL or (mode == STANDARD and model.inference.flip_tta)
    passes = Passes.of(model, exposure.folds, flip_tta)
    engine, device = open_networks(passes, jobs)
    if progress:
        progress(0, len(volume))  # its turn has come
    shape = volume.pixels.shape[:3]
    units = np.empty(shape, np.uint16)
    std_units = np.empty(shape, np.uint16) if flip_tta or len(passes.folds) > 1 else None
    blocks = blocks_of(volume, model.preprocessing, _slices_at_once(engine, volume))
    done, seconds = 0, 0.0
    for found in predict_blocks(passes, blocks, jobs):
        place = slice(done, done + len(found.mean))
        units[place] = found.mean
        if std_units is not None and found.std is not None:
            std_units[place] = found.std
        done, seconds = place.stop, seconds + found.seconds
        if progress:
            progress(done, len(volume))
    return Prediction(
        units,
        std_units,
        exposure,
        seconds,
        engine,
        device,
        ensemble_size=len(passes.folds) * (2 if flip_tta else 1),
        min_component_fraction=model.inference.min_component_fraction,
    )


def _check(volume: Volume, model: Model, mode: str) -> None:
    if reason := model.preprocessing.why_not(volume):
        needed = ", ".join(model.preprocessing.sequences)
        raise ModelError(
            f"{model.name} was trained on {needed}, and {reason}: add the missing files, or choose "
            "another model."
        )
    if mode not in MODES:
        raise ModelError(f"unknown mode “{mode[:20]}”: choose one of {', '.join(MODES)}.")


def _slices_at_once(engine: str, volume: Volume) -> int:
    return max(1, min(_of_engine(engine), _BLOCK_BYTES // volume.pixels[0].nbytes))


def _of_engine(engine: str) -> int:
    if not engine.startswith("OpenVINO"):
        return SLICES_AT_ONCE
    return min(SLICES_AT_ONCE, max(OPENVINO_SLICES, os.cpu_count() or 1))


def predict(volume: Volume, model: Model, folds: tuple[int, ...] | None = None) -> np.ndarray:
    """Return the probability that each pixel is tumour, with the settings of the manifest.

    The predicted mask also has its small components removed: use :meth:`Prediction.mask`.

    Args:
        volume: see :func:`predict_timed`.
        model: see :func:`brainseg.models.open_model`.
        folds: the folds to average; by default those that were not trained on these images, as far as
            the model recognises them. For a case of a cohort use
            :attr:`brainseg.models.CaseExposure.folds`, which knows its name as well.

    Returns:
        (n, h, w) float32, 0..1, on the volume's own grid.

    Raises:
        ModelError: as for :func:`predict_timed`.
    """
    exposure = model.exposure(None, volume) if folds is None else CaseExposure(NEW, folds)
    return predict_timed(volume, model, exposure).probability


def warm_up(model: Model, folds: tuple[int, ...] | None = None) -> None:
    """Open the networks of a model ahead of the first prediction; all folds without ``folds``.

    Raises:
        ModelError: as for :func:`predict_timed`.
    """
    open_networks(Passes.of(model, folds or tuple(record.number for record in model.folds)))


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
    """Return the Dice of a case, 0..1, over all slices with a usable mask; None if there is none.

    Args:
        prediction: (n, h, w) bool.
        masks: (n, h, w) bool.
        has_mask: (n,) bool, False where a slice has no usable mask.
    """
    return dice(masks[has_mask], prediction[has_mask]) if has_mask.any() else None
