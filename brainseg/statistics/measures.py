"""Measures of a segmentation: area and diameters of a slice, volume and components of a case.

The viewer computes the same in the browser, so each definition is exact, including ties:

* Pixels that touch at an edge or a corner belong together: 8 neighbours in a slice, 26 in a volume.
  An outline drawn pixel by pixel often passes a corner and is still one finding.
* Diameters are of the largest component of a slice; among equally large ones, of the one whose first
  pixel in reading order (row, then column) comes first. Lengths run from pixel centre to pixel centre: a
  single pixel has length 0.
* The longest diameter joins two vertices of the component's convex hull. Its first end comes before
  the other in reading order; among equally long ones, the first first end wins, then the first other
  end.
* The perpendicular diameter is the longest chord of the convex hull at a right angle to the longest
  diameter, as in the bidimensional measure of RANO (Wen et al. 2010). Chords are drawn through the
  vertices of the hull, because the longest passes through one, in the order of their projections on the
  longest diameter; a later one must be longer by more than 1e-9.

Both follow the outer extent, so a ring or a crescent measures as if it were filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from brainseg.metrics.labelling import label_components

Point = tuple[float, float]
"""(row, column) in pixels, from the centre of the first pixel."""

Ends = tuple[Point, Point]
"""Both ends of a line."""

Spacing = tuple[float | None, float, float]
"""(slice, row, column) in mm, as in :class:`brainseg.volume.Volume`."""

_LONGER_BY = 1e-9


@dataclass(frozen=True)
class Diameters:
    """The longest diameter of a slice's largest component, and the longest at a right angle to it.

    Attributes:
        longest: length in pixels or mm.
        longest_ends: centres of the two pixels.
        perpendicular: length in the same unit, 0 where the component is a straight line.
        perpendicular_ends: points on the outline of the convex hull, rarely a pixel's centre.
    """

    longest: float
    longest_ends: Ends
    perpendicular: float
    perpendicular_ends: Ends


@dataclass(frozen=True)
class VolumeMeasures:
    """The measures of a segmentation as a volume, over the slices where it is known.

    Attributes:
        volume_vx: voxels.
        volume_ml: millilitres, None if the spacing is unknown.
        components: separate parts; an unknown slice joins none.
        largest_share: voxels of the largest component as a share of all, 0..1; None if empty.
        slices: number of slices with at least one voxel.
        known: number of known slices.
    """

    volume_vx: int
    volume_ml: float | None
    components: int
    largest_share: float | None
    slices: int
    known: int


def components_of_plane(plane: np.ndarray) -> int:
    """Return the number of components of a slice, (h, w) bool."""
    return cv2.connectedComponents(plane.astype(np.uint8), connectivity=8)[0] - 1


def largest_component(plane: np.ndarray) -> np.ndarray:
    """Return the largest component of a slice, (h, w) bool; all False if it is empty."""
    count, labels = cv2.connectedComponents(plane.astype(np.uint8), connectivity=8)
    if count <= 2:
        return plane.astype(bool)
    sizes = np.bincount(labels.ravel())[1:]
    largest = 1 + np.flatnonzero(sizes == sizes.max())
    return labels == min(largest, key=lambda label: int(np.argmax(labels.ravel() == label)))


def diameters(plane: np.ndarray, pixel: tuple[float, float] = (1.0, 1.0)) -> Diameters | None:
    """Return the diameters of a slice's largest component, or None if the slice is empty.

    Args:
        plane: (h, w) bool.
        pixel: height and width of a pixel, in the unit of the lengths; if they differ, the diameters
            are longest, and at a right angle, in that unit.
    """
    if not plane.any():
        return None
    pixels = np.argwhere(largest_component(plane)).astype(np.int32)
    vertices = cv2.convexHull(pixels, clockwise=True)[:, 0]
    hull: list[Point] = [(row, column) for row, column in vertices.tolist()]
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
    known: np.ndarray | None = None,
    spacing_mm: Spacing | None = None,
) -> pd.DataFrame:
    """Return the measures of each slice, one row per slice.

    Args:
        mask: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        known: (n,) bool, False for a slice without a usable mask; all are known by default.
        spacing_mm: adds the columns in mm.

    Returns:
        ``slice_number``; ``area_px``, ``components`` (Int64); ``longest_px``, ``perpendicular_px``
        (Float64); with a spacing ``area_mm2``, ``longest_mm``, ``perpendicular_mm`` (Float64). All
        are missing if the slice is unknown, lengths also if it is empty.
    """
    known = np.ones(len(mask), bool) if known is None else known
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
    mask: np.ndarray, known: np.ndarray | None = None, spacing_mm: Spacing | None = None
) -> VolumeMeasures:
    """Return the measures of a segmentation as a volume.

    Args:
        mask: (n, h, w) bool; neighbours in the stack count as neighbours in the head.
        known: as for :func:`by_slice`.
        spacing_mm: of the voxels, if known.
    """
    known = np.ones(len(mask), bool) if known is None else known
    certain = mask & known[:, np.newaxis, np.newaxis]
    _, sizes, _ = label_components(certain)
    volume_vx = int(sizes.sum())
    between, row, column = spacing_mm or (None, 0.0, 0.0)
    return VolumeMeasures(
        volume_vx=volume_vx,
        volume_ml=volume_vx * (between * row * column) / 1000 if between else None,
        components=len(sizes),
        largest_share=float(sizes.max() / volume_vx) if volume_vx else None,
        slices=int(certain.any(axis=(1, 2)).sum()),
        known=int(known.sum()),
    )


def measure_case(
    mask: np.ndarray,
    slice_numbers: Sequence[int],
    known: np.ndarray | None = None,
    spacing_mm: Spacing | None = None,
) -> dict[str, int | float | None]:
    """Return the measures of a segmentation as a volume, with its largest diameter in a slice.

    Args:
        mask: (n, h, w) bool.
        slice_numbers: (n,), of the same slices.
        known: as for :func:`by_slice`.
        spacing_mm: of the voxels, if known.

    Returns:
        The fields of :class:`VolumeMeasures`; ``longest_px``, the longest diameter of any slice, and
        ``longest_slice``, its slice number, the first of equally long ones; with a spacing
        ``longest_mm``, perhaps of another slice if pixels are not square. None if there is nothing to
        measure.
    """
    table = by_slice(mask, slice_numbers, known, spacing_mm)
    found = vars(measure_volume(mask, known, spacing_mm)) | {
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


def _longest(hull: list[Point], pixel: tuple[float, float]) -> Ends:
    """Return the two vertices farthest apart, the first in reading order in front."""
    vertices = sorted(hull)
    rows, columns = (np.array(vertices) * pixel).T
    squared = (rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2
    # The first maximum in the order of the matrix is the tie rule, because the vertices are sorted.
    first, last = np.unravel_index(squared.argmax(), squared.shape)
    return vertices[first], vertices[last]


def _longest_chord(
    hull: list[Point], first: Point, last: Point, pixel: tuple[float, float]
) -> Ends:
    """Return the ends of the hull's longest chord at a right angle to the line first to last."""
    # Squared, so that a projection on the line remains an integer for square pixels.
    along = (last[0] - first[0]) * pixel[0] ** 2, (last[1] - first[1]) * pixel[1] ** 2
    projections = [along[0] * row + along[1] * column for row, column in hull]
    best, best_length = (first, first), 0.0
    for at, _ in sorted(zip(projections, hull, strict=True)):
        ends = _chord(hull, projections, at, along)
        length = _distance(*ends, pixel)
        if length > best_length + _LONGER_BY:
            best, best_length = ends, length
    return best


def _chord(
    hull: list[Point], projections: list[float], at: float, along: tuple[float, float]
) -> Ends:
    """Return where the line of one projection enters and leaves the hull."""
    crossings: list[Point] = []
    for index, (start, from_start) in enumerate(zip(hull, projections, strict=True)):
        end, from_end = hull[index - 1], projections[index - 1]
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
