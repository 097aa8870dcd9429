"""Two predictions of one case: who may be asked, and how far apart the answers are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.cohort import Case
from brainseg.metrics import dice
from brainseg.models import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure, Model
from brainseg.volume import Volume

FAINT = 0.05
"""Where both probabilities are below this, two predictions agree that there is nothing: such voxels are
most of a head, and would make any mean difference look small."""


@dataclass(frozen=True)
class Difference:
    """How far two predictions of one case are apart, each at a threshold of its own.

    Attributes:
        dice: of the two with each other, 0..1, 1 where both are empty.
        volumes_vx: predicted tumour of the left and of the right one.
        differing_vx: voxels that one calls tumour and the other does not.
        mean: of the absolute differences of the probabilities, 0..1, over the voxels where at least one
            reaches :data:`FAINT`; None where none does.
        largest: of the absolute differences, 0..1.
        by_slice: a row a slice: ``slice_number``, ``left_px``, ``right_px``, ``differing_px``.
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
    """Return how far two predictions are apart.

    Args:
        left: (n, h, w) float32, 0..1, a probability.
        right: the same of the other prediction, on the same grid.
        masks: (n, h, w) bool, the predicted masks of the left and of the right one.
        slice_numbers: (n,).
    """
    rows, total, count, largest = [], 0.0, 0, 0.0
    # By slice: a whole case as float32 need not be in memory several times over.
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
    """Return what one fold of a model knows of a case, whether or not it is the one to ask.

    Args:
        model: see :func:`brainseg.models.open_model`.
        fold: its number.
        case: of a cohort; None for what a person brought.
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
