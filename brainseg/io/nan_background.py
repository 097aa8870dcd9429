"""Replace NaN around the head by 0; SPM and ANTs store it outside of a mask or the field of view.

NaN inside the head is missing data that must not be filled, so such a volume is refused.
"""

import numpy as np

from brainseg.errors import DecodeError

_HEAD_SHARE = 0.1
"""A voxel above this fraction of the bright end belongs to the head."""

_BRIGHT_END = 0.99


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
    gaps = _empty_slices_between(missing)
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


def _empty_slices_between(missing: np.ndarray) -> int:
    """Return the number of slices with only NaN between slices with numbers."""
    known = np.flatnonzero(~missing.all(axis=(1, 2)))
    return int(known[-1] - known[0] + 1 - len(known))


def _enclosed(missing: np.ndarray) -> np.ndarray:
    """Return the NaN that is not connected to an edge of a slice."""
    from scipy import ndimage

    labels, count = ndimage.label(missing)
    edges = (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1])
    around = np.zeros(count + 1, bool)
    for edge in edges:
        around[np.unique(edge)] = True
    return missing & ~around[labels]


def _head(volume: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return (n, h, w) bool, the bright voxels of each slice and everything they enclose."""
    from scipy import ndimage

    numbers = volume[~missing]
    low, high = float(numbers.min()), float(np.quantile(numbers, _BRIGHT_END))
    bright = np.where(missing, low, volume) > low + _HEAD_SHARE * (high - low)
    return np.stack([ndimage.binary_fill_holes(plane) for plane in bright])
