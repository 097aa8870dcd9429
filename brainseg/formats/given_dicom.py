"""DICOM files -> an intake: the series of one grid, each a sequence."""

from itertools import pairwise

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.dicom import DicomImage, read_image
from brainseg.formats.dicom_pixels import decode_pixels
from brainseg.formats.dicom_series import Plane, Stack, largest_grid, stacks_of
from brainseg.formats.given import Given, Refusals
from brainseg.formats.inflating import too_large
from brainseg.formats.intake import DicomSource, Intake, Series
from brainseg.formats.limits import MAX_INFLATED_BYTES
from brainseg.formats.orientation import spacing_of

HOLDS_PATIENT_DATA = (
    "The files hold data of a patient: they are not shown here, and exports leave name and id blank "
    "unless you ask for them."
)
BURNED_IN = (
    "The files say that text stands in their pixels (burned-in annotation): look at every picture "
    "before you pass it on."
)


def gather_dicom(items: list[Given], refusals: Refusals) -> Intake:
    """Return the intake of DICOM images; of several series those on one grid.

    Raises:
        DecodeError: nothing is usable.
    """
    planes = _planes(items, refusals)
    stacks, refused = stacks_of(planes)
    for slices, reason in refused:
        refusals.add_series(slices, reason)
    if not stacks:
        raise refusals.as_error()
    used, others = largest_grid(stacks)
    for stack in others:
        sizes = [" x ".join(map(str, one.shape)) for one in (stack, used[0])]
        why = f"its grid is {sizes[0]} voxels, that of the others {sizes[1]}"
        if sizes[0] == sizes[1]:
            why = "it lies elsewhere in space than the others"
        refusals.add_series(len(stack.planes), why)
    first = used[0]
    affine = None
    if first.affine is not None:
        affine = first.orientation.affine(first.affine, first.shape)
    series = tuple(_series(stack, place, len(used)) for place, stack in enumerate(used))
    encoded = tuple(tuple(plane.image.header for plane in stack.planes) for stack in used)
    return Intake(
        "DICOM",
        series,
        _numbers(first),
        None if affine is None else spacing_of(affine),
        affine,
        (),
        _warnings([plane.image for stack in used for plane in stack.planes], used),
        refusals.told(),
        DicomSource(first.orientation, encoded),
    )


def _planes(items: list[Given], refusals: Refusals) -> list[Plane]:
    """Return the images that can be decoded; all headers are read before the first pixel."""
    images: list[tuple[str, DicomImage]] = []
    taken = 0
    for item in items:
        try:
            image = read_image(item.data)
            taken += image.stored_bytes
            if taken > MAX_INFLATED_BYTES:
                raise too_large(taken)
            images.append((item.name, image))
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    planes = []
    for name, image in images:
        try:
            planes.append(Plane(image, *decode_pixels(image)))
        except DecodeError as reason:
            refusals.add(name, str(reason))
    return planes


def _series(stack: Stack, place: int, count: int) -> Series:
    pixels, notes = stack.grey()
    label = f"series {place + 1} of {count}" if count > 1 else "series"
    return Series(label, pixels, stack.planes[0].image.guess, notes)


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


def _warnings(images: list[DicomImage], stacks: list[Stack]) -> tuple[str, ...]:
    told = []
    if any(image.has_patient_data for image in images):
        told.append(HOLDS_PATIENT_DATA)
    if any(image.has_burned_in for image in images):
        told.append(BURNED_IN)
    for modality in sorted({image.modality for image in images if image.modality}):
        told.append(f"The files say that they are {modality}: the model learned from MR alone.")
    told += [warning for stack in stacks for warning in stack.warnings]
    return tuple(dict.fromkeys(told))
