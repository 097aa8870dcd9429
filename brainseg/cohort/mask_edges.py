"""How far a mask lies from the place where its outline fits the edges of FLAIR best.

Along the outline of a tumour FLAIR is brighter inside than outside. The difference is measured where the
mask is and with the mask moved, at half the resolution of an image 256 px wide.
"""

import cv2
import numpy as np

CELLS = 128
"""The width of the image in cells, about two pixels of the LGG dataset each."""

REACH = 5
"""The mask is moved by up to this number of cells."""

LEAST_CELLS = 25
"""A smaller mask has too short an outline."""

_RING = 2
_AROUND = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


def reach_px(width: int) -> int:
    """Return the largest move that is tried, along each axis, in an image of this width."""
    return REACH * _step(width)


def _step(width: int) -> int:
    return max(1, round(width / CELLS))


def edge_offset(flair: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return where the outline of a mask fits best, as columns of the index.

    Args:
        flair: (h, w) uint8.
        mask: (h, w) uint8 of 0 and 1, not empty.

    Returns:
        ``edge_row`` and ``edge_column``, the distance in px by which the mask would have to move; and
        ``edge_share``, its difference of brightness along the outline as a share of that at the best
        place, at most 1. Empty for a small mask, or if FLAIR is nowhere brighter inside.
    """
    step = _step(flair.shape[1])
    left, top, width, height = cv2.boundingRect(mask)
    pad = step * (REACH + _RING + 1)
    rows = slice(max(0, top - pad), top + height + pad)
    columns = slice(max(0, left - pad), left + width + pad)
    part = mask[rows, columns]
    size = max(1, part.shape[1] // step), max(1, part.shape[0] // step)
    cells = (cv2.resize(part * 255, size, interpolation=cv2.INTER_AREA) > 127).view(np.uint8)
    if cv2.countNonZero(cells) < LEAST_CELLS:
        return {}
    around = cv2.dilate(cells, _AROUND, iterations=_RING)
    inner = cells - cv2.erode(cells, _AROUND, iterations=_RING)
    outer = around - cells
    counts = cv2.countNonZero(inner), cv2.countNonZero(outer)
    if not all(counts):
        return {}
    outline = inner / np.float32(counts[0]) - outer / np.float32(counts[1])
    left, top, width, height = cv2.boundingRect(around)
    grey = cv2.resize(
        np.ascontiguousarray(flair[rows, columns]), size, interpolation=cv2.INTER_AREA
    )
    grey = cv2.copyMakeBorder(grey, *(REACH,) * 4, cv2.BORDER_REPLICATE).astype(np.float32)
    found = cv2.matchTemplate(
        grey[top : top + height + 2 * REACH, left : left + width + 2 * REACH],
        np.ascontiguousarray(outline[top : top + height, left : left + width], np.float32),
        cv2.TM_CCORR,
    )
    row, column = np.unravel_index(found.argmax(), found.shape)
    best = float(found[row, column])
    if best <= 0:
        return {}
    return {
        "edge_row": float(step * (int(row) - REACH)),
        "edge_column": float(step * (int(column) - REACH)),
        "edge_share": float(found[REACH, REACH]) / best,
    }
