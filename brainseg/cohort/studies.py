"""Read a case of NIfTI or DICOM files: its volume, its labels, or one slice.

Libraries in C decode these files, so workers read them, a case at a time; only the result comes back.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from brainseg.cohort.layouts.dataset_json import spacing_beside
from brainseg.cohort.volume_facts import volume_facts
from brainseg.errors import CohortError, DecodeError
from brainseg.io import InputFile, assemble, open_inputs, ruling_grid
from brainseg.io.channels import open_channels, read_picture_labels
from brainseg.io.decoding import DECODING, why_lost
from brainseg.io.detached import read_joined
from brainseg.io.label_maps import (
    LabelMap,
    is_segmentation,
    merged,
    read_label_map,
    read_segmentation,
)
from brainseg.io.limits import or_damaged
from brainseg.io.names import IMAGE_SUFFIXES, VOLUME_SUFFIXES, shown_name, suffix_of
from brainseg.io.nifti_upload import grid_alone
from brainseg.io.sequence_choice import applicable, choose
from brainseg.io.sequence_guess import DEFORMATION, LABEL_MAP
from brainseg.io.sequences import guess_from_words, other_kind, other_sequences
from brainseg.io.upload import Series, Upload
from brainseg.jobs import JobLost
from brainseg.volume import FLAIR, Volume

GUESSED = "was taken for"

_AS_SHOWN = "shown as axial"

LONGEST_S = 300.0


@dataclass(frozen=True, eq=False)
class Study:
    """A case of volume files, decoded.

    Attributes:
        volume: on the grid of FLAIR.
        slice_numbers: (n,), of the slices.
        values: (n, h, w) uint8, the labels; None without a usable mask.
        labels: the values that each name means.
        mask_error: why the mask is not used, or None.
        mask_notes: one sentence for each conversion of the mask.
        facts: see :func:`brainseg.cohort.volume_facts.volume_facts`; empty without the mask.
    """

    volume: Volume
    slice_numbers: tuple[int, ...]
    values: np.ndarray | None = field(default=None, repr=False)
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    mask_error: str | None = None
    mask_notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_volume(root: Path, source: str, name: str, with_others: bool = False) -> Volume:
    """Return the volume of a case, decoded by a worker.

    Args:
        root: the folder that the paths are relative to.
        source: see :meth:`CaseFiles.source`.
        name: of the case, for refusals.
        with_others: whether sequences such as T2 are read, too.

    Raises:
        CohortError: no sequence can be read.
    """
    volume: Volume = by_worker(_volume, name, root, source, with_others)
    return volume


def _volume(root: Path, source: str, with_others: bool = False) -> Volume:
    return decode_study(root, source, with_others, with_mask=False).volume


def read_plane(root: Path, source: str, name: str, index: int) -> np.ndarray:
    """Return one slice of :func:`read_volume`, (h, w, 3) uint8; the others stay in the worker."""
    plane: np.ndarray = by_worker(_plane, name, root, source, index)
    return plane


def _plane(root: Path, source: str, index: int) -> np.ndarray:
    return _volume(root, source).pixels[index].copy()


def read_labels(root: Path, source: str, name: str) -> LabelMap | None:
    """Return the labels of a case, decoded by a worker without the images; None if unusable.

    Raises:
        CohortError: the image whose grid they have cannot be read.
    """
    labels: LabelMap | None = by_worker(_labels_alone, name, root, source)
    return labels


def _labels_alone(root: Path, source: str) -> LabelMap | None:
    found = json.loads(source)
    needed = _needed(found["images"], for_mask=True)
    if len(needed) == 1 and suffix_of(needed[0][1]) in VOLUME_SUFFIXES:
        ruling = grid_alone(_read(root, needed[0][0]))
        masks = [InputFile(path, _read(root, path)) for path in found["masks"]]
    else:
        upload, assignment, _, masks = open_study(root, found, for_mask=True)
        grid = ruling_grid(upload, assignment)
        ruling = Series("image", assemble(upload, assignment).pixels[..., 0], grid=grid)
    try:
        return _labels_on(ruling, masks, found)
    except DecodeError:
        return None


def by_worker(decode: Callable, name: str, *arguments: object) -> Any:
    """Return what a worker decodes of a case; raises CohortError with its name."""
    try:
        job = DECODING.schedule(
            _decode_or_refuse, (decode, arguments), longest_s=LONGEST_S, is_bounded=False
        )
        return job.result()
    except DecodeError as reason:
        raise CohortError(f"{name} was not used: {str(reason).removesuffix('.')}.") from reason
    except JobLost as lost:
        raise CohortError(f"{name} was not used: {why_lost(lost)}.") from lost


def _decode_or_refuse(decode: Callable, arguments: tuple) -> Any:
    return or_damaged(lambda: decode(*arguments))


def decode_study(
    root: Path, source: str, with_others: bool = False, with_mask: bool = True
) -> Study:
    """Return a case, decoded here; raises DecodeError if no sequence can be read."""
    found = json.loads(source)
    upload, assignment, notes, masks = open_study(root, found, with_mask=with_mask)
    volume = assemble(upload, assignment)
    conversions = [note for note in volume.notes if not note.startswith(_AS_SHOWN)]
    volume = replace(volume, notes=(*conversions, *notes, *upload.refused))
    grid = ruling_grid(upload, assignment)
    ruling = Series("image", volume.pixels[..., 0], grid=grid)
    if with_others:
        own = {shown_name(name): _channel(path, name) for path, name in found["images"]}
        names = {label: channel for label, channel in own.items() if channel}
        others = other_sequences(upload, assignment, ruling, names)
        others |= _named_others(root, found["images"], ruling)
        volume = replace(volume, others=others)
    study = Study(volume, grid.slice_numbers)
    if not with_mask:
        return study
    study = replace(study, facts=volume_facts(volume, grid))
    try:
        labels = _labels_on(ruling, masks, found)
    except DecodeError as reason:
        return replace(study, mask_error=str(reason))
    if labels is None:
        return study
    return replace(
        study, values=labels.values, labels=labels.labels, mask_notes=tuple(labels.notes)
    )


def _named_others(root: Path, images: list[list[str]], ruling: Series) -> dict[str, np.ndarray]:
    """Return the other sequences in files that :func:`_needed` leaves out."""
    needed = _needed(images, for_mask=False)
    left = [(path, name) for path, name in images if [path, name] not in needed]
    given = [InputFile(name, _read(root, path)) for path, name in left if other_kind(name)]
    others = other_sequences(open_inputs(given), {}, ruling) if given else {}
    for path, name in left:
        channel = _channel(path, name)
        if channel and not other_kind(name):
            alone = open_inputs([InputFile(name, _read(root, path))])
            others |= other_sequences(alone, {}, ruling, {alone.series[0].label: channel})
    return others


def _channel(path: str, name: str) -> str:
    """Return the name that ``dataset.json`` gives the channel in a NIfTI file, such as ADC, or “”."""
    suffix = suffix_of(name)
    is_given = suffix in VOLUME_SUFFIXES and "/" not in name and name != Path(path).name
    return name.removesuffix(suffix) if is_given else ""


def open_study(
    root: Path, found: dict, for_mask: bool = False, with_mask: bool = True
) -> tuple[Upload, dict[str, int | None], list[str], list[InputFile]]:
    """Return the images of a case, the series of each sequence, notes on guesses, and its masks."""
    given: list[InputFile] = []
    masks = [InputFile(path, _read(root, path)) for path in found["masks"] if with_mask]
    for path, name in _needed(found["images"], for_mask):
        file = InputFile(name, _read(root, path))
        (masks if is_segmentation(file.data) else given).append(file)
    if suffix_of(found["images"][0][1]) in IMAGE_SUFFIXES:
        upload = open_channels(given, spacing_beside(root / found["images"][0][0]))
    else:
        upload = open_inputs(given)
    return upload, *_assigned(upload, found.get("sequences", {})), masks


def _read(root: Path, path: str) -> bytes:
    try:
        return read_joined(root / path)
    except OSError as error:
        raise DecodeError(f"{Path(path).name} cannot be opened ({error.strerror})") from None


def _needed(images: list[list[str]], for_mask: bool) -> list[list[str]]:
    """Return the images whose names give one of our sequences, or all if none does."""
    guesses = [guess_from_words(name) for _, name in images]
    if suffix_of(images[0][1]) not in VOLUME_SUFFIXES:
        return images
    if for_mask and guesses.count(FLAIR) == 1:
        return [images[guesses.index(FLAIR)]]
    named = [one for one, guess in zip(images, guesses, strict=True) if guess]
    return named or images


def _assigned(
    upload: Upload, answers: Mapping[str, str]
) -> tuple[dict[str, int | None], list[str]]:
    """Return the series of each sequence without a question, and a note on each that is a guess."""
    given = applicable(upload, answers)
    choice = choose(upload, given)
    notes = [f"{name} is {sequence}, as the user chose" for sequence, name in sorted(given.items())]
    assignment = dict(choice.assignment)
    for question in choice.questions:
        free = [index for index in question.indices if index not in assignment.values()]
        if free:
            assignment[question.sequence] = free[0]
            label = upload.series[free[0]].label
            notes.append(f"{label} {GUESSED} {question.sequence}: {question.reason}")
    if all(index is None for index in assignment.values()):
        kind = upload.series[0].suggestion.kind
        if kind == LABEL_MAP:
            raise DecodeError(
                "it has as few values as a label map, and is no image; add a word such as “seg” to its "
                "name, and put its images beside it"
            )
        if kind == DEFORMATION:
            raise DecodeError("its name is that of a deformation; leave it out of the folder")
        assignment[FLAIR] = 0
        notes.append(f"{upload.series[0].label} {GUESSED} {FLAIR}: no file names a sequence")
    return assignment, notes


def _labels_on(ruling: Series, masks: list[InputFile], source: dict[str, Any]) -> LabelMap | None:
    """Return the labels of masks on the grid of an image; None without masks.

    Raises:
        DecodeError: a mask is damaged or does not fit.
    """
    if not masks:
        return None
    labels: dict[str, tuple[int, ...]] = {
        name: tuple(values) for name, values in source["labels"].items()
    }
    ignored = labels.pop("ignore", ())
    if suffix_of(masks[0].name) in IMAGE_SUFFIXES:
        found = read_picture_labels(masks, ruling)
    else:
        found = merged([_label_map(file, ruling) for file in masks])
    values = found.values
    if ignored:
        values = np.where(np.isin(values, ignored), np.uint8(0), values)
    return LabelMap(values, labels | {**found.labels}, found.notes)


def _label_map(file: InputFile, ruling: Series) -> LabelMap:
    read = read_segmentation if is_segmentation(file.data) else read_label_map
    return read(file.data, ruling)
