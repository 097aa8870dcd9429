"""Distances between the surfaces of two masks in 3D, for volumes whose spacing is known.

A surface consists of the voxel faces between inside and outside. Each has its area, so that thick slices
count as they should, and its distance runs from its centre to that of the nearest face of the other
surface, in mm. Where a mask reaches the end of the volume, it has a face, too.
"""

import numpy as np

from brainseg.metrics.overlap import require_one_grid
from brainseg.metrics.surface import SurfaceDistances, nearest_distances

Spacing = tuple[float, float, float]


def surface_distances_3d(
    truth: np.ndarray, prediction: np.ndarray, spacing_mm: Spacing
) -> SurfaceDistances:
    """Return the distances between the surfaces of two masks, in mm, weighted by mm².

    Args:
        truth: (n, h, w) bool.
        prediction: (n, h, w) bool.
        spacing_mm: (slice, row, column).

    Raises:
        ValueError: the shapes differ.
    """
    require_one_grid(truth, prediction)
    points, areas = _faces(truth, spacing_mm)
    others, of_others = _faces(prediction, spacing_mm)
    return SurfaceDistances(
        nearest_distances(points, others), areas, nearest_distances(others, points), of_others
    )


def _faces(mask: np.ndarray, spacing_mm: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of a mask's faces, (m, 3) float64 in mm, and their areas, (m,) in mm²."""
    inside = np.argwhere(mask)
    if not len(inside):
        return np.empty((0, 3)), np.empty(0)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    box = np.pad(mask[tuple(map(slice, low, high))], 1)
    points, areas = [], []
    for axis in range(3):
        # The face before a voxel along an axis lies half a voxel before its centre.
        at = np.argwhere(np.diff(box, axis=axis)).astype(np.float64)
        at[:, axis] += 0.5
        points.append((at - 1 + low) * spacing_mm)
        areas.append(np.full(len(at), np.prod(np.delete(spacing_mm, axis))))
    return np.concatenate(points), np.concatenate(areas)
