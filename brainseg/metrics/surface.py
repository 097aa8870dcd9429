"""Distances between outlines: HD95 and the normalised surface Dice, slice by slice.

Published implementations of these differ by more than 100 mm on the same masks (Podobnik and Vrtovec,
arXiv 2410.02630), so every choice is documented here. An outline runs between the pixels, through the
corners at which a 2 x 2 neighbourhood is neither empty nor full, and each of these elements has a length
(Nikolov et al. 2021, JMIR 23(7):e26151). HD95 is the larger of the two directed 95th percentiles,
weighted by length.

Distances stay within a slice, because distances across slices need a spacing, which the LGG files do not
contain; with one, :mod:`brainseg.metrics.volume_surface` measures in 3D. All outlines of a case are
pooled; an outline on a slice where the other mask is empty has an infinite distance.

SciPy provides the two parts that are hard to get right and fast (nearest points, and components in
:mod:`brainseg.metrics.lesions`). The libraries that were considered bring more: MedPy and seg-metrics
need SimpleITK, panoptica an older NumPy, pandas and plotly, MONAI and DisTorch torch; MetricsReloaded
and MeshMetrics are not on PyPI; DeepMind's surface-distance 0.1, with which the tests compare, fails on
an empty mask with NumPy 2.
"""

from dataclasses import dataclass

import numpy as np

from brainseg.metrics.overlap import cropped, require_one_grid

HD_SHARE = 0.95
TOLERANCE = 2.0
"""Tolerance of the surface Dice: 2 px, or 2 mm with a spacing. The distance between two readers would be
better, but this dataset has only one."""


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances of each element of two outlines from the other outline.

    Attributes:
        from_truth: distances of the mask's elements to the prediction's outline, px or mm; inf if the
            slice has no prediction.
        truth_lengths: the length of each of these elements, in the same unit.
        from_prediction: distances of the prediction's elements to the mask's outline.
        prediction_lengths: the length of each of these.
    """

    from_truth: np.ndarray
    truth_lengths: np.ndarray
    from_prediction: np.ndarray
    prediction_lengths: np.ndarray

    def hausdorff(self, share: float = HD_SHARE) -> float:
        """Return the distance that this share of each outline does not exceed (Huttenlocher 1993).

        Returns:
            0 or more, in the unit of the distances. 0 if both masks are empty; inf if one is, or if
            more than the rest of an outline lies on slices without the other mask.
        """
        if not len(self.from_truth) and not len(self.from_prediction):
            return 0.0
        return max(
            _percentile(self.from_truth, self.truth_lengths, share),
            _percentile(self.from_prediction, self.prediction_lengths, share),
        )

    def surface_dice(self, tolerance: float = TOLERANCE) -> float:
        """Return the share of both outlines that lies within a tolerance of the other, 0..1.

        Args:
            tolerance: in the unit of the distances.

        Returns:
            1 if both masks are empty, 0 if one is (Nikolov et al. 2021).
        """
        total = self.truth_lengths.sum() + self.prediction_lengths.sum()
        if total == 0:
            return 1.0
        near = self.truth_lengths[self.from_truth <= tolerance].sum()
        near += self.prediction_lengths[self.from_prediction <= tolerance].sum()
        return float(near / total)


def surface_distances(
    truth: np.ndarray, prediction: np.ndarray, spacing: tuple[float, float] | None = None
) -> SurfaceDistances:
    """Return the distances between the outlines of two masks, within each slice.

    Args:
        truth: (n, h, w) bool.
        prediction: (n, h, w) bool.
        spacing: (row, column) in mm if known; otherwise distances are in px.

    Raises:
        ValueError: the shapes differ.
    """
    require_one_grid(truth, prediction)
    pixel = (1.0, 1.0) if spacing is None else spacing
    lengths = _lengths_by_code(pixel)
    parts = [(np.empty(0),) * 4]
    for of_truth, of_prediction in zip(*cropped(truth, prediction), strict=True):
        if of_truth.any() or of_prediction.any():
            points, of_points = _elements(of_truth, lengths)
            others, of_others = _elements(of_prediction, lengths)
            points, others = points * pixel, others * pixel
            parts.append(
                (
                    nearest_distances(points, others),
                    of_points,
                    nearest_distances(others, points),
                    of_others,
                )
            )
    return SurfaceDistances(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def nearest_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return each point's distance to the nearest of the others, inf if there are none.

    Args:
        points: (n, axes) in mm or px.
        others: (m, axes) in the same unit.

    Returns:
        (n,) float64 in that unit.
    """
    # Imported here, because pages that show saved scores do not need it.
    from scipy.spatial import KDTree

    if not len(others) or not len(points):
        return np.full(len(points), np.inf)
    return KDTree(others).query(points)[0]


def _elements(plane: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of an outline, (m, 2) float64, and the length at each, (m,)."""
    padded = np.pad(plane, 1).view(np.uint8)
    code = 8 * padded[:-1, :-1] + 4 * padded[:-1, 1:] + 2 * padded[1:, :-1] + padded[1:, 1:]
    at = lengths[code]
    points = np.argwhere(at > 0)
    return points.astype(np.float64), at[points[:, 0], points[:, 1]]


def _lengths_by_code(pixel: tuple[float, float]) -> np.ndarray:
    """Return the outline's length at a corner by which of its four pixels are set, (16,).

    The bits are the pixels above left, above right, below left, below right, the first the highest.
    """
    row, column = pixel
    cut = np.hypot(row, column) / 2
    lengths = np.zeros(16)
    for code in range(1, 15):
        lengths[code] = cut if bin(code).count("1") in (1, 3) else 2 * cut
    lengths[[0b1100, 0b0011]] = column
    lengths[[0b1010, 0b0101]] = row
    return lengths


def _percentile(distances: np.ndarray, lengths: np.ndarray, share: float) -> float:
    """Return the distance that this share of the length does not exceed; inf without any length."""
    if not len(distances):
        return float("inf")
    order = np.argsort(distances, kind="stable")
    reached = np.cumsum(lengths[order])
    place = np.searchsorted(reached, share * reached[-1])
    return float(distances[order][min(place, len(order) - 1)])
