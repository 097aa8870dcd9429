"""Read volume files as one upload, in which each volume on its own grid is a sequence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from brainseg.errors import DecodeError
from brainseg.imaging import level_counts
from brainseg.io.archives import too_large
from brainseg.io.grids import is_same_grid, most_common_grid_first
from brainseg.io.label_maps import LabelMap, check_labels, labels_of
from brainseg.io.label_names import regions_of
from brainseg.io.lesion_masks import lesion_masks
from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.io.names import base_of, shown_name
from brainseg.io.nifti import NiftiFile, read_nifti
from brainseg.io.nifti_values import LOOKS_LIKE_CT, fill_background, looks_like_ct
from brainseg.io.sequence_guess import (
    DEFORMATION,
    LABEL_MAP,
    UNKNOWN,
    Evidence,
    SequenceGuess,
    guess_sequence,
)
from brainseg.io.subjects import identifier_of, is_label_map, label_map_word, subject_of
from brainseg.io.upload import Grid, Series, Upload
from brainseg.io.upload_file import Refusals, UploadFile
from brainseg.io.window import to_eight_bits
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

_MOST_LABELS = 64
OTHER_SUBJECT = (
    "its name gives another subject or session than that of the files used: give one at a time"
)
_LABELS = "it is a mask, not a picture"
_OTHER_GRID = "its size or position differs from the images’: give a mask on their grid"
_OF_VOLUMES = {3: SEQUENCES, 4: (FLAIR, PRE_CONTRAST, POST_CONTRAST, None)}
"""The order in 4D files: of three volumes ours, of four that of the Medical Segmentation Decathlon."""

_FEWEST_LEVELS = 6
"""A picture has at least as many grey levels; a label map has fewer."""


def gather_nifti(items: list[UploadFile], refusals: Refusals) -> Upload:
    """Return the upload of one NIfTI file, or of several.

    Raises:
        DecodeError: nothing is usable.
    """
    items = _of_one_subject(items, refusals)
    items, label_maps = _without_label_maps(items)
    read: list[tuple[str, NiftiFile]] = []
    taken = 0
    for item in items:
        try:
            file = read_nifti(item.data)
            taken += file.volumes.nbytes
            if taken > MAX_INFLATED_BYTES:
                raise too_large(taken)
            read.append((item.name, file))
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    series, used = [], []
    for name, file in read:
        try:
            series += _series(name, file, len(items))
            used.append(file)
        except DecodeError as reason:
            refusals.add(name, str(reason))
    if not series:
        raise refusals.as_error()
    ordered = most_common_grid_first(series)
    values, labels, of_mask = _mask_of(
        label_maps, ordered, refusals, subject_of(items[0].name, with_numbers=True)
    )
    return Upload(
        "NIfTI",
        ordered,
        (*dict.fromkeys(note for file in used for note in file.notes), *of_mask),
        refused=refusals.messages(),
        masks=values,
        has_mask=None if values is None else np.ones(len(values), bool),
        labels=labels,
    )


def _of_one_subject(items: list[UploadFile], refusals: Refusals) -> list[UploadFile]:
    """Return the files of the most frequent subject and those whose names give no subject."""
    subjects = [identifier_of(item.name) for item in items]
    counts = Counter(filter(None, subjects))
    if len(counts) < 2:
        return items
    most, _ = counts.most_common(1)[0]
    used = []
    for item, subject in zip(items, subjects, strict=True):
        if subject in (most, ""):
            used.append(item)
        else:
            refusals.add(item.name, OTHER_SUBJECT)
    return used


def _without_label_maps(items: list[UploadFile]) -> tuple[list[UploadFile], list[UploadFile]]:
    """Return the pictures and the masks beside them; masks alone count as pictures."""
    pictures = [item for item in items if not is_label_map(item.name)]
    if not pictures:
        return items, []
    return pictures, [item for item in items if is_label_map(item.name)]


def _mask_of(
    items: list[UploadFile], series: Sequence[Series], refusals: Refusals, subject: str
) -> tuple[np.ndarray | None, LabelMap | None, list[str]]:
    """Return the mask to compare with, if one is on the grid of all series, its labels, and notes.

    Every label above 0 is in the mask, as in the whole tumour of BraTS. A damaged mask or one on another
    grid is refused; of the brain or of tissues it is left out.
    """
    masks: list[tuple[str, np.ndarray, Mapping[str, tuple[int, ...]]]] = []
    lesion = lesion_masks([item.name for item in items], subject)
    left_out = [item.name for item in items if item.name not in lesion]
    for item in (item for item in items if item.name in lesion):
        try:
            file = read_nifti(item.data, least_side=1)
            if file.segments and all(is_same_grid(each, series[0]) for each in series):
                found = labels_of(file, series[0])
                masks.append((item.name, found.values, found.labels))
                continue
            labels = file.volumes[0] * file.slope + file.intercept
            one = Series("mask", labels, grid=Grid(affine=file.affine, space=file.space))
            if len(file.volumes) == 1:
                labels = np.nan_to_num(labels)
                check_labels(labels)
            if len(file.volumes) > 1 or len(np.unique(labels)) > _MOST_LABELS:
                left_out.append(item.name)
            elif all(is_same_grid(one, each) for each in series):
                masks.append((item.name, np.rint(labels), {}))
            else:
                raise DecodeError(_OTHER_GRID)
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    if len(masks) != 1:
        left_out += [name for name, *_ in masks]
    notes = [f"{label_map_word(name)} was left out: {_LABELS}" for name in left_out]
    if len(masks) != 1:
        return None, None, notes
    ((name, stored, names),) = masks
    labels = None
    if stored.min() >= 0 and stored.max() <= 255 and np.array_equal(stored, np.rint(stored)):
        labels = LabelMap(stored.astype(np.uint8), names or regions_of([base_of(name)]))
    notes = [f"{label_map_word(name)} is the mask to compare with (labels above 0)", *notes]
    return stored > 0, labels, notes


def grid_alone(data: bytes) -> Series:
    """Return a series with the grid of a NIfTI file, whose pixels, all 0, take no memory."""
    file = read_nifti(data, with_voxels=False)
    pixels = np.broadcast_to(np.uint8(0), file.volumes.shape[1:])
    return Series("image", pixels, grid=_grid_of(file))


def _grid_of(file: NiftiFile) -> Grid:
    numbers = tuple(range(1, file.volumes.shape[1] + 1))
    return Grid(numbers, file.spacing_mm, file.affine, space=file.space, source=file.source)


def _series(name: str, file: NiftiFile, files: int) -> list[Series]:
    count = len(file.volumes)
    suggestions = _of_volumes(count)
    guess = guess_sequence(Evidence(file_name=base_of(name)))
    if count == 1 or guess.kind == DEFORMATION:  # its volumes are the components of a vector
        suggestions = (guess,) * count
    grid = _grid_of(file)
    made = []
    is_ct = looks_like_ct(file.volumes, file.slope, file.intercept)
    warnings = (*(LOOKS_LIKE_CT,) * is_ct, *file.warnings)
    make = partial(Series, grid=grid, names=(name,), warnings=warnings, not_mr="CT" * is_ct)
    for index, (volume, suggestion) in enumerate(zip(file.volumes, suggestions, strict=True)):
        filled, background = fill_background(volume, -file.intercept / file.slope)
        pixels, notes = to_eight_bits(filled, file.slope, file.intercept)
        label = f"volume {index + 1} of {count}" if count > 1 else "volume"
        if files > 1:
            label = shown_name(name) if count == 1 else f"{shown_name(name, 40)}, {label}"
        levels = np.count_nonzero(level_counts(pixels[len(pixels) // 2 :][:1]))
        if levels < _FEWEST_LEVELS:  # of one slice
            levels = np.count_nonzero(level_counts(pixels))
        if levels < _FEWEST_LEVELS:
            suggestion = SequenceGuess(kind=LABEL_MAP, reasons=(f"{levels} grey levels",))
        pixels = np.ascontiguousarray(pixels)
        made.append(make(label, pixels, suggestion, (*background, *notes)))
    return made


def _of_volumes(count: int) -> tuple[SequenceGuess, ...]:
    """Return the sequences of a 4D file by the number and order of its volumes."""
    order = _OF_VOLUMES.get(count)
    if order is None:
        return (UNKNOWN,) * count
    return tuple(
        SequenceGuess(name, (), None if name else "T2", (f"volume {index} of {count}",))
        for index, name in enumerate(order, start=1)
    )
