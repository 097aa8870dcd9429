"""The pixels of the head, the box around them, and a case cropped to the box.

Heads differ in position and size, so positions are compared between cases as fractions of the head's
box, from 0 at the top or left edge to 1 at the bottom or right edge. Left and top are those of the
image, as the files state no orientation.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from brainseg.imaging import level_counts
from brainseg.preprocessing import HEAD_SHARE
from brainseg.volume import FLAIR, Volume

BRIGHT_END_PERCENT = 99.5
"""The percentile of a case's pixels above 0 that is its bright end; only vessels are brighter."""

SLICES_SHARE = 0.2
"""The box contains pixels that are head on this fraction of slices: ghosts and ears do not widen it."""


@dataclass(frozen=True)
class Box:
    """A rectangle of an image in px, without its ``bottom`` row and ``right`` column."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return self.right - self.left


def bright_end(volume: Volume) -> int:
    """Return the bright end of a case's FLAIR, 0..255; 0 for a black case."""
    counts = level_counts(volume.sequence(FLAIR))[1:]
    if not counts.any():
        return 0
    return 1 + int(np.searchsorted(np.cumsum(counts), BRIGHT_END_PERCENT / 100 * counts.sum()))


def head_masks(volume: Volume) -> np.ndarray:
    """Return the pixels of the head, including ventricles and other holes.

    They are those with FLAIR above :data:`HEAD_SHARE` of the case's bright end; only the largest part of
    each slice is kept, with its holes filled.

    Returns:
        (n, h, w) bool; all False on a slice without a head.
    """
    bright = volume.sequence(FLAIR) > HEAD_SHARE * bright_end(volume)
    return np.stack([_largest_filled(plane) for plane in bright])


def head_box(heads: np.ndarray) -> Box:
    """Return the box around a case's head, or the whole image if no head is found.

    Args:
        heads: (n, h, w) bool, from :func:`head_masks`.
    """
    often = heads.mean(axis=0) >= SLICES_SHARE
    rows, columns = np.flatnonzero(often.any(axis=1)), np.flatnonzero(often.any(axis=0))
    if not len(rows):
        return Box(0, 0, *heads.shape[1:])
    return Box(*(int(end) for end in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)))


def in_box(planes: np.ndarray, box: Box, rows: int, columns: int) -> np.ndarray:
    """Return the content of a box, averaged to a coarser grid.

    Args:
        planes: (n, h, w), bool or number.
        box: see :func:`head_box`.
        rows: of the grid.
        columns: of the grid.

    Returns:
        (n, rows, columns) float32, the mean of each cell.
    """
    inside = planes[:, box.top : box.bottom, box.left : box.right].astype(np.float32)
    # INTER_AREA only shrinks: a box with fewer pixels than the grid is enlarged instead.
    how = cv2.INTER_AREA if box.height >= rows and box.width >= columns else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, (columns, rows), interpolation=how) for plane in inside])


def _largest_filled(plane: np.ndarray) -> np.ndarray:
    outlines, _ = cv2.findContours(plane.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(plane.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled.astype(bool)
