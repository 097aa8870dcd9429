"""The index: one row per slice with everything that tables and checks need, so files are read once.

Reading is a pure function from a part of the file list to rows, mapped over threads: OpenCV and the
hash release the lock. A file with unchanged size and time is not read again.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ArrowException

from brainseg.cohort.case_windows import (
    HIGH_COLUMNS,
    LOW_COLUMNS,
    find_windows,
    of_changed_windows,
    stacks_to_window,
    window_values,
)
from brainseg.cohort.slice_features import column_of, describe_slice
from brainseg.errors import DecodeError
from brainseg.io import (
    Decoded,
    Window,
    check_usable,
    decode,
    is_deep,
    spread_few_bits,
    to_three_channels,
)
from brainseg.io.files import read_file
from brainseg.io.masks import are_binary, distinct_values, plain_mask, rim_share
from brainseg.volume import SEQUENCES

Progress = Callable[[int, int], None]
"""Called with (done, total) during long work."""

FLAIR_CHANNEL = 1
PART_ROWS = 64

INDEX_VERSION = 4
"""Changes when the same files give other numbers, so that the index of an older version is rebuilt."""

_VERSION_KEY = b"brainseg index"


def _of_sequences(quantity: str) -> tuple[str, ...]:
    return tuple(column_of(quantity, sequence) for sequence in SEQUENCES)


MEAN_COLUMNS = _of_sequences("mean")

_READ_DTYPES = {
    "height": "Int32",
    "width": "Int32",
    "channels": "Int32",
    "pages": "Int32",
    "dtype": "str",
    "mask_height": "Int32",
    "mask_width": "Int32",
    "mask_channels": "Int32",
    "mask_pages": "Int32",
    "mask_dtype": "str",
    "mask_values": "str",
    "area_px": "Int64",
    "components": "Int32",
    **dict.fromkeys(MEAN_COLUMNS, "float64"),
    "flair_copies": "str",
    "contrast_copy": "boolean",
    "constant": "str",
    **dict.fromkeys(_of_sequences("brightness"), "float64"),
    "head_px": "Int64",
    "grey_background": "str",
    **dict.fromkeys(_of_sequences("head_mean"), "float64"),
    **dict.fromkeys(_of_sequences("sharpness"), "float64"),
    **dict.fromkeys(_of_sequences("noise"), "float64"),
    "fingerprint": "str",
    "largest_component_px": "Int64",
    "islands": "Int32",
    "pinholes": "Int32",
    "holes": "Int32",
    "hole_px": "Int64",
    "perimeter_px": "float64",
    "tumour_row": "float64",
    "tumour_column": "float64",
    "tumour_grid": "str",
    **dict.fromkeys(_of_sequences("tumour_mean"), "float64"),
    "outside_head_px": "Int64",
    **dict.fromkeys((*LOW_COLUMNS, *HIGH_COLUMNS), "float64"),
    "mask_rim_share": "float64",
    "image_notes": "str",
    "mask_notes": "str",
    "image_hash": "str",
    "mask_hash": "str",
    "image_error": "str",
    "image_use_error": "str",
    "mask_error": "str",
}
"""The columns that reading adds to the file list. ``area_px`` and ``components`` are missing where the
mask is missing, of another size, or has other values than {0, 255} or {0, 1}. ``mask_values`` lists up
to :data:`MOST_VALUES` distinct values, separated by spaces. ``flair_copies`` names the sequences whose
pixels equal FLAIR's; ``contrast_copy`` is whether pre- and post-contrast are equal. The columns from
``constant`` to ``outside_head_px`` come from :func:`brainseg.cohort.slice_features.describe_slice`, for
usable slices only. Brightness is missing for files that are not uint8, because their pixels are rescaled
case by case, over the windows of :mod:`brainseg.cohort.case_windows`. ``mask_rim_share`` is the fraction
of the outermost rows and columns that the mask covers, 0..1. ``image_notes`` and ``mask_notes`` describe
conversions, separated by line breaks. The hashes are of pixels, so the compression does not matter.
``image_error`` is the reason why a file has no pixels, ``image_use_error`` why its pixels cannot be a
slice (five channels, too small, not numbers); such a slice has no ``area_px`` either."""

_OF_BRIGHTNESS = {
    name
    for quantity in ("brightness", "head_mean", "tumour_mean")
    for name in _of_sequences(quantity)
}

MOST_VALUES = 8


def build_index(
    root: Path, files: pd.DataFrame, previous: pd.DataFrame | None, progress: Progress | None = None
) -> pd.DataFrame:
    """Return the index of a file list, reading only what is new or changed since ``previous``.

    Args:
        root: the folder that the paths are relative to.
        files: one row per slice; see :data:`brainseg.cohort.discovery.FILE_COLUMNS`.
        previous: an earlier index of the same folder, or None.
        progress: called with (slices read, slices to read).
    """
    keys = _keys(files)
    before = pd.Series(dtype="str") if previous is None else _keys(previous)
    known = pd.Series(False, index=files.index)
    if previous is not None:
        known = _unchanged(keys, before, previous)
        known &= ~of_changed_windows(files, keys[known], before, previous)
    stale = files.index[~known]
    parts = [files.loc[stale[i : i + PART_ROWS]] for i in range(0, len(stale), PART_ROWS)]
    rows: list[dict] = []
    with _one_opencv_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for of_part in pool.map(lambda part: read_rows(root, part), parts):
            rows += of_part
            if progress:
                progress(len(rows), len(stale))
        stacks = stacks_to_window(files.loc[stale, "case"], rows)
        parts = [files.loc[stale[indices]] for indices in stacks]
        for indices, of_stack in zip(
            stacks, pool.map(lambda part: _read_stack(root, part), parts), strict=True
        ):
            for index_of_row, row in zip(indices, of_stack, strict=True):
                rows[index_of_row] = row
    # One table for all rows: a table per part takes ten times as long and blocks the threads.
    read = [pd.DataFrame(rows, index=stale, columns=list(_READ_DTYPES)).astype(_READ_DTYPES)]
    if previous is not None and known.any():
        unchanged = previous.set_index(before).loc[keys[known]]
        unchanged.index = files.index[known]
        read.append(unchanged[list(_READ_DTYPES)])
    index = pd.concat([files, pd.concat(read).sort_index()], axis=1)
    index.insert(4, "slice_index", index.groupby("case").cumcount())
    return index


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Let OpenCV use the calling thread only: the pictures are too small to divide among threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _read_stack(root: Path, part: pd.DataFrame) -> list[dict]:
    """Return the rows of images that share windows, with one image in memory at a time."""
    paths = part["image_path"].tolist()
    pairs = list(zip(paths, part["mask_path"], strict=True))
    try:
        windows = find_windows(paths, lambda path: _usable(root, path))
    except DecodeError as reason:
        return [_read_pair(root, *pair) | {"image_use_error": str(reason)} for pair in pairs]
    return [_read_pair(root, *pair, windows) for pair in pairs]


def _usable(root: Path, path: str) -> Decoded | None:
    image, _ = _read(root, path, "image")
    try:
        if image is not None:
            check_usable(image)
    except DecodeError:  # the file has changed since it was read first
        return None
    return image


def read_rows(root: Path, part: pd.DataFrame) -> list[dict]:
    """Return one row per slice of a part of the file list, with the columns that its files give."""
    return [
        _read_pair(root, image, mask)
        for image, mask in zip(part["image_path"], part["mask_path"], strict=True)
    ]


def read_index(path: Path) -> pd.DataFrame | None:
    """Return an index saved as Parquet, or None if there is none that this version can use."""
    if not path.exists():
        return None
    try:
        if (pq.read_schema(path).metadata or {}).get(_VERSION_KEY) != str(INDEX_VERSION).encode():
            return None
        index = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError, KeyError, TypeError, ArrowException):
        return None
    return index if set(_READ_DTYPES) <= set(index.columns) else None


def index_as_bytes(index: pd.DataFrame) -> bytes:
    """Return an index as a Parquet file with checksums, for :func:`read_index`."""
    table = pa.Table.from_pandas(index)
    version = {_VERSION_KEY: str(INDEX_VERSION).encode()}
    content = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(table.schema.metadata | version),
        content,
        write_page_checksum=True,
    )
    return content.getvalue()


def identity_of(index: pd.DataFrame) -> str:
    """Return the fingerprint of a cohort's content: 32 hexadecimal digits, the same on any path."""
    digest = hashlib.blake2b(digest_size=16)
    columns = ["case", "slice_number", "image_hash", "mask_hash"]
    for row in index[columns].sort_values(columns).itertuples(index=False):
        digest.update(repr(tuple(None if pd.isna(value) else value for value in row)).encode())
    return digest.hexdigest()


