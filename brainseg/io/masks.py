"""A mask file as decoded -> which pixels are tumour, with a note for each conversion."""

import cv2
import numpy as np

from brainseg.io import Decoded, spread_few_bits

EQUAL_CHANNELS = "three equal channels, read as one"
RIM_OF_INVERTED = 0.5
"""A mask that is not 0 on more of the rim of its image is inverted: the rim lies outside of the head."""

NOT_INVERTED = (
    "stored with white as zero, which would make the rim of the image tumour: read with tumour where "
    "the stored value is not 0"
)


def plain_mask(decoded: Decoded) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the values of a mask as its writer meant them, with a note for each conversion.

    TIFF can store grey inverted, as fax machines do (white is zero). TIFF 6.0 makes zero white then, and
    scanners follow it. ``tifffile.imwrite`` of truth values and ImageJ's inverting table store the same
    tag, but mean the stored values: by the standard, such a mask covers all but the tumour. A
    tumour never lies on most of the rim of an image, so the rim decides which of the two a file means.

    Args:
        decoded: a mask file.

    Returns:
        (h, w), or (h, w, c) where the channels differ, of the file's dtype; not checked for its values.
    """
    pixels, notes = decoded.pixels, list(decoded.notes)
    if decoded.white_is_zero and (_covers_rim(pixels) or not is_binary(pixels)):
        stored = ~pixels if decoded.maximum is None else decoded.maximum - pixels
        if is_binary(stored) and not _covers_rim(stored):
            return stored, (NOT_INVERTED,)
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        if pixels.shape[2] > 1:
            notes.append(EQUAL_CHANNELS)
        return np.ascontiguousarray(pixels[..., 0]), tuple(notes)
    if decoded.maximum is not None and not is_binary(pixels):
        spread = spread_few_bits(decoded)
        return spread.pixels, spread.notes
    return pixels, tuple(notes)


def mask_as_bool(mask: np.ndarray) -> np.ndarray | None:
    """Return a mask as (h, w) bool, or None where its values are not {0, 255} or {0, 1}.

    Args:
        mask: (h, w) of any dtype; a mask of zeros alone is a mask without tumour.
    """
    return mask > 0 if mask.ndim == 2 and is_binary(mask) else None


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
    """Return whether distinct values are those of a mask: {0, 255} or {0, 1}, or one of them alone."""
    distinct = set(values.tolist())
    return distinct <= {0, 255} or distinct <= {0, 1}


def is_binary(mask: np.ndarray) -> bool:
    """Return whether an array holds no values but those of a mask."""
    return are_binary(distinct_values(mask))


def rim_share(mask: np.ndarray) -> float:
    """Return how much of the outermost rows and columns of a mask is not 0, 0..1."""
    rim = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return float(np.count_nonzero(rim) / rim.size)


def _covers_rim(mask: np.ndarray) -> bool:
    return mask.ndim == 2 and rim_share(mask) > RIM_OF_INVERTED
