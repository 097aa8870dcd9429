"""Features of a downsampled slice, for :mod:`out_of_distribution`."""

import cv2
import numpy as np

from brainseg.preprocessing import HEAD_SHARE, fit_to_grid
from brainseg.volume import FLAIR, SEQUENCES

GRID = 64
"""Side of the downsampled picture, in cells."""

_BOX = 24
_FREQUENCIES = 8
_SHELLS = 8
_FLAIR = SEQUENCES.index(FLAIR)

_PLANE_BOX = 32
_PLANE_FREQUENCIES = 12
_LEVELS = 8
_BLURS = (0, 1, 2, 4)
_DEEP = 0.3  # of the way from the rim of the head to its middle


def features_of_slice(image: np.ndarray) -> np.ndarray:
    """Return the features of a slice, (features,) float32; the first is the head's fraction.

    Args:
        image: (h, w, 3) uint8.
    """
    ends = np.array([_bright_end(plane) for plane in np.moveaxis(image, -1, 0)], np.float32)
    small = fit_to_grid(image[np.newaxis].astype(np.float32), GRID)[0] / ends
    small = np.minimum(small, 1.2)
    head = _outline(small[..., _FLAIR])
    if not head.any():
        head[:] = 1
    left, top, width, height = cv2.boundingRect(head)
    box = small[top : top + height, left : left + width]
    rim = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    flair, inside = small[..., _FLAIR], small[head > 0]
    outside = flair[head == 0]
    frame = [
        head.mean(),
        *rim.mean(axis=0),
        *(height / GRID, width / GRID, (top + height / 2) / GRID, (left + width / 2) / GRID),
        (flair[head > 0] > HEAD_SHARE).mean(),
        outside.mean() if outside.size else 1.0,
    ]
    parts = [frame, _together(inside), _levels(inside), _shells(small, head), _texture(small, head)]
    return np.concatenate([*parts, _shape(box)]).astype(np.float32)


def features_of_plane(plane: np.ndarray) -> np.ndarray:
    """Return the features of one sequence of a slice, float32; the first is the head's fraction.

    Without correlations between sequences, there are more features of appearance: the distribution of
    levels at each depth of the head, and the skewness of details at several scales, which shows
    whether grey or white matter is brighter.

    Args:
        plane: (h, w) uint8.
    """
    bright = plane.astype(np.float32) / _bright_end(plane)
    small = fit_to_grid(bright[np.newaxis, ..., np.newaxis], GRID)[0].reshape(GRID, GRID)
    small = np.minimum(small, 1.2)
    head = _outline(small)
    share = head.mean()
    if not head.any():
        head[:] = 1
    left, top, width, height = cv2.boundingRect(head)
    inside, outside = small[head > 0], small[head == 0]
    rim = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    frame = [
        *(share, rim.mean(), height / GRID, width / GRID),
        *((top + height / 2) / GRID, (left + width / 2) / GRID),
        (inside > HEAD_SHARE).mean(),
        outside.mean() if outside.size else 1.0,
    ]
    levels = np.quantile(inside, [0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95])
    depth = _depth(head)
    box = small[top : top + height, left : left + width]
    parts = [frame, levels, _levels_by_depth(inside, depth[head > 0]), _details(small, head, depth)]
    return np.concatenate([*parts, _spectrum(box)]).astype(np.float32)


def _bright_end(plane: np.ndarray) -> int:
    """Return the 99.5th percentile, 1..255, of the pixels that are not black."""
    counts = np.bincount(plane.ravel(), minlength=256)[1:]
    if not counts.any():
        return 1
    return 1 + int(np.searchsorted(np.cumsum(counts), 0.995 * counts.sum()))


def _outline(flair: np.ndarray) -> np.ndarray:
    """Return the convex outline of the largest bright part, (h, w) uint8 of 0 and 1."""
    bright = (flair > HEAD_SHARE).astype(np.uint8)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = np.zeros_like(bright)
    if contours:
        cv2.fillConvexPoly(outline, cv2.convexHull(max(contours, key=cv2.contourArea)), 1)
    return outline


def _together(inside: np.ndarray) -> list[float]:
    """Return the correlations of the sequences within the head, from (pixels, 3)."""
    apart = inside - inside.mean(axis=0)
    apart /= apart.std(axis=0) + 1e-3
    return [float((apart[:, a] * apart[:, b]).mean()) for a, b in ((0, 1), (1, 2), (0, 2))]


def _levels(inside: np.ndarray) -> np.ndarray:
    return np.quantile(inside, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0).T.ravel()


