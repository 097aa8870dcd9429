"""CaseRecord: one case with its masks and prediction, as pages and exported files show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from brainseg.cohort import Case
from brainseg.cohort.case_names import FLAIR_ABNORMALITY, OUTLINED, is_of_lgg
from brainseg.cohort.label_layers import LabelLayers
from brainseg.imaging import GreyWindow, automatic_windows, window_in_words
from brainseg.inference.components import Split, removed_in_words, removed_on_slices
from brainseg.inference.prediction import Prediction, dice_of_case
from brainseg.inference.uncertainty import passes_in_words, said_of
from brainseg.io import Upload, left_out, ruling_grid, series_warnings
from brainseg.io.sequence_choice import WITHOUT_FLAIR
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure, fold_words
from brainseg.reviews.measurements import Measurement
from brainseg.storage.addresses import address_of
from brainseg.volume import FLAIR, Volume

SYNTHETIC = "Synthetic: made by a program, of no patient."

_MOST_NAMED = 20


@dataclass(frozen=True)
class Predicted:
    """A model's part of a record.

    Attributes:
        model: its name.
        prediction: by the model.
        threshold: a probability of at least this is tumour, 0..1.
        dice: of the whole case against the usable masks, 0..1; None without one.
        split: the mask at the threshold, and the components that were removed from it.
        digest: of the model's manifest, which names the weights' files; None where not known.
        target: what it predicts, as :attr:`brainseg.models.Model.target`.
    """

    model: str
    prediction: Prediction
    threshold: float
    dice: float | None
    split: Split = field(repr=False)
    digest: str | None = None
    target: str = FLAIR_ABNORMALITY

    @property
    def exposure(self) -> CaseExposure:
        """Return whether the folds that predicted were trained on the patient."""
        return self.prediction.exposure

    @property
    def folds(self) -> tuple[int, ...]:
        """Return the folds whose mean is the probability."""
        return self.exposure.folds

    @property
    def probability(self) -> np.ndarray:
        """Return (n, h, w) float32, 0..1, as the networks gave it; a new array."""
        return self.prediction.probability

    @property
    def std(self) -> np.ndarray | None:
        """Return (n, h, w) float32, the standard deviation of the passes; None for a single pass."""
        return self.prediction.std

    @property
    def made_by(self) -> str:
        """Return model and passes: “lgg-unet: the mean of folds 0 and 1, with mirror images”."""
        flipped = ", with mirror images" if self.prediction.flip_tta else ""
        return f"{self.model}: {fold_words(self.folds)}{flipped}"

    @property
    def how_made(self) -> list[str]:
        """Return the averaged passes, the device and the duration, in a sentence."""
        made = self.prediction
        of = "that" if made.ensemble_size == 1 else "the mean"
        return [
            f"The probability is {of} of {passes_in_words(made)}, computed by {made.engine} on "
            f"{made.device} in {made.seconds:.1f} s."
        ]

    def removed(self, slice_numbers: Sequence[int], most: int | None = None) -> list[str]:
        """Return which components were removed from the mask, as sentences; none if the model keeps all.

        Args:
            slice_numbers: (n,), of its slices.
            most: number of components to name; all by default.
        """
        if not self.split.fraction:
            return []
        named = removed_on_slices(self.split, slice_numbers)
        more = [] if most is None or len(named) <= most else [f"{len(named) - most} more"]
        sentences = [removed_in_words(self.split)]
        if named:
            sentences.append(f"Removed: {'; '.join(named[:most] + more)}.")
        return sentences

    def how_sure(self, slice_numbers: Sequence[int]) -> list[str]:
        """Return how far the passes agree, as sentences; see :mod:`brainseg.inference.uncertainty`."""
        return [*said_of(self.prediction, self.threshold, slice_numbers)]

    @property
    def min_component_fraction(self) -> float:
        """Return the fraction of the largest component below which others are removed, 0..1."""
        return self.prediction.min_component_fraction

    @property
    def mask(self) -> np.ndarray:
        """Return (n, h, w) bool: the predicted mask, without its small components."""
        return self.split.mask


@dataclass(frozen=True)
class CaseRecord:
    """One case: its usable slices, their masks, and a prediction if there is one.

    Attributes:
        case: its name, the only patient information in a record.
        volume: (n, h, w, 3), the slices that can be stacked.
        slice_numbers: (n,), of these slices.
        masks: (n, h, w) bool.
        has_mask: (n,) bool, False where a slice has no usable mask.
        predicted: a model's prediction, or None.
        synthetic: whether the case was generated.
        other: a second prediction to compare with the first, or None.
        warnings: about the prediction, one sentence each, most severe first. Every file and picture of
            the prediction shows them.
        unsuitable: whether the images show no head or are not MR: a page hides the result until the
            user asks for it, and every file says so.
        measurements: drawn by readers; see :mod:`brainseg.statistics.drawn` for their values.
        labels: the labels of the manual masks, if they have several.
        address: where the images were fetched from, if that is another machine.
    """

    case: str
    volume: Volume
    slice_numbers: tuple[int, ...]
    masks: np.ndarray
    has_mask: np.ndarray
    predicted: Predicted | None = None
    synthetic: bool = False
    other: Predicted | None = None
    warnings: tuple[str, ...] = ()
    unsuitable: bool = False
    measurements: tuple[Measurement, ...] = ()
    labels: LabelLayers | None = None
    address: str | None = None

    def of_label(self, label: str | None) -> "CaseRecord":
        """Return the record with the mask of one of its labels, None for their union."""
        found = self.labels and self.labels.of(label)
        return replace(self, labels=found[0], masks=found[1]) if found else self

    @property
    def mask_label(self) -> str | None:
        """Return the label that the mask has, such as “tumour core”; None if masks have one label."""
        if self.labels is None:
            return None
        return self.labels.chosen or f"union of {', '.join(self.labels.labels)}"

    @property
    def mask_means(self) -> str:
        """Return what the mask is, for files."""
        if self.labels is not None:
            chosen = self.labels.chosen
            return f"the manual outline of the {f'label “{chosen}”' if chosen else self.mask_label}"
        if self.outlines_flair:
            return (
                "the dataset's manual FLAIR abnormality, the region an annotator outlined on FLAIR"
            )
        return f"the {OUTLINED}, which the files do not name"

    @property
    def outlines_flair(self) -> bool:
        """Return whether the masks are known to outline the FLAIR abnormality, as those of LGG do."""
        return self.labels is None and (self.synthetic or is_of_lgg(self.case))

    @property
    def regions(self) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
        """Return "Mask" and "Prediction", each with the slices where it is known."""
        regions: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        if self.has_mask.any():
            regions["Mask"] = (self.masks, self.has_mask)
        if self.predicted:
            regions["Prediction"] = (self.predicted.mask, None)
        return regions

    @cached_property
    def windows(self) -> dict[str, GreyWindow]:
        """Return the automatic grey window of each sequence, with which files show slices."""
        return automatic_windows(self.volume)

    @property
    def grey_in_words(self) -> str:
        """Return the window of FLAIR in words, for files that show it."""
        return f"{FLAIR}: {window_in_words(self.windows[FLAIR])}"

    def with_note(self, note: str) -> "CaseRecord":
        """Return the record with one more note on its volume."""
        return replace(self, volume=replace(self.volume, notes=(*self.volume.notes, note)))

    @property
    def key_slice(self) -> int:
        """Return the index, from 0, of the slice that represents the case.

        It has the largest mask area, or without a mask the largest predicted area; the first of equally
        large ones. If both are empty, it is the middle slice.
        """
        for region in (self.masks, self.predicted.mask if self.predicted else None):
            if region is not None and region.any():
                return int(region.sum(axis=(1, 2)).argmax())
        return len(self.volume) // 2


def record_of_case(
    case: Case,
    volume: Volume | None = None,
    masks: tuple[np.ndarray, np.ndarray] | None = None,
    labels: LabelLayers | None = None,
) -> CaseRecord:
    """Return the record of a case of a cohort, without a prediction.

    Args:
        case: see :meth:`brainseg.cohort.Cohort.case`.
        volume: its volume, if it has been read already.
        masks: likewise; see :meth:`brainseg.cohort.Case.masks`.
        labels: see :func:`brainseg.cohort.label_layers.label_layers`.

    Raises:
        CohortError: no slice can be read.
    """
    volume = case.volume() if volume is None else volume
    masks = case.masks() if masks is None else masks
    numbers = case.readable["slice_number"]
    record = record_of(case.name, volume, numbers, *masks, synthetic=case.synthetic)
    record = replace(record, labels=labels, address=address_of(case.root))
    missing = sorted({*case.slices["slice_number"]} - {*numbers})
    if not missing:
        return record
    names = ", ".join(map(str, missing[:_MOST_NAMED])) + ", …" * (len(missing) > _MOST_NAMED)
    left_out = (
        f"{len(missing)} of {len(case.slices)} slices of {case.name} could not be used and have no "
        f"prediction ({names}): `brainseg check` gives the reasons."
    )
    return replace(record, warnings=(left_out,))


def record_of_upload(
    upload: Upload,
    assignment: Mapping[str, int | None],
    volume: Volume,
    name: str = "upload",
    label: str | None = None,
) -> CaseRecord:
    """Return the record of an upload with its masks, without a prediction.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        assignment: of its series to the sequences.
        volume: see :func:`brainseg.io.assemble`.
        name: as for :func:`record_of_volume`.
        label: one of ``upload.labels``, whose mask the record has; None for their union.
    """
    grid = ruling_grid(upload, assignment)
    used = [upload.series[index] for index in assignment.values() if index is not None]
    unsuitable = any(series.not_mr for series in used)
    of_series = series_warnings(upload, assignment)
    without_flair = (WITHOUT_FLAIR,) * (assignment.get(FLAIR) is None)
    worst = (*of_series, *without_flair) if unsuitable else (*without_flair, *of_series)
    warnings = (*worst, *upload.warnings)
    warnings += unusable_files(upload, assignment)
    masks, has_mask = upload.truth(volume.pixels.shape)
    record = record_of(name, volume, grid.slice_numbers, masks, has_mask)
    if found := upload.labels:
        record = replace(record, labels=LabelLayers(found.values, found.labels)).of_label(label)
    return replace(record, warnings=warnings, unsuitable=unsuitable)


def unusable_files(upload: Upload, assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the warning of an upload that files or series could not be used, without their names.

    A name may be a patient's.
    """
    count = len(upload.refused) + len(left_out(upload, assignment))
    if not count:
        return ()
    which = "1 file or series" if count == 1 else f"{count} files or series"
    return (f"{which} could not be used and {'is' if count == 1 else 'are'} left out.",)


