"""DICOM images -> stacks: sorted along the normal, refused where their geometry is mixed."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.dicom import DicomImage
from brainseg.formats.limits import MAX_SLICES
from brainseg.formats.orientation import (
    NO_ORIENTATION,
    Orientation,
    is_usable,
    towards_axial,
    what_is_shown,
)
from brainseg.formats.window import to_eight_bits

MIXED = "its slices do not have one geometry"
_SAME_MM = 0.01
_UNEVEN = 0.02
"""Distances between slices differ by rounding alone up to this share of them."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A DICOM image with its pixels as stored.

    Attributes:
        image: the header.
        pixels: (h, w) of whole numbers.
        notes: what was done to them.
    """

    image: DicomImage = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes of one series and one moment, sorted along the normal, not yet turned.

    Attributes:
        planes: in the order of ``affine``.
        affine: (4, 4) from (plane, row, column) to RAS+, or None where the files do not say, or the
            planes are not evenly spaced.
        orientation: how the stack is shown.
        warnings: what a person should know.
    """

    planes: tuple[Plane, ...]
    affine: np.ndarray | None
    orientation: Orientation
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return (planes, rows, columns)."""
        return (len(self.planes), *self.planes[0].pixels.shape)

    def has_grid_of(self, other: "Stack") -> bool:
        """Return whether both stacks have the same voxels, to a hundredth of a millimetre."""
        if self.shape != other.shape or self.orientation != other.orientation:
            return False
        if self.affine is None or other.affine is None:
            return self.affine is None and other.affine is None
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]).T
        corners[:3] *= np.array(self.shape)[:, np.newaxis]
        return bool(np.allclose(self.affine @ corners, other.affine @ corners, atol=_SAME_MM))

    def grey(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return (n, h, w) uint8 as shown, and the notes of what was done to the pixels."""
        raw, slope, intercept, notes = _meaning(self.planes)
        eight = to_eight_bits(raw, slope, intercept)
        notes = (*notes, *eight.notes)
        pixels = eight.pixels
        if self.planes[0].image.is_inverted:
            pixels = 255 - pixels
            notes += ("minimum-is-white grey (MONOCHROME1), inverted",)
        return np.ascontiguousarray(self.orientation.shown(pixels)), notes


def stacks_of(planes: list[Plane]) -> tuple[list[Stack], list[tuple[int, str]]]:
    """Return the stacks of one upload's images, and of each series that is none its size and why.

    A series that holds every place several times, as echoes or moments, gives a stack for each.
    """
    by_series: dict[str, list[Plane]] = defaultdict(list)
    for plane in planes:
        by_series[plane.image.series].append(plane)
    stacks, refused = [], []
    for series in by_series.values():
        try:
            stacks += [_stack(part) for part in _moments(series)]
        except DecodeError as reason:
            refused.append((len(series), str(reason)))
    return stacks, refused


def largest_grid(stacks: list[Stack]) -> tuple[list[Stack], list[Stack]]:
    """Return the stacks that share a grid, and the others.

    Of several grids the one with most stacks is taken, then one that looks like FLAIR, then the one
    with most slices.
    """
    grids: list[list[Stack]] = []
    for stack in stacks:
        for grid in grids:
            if grid[0].has_grid_of(stack):
                grid.append(stack)
                break
        else:
            grids.append([stack])

    def worth(grid: list[Stack]) -> tuple[int, bool, int]:
        guesses = {stack.planes[0].image.guess for stack in grid}
        return len(grid), "FLAIR" in guesses, grid[0].shape[0]

    chosen = max(grids, key=worth)
    return chosen, [stack for grid in grids if grid is not chosen for stack in grid]


def _moments(series: list[Plane]) -> list[list[Plane]]:
    """Return the planes of a series by moment: one group where each place is held once."""
    if any(plane.image.position is None for plane in series):
        return [series]
    places = defaultdict(list)
    for plane in series:
        places[tuple(np.round(plane.image.position, 2))].append(plane)
    counts = set(map(len, places.values()))
    if counts == {1}:
        return [series]
    if len(counts) > 1:
        raise DecodeError(f"{MIXED}: some places are held more often than others")
    for held in places.values():
        held.sort(key=lambda plane: plane.image.moment)
    return [[held[turn] for held in places.values()] for turn in range(counts.pop())]


def _stack(planes: list[Plane]) -> Stack:
    if len(planes) > MAX_SLICES:
        raise DecodeError(f"{len(planes)} slices exceed {MAX_SLICES}")
    for what, values in (
        ("sizes", {plane.pixels.shape for plane in planes}),
        ("kinds of grey", {plane.image.is_inverted for plane in planes}),
        ("pixel spacings", {_rounded(plane.image.spacing_mm) for plane in planes}),
        ("orientations", {_rounded(plane.image.directions) for plane in planes}),
    ):
        if len(values) > 1:
            raise DecodeError(f"{MIXED}: {len(values)} {what}")
    first = planes[0].image
    if first.directions is None:
        planes = sorted(planes, key=lambda plane: plane.image.moment[-1])
        return Stack(tuple(planes), None, Orientation(), (NO_ORIENTATION,))
    normal = np.cross(*first.directions)
    planes = sorted(planes, key=lambda plane: float(plane.image.position @ normal))
    step, warnings = _step(planes, normal)
    tall, wide = first.spacing_mm or (1.0, 1.0)
    lps = np.eye(4)
    lps[:3, 0] = step
    lps[:3, 1] = first.directions[1] * tall
    lps[:3, 2] = first.directions[0] * wide
    lps[:3, 3] = planes[0].image.position
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    if not is_usable(affine):
        raise DecodeError(f"{MIXED}: its slices do not lie one behind another")
    is_known = first.spacing_mm is not None and not warnings and len(planes) > 1
    shape = (len(planes), *planes[0].pixels.shape)
    orientation = towards_axial(affine, shape)
    _, more = what_is_shown(orientation.affine(affine, shape))
    return Stack(tuple(planes), affine if is_known else None, orientation, (*warnings, *more))


def _rounded(value: object) -> object:
    return None if value is None else tuple(np.round(np.ravel(value), 3).tolist())


def _step(planes: list[Plane], normal: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return mm from plane to plane, with a warning where they do not lie evenly."""
    if len(planes) == 1:
        return normal, []
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
        f"its slices are not evenly spaced ({along.min():.3g} to {along.max():.3g} mm, widest behind "
        f"slice {widest} in the files' order): a slice may be missing, so no spacing is given"
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
