"""The head in its image: which pixels belong to it, the box around it, and a case cut to that box.

Heads stand in different places of their images and in different sizes, so that a place is compared
between cases in shares of the head's box: 0 is its top or left edge, 1 its bottom or right edge. The
files say nothing of orientation: left and top are those of the image.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.preprocessing import HEAD_SHARE
from brainseg.volume import FLAIR, Volume

BRIGHT_END_PERCENT = 99.5
"""The percentile of a case's pixels above 0 that stands for its bright end; vessels go beyond."""

SLICES_SHARE = 0.2
"""The box goes around what is head on this share of the case's slices, so that a ghost or an ear on a
few of them does not widen it."""


@dataclass(frozen=True)
class Box:
    """A rectangle of an image, in px; ``bottom`` and ``right`` are the first beyond it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Return how many rows it has."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Return how many columns it has."""
        return self.right - self.left


def bright_end(volume: Volume) -> int:
    """Return the value, 0..255, that FLAIR reaches in a case's brightest places; 0 in a black case."""
    counts = np.bincount(volume.sequence(FLAIR).ravel(), minlength=256)[1:]
    if not counts.any():
        return 0
    return 1 + int(np.searchsorted(np.cumsum(counts), BRIGHT_END_PERCENT / 100 * counts.sum()))


def head_masks(volume: Volume) -> np.ndarray:
    """Return which pixels belong to the head, ventricles and other holes included.

    A pixel counts where its FLAIR is above :data:`HEAD_SHARE` of the case's bright end; of each slice
    the largest part is kept and its holes are filled.

    Returns:
        (n, h, w) bool; all False on a slice without a head.
    """
    bright = volume.sequence(FLAIR) > HEAD_SHARE * bright_end(volume)
    return np.stack([_largest_filled(plane) for plane in bright])


def head_box(heads: np.ndarray) -> Box:
    """Return the box around a case's head; the whole image where no head is found.

    Args:
        heads: (n, h, w) bool, from :func:`head_masks`.
    """
    often = heads.mean(axis=0) >= SLICES_SHARE
    rows, columns = np.flatnonzero(often.any(axis=1)), np.flatnonzero(often.any(axis=0))
    if not len(rows):
        return Box(0, 0, *heads.shape[1:])
    return Box(*(int(end) for end in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)))


def in_box(planes: np.ndarray, box: Box, rows: int, columns: int) -> np.ndarray:
    """Return what is inside a box, averaged to a coarser grid.

    Args:
        planes: (n, h, w), bool or number.
        box: see :func:`head_box`.
        rows: of the grid.
        columns: of the grid.

    Returns:
        (n, rows, columns) float32: the mean of what lies in each cell.
    """
    inside = planes[:, box.top : box.bottom, box.left : box.right].astype(np.float32)
    # The mean of an area only shrinks: a box with fewer pixels than the grid is enlarged instead.
    how = cv2.INTER_AREA if box.height >= rows and box.width >= columns else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, (columns, rows), interpolation=how) for plane in inside])


def _largest_filled(plane: np.ndarray) -> np.ndarray:
    outlines, _ = cv2.findContours(plane.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(plane.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled.astype(bool)
