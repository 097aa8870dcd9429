"""Turn a decoded mask file into tumour pixels, by the same rules for cohorts and uploads."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np

from brainseg.io.decoded import Decoded, spread_few_bits

EQUAL_CHANNELS = "three equal channels, read as one"
LOSSY = "JPEG, grey cut at half"
MOST_LABELS = 15
"""Higher values are grey levels, and more colours those of smooth edges."""

RIM_OF_INVERTED = 0.5
"""A mask that covers more of the image's rim is inverted: the rim lies outside of the head."""

INSIDE = (255, 1, 65535)
"""Values of the tumour in a mask without labels."""

_NEAR = 32
_MOST_GREY = 0.02
"""A mask with grey edges: the distance from 0 and 255 that is grey, and the largest grey fraction."""

NOT_INVERTED = (
    "stored with white as zero, which would make the rim of the image tumour: read with tumour where "
    "the stored value is not 0"
)


def plain_mask(decoded: Decoded) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the values of a mask as its writer meant them, with a note for each conversion.

    TIFF can store grey inverted, as fax machines do (white is zero). By TIFF 6.0 zero is white then, and
    scanners follow it. ``tifffile.imwrite`` of boolean arrays and ImageJ's inverting table set the same
    tag but mean the stored values; read by the standard, such a mask covers everything but the tumour. A
    tumour never covers most of the rim of an image, so the rim decides which of the two a file means.

    Args:
        decoded: a mask file.

    Returns:
        (h, w), or (h, w, c) where the channels differ, in the file's dtype; the values are not checked.
    """
    pixels, notes = decoded.pixels, list(decoded.notes)
    if decoded.white_is_zero and (covers_rim(pixels) or not is_binary(pixels)):
        stored = ~pixels if decoded.maximum is None else decoded.maximum - pixels
        if is_binary(stored) and not covers_rim(stored):
            return stored, (NOT_INVERTED,)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        if pixels.shape[2] > 1:
            notes.append(EQUAL_CHANNELS)
        return np.ascontiguousarray(pixels[..., 0]), tuple(notes)
    if decoded.maximum is not None and not is_binary(pixels):
        spread = spread_few_bits(decoded)
        return spread.pixels, spread.notes
    return pixels, tuple(notes)


def read_mask(decoded: Decoded, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return what :func:`plain_mask` does; the grey edges of a JPEG are cut at half.

    Args:
        decoded: a mask file.
        name: of the file.
    """
    if name.lower().endswith((".jpg", ".jpeg")):
        region, notes = region_of(decoded)
        if region is not None:
            return region.astype(np.uint8) * 255, (*notes, LOSSY)
    return plain_mask(decoded)


def mask_as_bool(mask: np.ndarray) -> np.ndarray | None:
    """Return a mask as (h, w) bool, or None where its values are not 0 and one of :data:`INSIDE`.

    Args:
        mask: (h, w) of any dtype; a mask of zeros only is a mask without tumour.
    """
    return mask > 0 if mask.ndim == 2 and is_binary(mask) else None


def labels_as_bool(mask: np.ndarray) -> np.ndarray | None:
    """Return the union of a mask's labels as (h, w) bool, or None where its values are no labels."""
    if not label_areas(mask):
        return None
    return np.asarray(mask.any(axis=2) if mask.ndim == 3 else mask > 0)


def label_areas(mask: np.ndarray) -> dict[str, int]:
    """Return the pixels of each label, empty if the values are not labels.

    Labels are whole numbers up to :data:`MOST_LABELS`, named after them, or as many colours on black,
    named as “#ff0000”.

    Args:
        mask: (h, w), or (h, w, 3) uint8.
    """
    if mask.ndim == 2 and mask.dtype.kind in "ui":
        values, counts = np.unique(mask, return_counts=True)
        if values[0] < 0 or values[-1] > MOST_LABELS:
            return {}
        return {str(value): int(px) for value, px in zip(values, counts, strict=True) if value}
    if mask.ndim != 3 or mask.shape[2] != 3 or mask.dtype != np.uint8:
        return {}
    packed = mask @ np.array([1 << 16, 1 << 8, 1])
    values, counts = np.unique(packed, return_counts=True)
    if values[0] or len(values) > MOST_LABELS + 1:
        return {}
    return {f"#{value:06x}": int(px) for value, px in zip(values, counts, strict=True) if value}


def label_as_bool(
    mask: np.ndarray, label: str, named: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> np.ndarray:
    """Return the mask of one label as bool, with the shape of the label map or picture.

    Args:
        mask: labels as for :func:`label_areas`, of any number of axes if they are numbers.
        label: a name in ``named``, a number, or a colour such as “#ff0000”.
        named: the values that each name means.
    """
    if label in named:
        return np.isin(mask, named[label])
    if not label.startswith("#"):
        return mask == int(label) if label.isdecimal() else np.zeros(mask.shape, bool)
    if mask.ndim != 3 or mask.shape[2] != 3:
        return np.zeros(mask.shape[:2], bool)
    return np.asarray((mask == list(bytes.fromhex(label[1:]))).all(axis=2))


def region_of(decoded: Decoded) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return an uploaded mask as (h, w) bool with notes, None if it is not one region on background.

    In contrast to :func:`mask_as_bool` any one value or colour may mark the region, and grey edges, as
    JPEG and smoothing leave them, are cut at half.

    Args:
        decoded: a mask file.
    """
    pixels, notes = plain_mask(decoded)
    values = pixels.max(axis=2) if pixels.ndim == 3 else pixels
    if pixels.ndim == 3:
        colours = np.unique(pixels[values > 0], axis=0)
        return (values > 0 if len(colours) == 1 else None), notes
    levels = np.unique(values)
    if len(levels) <= 2 and (levels[0] == 0 or len(levels) == 1):
        return values > 0, notes
    if values.dtype != np.uint8:
        return None, notes
    grey = np.count_nonzero((values > _NEAR) & (values < 255 - _NEAR))
    has_both = levels[0] <= _NEAR and levels[-1] >= 255 - _NEAR
    return (values > 127 if has_both and grey <= _MOST_GREY * values.size else None), notes


def distinct_values(mask: np.ndarray) -> np.ndarray:
    """Return the distinct values of a mask of any shape and dtype, sorted."""
    if mask.dtype != np.uint8:
        return np.unique(mask)
    # A histogram takes a tenth of the time of numpy's unique.
    plane = mask.reshape(len(mask), -1)
    if not cv2.countNonZero(plane):
        return np.zeros(1, np.uint8)
    return np.flatnonzero(cv2.calcHist([plane], [0], None, [256], [0, 256]))


def are_binary(values: np.ndarray) -> bool:
    """Return whether distinct values, (n,), are those of a mask: 0 and one of :data:`INSIDE`."""
    distinct = set(values.tolist())
    return any(distinct <= {0, inside} for inside in INSIDE)


def is_binary(mask: np.ndarray) -> bool:
    """Return whether an array, (h, w) of any type, contains only the values of a mask."""
    return are_binary(distinct_values(mask))


def rim_share(mask: np.ndarray) -> float:
    """Return the fraction of the outermost rows and columns of a mask, (h, w), that is not 0, 0..1."""
    rim = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return float(np.count_nonzero(rim) / rim.size)


def covers_rim(mask: np.ndarray) -> bool:
    """Return whether a mask covers most of the image's rim, so that it is probably inverted."""
    return mask.ndim == 2 and rim_share(mask) > RIM_OF_INVERTED
