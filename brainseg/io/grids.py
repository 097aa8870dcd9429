"""Series on different grids of one space: told apart with tolerances, laid on one grid by interpolation.

Sequences of one examination often have different matrices. The grid of FLAIR stays as it is, so its
voxels and the exports are exactly those of its files; other sequences are resampled onto it.
"""

from collections.abc import Sequence

import numpy as np

from brainseg.io.upload import Grid, Series
from brainseg.volume import FLAIR

SAME_VOXEL = 0.01
"""Voxels: positions and extents that differ by less are the same."""

SAME_DIRECTION = 1e-3
"""Of unit vectors: directions that differ by less are the same."""

LEAST_COVERED = 0.5
"""The share of a grid that a series must cover to be resampled onto it."""

_EDGE = 0.5 + SAME_VOXEL
"""Voxels: a series is known up to the faces of its outermost voxels."""

_SAME_CORNER_MM = 0.05
_PROBES = 24


def is_same_grid(series: Series, other: Series) -> bool:
    """Return whether two series have the same voxels; sizes decide where positions are unknown."""
    affines, shape = (series.grid.affine, other.grid.affine), series.pixels.shape
    if series.grid is other.grid or shape != other.pixels.shape:
        return shape == other.pixels.shape
    if any(affine is None for affine in affines):
        return affines[0] is affines[1] and _same_corners(series.grid.corners, other.grid.corners)
    return is_same_affine(*affines, shape)


def _same_corners(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Return whether slices that make no even stack lie at the same places, as far as is known."""
    if one is None or other is None:
        return True
    return one.shape == other.shape and bool(np.abs(one - other).max() < _SAME_CORNER_MM)


def most_common_grid_first(series: Sequence[Series]) -> tuple[Series, ...]:
    """Return the series, those of one grid together.

    The grid of most series comes first; of equals one that has a guess of FLAIR, then the one of most
    slices, then the first.
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


def is_same_affine(one: np.ndarray, other: np.ndarray, shape: tuple[int, int, int]) -> bool:
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
    """Return why a series cannot be laid on the grid of another, or None where it can.

    Args:
        series: to be laid.
        ruling: whose grid is taken.
        name: of the sequence that ``ruling`` is.
    """
    own, grid, shape = series.grid, ruling.grid, ruling.pixels.shape
    if is_same_grid(series, ruling):
        return None
    told = f"its grid is another than that of {name}, and it cannot be resampled:"
    for grid_of, whose in ((own, "its"), (grid, f"the {name}")):
        if grid_of.affine is None:
            return f"{told} {whose} files give no position and even spacing of the slices"
        if not grid_of.space:
            return f"{told} {whose} files name no frame of reference"
    if own.space != grid.space:
        return f"{told} its frame of reference is another, too"
    probes = [np.linspace(0, size - 1, min(size, _PROBES)) for size in shape]
    covered = float(_covered(_between(own, grid), probes, series.pixels.shape).mean())
    if covered < LEAST_COVERED:
        return (
            f"it covers {covered:.0%} of the {name} grid; at least {LEAST_COVERED:.0%} are needed"
        )
    return None


def lay_on(series: Series, ruling: Series) -> np.ndarray:
    """Return a series' pixels on the grid of another, 0 where it has none.

    Args:
        series: :func:`why_not` has no reason against it.
        ruling: whose grid is taken.

    Returns:
        (n, h, w) uint8 of the shape of ``ruling``, by trilinear interpolation; the very pixels where
        both have one grid.
    """
    if is_same_grid(series, ruling):
        return series.pixels
    # Not above: most uploads have one grid.
    from scipy import ndimage

    matrix = _between(series.grid, ruling.grid)
    laid = ndimage.affine_transform(
        series.pixels, matrix, output_shape=ruling.pixels.shape, order=1, mode="nearest"
    )
    rows, columns = (np.arange(size) for size in ruling.pixels.shape[1:])
    for place, plane in enumerate(laid):
        plane[~_covered(matrix, [np.array([place]), rows, columns], series.pixels.shape)[0]] = 0
    return laid


def _between(own: Grid, grid: Grid) -> np.ndarray:
    """Return the (4, 4) matrix from a grid's voxels to those of another."""
    return np.linalg.inv(own.affine) @ grid.affine


def _covered(
    matrix: np.ndarray, along: list[np.ndarray], shape: tuple[int, int, int]
) -> np.ndarray:
    """Return where points, the product of three axes, fall inside an array of a shape."""
    inside = np.True_
    for axis, size in enumerate(shape):
        first, second, third = (matrix[axis, place] * points for place, points in enumerate(along))
        at = matrix[axis, 3] + first[:, None, None] + second[:, None] + third
        inside = inside & (at >= -_EDGE) & (at <= size - 1 + _EDGE)
    return inside
