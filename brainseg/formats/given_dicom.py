"""DICOM files -> an intake: their series, each on its own grid, are the sequences."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.dicom import DicomImage, read_images
from brainseg.formats.dicom_pixels import decode_pixels
from brainseg.formats.dicom_series import Plane, Stack, stacks_of
from brainseg.formats.given import Given, Refusals
from brainseg.formats.grids import most_common_grid_first
from brainseg.formats.inflating import too_large
from brainseg.formats.intake import DicomSource, Grid, Intake, Series
from brainseg.formats.limits import MAX_INFLATED_BYTES
from brainseg.formats.orientation import spacing_of

HOLDS_PATIENT_DATA = (
    "These DICOM files contain patient identifiers. They are not displayed, and exports leave them "
    "blank unless you choose otherwise."
)
NOT_MR = "These files are {}, not MR. The model was trained on MR only; do not rely on this result."
BURNED_IN = (
    "The files say that text stands in their pixels (burned-in annotation): look at every picture "
    "before you pass it on."
)


def gather_dicom(items: list[Given], refusals: Refusals) -> Intake:
    """Return the intake of DICOM images.

    Raises:
        DecodeError: nothing is usable.
    """
    stacks = stacks_of(_planes(items, refusals), refusals)
    if not stacks:
        raise refusals.as_error()
    series = most_common_grid_first([_series(stack) for stack in stacks])
    count = len(series)
    labelled = (
        replace(one, label=f"series {place} of {count}" if count > 1 else "series")
        for place, one in enumerate(series, 1)
    )
    images = [plane.image for stack in stacks for plane in stack.planes]
    not_mr = tuple(sorted({image.modality for image in images if image.modality}))
    return Intake(
        "DICOM",
        tuple(labelled),
        (),
        _warnings(images, stacks, not_mr),
        refusals.told(),
        not_mr=not_mr,
    )


def _planes(items: list[Given], refusals: Refusals) -> list[Plane]:
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
            told = str(reason) if image.frames == 1 else f"frame {image.frame + 1}: {reason}"
            refusals.add(name, told)
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
        stack.corners() if affine is None else None,
        stack.planes[0].image.space,
        DicomSource(stack.orientation, encoded),
    )
    return Series("", pixels, stack.planes[0].image.guess, notes, grid)


def _spacing(stack: Stack, affine: np.ndarray | None) -> tuple[float | None, float, float] | None:
    """Return (slice, row, column) in mm as shown; None where the size of a pixel is unknown."""
    if affine is not None:
        return spacing_of(affine)
    between, row, column = (stack.spacing_mm[axis] for axis in stack.orientation.axes)
    return None if row is None or column is None else (between, row, column)


def _numbers(stack: Stack) -> tuple[int, ...]:
    """Return the images' own numbers where they rise with the slices as shown, else 1..n."""
    shown = stack.orientation.shown(np.empty(stack.shape, np.bool_)).shape[0]
    numbers = [plane.image.number for plane in stack.planes]
    if stack.orientation.flipped[0]:
        numbers.reverse()
    rises = None not in numbers and all(0 < one < two for one, two in pairwise(numbers))
    if stack.orientation.axes[0] == 0 and rises and numbers[0] > 0:
        return tuple(numbers)
    return tuple(range(1, shown + 1))


def _warnings(
    images: list[DicomImage], stacks: list[Stack], not_mr: tuple[str, ...]
) -> tuple[str, ...]:
    told = [NOT_MR.format(modality) for modality in not_mr]
    if any(image.has_patient_data for image in images):
        told.append(HOLDS_PATIENT_DATA)
    if any(image.has_burned_in for image in images):
        told.append(BURNED_IN)
    told += [warning for stack in stacks for warning in stack.warnings]
    return tuple(dict.fromkeys(told))