def _unchanged(keys: pd.Series, before: pd.Series, previous: pd.DataFrame) -> pd.Series:
    """Return which files, by their keys, are in an earlier index and could be opened then."""
    # A file that could not be opened may be readable now: rights change neither size nor time.
    opened = previous["image_path"].isna() | previous["image_hash"].notna()
    opened &= previous["mask_path"].isna() | previous["mask_hash"].notna()
    return keys.isin(before[opened])


def _keys(files: pd.DataFrame) -> pd.Series:
    """Return the key of each row: paths, sizes and times of its files."""
    columns = ["image_path", "image_bytes", "image_mtime_ns"]
    columns += ["mask_path", "mask_bytes", "mask_mtime_ns"]
    values = zip(*(files[column].tolist() for column in columns), strict=True)
    return pd.Series(["\0".join(map(str, row)) for row in values], index=files.index)


def _read_pair(
    root: Path, image_path: str, mask_path: str, windows: tuple[Window, ...] = ()
) -> dict:
    """Return the columns that one image and its mask give.

    Args:
        root: the folder that the paths are relative to.
        image_path: or missing.
        mask_path: or missing.
        windows: of the image's case; without them an image with more than 8 bits is not described.
    """
    image, row = _read(root, image_path, "image")
    mask, of_mask = _read(root, mask_path, "mask")
    row |= of_mask
    pixels, tumour = None, None
    if image is not None:
        row |= _describe_image(image.pixels) | {"pages": image.pages}
        row["image_notes"] = "\n".join(image.notes)
        try:
            pixels = _as_uint8(image, windows)
        except DecodeError as reason:
            row["image_use_error"] = str(reason)
    if mask is not None:
        plane, notes = plain_mask(mask)
        values = distinct_values(plane)
        row |= _describe_mask(plane, values, mask) | {"mask_notes": "\n".join(notes)}
        if pixels is not None and plane.shape == pixels.shape[:2] and are_binary(values):
            tumour = (plane > 0).view(np.uint8)
    if image is not None and pixels is not None:
        row |= describe_slice(pixels, tumour)
        if image.pixels.dtype != np.uint8:
            row = {name: value for name, value in row.items() if name not in _OF_BRIGHTNESS}
            row |= window_values(windows)
    return row


