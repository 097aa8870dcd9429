"""Fingerprints of a case: recognise its images and masks in any folder, under any name."""

import hashlib

import pandas as pd


def fingerprints(slices: pd.DataFrame) -> tuple[str, str]:
    """Return the hashes of a case's images and of its masks: 32 hexadecimal digits each.

    Args:
        slices: the rows of one case, with ``slice_number``, ``image_hash`` and ``mask_hash``.
    """

    def fingerprint(column: str) -> str:
        numbers = map(int, slices["slice_number"])
        hashes = (None if pd.isna(pixels) else pixels for pixels in slices[column])
        content = repr(list(zip(numbers, hashes, strict=True))).encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    return fingerprint("image_hash"), fingerprint("mask_hash")