def with_prediction(
    record: CaseRecord, model: Model, prediction: Prediction, threshold: float | None = None
) -> CaseRecord:
    """Return a record with a prediction added.

    Args:
        record: of the same volume; see :func:`brainseg.inference.cautions.with_cautions`.
        model: the model that predicted.
        prediction: by that model.
        threshold: as for :func:`predicted_by`.
    """
    predicted = predicted_by(model, prediction, record.masks, record.has_mask, threshold)
    return replace(record, predicted=predicted)


def record_of(
    case: str,
    volume: Volume,
    slice_numbers: Sequence[int],
    masks: np.ndarray,
    has_mask: np.ndarray,
    model: Model | None = None,
    prediction: Prediction | None = None,
    threshold: float | None = None,
    synthetic: bool = False,
) -> CaseRecord:
    """Return the record of a case, with a prediction if there is one.

    Args:
        case: its name.
        volume: see :meth:`brainseg.cohort.Case.volume`.
        slice_numbers: (n,), of the volume's slices.
        masks: (n, h, w) bool; see :meth:`brainseg.cohort.Case.masks`.
        has_mask: (n,) bool, False where a slice has no usable mask.
        model: the model that predicted.
        prediction: by that model, or None.
        threshold: as for :func:`predicted_by`.
        synthetic: whether the case was generated.
    """
    numbers = tuple(map(int, slice_numbers))
    record = CaseRecord(case, volume, numbers, masks, has_mask, synthetic=synthetic)
    if model is None or prediction is None:
        return record
    return replace(record, predicted=predicted_by(model, prediction, masks, has_mask, threshold))


