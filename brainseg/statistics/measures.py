"""Measures of a segmentation: area and diameters of a slice, volume and components of a case.

The viewer computes the same in the browser, so each definition is exact, ties included:

* Pixels that touch at an edge or a corner belong together: 8 neighbours in a slice, 26 in a volume.
  An outline drawn pixel by pixel often passes a corner, and is one finding all the same.
* Diameters are of the largest component of a slice; of equally large ones, of that whose first pixel
  in reading order (row, then column) comes first. Lengths run from pixel centre to pixel centre: a
  single pixel has 0, and edge to edge may be a pixel more.
* The longest diameter joins two vertices of the component's convex hull. Its first end comes before
  the other in reading order; of equally long ones it is that with the first first end, then with the
  first other end.
* The perpendicular diameter is the longest chord of the convex hull at a right angle to the longest
  diameter, as in the bidimensional measure of RANO (Wen et al. 2010). Chords are drawn through the
  vertices of the hull, for the longest passes through one, in the order of their projections on the
  longest diameter; a later one counts as longer by more than 1e-9.

Both follow the outer extent, so a ring or a crescent measures as if it were filled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

Point = tuple[float, float]
"""(row, column) in pixels, from the centre of the first pixel."""

Spacing = tuple[float | None, float, float]
"""(slice, row, column) in mm, as in :class:`brainseg.volume.Volume`."""

_LONGER_BY = 1e-9


@dataclass(frozen=True)
class Diameters:
    """The longest diameter of a slice's largest component, and the longest at a right angle to it.

    Attributes:
        longest: length in the unit that was asked for, pixels or mm.
        longest_ends: centres of the two pixels.
        perpendicular: length in the same unit, 0 where the component is a straight line.
        perpendicular_ends: points on the outline of the convex hull, rarely a pixel's centre.
    """

    longest: float
    longest_ends: tuple[Point, Point]
    perpendicular: float
    perpendicular_ends: tuple[Point, Point]


@dataclass(frozen=True)
class VolumeMeasures:
    """What a segmentation measures as a whole, over the slices where it is known.

    Attributes:
        volume_vx: voxels.
        volume_ml: millilitres, None where the spacing is unknown.
        components: parts that do not touch; a slice that is unknown joins none.
        largest_share: the largest component's voxels of all, 0..1; None where there is nothing.
        slices: how many have at least one voxel.
        known: how many slices are known.
    """

    volume_vx: int
    volume_ml: float | None
    components: int
    largest_share: float | None
    slices: int
    known: int


def components_of_plane(plane: np.ndarray) -> int:
    """Return how many parts of a slice, (h, w) bool, do not touch, not even at a corner."""
    return cv2.connectedComponents(plane.astype(np.uint8), connectivity=8)[0] - 1


def largest_component(plane: np.ndarray) -> np.ndarray:
    """Return the largest component of a slice, (h, w) bool; all False where the slice is empty."""
    count, labels = cv2.connectedComponents(plane.astype(np.uint8), connectivity=8)
    if count <= 2:
        return plane.astype(bool)
    sizes = np.bincount(labels.ravel())[1:]
    first_pixels = {
        int(np.argmax(labels.ravel() == label)): label
        for label in 1 + np.flatnonzero(sizes == sizes.max())
    }
    return labels == first_pixels[min(first_pixels)]


def diameters(plane: np.ndarray, pixel: tuple[float, float] = (1.0, 1.0)) -> Diameters | None:
    """Return the diameters of a slice's largest component, or None where the slice is empty.

    Args:
        plane: (h, w) bool.
        pixel: height and width of a pixel, in the unit that the lengths are wanted in; where they
            differ, the diameters are longest, and at a right angle, in that unit.
    """
    if not plane.any():
        return None
    hull = _hull(_ends_of_rows(largest_component(plane)))
    first, last = _longest(hull, pixel)
    if first == last:
        return Diameters(0.0, (first, last), 0.0, (first, last))
    perpendicular_ends = _longest_chord(hull, first, last, pixel)
    return Diameters(
        _distance(first, last, pixel),
        (first, last),
        _distance(*perpendicular_ends, pixel),
        perpendicular_ends,
    )


def by_slice(
    mask: np.ndarray,
    slice_numbers: Sequence[int],
    there: np.ndarray | None = None,
    spacing_mm: Spacing | None = None,
) -> pd.DataFrame:
    """Return what each slice measures, a row a slice.

    Args:
        mask: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        there: (n,) bool, False where nothing is known of a slice; without it, all are known.
        spacing_mm: where it is known, and only then, there are columns in mm.

    Returns:
        ``slice_number``; ``area_px``, ``components`` (Int64); ``longest_px``, ``perpendicular_px``
        (Float64); with a spacing ``area_mm2``, ``longest_mm``, ``perpendicular_mm`` (Float64). All
        are missing where the slice is unknown, lengths also where it is empty.
    """
    known = np.ones(len(mask), bool) if there is None else there
    rows = [
        {"slice_number": int(number)} | (_row(plane, spacing_mm) if is_known else {})
        for plane, number, is_known in zip(mask, slice_numbers, known, strict=True)
    ]
    whole, real = ["area_px", "components"], ["longest_px", "perpendicular_px"]
    if spacing_mm is not None:
        real += ["area_mm2", "longest_mm", "perpendicular_mm"]
    table = pd.DataFrame(rows, columns=["slice_number", *whole, *real])
    return table.astype(
        {"slice_number": "int64"} | dict.fromkeys(whole, "Int64") | dict.fromkeys(real, "Float64")
    )


def measure_volume(
    mask: np.ndarray, there: np.ndarray | None = None, spacing_mm: Spacing | None = None
) -> VolumeMeasures:
    """Return what a segmentation measures as a whole.

    Args:
        mask: (n, h, w) bool; neighbours in the stack count as neighbours in the head.
        there: (n,) bool, False where nothing is known of a slice; without it, all are known.
        spacing_mm: of the voxels, where it is known.
    """
    # Not above: pages that measure no volume have no use for it.
    from scipy import ndimage

    known = np.ones(len(mask), bool) if there is None else there
    certain = mask & known[:, np.newaxis, np.newaxis]
    labels, components = ndimage.label(certain, np.ones((3, 3, 3), bool))
    sizes = np.bincount(labels.ravel(), minlength=1)[1:]
    volume_vx = int(sizes.sum())
    voxel_mm3 = None if spacing_mm is None or None in spacing_mm else float(np.prod(spacing_mm))
    return VolumeMeasures(
        volume_vx=volume_vx,
        volume_ml=None if not voxel_mm3 else volume_vx * voxel_mm3 / 1000,
        components=components,
        largest_share=float(sizes.max() / volume_vx) if volume_vx else None,
        slices=int(certain.any(axis=(1, 2)).sum()),
        known=int(known.sum()),
    )


def measure_case(
    mask: np.ndarray,
    slice_numbers: Sequence[int],
    there: np.ndarray | None = None,
    spacing_mm: Spacing | None = None,
) -> dict[str, int | float | None]:
    """Return what a segmentation measures as a whole, with its largest diameter in a slice.

    Args:
        mask: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        there: (n,) bool, False where nothing is known of a slice; without it, all are known.
        spacing_mm: of the voxels, where it is known.

    Returns:
        The fields of :class:`VolumeMeasures`; ``longest_px``, the longest diameter of any slice, and
        ``longest_slice``, its slice number, the first of equally long ones; with a spacing
        ``longest_mm``, which may be of another slice where pixels are not square. None where there is
        nothing to measure.
    """
    table = by_slice(mask, slice_numbers, there, spacing_mm)
    found = vars(measure_volume(mask, there, spacing_mm)) | {
        "longest_px": None,
        "longest_slice": None,
    }
    lengths = table["longest_px"].dropna()
    if len(lengths):
        found["longest_px"] = float(lengths.max())
        found["longest_slice"] = int(table["slice_number"][lengths.idxmax()])
    if spacing_mm is not None:
        in_mm = table["longest_mm"].dropna()
        found["longest_mm"] = float(in_mm.max()) if len(in_mm) else None
    return found


def _row(plane: np.ndarray, spacing_mm: Spacing | None) -> dict[str, float | None]:
    found = diameters(plane)
    row: dict[str, float | None] = {
        "area_px": int(np.count_nonzero(plane)),
        "components": components_of_plane(plane),
        "longest_px": found.longest if found else None,
        "perpendicular_px": found.perpendicular if found else None,
    }
    if spacing_mm is not None:
        in_mm = diameters(plane, spacing_mm[1:])
        row["area_mm2"] = int(np.count_nonzero(plane)) * spacing_mm[1] * spacing_mm[2]
        row["longest_mm"] = in_mm.longest if in_mm else None
        row["perpendicular_mm"] = in_mm.perpendicular if in_mm else None
    return row


def _ends_of_rows(plane: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last pixel of each row in reading order: a hull needs no others."""
    rows = np.flatnonzero(plane.any(axis=1))
    part = plane[rows]
    first = part.argmax(axis=1)
    last = plane.shape[1] - 1 - part[:, ::-1].argmax(axis=1)
    points = zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
    return [
        point for row, one, other in points for point in dict.fromkeys([(row, one), (row, other)])
    ]