def _shells(small: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the mean of each sequence from the rim of the head to its middle."""
    shell = np.minimum((_depth(head) * _SHELLS).astype(int), _SHELLS - 1)[head > 0]
    counts = np.bincount(shell, minlength=_SHELLS).clip(1)
    sums = [np.bincount(shell, plane, _SHELLS) for plane in small[head > 0].T]
    return (np.stack(sums) / counts).ravel()


def _texture(small: np.ndarray, head: np.ndarray) -> list[float]:
    """Return the roughness of each sequence relative to its contrast, well within the head."""
    within = _well_within(head)
    rough = []
    for plane in np.moveaxis(small, -1, 0):
        edges = cv2.Laplacian(np.ascontiguousarray(plane), cv2.CV_32F)
        rough.append(float(np.log((edges[within].std() + 1e-3) / (plane[within].std() + 1e-2))))
    return rough


def _shape(box: np.ndarray) -> np.ndarray:
    """Return the coarse frequencies of each sequence in the head's box."""
    shrinks = min(box.shape[:2]) >= _BOX
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(box), (_BOX, _BOX), interpolation=how)
    row, column = np.mgrid[:_FREQUENCIES, :_FREQUENCIES]
    coarse = row + column < _FREQUENCIES
    spectra = [cv2.dct(np.ascontiguousarray(plane)) for plane in np.moveaxis(square, -1, 0)]
    return np.concatenate([s[:_FREQUENCIES, :_FREQUENCIES][coarse] / _BOX for s in spectra])


def _depth(head: np.ndarray) -> np.ndarray:
    """Return the depth of each cell in the head, (h, w) float32, 0 outside to 1 in the middle."""
    depth = cv2.distanceTransform(np.pad(head, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return depth / depth.max()


def _well_within(head: np.ndarray) -> np.ndarray:
    """Return (h, w) bool: the head without its rim, or all of it if nothing else is left."""
    within = cv2.erode(np.pad(head, 2), np.ones((5, 5), np.uint8))[2:-2, 2:-2] > 0
    return within if within.any() else head > 0


def _levels_by_depth(inside: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return mean and deviation by shell of the head, and the share of each level by two shells.

    Args:
        inside: (cells,) of the head, 0..1.2.
        depth: (cells,), 0..1.
    """
    shell = np.minimum((depth * _SHELLS).astype(int), _SHELLS - 1)
    counts = np.bincount(shell, minlength=_SHELLS).clip(1)
    means = np.bincount(shell, inside, _SHELLS) / counts
    squares = np.bincount(shell, inside**2, _SHELLS) / counts
    level = np.minimum((inside * _LEVELS / 1.2).astype(int), _LEVELS - 1)
    pairs = _SHELLS // 2
    joint = np.bincount(shell // 2 * _LEVELS + level, minlength=pairs * _LEVELS)
    joint = joint.reshape(pairs, _LEVELS)
    joint = joint / joint.sum(axis=1, keepdims=True).clip(1)
    return np.concatenate([means, np.sqrt((squares - means**2).clip(0)), joint.ravel()])


def _details(small: np.ndarray, head: np.ndarray, depth: np.ndarray) -> list[float]:
    """Return strength, skewness and kurtosis of the details at several scales, near the rim and deep."""
    within = _well_within(head)
    contrast = small[within].std() + 1e-2
    details = []
    for blur in _BLURS:
        smooth = cv2.GaussianBlur(small, (0, 0), blur) if blur else small
        detail = smooth - cv2.GaussianBlur(smooth, (0, 0), max(1, 2 * blur))
        for area in (within, depth > _DEEP):
            cells = detail[area] - detail[area].mean()
            spread = cells.std() + 1e-3
            details += [
                float(np.log((cells.std() + 1e-3) / contrast)),
                float((cells**3).mean() / spread**3),
                float(np.log((cells**4).mean() / spread**4 + 1e-3)),
            ]
    return details


def _spectrum(box: np.ndarray) -> np.ndarray:
    """Return the coarse frequencies of one sequence in the head's box."""
    shrinks = min(box.shape) >= _PLANE_BOX
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(box), (_PLANE_BOX, _PLANE_BOX), interpolation=how)
    row, column = np.mgrid[:_PLANE_FREQUENCIES, :_PLANE_FREQUENCIES]
    coarse = row + column < _PLANE_FREQUENCIES
    return cv2.dct(square)[:_PLANE_FREQUENCIES, :_PLANE_FREQUENCIES][coarse] / _PLANE_BOX
