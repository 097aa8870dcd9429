"""Where on its slice a finding lies, for a mark on the picture."""

from collections.abc import Callable

import cv2
import numpy as np

from brainseg.cohort.slice_features import ISLAND_PX, PINHOLE_PX, gaps_in

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in px; the pixels from left to before right."""


def boxes_of(kind: str, mask: np.ndarray | None) -> list[Box]:
    """Return the places on its slice that a finding is about; none if it is about the whole slice.

    Args:
        kind: the rule, a key of :data:`brainseg.checks.RULES`.
        mask: (h, w) bool of the slice, None without a usable one.
    """
    if mask is None or not mask.any() or kind not in _PLACES:
        return []
    framed = np.pad(mask.astype(np.uint8), 1)
    return [
        (int(left) - 1, int(top) - 1, int(left + width) - 1, int(top + height) - 1)
        for left, top, width, height, _ in _PLACES[kind](framed)
    ]


def _parts(framed: np.ndarray) -> np.ndarray:
    return cv2.connectedComponentsWithStats(framed, connectivity=8)[2][1:]


def _islands(framed: np.ndarray) -> np.ndarray:
    parts = _parts(framed)
    return parts[parts[:, cv2.CC_STAT_AREA] <= ISLAND_PX]


def _pinholes(framed: np.ndarray) -> np.ndarray:
    gaps = gaps_in(framed)
    return gaps[gaps[:, cv2.CC_STAT_AREA] <= PINHOLE_PX]


_PLACES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mask_island": _islands,
    "mask_pinhole": _pinholes,
    "mask_hole": gaps_in,
    "mask_outside_head": _parts,
    "mask_jump": _parts,
    "mask_shift": _parts,
    "mask_area": _parts,
}
"""Rule -> the regions of the mask, as rows of OpenCV's statistics: left, top, width, height, area."""
