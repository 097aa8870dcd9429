"""The index: one row a slice with all that a table or a check needs, so that files are read once.

Reading is a pure function from a part of the file list to a table, mapped over threads: OpenCV and
the hash free the lock. A file whose size and time are unchanged is not read again.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from pyarrow import ArrowException

from brainseg.errors import DecodeError
from brainseg.formats import Decoded, check_usable, decode
from brainseg.volume import SEQUENCES

Progress = Callable[[int, int], None]
"""Called with (done, total) while long work goes on."""

FLAIR_CHANNEL = 1
PART_ROWS = 64

MEAN_COLUMNS = tuple(f"mean_{name.replace('-', '_').lower()}" for name in SEQUENCES)

_READ_DTYPES = {
    "height": "Int32",
    "width": "Int32",
    "channels": "Int32",
    "pages": "Int32",
    "dtype": "str",
    "mask_height": "Int32",
    "mask_width": "Int32",
    "mask_channels": "Int32",
    "mask_dtype": "str",
    "mask_values": "str",
    "area_px": "Int64",
    "components": "Int32",
    **dict.fromkeys(MEAN_COLUMNS, "float64"),
    "flair_copies": "str",
    "image_hash": "str",
    "mask_hash": "str",
    "image_error": "str",
    "image_use_error": "str",
    "mask_error": "str",
}
"""The columns that reading adds to the file list. ``area_px`` and ``components`` are missing where the
mask is missing, of another size, or has other values than {0, 255} or {0, 1}. ``mask_values`` holds up
to :data:`MOST_VALUES` distinct values, separated by spaces. ``flair_copies`` names the sequences whose
pixels equal FLAIR's. The hashes are of pixels, so that another compression is the same slice.
``image_error`` says why a file gave no pixels, ``image_use_error`` why the pixels it gave cannot be a
slice (five channels, too small, not numbers); such a slice has no ``area_px`` either."""

MOST_VALUES = 8


def build_index(
    root: Path, files: pd.DataFrame, previous: pd.DataFrame | None, progress: Progress | None = None
) -> pd.DataFrame:
    """Return the index of a file list, reading only what is new or changed since ``previous``.

    Args:
        root: the folder that the paths are relative to.
        files: a row a slice; see :data:`brainseg.discovery.FILE_COLUMNS`.
        previous: an earlier index of the same folder, or None.
        progress: called with (slices read, slices to read).
    """
    keys = _keys(files)
    before = pd.Series(dtype="str") if previous is None else _keys(previous)
    known = pd.Series(False, index=files.index)
    if previous is not None:
        known = _unchanged(keys, before, previous)
    stale = files.index[~known]
    parts = [files.loc[stale[i : i + PART_ROWS]] for i in range(0, len(stale), PART_ROWS)]
    done, read = 0, []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for table in pool.map(lambda part: read_part(root, part), parts):
            read.append(table)
            done += len(table)
            if progress:
                progress(done, len(stale))
    if known.any():
        kept = previous.set_index(before).loc[keys[known]]
        kept.index = files.index[known]
        read.append(kept[list(_READ_DTYPES)])
    index = pd.concat([files, pd.concat(read).sort_index()], axis=1)
    index.insert(4, "slice_index", index.groupby("case").cumcount())
    return index


def read_part(root: Path, part: pd.DataFrame) -> pd.DataFrame:
    """Return what the files of a part of the list hold, a row a slice on the part's own index."""
    rows = [
        _read_pair(root, image, mask)
        for image, mask in zip(part["image_path"], part["mask_path"], strict=True)
    ]
    return pd.DataFrame(rows, index=part.index, columns=list(_READ_DTYPES)).astype(_READ_DTYPES)


def read_index(path: Path) -> pd.DataFrame | None:
    """Return an index kept as Parquet, or None where there is none that this version can use."""
    if not path.exists():
        return None
    try:
        index = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError, KeyError, TypeError, ArrowException):
        return None
    return index if set(_READ_DTYPES) <= set(index.columns) else None


def index_as_bytes(index: pd.DataFrame) -> bytes:
    """Return an index as the Parquet file that :func:`read_index` reads, with checksums in it."""
    return index.to_parquet(write_page_checksum=True)


def mask_as_bool(mask: np.ndarray) -> np.ndarray | None:
    """Return a mask as (h, w) bool, or None where its values are not {0, 255} or {0, 1}.

    Args:
        mask: (h, w) of any dtype; a mask of zeros alone is a mask without tumour.
    """
    return mask > 0 if mask.ndim == 2 and _are_binary(_distinct(mask)) else None


