"""CaseRecord: what is known of one case when it leaves the application, as files or as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brainseg.cohort import Case
from brainseg.inference.components import (
    Split,
    remove_small_components,
    removed_in_words,
    removed_on_slices,
)
from brainseg.inference.prediction import Prediction, dice_of_case
from brainseg.inference.uncertainty import passes_in_words, said_of
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure, fold_words
from brainseg.volume import FLAIR, Volume

if TYPE_CHECKING:
    from brainseg.io import Upload

SYNTHETIC = "Synthetic: made by a program, of no patient."


@dataclass(frozen=True)
class Predicted:
    """A model's part of a record.

    Attributes:
        model: its name.
        relation: whether the folds were trained on the patient; see :mod:`brainseg.models.exposure`.
        folds: that predicted; their mean is the probability.
        threshold: a probability of at least this is tumour, 0..1.
        probability: (n, h, w) float32, 0..1, as the networks gave it.
        dice: of the whole case against the usable masks, 0..1; None without one.
        prediction: how it was made, with its standard deviation; None if unknown.
        digest: of the model's manifest, which names the weights' files; None where not known.
    """

    model: str
    relation: str
    folds: tuple[int, ...]
    threshold: float
    probability: np.ndarray
    dice: float | None
    prediction: Prediction | None = None
    digest: str | None = None

    @property
    def std(self) -> np.ndarray | None:
        """Return (n, h, w) float32, the standard deviation of the passes; None where there was one."""
        return self.prediction.std if self.prediction else None

    @property
    def made_by(self) -> str:
        """Return what made it: “lgg-unet: the mean of folds 0 and 1, with mirror images”."""
        flipped = ", with mirror images" if self.flip_tta else ""
        return f"{self.model}: {fold_words(self.folds)}{flipped}"

    @property
    def flip_tta(self) -> bool:
        """Return whether each network looked at the mirror image, too."""
        return self.prediction is not None and self.prediction.flip_tta

    @property
    def exposure(self) -> CaseExposure:
        """Return whether the folds that predicted were trained on the patient."""
        return (
            self.prediction.exposure if self.prediction else CaseExposure(self.relation, self.folds)
        )

    @property
    def how_made(self) -> list[str]:
        """Return which passes the probability is the mean of, on what device and in which time."""
        if self.prediction is None:
            return []
        made = self.prediction
        passes = passes_in_words(made)
        mean = passes if made.ensemble_size == 1 else f"the mean of {passes}"
        return [
            f"The probability is {mean}, computed by {made.engine} on {made.device} in "
            f"{made.seconds:.1f} s."
        ]

    def removed(self, slice_numbers: Sequence[int], most: int | None = None) -> list[str]:
        """Return which components were removed from the mask, as sentences; none without the rule.

        Args:
            slice_numbers: (n,), of its slices.
            most: components to name; all of them without.
        """
        if not self.split.fraction:
            return []
        named = removed_on_slices(self.split, slice_numbers)
        more = [] if most is None or len(named) <= most else [f"{len(named) - most} more"]
        told = [removed_in_words(self.split)]
        if named:
            told.append(f"Removed: {'; '.join(named[:most] + more)}.")
        return told

    def how_sure(self, slice_numbers: Sequence[int]) -> list[str]:
        """Return how far the passes agree, as sentences; see :mod:`brainseg.inference.uncertainty`."""
        if self.prediction is None:
            return []
        return [*said_of(self.prediction, self.threshold, slice_numbers)]

    @property
    def min_component_fraction(self) -> float:
        """Return the fraction of the largest component below which others are removed, 0..1."""
        return self.prediction.min_component_fraction if self.prediction else 0.0

    @cached_property
    def split(self) -> Split:
        """Return the mask at the threshold, and the components that were removed from it."""
        inside = self.probability >= self.threshold
        return remove_small_components(inside, self.min_component_fraction)

    @property
    def mask(self) -> np.ndarray:
        """Return (n, h, w) bool: the predicted mask, without its small components."""
        return self.split.mask


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
        other: another prediction of the same case, to be compared with the first; or None.
        warnings: what a person should know before trusting the prediction, a sentence each, the worst
            first: they stand first in every file, and on every picture of the prediction.
        unsuitable: whether the images show no head, or are not MR: a page holds the result back until
            a person asks for it, and every file says so.
    """

    case: str
    volume: Volume
    slice_numbers: tuple[int, ...]
    masks: np.ndarray
    there: np.ndarray
    predicted: Predicted | None = None
    synthetic: bool = False
    other: Predicted | None = None
    warnings: tuple[str, ...] = ()
    unsuitable: bool = False

    @property
    def regions(self) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Return what can be measured: "Mask" and "Prediction" to the region and where it is known."""
        regions: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        if self.there.any():
            regions["Mask"] = (self.masks, self.there)
        if self.predicted:
            regions["Prediction"] = (self.predicted.mask, None)
        return regions

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


def record_of_case(
    case: Case,
    volume: Volume | None = None,
    masks: tuple[np.ndarray, np.ndarray] | None = None,
) -> CaseRecord:
    """Return the record of a case of a cohort, without a prediction.

    Args:
        case: see :meth:`brainseg.cohort.Cohort.case`.
        volume: its own, where it was read already.
        masks: likewise; see :meth:`brainseg.cohort.Case.masks`.

    Raises:
        CohortError: no slice can be read.
    """
    volume = case.volume() if volume is None else volume
    masks = case.masks() if masks is None else masks
    numbers = case.readable["slice_number"]
    record = record_of(case.name, volume, numbers, *masks, synthetic=case.synthetic)
    missing = len(case.slices) - len(volume)
    if not missing:
        return record
    left_out = (
        f"{missing} of {len(case.slices)} slices of {case.name} could not be used and have no "
        "prediction: `brainseg check` names each."
    )
    return replace(record, warnings=(left_out,))


def record_of_upload(
    upload: "Upload",
    assignment: Mapping[str, int | None],
    volume: Volume,
    name: str = "upload",
) -> CaseRecord:
    """Return the record of what a person brought, without a prediction, with the masks among it.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        assignment: of its series to the sequences.
        volume: see :func:`brainseg.io.assemble`.
        name: as for :func:`record_of_volume`.
    """
    from brainseg.io import ruling_grid, series_warnings
    from brainseg.io.sequence_choice import WITHOUT_FLAIR

    grid = ruling_grid(upload, assignment)
    used = [upload.series[place] for place in assignment.values() if place is not None]
    unsuitable = any(series.not_mr for series in used)
    of_series = series_warnings(upload, assignment)
    without_flair = (WITHOUT_FLAIR,) * (assignment.get(FLAIR) is None)
    worst = (*of_series, *without_flair) if unsuitable else (*without_flair, *of_series)
    warnings = (*worst, *upload.warnings)
    warnings += unusable_files(upload, assignment)
    truth = upload.truth(volume.pixels.shape)
    record = record_of(name, volume, grid.slice_numbers, *truth)
    return replace(record, warnings=warnings, unsuitable=unsuitable)


def unusable_files(upload: "Upload", assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the warning of an upload that files or series could not be used, without their names.

    A name may be a patient's.
    """
    from brainseg.io import left_out

    count = len(upload.refused) + len(left_out(upload, assignment))
    if not count:
        return ()
    which = "1 file or series" if count == 1 else f"{count} files or series"
    return (f"{which} could not be used and {'is' if count == 1 else 'are'} left out.",)


