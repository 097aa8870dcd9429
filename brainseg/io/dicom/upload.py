"""DICOM files -> an upload: their series, each on its own grid, are the sequences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePath

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import too_large
from brainseg.io.dicom.header import DicomImage, read_images
from brainseg.io.dicom.pixels import decode_pixels
from brainseg.io.dicom.repeats import of_one_study
from brainseg.io.dicom.series import Plane, Stack, stacks_of
from brainseg.io.grids import is_same_grid, most_common_grid_first
from brainseg.io.label_maps import LabelMap, is_segmentation, merged, read_segmentation
from brainseg.io.limits import MAX_INFLATED_BYTES
from brainseg.io.names import base_of
from brainseg.io.orientation import spacing_of
from brainseg.io.sequence_guess import SequenceGuess, guess_sequence
from brainseg.io.upload import DicomSource, Grid, Series, Upload
from brainseg.io.upload_file import Refusals, UploadFile

PATIENT_IDENTIFIERS = (
    "these DICOM files contain patient identifiers; they are not shown, and exports omit them unless "
    "you choose otherwise"
)
NOT_MR = "These files are {}, not MR. The model was trained on MR only; do not rely on this result."
BURNED_IN = (
    "The files say that their pixels contain text (burned-in annotation): check every picture before "
    "you share it."
)


def gather_dicom(items: list[UploadFile], refusals: Refusals) -> Upload:
    """Return the upload of DICOM images.

    Raises:
        DecodeError: nothing is usable.
    """
    masks = [item for item in items if is_segmentation(item.data)]
    images_alone = [item for item in items if item not in masks]
    stacks = stacks_of(of_one_study(_planes(images_alone or items, refusals), refusals), refusals)
    if not stacks:
        raise refusals.as_error()
    series = most_common_grid_first([_series(stack) for stack in stacks])
    images = [plane.image for stack in stacks for plane in stack.planes]
    truth, labels, notes = _truth(masks, series, refusals)
    return Upload(
        "DICOM",
        _labelled(series),
        (*notes, *(PATIENT_IDENTIFIERS,) * any(image.has_patient_data for image in images)),
        (BURNED_IN,) * any(image.has_burned_in for image in images),
        refusals.messages(),
        masks=truth,
        has_mask=None if truth is None else np.ones(len(truth), bool),
        labels=labels,
    )


def _truth(
    masks: list[UploadFile], series: Sequence[Series], refusals: Refusals
) -> tuple[np.ndarray | None, LabelMap | None, list[str]]:
    """Return the union of the segmentations of a study whose series share a grid, its labels, and a
    note."""
    read = []
    for item in masks:
        try:
            if not all(is_same_grid(series[0], one) for one in series):
                raise DecodeError("the series have different grids, so it is compared with none")
            read.append(read_segmentation(item.data, series[0]))
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    if not read:
        return None, None, []
    found = merged(read)
    return found.values > 0, found, ["the segmentation is the mask to compare with"]


def _planes(items: list[UploadFile], refusals: Refusals) -> list[Plane]:
    """Return the images that can be decoded; all headers are read before the first pixel."""
    images: list[tuple[str, DicomImage]] = []
    taken = 0
    for item in items:
        try:
            read = read_images(item.data)
            taken += sum(image.stored_bytes for image in read)
            if taken > MAX_INFLATED_BYTES:
                raise too_large(taken)
            images += [(item.name, image) for image in read]
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    planes: list[Plane] = []
    damaged: set[str] = set()
    for name, image in images:
        if image.frame and name in damaged:
            continue
        try:
            planes.append(Plane(image, *decode_pixels(image), name))
        except DecodeError as reason:
            damaged.add(name)
            message = str(reason) if image.frames == 1 else f"frame {image.frame + 1}: {reason}"
            refusals.add(name, message)
    return planes


def _series(stack: Stack) -> Series:
    """Return a stack as shown, not yet labelled."""
    pixels, notes = stack.grey()
    affine = stack.affine
    if affine is not None:
        affine = stack.orientation.affine(affine, stack.shape)
    encoded = tuple(plane.image.header for plane in stack.planes)
    grid = Grid(
        _numbers(stack),
        _spacing(stack, affine),
        affine,
        stack.directions if affine is None else None,
        stack.corners() if affine is None else None,
        stack.planes[0].image.space,
        DicomSource(stack.orientation, encoded),
    )
    first = stack.planes[0]
    belonging = first.image.belonging
    modality = first.image.modality or ""
    echo = "" if belonging.echo_ms is None else f"TE {belonging.echo_ms:.4g} ms"
    return Series(
        echo,
        pixels,
        _suggestion(stack),
        notes,
        grid,
        belonging.series_number,
        belonging.series_uid,
        (first.name, *PurePath(first.name.replace("\\", "/")).parts[:-1]),
        (NOT_MR.format(modality), *stack.warnings) if modality else stack.warnings,
        modality,
    )


def _suggestion(stack: Stack) -> SequenceGuess:
    """Return the sequence guess from the tags and the file name, or else from the folder name."""
    name = stack.planes[0].name.replace("\\", "/")
    evidence = replace(stack.planes[0].image.evidence, file_name=base_of(name))
    b_values = [plane.image.evidence.b_value or 0 for plane in stack.planes]
    found = guess_sequence(replace(evidence, b_value=max(b_values)))
    if found.is_unknown:
        found = guess_sequence(replace(evidence, file_name=PurePath(name).parent.name))
    return found


def _labelled(series: Sequence[Series]) -> tuple[Series, ...]:
    """Return the series with the labels shown to users: by series number, or else by position."""
    count = len(series)
    numbers = Counter(one.number for one in series)
    labelled = []
    for position, one in enumerate(series, 1):
        label = f"series {position} of {count}" if count > 1 else "series"
        if one.number is not None and None not in numbers:
            label = f"series {one.number}"
            alike = [other for other in series if other.number == one.number]
            if len(alike) > 1:
                echoes = {other.label for other in alike}
                which = next(n for n, other in enumerate(alike, 1) if other is one)
                by_echo = one.label and len(echoes) == len(alike)
                label += f" {one.label}" if by_echo else f" part {which} of {len(alike)}"
        labelled.append(replace(one, label=label))
    return tuple(labelled)


def _spacing(stack: Stack, affine: np.ndarray | None) -> tuple[float | None, float, float] | None:
    """Return (slice, row, column) in mm as shown; None where the size of a pixel is unknown."""
    if affine is not None:
        return spacing_of(affine)
    between, row, column = (stack.spacing_mm[axis] for axis in stack.orientation.axes)
    return None if row is None or column is None else (between, row, column)


def _numbers(stack: Stack) -> tuple[int, ...]:
    """Return the images' own numbers if they increase with the slices as shown, else 1..n."""
    shown = stack.orientation.shown(np.empty(stack.shape, np.bool_)).shape[0]
    numbers = [plane.image.number for plane in stack.planes if plane.image.number is not None]
    if stack.orientation.flipped[0]:
        numbers.reverse()
    increases = numbers[0:1] > [0] and all(one < two for one, two in pairwise(numbers))
    if stack.orientation.axes[0] == 0 and increases and len(numbers) == len(stack.planes):
        return tuple(numbers)
    return tuple(range(1, shown + 1))
