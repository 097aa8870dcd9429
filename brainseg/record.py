"""CaseRecord: what is known of one case when it leaves the application, as files or as a page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from brainseg.models import Model
from brainseg.prediction import Prediction, dice_of_case
from brainseg.volume import FLAIR, Volume

SYNTHETIC = "Synthetic: made by a program, of no patient."


@dataclass(frozen=True)
class Predicted:
    """A model's part of a record.

    Attributes:
        model: its name.
        relation: what the model knew of the patient; see :mod:`brainseg.models`.
        folds: that predicted; their mean is the probability.
        threshold: a probability of at least this is tumour, 0..1.
        probability: (n, h, w) float32, 0..1.
        dice: of the whole case against the usable masks, 0..1; None without one.
    """

    model: str
    relation: str
    folds: tuple[int, ...]
    threshold: float
    probability: np.ndarray
    dice: float | None

    @cached_property
    def mask(self) -> np.ndarray:
        """Return (n, h, w) bool: where the probability is at least the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class CaseRecord:
    """One case: its slices that can be used, their masks, and a prediction where there is one.

    Attributes:
        case: its name; nothing else of the patient is in a record.
        volume: (n, h, w, 3), the slices that can be stacked.
        slice_numbers: (n,), of these slices.
        masks: (n, h, w) bool.
        there: (n,) bool, False where a slice has no mask that can be used.
        predicted: a model's part, or None.
        synthetic: whether the case was made, not scanned.
    """

    case: str
    volume: Volume
    slice_numbers: tuple[int, ...]
    masks: np.ndarray
    there: np.ndarray
    predicted: Predicted | None = None
    synthetic: bool = False

    @cached_property
    def flair_copies(self) -> list[str]:
        """Return the other sequences whose pixels equal FLAIR's on every slice."""
        flair = self.volume.sequence(FLAIR)
        return [
            name
            for name in self.volume.sequences
            if name != FLAIR and np.array_equal(self.volume.sequence(name), flair)
        ]

    @property
    def key_slice(self) -> int:
        """Return the place, from 0, of the slice that stands for the case.

        It is the one with the largest area of the mask, without one of the prediction, and where both
        are empty the middle one; of equally large ones the first.
        """
        for region in (self.masks, self.predicted.mask if self.predicted else None):
            if region is not None and region.any():
                return int(region.sum(axis=(1, 2)).argmax())
        return len(self.volume) // 2


def record_of(
    case: str,
    volume: Volume,
    slice_numbers: Sequence[int],
    masks: np.ndarray,
    there: np.ndarray,
    model: Model | None = None,
    prediction: Prediction | None = None,
    threshold: float | None = None,
    synthetic: bool = False,
) -> CaseRecord:
    """Return the record of a case that was read, and predicted where it was.

    Args:
        case: its name.
        volume: see :meth:`brainseg.cohort.Case.volume`.
        slice_numbers: (n,), of the volume's slices.
        masks: (n, h, w) bool; see :meth:`brainseg.cohort.Case.masks`.
        there: (n,) bool, False where a slice has no mask that can be used.
        model: what predicted.
        prediction: by that model; without one, the record has none.
        threshold: 0..1; the model's own without one.
        synthetic: whether the case was made, not scanned.
    """
    numbers = tuple(map(int, slice_numbers))
    record = CaseRecord(case, volume, numbers, masks, there, synthetic=synthetic)
    if model is None or prediction is None:
        return record
    at = model.threshold if threshold is None else threshold
    predicted = Predicted(
        model.name,
        prediction.standing.relation,
        prediction.standing.folds,
        at,
        prediction.probability,
        dice_of_case(prediction.mask(at), masks, there),
    )
    return replace(record, predicted=predicted)