def with_prediction(
    record: CaseRecord, model: Model, prediction: Prediction, threshold: float | None = None
) -> CaseRecord:
    """Return a record with what a model predicted of it.

    Args:
        record: of the same volume; see :func:`brainseg.inference.cautions.with_cautions`.
        model: what predicted.
        prediction: by that model.
        threshold: as for :func:`predicted_by`.
    """
    predicted = predicted_by(model, prediction, record.masks, record.there, threshold)
    return replace(record, predicted=predicted)


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
        threshold: as for :func:`predicted_by`.
        synthetic: whether the case was made, not scanned.
    """
    numbers = tuple(map(int, slice_numbers))
    record = CaseRecord(case, volume, numbers, masks, there, synthetic=synthetic)
    if model is None or prediction is None:
        return record
    return replace(record, predicted=predicted_by(model, prediction, masks, there, threshold))


def predicted_by(
    model: Model,
    prediction: Prediction,
    masks: np.ndarray,
    there: np.ndarray,
    threshold: float | None = None,
) -> Predicted:
    """Return a model's part of a record, with its Dice at the threshold.

    Args:
        model: what predicted.
        prediction: by that model.
        masks: (n, h, w) bool.
        there: (n,) bool, False where a slice has no mask that can be used.
        threshold: 0..1; without one, the model's own for the folds that predicted.
    """
    exposure = prediction.exposure
    at = model.threshold_for(exposure.folds) if threshold is None else threshold
    return Predicted(
        model.name,
        exposure.relation,
        exposure.folds,
        at,
        prediction.probability,
        dice_of_case(prediction.mask(at), masks, there),
        prediction,
        model.digest,
    )


def record_of_volume(
    volume: Volume,
    slice_numbers: Sequence[int] | None = None,
    model: Model | None = None,
    prediction: Prediction | None = None,
    threshold: float | None = None,
    name: str = "upload",
    warnings: tuple[str, ...] = (),
) -> CaseRecord:
    """Return the record of a volume that has no masks: what a person brought.

    Args:
        volume: see :func:`brainseg.io.assemble`.
        slice_numbers: (n,); 1 to n without.
        model: what predicted.
        prediction: by that model.
        threshold: as for :func:`predicted_by`.
        name: of the record's files; never the name of the file that was brought, which may be a
            patient's.
        warnings: see :class:`CaseRecord`.
    """
    numbers = range(1, len(volume) + 1) if slice_numbers is None else slice_numbers
    # A view of one zero: a mask that nobody drew needs no memory.
    masks = np.broadcast_to(np.False_, volume.pixels.shape[:3])
    there = np.zeros(len(volume), bool)
    record = record_of(name, volume, numbers, masks, there, model, prediction, threshold)
    return replace(record, warnings=warnings)