def predicted_by(
    model: Model,
    prediction: Prediction,
    masks: np.ndarray,
    has_mask: np.ndarray,
    threshold: float | None = None,
) -> Predicted:
    """Return a prediction for a record, with its Dice at the threshold.

    Args:
        model: the model that predicted.
        prediction: by that model.
        masks: (n, h, w) bool.
        has_mask: (n,) bool, False where a slice has no usable mask.
        threshold: 0..1; by default the model's own for the folds that predicted.
    """
    folds = prediction.exposure.folds
    at = model.threshold_for(folds) if threshold is None else threshold
    split = prediction.split(at)
    found = dice_of_case(split.mask, masks, has_mask)
    return Predicted(model.name, prediction, at, found, split, model.digest, model.target)


def record_of_volume(
    volume: Volume,
    slice_numbers: Sequence[int] | None = None,
    model: Model | None = None,
    prediction: Prediction | None = None,
    threshold: float | None = None,
    name: str = "upload",
    warnings: tuple[str, ...] = (),
) -> CaseRecord:
    """Return the record of a volume without masks, such as an upload.

    Args:
        volume: see :func:`brainseg.io.assemble`.
        slice_numbers: (n,); 1 to n by default.
        model: the model that predicted.
        prediction: by that model.
        threshold: as for :func:`predicted_by`.
        name: of the record's files; never the uploaded file's name, which may identify a patient.
        warnings: see :class:`CaseRecord`.
    """
    numbers = range(1, len(volume) + 1) if slice_numbers is None else slice_numbers
    # A view of one zero needs no memory.
    masks = np.broadcast_to(np.False_, volume.pixels.shape[:3])
    has_mask = np.zeros(len(volume), bool)
    record = record_of(name, volume, numbers, masks, has_mask, model, prediction, threshold)
    return replace(record, warnings=warnings)
