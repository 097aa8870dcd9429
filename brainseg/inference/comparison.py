"""Comparison of two predictions of one case."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.cohort import Case
from brainseg.metrics import dice
from brainseg.models import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure, Model
from brainseg.volume import Volume

FAINT = 0.05
"""Voxels where both probabilities are below this are not counted in the mean difference: they are
most of the head and would make it look small."""


@dataclass(frozen=True)
class Difference:
    """Difference between two predictions of one case, each at its own threshold.

    Attributes:
        dice: of the two with each other, 0..1, 1 where both are empty.
        volumes_vx: predicted tumour of the left and of the right one.
        differing_vx: voxels that are tumour in exactly one of the two.
        mean: of the absolute differences of the probabilities, 0..1, over the voxels where at least one
            reaches :data:`FAINT`; None if there is no such voxel.
        largest: of the absolute differences, 0..1.
        by_slice: one row per slice: ``slice_number``, ``left_px``, ``right_px``, ``differing_px``.
    """

    dice: float
    volumes_vx: tuple[int, int]
    differing_vx: int
    mean: float | None
    largest: float
    by_slice: pd.DataFrame


def difference_of(
    left: np.ndarray,
    right: np.ndarray,
    masks: tuple[np.ndarray, np.ndarray],
    slice_numbers: Sequence[int],
) -> Difference:
    """Return the difference between two predictions.

    Args:
        left: (n, h, w) float32, 0..1, a probability.
        right: the same of the other prediction, on the same grid.
        masks: (n, h, w) bool, the predicted masks of the left and of the right one.
        slice_numbers: (n,).
    """
    rows, total, count, largest = [], 0.0, 0, 0.0
    # Slice by slice, so that a whole case is not in memory several times as float32.
    for number, one, other, inside, beside in zip(slice_numbers, left, right, *masks, strict=True):
        apart = np.abs(other - one)
        known = (one >= FAINT) | (other >= FAINT)
        total += float(apart[known].sum(dtype=np.float64))
        count += int(known.sum())
        largest = max(largest, float(apart.max()))
        rows.append(
            (int(number), int(inside.sum()), int(beside.sum()), int((inside ^ beside).sum()))
        )
    table = pd.DataFrame(rows, columns=["slice_number", "left_px", "right_px", "differing_px"])
    return Difference(
        dice=dice(*masks),
        volumes_vx=(int(table["left_px"].sum()), int(table["right_px"].sum())),
        differing_vx=int(table["differing_px"].sum()),
        mean=total / count if count else None,
        largest=largest,
        by_slice=table,
    )


def exposure_of_fold(
    model: Model, fold: int, case: Case | None, volume: Volume | None = None
) -> CaseExposure:
    """Return whether one fold of a model was trained on a case, also if another fold held it out.

    Args:
        model: see :func:`brainseg.models.open_model`.
        fold: its number.
        case: of a cohort; None for an uploaded image.
        volume: as for :meth:`brainseg.models.Model.exposure`.

    Raises:
        ModelError: the model has no such fold.
    """
    record = model.fold(fold)
    if case is not None and case.name in record.held_out:
        return CaseExposure(HELD_OUT, (fold,))
    if case is not None and case.patient_id in record.patients:
        return CaseExposure(SEEN, (fold,))
    met = model.exposure(case, volume).trained_on_image
    if met:
        return CaseExposure(SEEN if fold in met else HELD_OUT, (fold,), met)
    return CaseExposure(UNKNOWN if case is None else NEW, (fold,))