def _hull(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the vertices of the convex hull, in order around it, without those on an edge.

    Andrew's monotone chain (1979) over points in reading order; integers, so nothing is rounded.
    """
    if len(points) < 3:
        return points

    def half(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
        chain: list[tuple[int, int]] = []
        for point in ordered:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return half(points) + half(points[::-1])


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _longest(
    hull: list[tuple[int, int]], pixel: tuple[float, float]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two vertices farthest apart, the first in reading order in front."""
    vertices = np.array(sorted(hull))
    rows, columns = (vertices * pixel).T
    squared = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
    # The first maximum in the order of the matrix is the tie rule, for the vertices are sorted.
    first, last = np.unravel_index(squared.argmax(), squared.shape)
    return tuple(vertices[first].tolist()), tuple(vertices[last].tolist())


def _longest_chord(
    hull: list[tuple[int, int]],
    first: tuple[int, int],
    last: tuple[int, int],
    pixel: tuple[float, float],
) -> tuple[Point, Point]:
    """Return the ends of the hull's longest chord at a right angle to the line first to last."""
    # Of the squared size, so that a projection on the line stays an integer for square pixels.
    weights = pixel[0] ** 2, pixel[1] ** 2
    along = (last[0] - first[0]) * weights[0], (last[1] - first[1]) * weights[1]

    def projection(point: Point) -> float:
        return along[0] * point[0] + along[1] * point[1]

    best, best_length = (first, first), 0.0
    for vertex in sorted(hull, key=lambda point: (projection(point), point)):
        ends = _chord(hull, projection(vertex), projection, along)
        length = _distance(*ends, pixel)
        if length > best_length + _LONGER_BY:
            best, best_length = ends, length
    return best


def _chord(
    hull: list[tuple[int, int]],
    at: float,
    projection: Callable[[Point], float],
    along: tuple[float, float],
) -> tuple[Point, Point]:
    """Return where the line of one projection enters and leaves the hull."""
    crossings: list[Point] = []
    for start, end in zip(hull, hull[1:] + hull[:1], strict=True):
        from_start, from_end = projection(start), projection(end)
        if from_start == at:
            crossings.append(start)
        elif min(from_start, from_end) < at < max(from_start, from_end):
            share = (at - from_start) / (from_end - from_start)
            crossings.append(
                (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            )

    def across(point: Point) -> float:
        return along[0] * point[1] - along[1] * point[0]

    return min(crossings, key=across), max(crossings, key=across)


def _distance(one: Point, other: Point, pixel: tuple[float, float]) -> float:
    return float(np.hypot((other[0] - one[0]) * pixel[0], (other[1] - one[1]) * pixel[1]))
