"""Fingerprints of a case: recognise its images and masks in any folder, under any name."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def fingerprints(slices: "pd.DataFrame") -> tuple[str, str]:
    """Return the hashes of a case's images and of its masks: 32 hexadecimal digits each.

    Args:
        slices: the rows of one case, with ``slice_number``, ``image_hash`` and ``mask_hash``.
    """

    def fingerprint(column: str) -> str:
        numbers = map(int, slices["slice_number"])
        hashes = (pixels if isinstance(pixels, str) else None for pixels in slices[column])
        content = repr(list(zip(numbers, hashes, strict=True))).encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    return fingerprint("image_hash"), fingerprint("mask_hash")


def hash_of_pixels(pixels: np.ndarray) -> str:
    """Return the hash of decoded pixels, 32 hexadecimal digits, which does not depend on compression.

    Args:
        pixels: of any shape and dtype, C-contiguous; both are part of the hash.
    """
    return hash_of(repr((pixels.shape, pixels.dtype.str)).encode(), pixels.data)


def hash_of(*parts: bytes | memoryview) -> str:
    """Return the hash of the bytes of all parts, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