def identity_of(index: pd.DataFrame) -> str:
    """Return the fingerprint of a cohort's content: 32 hexadecimal digits, the same on any path."""
    digest = hashlib.blake2b(digest_size=16)
    columns = ["case", "slice_number", "image_hash", "mask_hash"]
    for row in index[columns].sort_values(columns).itertuples(index=False):
        digest.update(repr(tuple(None if pd.isna(value) else value for value in row)).encode())
    return digest.hexdigest()


def _unchanged(keys: pd.Series, before: pd.Series, previous: pd.DataFrame) -> pd.Series:
    """Return which files, by their keys, stand in an earlier index with its keys."""
    # A file that could not be opened may be opened by now: rights change no size and no time.
    opened = previous["image_path"].isna() | previous["image_hash"].notna()
    opened &= previous["mask_path"].isna() | previous["mask_hash"].notna()
    return keys.isin(before[opened])


def _keys(files: pd.DataFrame) -> pd.Series:
    """Return what a row's files are known by: their paths, sizes and times."""
    columns = ["image_path", "image_bytes", "image_mtime_ns"]
    columns += ["mask_path", "mask_bytes", "mask_mtime_ns"]
    values = zip(*(files[column].tolist() for column in columns), strict=True)
    return pd.Series(["\0".join(map(str, row)) for row in values], index=files.index)


def _read_pair(root: Path, image_path: str, mask_path: str) -> dict:
    image, row = _read(root, image_path, "image")
    mask, of_mask = _read(root, mask_path, "mask")
    row |= of_mask
    usable = False
    if image is not None:
        row |= _describe_image(image.pixels) | {"pages": image.pages}
        try:
            check_usable(image)
            usable = True
        except DecodeError as reason:
            row["image_use_error"] = str(reason)
    if mask is not None:
        row |= _describe_mask(mask.pixels, image.pixels.shape[:2] if usable else None)
    return row


def _read(root: Path, path: str, kind: str) -> tuple[Decoded | None, dict]:
    """Return one file decoded, or None, and the columns that every file has."""
    if pd.isna(path):
        return None, {f"{kind}_error": f"{kind} is missing"}
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        return None, {f"{kind}_error": f"{kind} cannot be opened ({error.strerror})"}
    try:
        decoded = decode(data, path)
    except DecodeError as reason:
        return None, {f"{kind}_error": str(reason), f"{kind}_hash": _hash(data)}
    pixels = np.ascontiguousarray(decoded.pixels)
    head = repr((pixels.shape, pixels.dtype.str)).encode()
    return replace(decoded, pixels=pixels), {f"{kind}_hash": _hash(head, pixels)}


def _distinct(mask: np.ndarray) -> np.ndarray:
    """Return the distinct values of a mask of any shape and dtype, sorted."""
    if mask.dtype == np.uint8:
        # A histogram takes a tenth of the time of numpy's unique.
        plane = mask.reshape(len(mask), -1)
        return np.flatnonzero(cv2.calcHist([plane], [0], None, [256], [0, 256]))
    return np.unique(mask)


def _are_binary(values: np.ndarray) -> bool:
    distinct = set(values.tolist())
    return distinct <= {0, 255} or distinct <= {0, 1}


def _hash(*parts) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _describe_image(image: np.ndarray) -> dict:
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else image.shape[2]
    row = {"height": height, "width": width, "channels": channels, "dtype": str(image.dtype)}
    if channels != len(SEQUENCES):
        return row | {"flair_copies": ""}
    flair = image[..., FLAIR_CHANNEL]
    copies = [
        name
        for channel, name in enumerate(SEQUENCES)
        # One row tells most sequences apart, so the whole slice is compared only for the rest.
        if channel != FLAIR_CHANNEL
        and np.array_equal(image[height // 2, :, channel], flair[height // 2])
        and np.array_equal(image[..., channel], flair)
    ]
    means = cv2.mean(image)[:channels] if image.dtype == np.uint8 else image.mean(axis=(0, 1))
    return row | dict(zip(MEAN_COLUMNS, means, strict=True)) | {"flair_copies": " ".join(copies)}


def _describe_mask(mask: np.ndarray, image_size: tuple[int, int] | None) -> dict:
    channels = 1 if mask.ndim == 2 else mask.shape[2]
    values = _distinct(mask)
    row = {
        "mask_height": mask.shape[0],
        "mask_width": mask.shape[1],
        "mask_channels": channels,
        "mask_dtype": str(mask.dtype),
        "mask_values": " ".join(f"{float(value):g}" for value in values[:MOST_VALUES]),
    }
    if image_size != mask.shape or not _are_binary(values):
        return row
    tumour = mask > 0
    area_px = int(np.count_nonzero(tumour))
    # The background is a component of its own in OpenCV's count.
    count = cv2.connectedComponents(tumour.astype(np.uint8))[0] - 1 if area_px else 0
    return row | {"area_px": area_px, "components": count}
