"""Compare the grids of series within tolerances, and resample series of one space onto one grid.

Sequences of one examination often have different matrices. The grid of FLAIR stays as it is, so its
voxels and the exports are exactly those of its files; other sequences are resampled onto it.
"""

from collections.abc import Sequence

import numpy as np

from brainseg.io.upload import Series
from brainseg.volume import FLAIR

SAME_VOXEL = 0.01
"""Positions and extents that differ by less (in voxels) are the same."""

SAME_DIRECTION = 1e-3
"""Unit vectors that differ by less are the same direction."""

LEAST_COVERED = 0.5
"""The fraction of a grid that a series must cover to be resampled onto it."""

_EDGE = 0.5 + SAME_VOXEL
"""A series is known up to the faces of its outermost voxels (in voxels)."""

_SAME_CORNER_MM = 0.05
_PROBES = 24


def is_same_grid(series: Series, other: Series) -> bool:
    """Return whether two series have the same voxels; sizes decide where positions are unknown."""
    own, others, shape = series.grid.affine, other.grid.affine, series.pixels.shape
    if series.grid is other.grid or shape != other.pixels.shape:
        return shape == other.pixels.shape
    if own is None or others is None:
        return own is others and _same_corners(series.grid.corners, other.grid.corners)
    return is_same_affine(own, others, shape)


def _same_corners(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Return whether unevenly spaced slices have the same positions, as far as these are known."""
    if one is None or other is None:
        return True
    return one.shape == other.shape and bool(np.abs(one - other).max() < _SAME_CORNER_MM)


def most_common_grid_first(series: Sequence[Series]) -> tuple[Series, ...]:
    """Return the series sorted so that those of one grid are together.

    The grid with most series comes first; among equals the one with a FLAIR guess, then the one with
    most slices, then the first.
    """
    grids: list[list[Series]] = []
    for one in series:
        for grid in grids:
            if is_same_grid(one, grid[0]):
                grid.append(one)
                break
        else:
            grids.append([one])

    def worth(grid: list[Series]) -> tuple[int, bool, int]:
        return len(grid), FLAIR in {one.guess for one in grid}, len(grid[0].pixels)

    return tuple(one for grid in sorted(grids, key=worth, reverse=True) for one in grid)


def is_same_affine(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Return whether two (4, 4) affines agree over an array's shape, within the tolerances."""
    lengths = [np.linalg.norm(affine[:3, :3], axis=0) for affine in (one, other)]
    directions = [affine[:3, :3] / of for affine, of in zip((one, other), lengths, strict=True)]
    moved = np.linalg.solve(one[:3, :3], other[:3, 3] - one[:3, 3])
    stretched = (lengths[1] / lengths[0] - 1) * shape
    return bool(
        np.abs(directions[0] - directions[1]).max() < SAME_DIRECTION
        and max(np.abs(moved).max(), np.abs(stretched).max()) < SAME_VOXEL
    )


def why_not(series: Series, ruling: Series, name: str) -> str | None:
    """Return why a series cannot be resampled onto the grid of another, or None if it can.

    Args:
        series: the series to resample.
        ruling: the series with the target grid.
        name: the sequence of ``ruling``.
    """
    own, grid, shape = series.grid, ruling.grid, ruling.pixels.shape
    if is_same_grid(series, ruling):
        return None
    prefix = f"its grid differs from that of {name}, and it cannot be resampled:"
    for grid_of, whose in ((own, "its"), (grid, f"the {name}")):
        if grid_of.affine is None:
            return f"{prefix} {whose} files give no position and even spacing of the slices"
        if not grid_of.space:
            return f"{prefix} {whose} files name no frame of reference"
    if own.space != grid.space:
        return f"{prefix} its frame of reference differs, too"
    probes = [np.linspace(0, size - 1, min(size, _PROBES)) for size in shape]
    covered = float(_covered(_between(own.affine, grid.affine), probes, series.pixels.shape).mean())
    if covered < LEAST_COVERED:
        return (
            f"it covers {covered:.0%} of the {name} grid; at least {LEAST_COVERED:.0%} are needed"
        )
    return None


def lay_on(series: Series, ruling: Series) -> np.ndarray:
    """Return the pixels of a series on the grid of another, 0 outside of the series.

    Args:
        series: a series for which :func:`why_not` returns None.
        ruling: the series with the target grid.

    Returns:
        (n, h, w) uint8 with the shape of ``ruling``, by trilinear interpolation; the unchanged pixels
        if both have the same grid.
    """
    if is_same_grid(series, ruling):
        return series.pixels
    # Imported here because most uploads have one grid.
    from scipy import ndimage

    matrix = _between(series.grid.affine, ruling.grid.affine)
    laid = ndimage.affine_transform(
        series.pixels, matrix, output_shape=ruling.pixels.shape, order=1, mode="nearest"
    )
    rows, columns = (np.arange(size) for size in ruling.pixels.shape[1:])
    for index, plane in enumerate(laid):
        plane[~_covered(matrix, [np.array([index]), rows, columns], series.pixels.shape)[0]] = 0
    return laid


def _between(own: np.ndarray | None, grid: np.ndarray | None) -> np.ndarray:
    """Return the (4, 4) matrix from a grid's voxels to those of another, by their affines."""
    if own is None or grid is None:
        raise ValueError("a grid without an affine cannot be resampled: check with why_not first")
    return np.linalg.inv(own) @ grid


def _covered(matrix: np.ndarray, along: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return where points, the product of three axes, fall inside an array of a shape."""
    inside = np.ones((1, 1, 1), bool)
    for axis, size in enumerate(shape):
        first, second, third = (matrix[axis, index] * points for index, points in enumerate(along))
        at = matrix[axis, 3] + first[:, None, None] + second[:, None] + third
        inside = inside & (at >= -_EDGE) & (at <= size - 1 + _EDGE)
    return inside
