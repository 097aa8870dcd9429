"""Values that a NIfTI file does not explain: Hounsfield units of a CT, and NaN around the head.

SPM and ANTs store NaN outside of a mask or the field of view, where it becomes 0. NaN inside the head is
missing data that must not be filled, so such a volume is refused.
"""

import numpy as np

from brainseg.errors import DecodeError

AIR_HU = -900.0
"""Air is -1000; no part of a body is below this."""

LEAST_HU = -3100.0
"""Scanners write values down to -3024 outside of their field of view."""

LEAST_SHARE = 0.02
"""The fraction of air voxels that a CT has at least; MR with noise has none."""

LOOKS_LIKE_CT = (
    "The values look like CT (Hounsfield units, air near -1000), not MR. The model was trained on MR "
    "only; do not rely on this result."
)

_HEAD_SHARE = 0.1
"""A voxel above this fraction of the bright end belongs to the head."""

_BRIGHT_END = 0.99


def looks_like_ct(values: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> bool:
    """Return whether an array contains Hounsfield units.

    Args:
        values: of any shape, as stored; NaN is ignored.
        slope: a stored value means ``slope * value + intercept``; not 0.
        intercept: see ``slope``.
    """
    if values.dtype == np.uint8 and slope == 1 and intercept >= 0:
        return False
    least = sorted(((AIR_HU - intercept) / slope, (LEAST_HU - intercept) / slope))
    if slope > 0 and values.size and values.min() > least[1]:
        return False
    is_air = (values >= least[0]) & (values <= least[1])
    beyond = values < least[0] if slope > 0 else values > least[1]
    return bool(is_air.mean() >= LEAST_SHARE and not beyond.any())


def fill_background(volume: np.ndarray, zero: float = 0.0) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a volume with 0 for NaN around the head, and a note if there was any.

    NaN is around the head if it is connected to an edge of a slice, through any slices, or lies outside
    of the head's outline. A volume with infinite values is returned unchanged.

    Args:
        volume: (n, h, w) as stored; integers have no NaN.
        zero: the stored value that means 0. A darker one of the volume takes its place.

    Raises:
        DecodeError: NaN inside the head, slices without a number between others, or nothing but NaN.
    """
    if volume.dtype.kind != "f":
        return volume, ()
    missing = np.isnan(volume)
    count = int(np.count_nonzero(missing))
    if not count or np.isinf(volume).any():
        return volume, ()
    if count == volume.size:
        raise DecodeError("no voxel contains a number: export the volume again")
    known = np.flatnonzero(~missing.all(axis=(1, 2)))
    gaps = int(known[-1] - known[0] + 1 - len(known))
    if gaps:
        which = "1 slice" if gaps == 1 else f"{gaps} slices"
        raise DecodeError(f"no number (NaN) in {which} between others: export the volume again")
    inside = int(np.count_nonzero(_enclosed(missing) & _head(volume, missing)))
    if inside:
        which = "1 voxel is" if inside == 1 else f"{inside:,} voxels are"
        raise DecodeError(
            f"{which} not a number (NaN) inside the head: export the volume again, or replace them by "
            "measured values"
        )
    filled = volume.copy()
    filled[missing] = min(zero, float(np.nanmin(volume)))
    return filled, (f"{count:,} voxels around the head are not a number (NaN), read as background",)


def _enclosed(missing: np.ndarray) -> np.ndarray:
    """Return the NaN that is not connected to an edge of a slice."""
    from scipy import ndimage

    labels, count = ndimage.label(missing)
    around = np.zeros(count + 1, bool)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        around[edge] = True
    return missing & ~around[labels]


def _head(volume: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return (n, h, w) bool, the bright voxels of each slice and everything they enclose."""
    from scipy import ndimage

    numbers = volume[~missing]
    low, high = float(numbers.min()), float(np.quantile(numbers, _BRIGHT_END))
    bright = np.where(missing, low, volume) > low + _HEAD_SHARE * (high - low)
    return np.stack([ndimage.binary_fill_holes(plane) for plane in bright])
