"""Sort DICOM images into stacks along their normal, one for each geometry of a series.

Scanners round what they write, so positions, directions and spacings are compared with tolerances.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.dicom.header import NO_SPACING, DicomImage
from brainseg.io.dicom.repeats import by_repeat, echoes
from brainseg.io.grids import SAME_DIRECTION, SAME_VOXEL
from brainseg.io.limits import MAX_SLICES
from brainseg.io.orientation import (
    NO_ORIENTATION,
    Orientation,
    is_usable,
    skew_note,
    towards_axial,
    what_is_shown,
)
from brainseg.io.upload_file import Refusals
from brainseg.io.window import to_eight_bits

MIXED = "its slices do not have one geometry"
NO_POSITION = "its position or orientation is missing or not usable, unlike those of its series"
OTHER_PICTURE = "its size, pixel spacing or kind of grey differs from that of its series"
SOME_SPACING = (
    "The pixel spacing of some files is not usable; that of the other files of the series is used."
)
_A_REPEAT = ("repeats another of its series", "repeat others of their series")
_OTHER_PLANE = (
    "lies in another plane than its series (a scout?)",
    "lie in another plane than their series (scouts?)",
)
MOST_PLANES = 3
"""Maximum number of geometries in one series: a localizer has one in each plane of the body."""

_SAME_MM = 0.01
_UNEVEN = 0.02
"""Rounding makes distances between slices differ by at most this fraction."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A DICOM image with its pixels as stored.

    Attributes:
        image: the header.
        pixels: (h, w) of whole numbers.
        notes: one sentence for each conversion.
        name: of the file.
    """

    image: DicomImage = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, eq=False)
class Stack:
    """The planes of one series and one time point, sorted along the normal, not yet turned.

    Attributes:
        planes: in the order of ``affine``.
        affine: (4, 4) from (plane, row, column) to RAS+, None if unknown or unevenly spaced.
        spacing_mm: between planes, rows and columns; None for each that is unknown.
        orientation: how the stack is shown.
        warnings: one sentence for each problem that users should know.
        notes: one sentence for each fact, such as images that were left out without a loss.
    """

    planes: tuple[Plane, ...]
    affine: np.ndarray | None
    spacing_mm: tuple[float | None, float | None, float | None]
    orientation: Orientation
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (planes, rows, columns)."""
        return (len(self.planes), *self.planes[0].pixels.shape)

    @property
    def directions(self) -> np.ndarray | None:
        """Return (3, 3), the directions of slices, rows and columns as shown, in RAS+."""
        directions = self.planes[0].image.directions
        if directions is None:
            return None
        row, column = directions
        lps = np.eye(4)
        lps[:3, :3] = np.stack([np.cross(row, column), column, row], axis=1)
        ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
        return self.orientation.affine(ras, self.shape)[:3, :3]

    def corners(self) -> np.ndarray | None:
        """Return (n, 3, 3) mm: the first pixel of each plane, the ends of its first row and column."""
        found = []
        for plane in self.planes:
            image = plane.image
            if image.position is None or image.directions is None:
                return None
            row, column = (
                direction * (size - 1) * mm
                for direction, size, mm in zip(
                    image.directions,
                    image.size[::-1],
                    (image.spacing_mm or (1.0, 1.0))[::-1],
                    strict=True,
                )
            )
            found.append([image.position, image.position + row, image.position + column])
        return np.array(found)

    def grey(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return (n, h, w) uint8 as shown, with a note for each conversion."""
        raw, slope, intercept, notes = _meaning(self.planes)
        pixels, rescaled = to_eight_bits(raw, slope, intercept)
        notes = (*self.notes, *notes, *rescaled)
        if self.planes[0].image.is_inverted:
            pixels = 255 - pixels
            notes += ("minimum-is-white grey (MONOCHROME1), inverted",)
        return np.ascontiguousarray(self.orientation.shown(pixels)), notes


def stacks_of(planes: list[Plane], refusals: Refusals) -> list[Stack]:
    """Return the stacks of the images of one upload; each image that is left out gets a sentence.

    A series with several images at each position, such as echoes or time points, gives one stack for
    each; so does a series with several geometries of similar size. Repeated images and single images in
    another plane are left out with a note, single images of another geometry by name.
    """
    by_series: dict[str, list[Plane]] = defaultdict(list)
    for plane in planes:
        by_series[plane.image.series].append(plane)
    stacks = []
    for series in by_series.values():
        once = _without_copies(series)
        parts, scouts = _geometries(once, refusals)
        notes = _left_out(len(series) - len(once), *_A_REPEAT)
        notes += _left_out(scouts, *_OTHER_PLANE)
        for part in parts:
            try:
                made = [_stack(moment) for echo in echoes(part) for moment in _moments(echo)]
                stacks += [replace(stack, notes=(*notes, *stack.notes)) for stack in made]
            except DecodeError as reason:
                refusals.add_series(len(part), str(reason))
    return stacks


def _left_out(count: int, one: str, many: str) -> list[str]:
    found = f"1 image {one} and was" if count == 1 else f"{count} images {many} and were"
    return [f"{found} left out"] if count else []


def _without_copies(series: list[Plane]) -> list[Plane]:
    """Return the planes without repeats: the same image, or the same pixels at the same position.

    Neither pixels of a single value nor a UID that an anonymizer gave to all images prove a repeat.
    """
    kept: list[Plane] = []
    by_content: dict[bytes, list[Plane]] = defaultdict(list)
    for plane in series:
        alike = by_content[hashlib.sha256(np.ascontiguousarray(plane.pixels).data).digest()]
        if not any(_repeats(plane, other) for other in alike):
            alike.append(plane)
            kept.append(plane)
    return kept


def _repeats(plane: Plane, other: Plane) -> bool:
    one, two = plane.image, other.image
    if not _same_place(one, two) or _when(one) != _when(two):
        return False
    same_instance = bool(one.instance) and (one.instance, one.frame) == (two.instance, two.frame)
    return (same_instance and one.number == two.number) or (
        one.position is not None and np.ptp(plane.pixels) > 0
    )


def _when(image: DicomImage) -> tuple[object, ...]:
    """Return what distinguishes the echoes and time points of one position, except the image number."""
    belonging = image.belonging
    # As text, because the NaN of an unknown value equals nothing.
    return belonging.echo_ms, belonging.moment[:2], str(belonging.repeats)


def _same_place(one: DicomImage, two: DicomImage) -> bool:
    if one.position is None or two.position is None:
        return one.position is two.position
    apart = np.linalg.norm(one.position - two.position)
    return bool(apart < _SAME_MM) and _same_directions(one, two)


def _same_directions(one: DicomImage, two: DicomImage) -> bool:
    if one.directions is None or two.directions is None:
        return one.directions is two.directions
    return bool(np.abs(one.directions - two.directions).max() < SAME_DIRECTION)


def _same_picture(one: DicomImage, two: DicomImage) -> bool:
    """Return whether two images have equal size and kind of grey, and equal spacing if known."""
    if (one.size, one.is_inverted) != (two.size, two.is_inverted):
        return False
    if one.spacing_mm is None or two.spacing_mm is None:
        return True
    return bool(np.allclose(one.spacing_mm, two.spacing_mm, rtol=SAME_VOXEL, atol=0))


def _geometries(series: list[Plane], refusals: Refusals) -> tuple[list[list[Plane]], int]:
    """Return the planes of a series by geometry, and the number left out in other planes."""
    parts: list[list[Plane]] = []
    for plane in series:
        for part in parts:
            first = part[0].image
            if _same_directions(plane.image, first) and _same_picture(plane.image, first):
                part.append(plane)
                break
        else:
            parts.append([plane])
    most = max(parts, key=len, default=[])
    kept = [part for part in parts if 2 * len(part) >= len(most)]
    if len(kept) > MOST_PLANES:
        refusals.add_series(len(series), f"{MIXED}: {len(parts)} of them")
        return [], 0
    if not most:
        return [], 0
    scouts, usual = 0, most[0].image
    for plane in (plane for part in parts if 2 * len(part) < len(most) for plane in part):
        if _same_directions(plane.image, usual):
            refusals.add(plane.name, OTHER_PICTURE)
        elif plane.image.directions is None or usual.directions is None:
            refusals.add(plane.name, NO_POSITION)
        else:
            scouts += 1
    return kept, scouts


def _moments(series: list[Plane]) -> list[list[Plane]]:
    """Return the planes of one echo by time point: one group if each position occurs once."""
    if any(plane.image.position is None for plane in series):
        return [series]
    places = _by_place(series)
    most = max(map(len, places))
    if most == 1:
        return [series]
    for parts in by_repeat(series, most):
        if all(max(map(len, _by_place(part))) < most for part in parts):
            return [moment for part in parts for moment in _moments(part)]
    if len(set(map(len, places))) > 1:
        raise DecodeError(f"{MIXED}: some positions occur more often than others")
    for repeats in places:
        repeats.sort(key=lambda plane: plane.image.belonging.moment)
    return [list(planes) for planes in zip(*places, strict=True)]


def _by_place(series: list[Plane]) -> list[list[Plane]]:
    """Return the planes of one orientation by their position along the normal.

    Positions are equal within a hundredth of the usual distance between slices.
    """
    normal = np.cross(*np.asarray(series[0].image.directions))

    def height(plane: Plane) -> float:
        return float(np.asarray(plane.image.position) @ normal)

    along = sorted(series, key=height)
    steps = np.diff([height(plane) for plane in along])
    apart = steps[steps > _SAME_MM]
    same = max(_SAME_MM, SAME_VOXEL * float(np.median(apart))) if apart.size else _SAME_MM
    places = [[along[0]]]
    for plane, step in zip(along[1:], steps, strict=True):
        if step > same:
            places.append([])
        places[-1].append(plane)
    return places


def _stack(planes: list[Plane]) -> Stack:
    if len(planes) > MAX_SLICES:
        raise DecodeError(f"{len(planes)} slices exceed {MAX_SLICES}")
    first = planes[0].image
    warnings = list(dict.fromkeys(text for plane in planes for text in plane.image.warnings))
    spacing = next((one.image.spacing_mm for one in planes if one.image.spacing_mm), None)
    if spacing and NO_SPACING in warnings:
        warnings[warnings.index(NO_SPACING)] = SOME_SPACING
    in_plane = spacing or (None, None)
    if first.directions is None:
        planes = sorted(planes, key=lambda plane: plane.image.belonging.moment[-1])
        between = first.thickness_mm if len(planes) == 1 else None
        return Stack(
            tuple(planes), None, (between, *in_plane), Orientation(), (*warnings, NO_ORIENTATION)
        )
    normal = np.cross(*first.directions)
    planes = sorted(planes, key=lambda plane: float(plane.image.position @ normal))
    step, uneven = _step(planes, normal)
    tall, wide = spacing or (1.0, 1.0)
    lps = np.eye(4)
    lps[:3, 0] = step
    lps[:3, 1] = first.directions[1] * tall
    lps[:3, 2] = first.directions[0] * wide
    lps[:3, 3] = planes[0].image.position
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    if not is_usable(affine):
        raise DecodeError(f"{MIXED}: its slices do not lie one behind another")
    is_even = not uneven and (len(planes) > 1 or first.thickness_mm is not None)
    shape = (len(planes), *planes[0].pixels.shape)
    orientation = towards_axial(affine, shape)
    _, more = what_is_shown(orientation.affine(affine, shape))
    return Stack(
        tuple(planes),
        affine if is_even and spacing is not None else None,
        (float(np.linalg.norm(step @ normal)) if is_even else None, *in_plane),
        orientation,
        (*warnings, *uneven, *more),
        skew_note(affine),
    )


def _step(planes: list[Plane], normal: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the step between planes in mm, with a warning if the steps are uneven."""
    if len(planes) == 1:
        return normal * (planes[0].image.thickness_mm or 1.0), []
    positions = np.array([plane.image.position for plane in planes])
    steps = np.diff(positions, axis=0)
    mean = (positions[-1] - positions[0]) / (len(planes) - 1)
    away = np.linalg.norm(steps - mean, axis=1)
    length = np.linalg.norm(mean)
    if (away <= max(_UNEVEN * length, _SAME_MM)).all():
        return mean, []
    along = steps @ normal
    widest = int(np.argmax(along)) + 1
    return mean, [
        f"The slices are not evenly spaced ({along.min():.3g} to {along.max():.3g} mm, widest behind "
        f"slice {widest} in the files' order): a slice may be missing, so no spacing is given."
    ]


def _meaning(planes: tuple[Plane, ...]) -> tuple[np.ndarray, float, float, tuple[str, ...]]:
    """Return the planes as one array with one slope and intercept, and the notes of all."""
    notes = tuple(dict.fromkeys(note for plane in planes for note in plane.notes))
    scalings = {(plane.image.slope, plane.image.intercept) for plane in planes}
    raw = np.stack([plane.pixels for plane in planes])
    if len(scalings) == 1:
        return raw, *scalings.pop(), notes
    values = [
        plane.pixels.astype(np.float32) * plane.image.slope + plane.image.intercept
        for plane in planes
    ]
    return np.stack(values), 1.0, 0.0, (*notes, f"{len(scalings)} rescale slopes applied")