def _as_uint8(image: Decoded, windows: tuple[Window, ...]) -> np.ndarray | None:
    """Return (h, w, 3) or (h, w) uint8, or None if windows are needed but missing.

    Raises:
        DecodeError: the pixels cannot be a slice.
    """
    image = spread_few_bits(image)
    if image.pixels.dtype == np.uint8:
        check_usable(image)
        return image.pixels[..., 0] if image.pixels.shape[2:] == (1,) else image.pixels
    if is_deep(image.pixels) and not windows:
        check_usable(image)
        return None
    pixels, _ = to_three_channels(image, windows)
    return pixels[..., 0] if image.channels == 1 else pixels


def _read(root: Path, path: str, kind: str) -> tuple[Decoded | None, dict]:
    """Return one decoded file, or None, and the columns that every file has."""
    if pd.isna(path):
        return None, {f"{kind}_error": f"{kind} is missing"}
    try:
        data = read_file(os.path.join(root, path))  # noqa: PTH118
    except OSError as error:
        return None, {f"{kind}_error": f"{kind} cannot be opened ({error.strerror})"}
    try:
        decoded = decode(data, path)
    except DecodeError as reason:
        return None, {f"{kind}_error": str(reason), f"{kind}_hash": _hash(data)}
    if not decoded.pixels.flags.c_contiguous:
        decoded = replace(decoded, pixels=np.ascontiguousarray(decoded.pixels))
    pixels = decoded.pixels
    if kind == "mask" and pixels.dtype == np.uint8 and not cv2.countNonZero(pixels.reshape(-1)):
        return decoded, {"mask_hash": _hash_of_zeros(pixels.shape)}
    return decoded, {f"{kind}_hash": hash_of_pixels(pixels)}


def hash_of_pixels(pixels: np.ndarray) -> str:
    """Return the hash of decoded pixels, 32 hexadecimal digits, which does not depend on compression.

    Args:
        pixels: of any shape and dtype, C-contiguous; both are part of the hash.
    """
    return _hash(repr((pixels.shape, pixels.dtype.str)).encode(), pixels)


@lru_cache(maxsize=16)
def _hash_of_zeros(shape: tuple[int, ...]) -> str:
    """Return the hash of an empty mask, cached because most masks are empty and of one size."""
    return hash_of_pixels(np.zeros(shape, np.uint8))


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
    copies = [
        name
        for channel, name in enumerate(SEQUENCES)
        if channel != FLAIR_CHANNEL and _are_equal(image, channel, FLAIR_CHANNEL)
    ]
    means = cv2.mean(image)[:channels] if image.dtype == np.uint8 else image.mean(axis=(0, 1))
    row |= dict(zip(MEAN_COLUMNS, means, strict=True))
    return row | {"flair_copies": " ".join(copies), "contrast_copy": _are_equal(image, 0, 2)}


def _are_equal(image: np.ndarray, one: int, other: int) -> bool:
    # One row is enough to distinguish most sequences; the whole slice is compared only for the rest.
    middle = image[len(image) // 2]
    return bool(
        (middle[:, one] == middle[:, other]).all() and (image[..., one] == image[..., other]).all()
    )


def _describe_mask(mask: np.ndarray, values: np.ndarray, stored: Decoded) -> dict:
    return {
        "mask_height": mask.shape[0],
        "mask_width": mask.shape[1],
        "mask_channels": 1 if mask.ndim == 2 else mask.shape[2],
        "mask_pages": stored.pages,
        "mask_dtype": str(stored.pixels.dtype),
        "mask_rim_share": rim_share(mask) if values.any() else 0.0,
        "mask_values": " ".join(f"{float(value):g}" for value in values[:MOST_VALUES]),
    }
