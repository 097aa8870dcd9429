"""The row of a slice in the index: everything that its image and its mask give, so files are read once.

Files that need no library are read by the calling thread, all others by workers, in batches.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import pandas as pd

from brainseg.cohort.case_windows import HIGH_COLUMNS, LOW_COLUMNS, find_windows, window_values
from brainseg.cohort.fingerprint import hash_of, hash_of_pixels
from brainseg.cohort.label_measures import OF_LABEL, measures_of_labels
from brainseg.cohort.slice_features import column_of, describe_slice
from brainseg.errors import DecodeError
from brainseg.io import Decoded, decode, decode_files, to_three_channels
from brainseg.io.decoded import check_usable, is_deep, spread_few_bits
from brainseg.io.decoding import DECODING, in_workers, why_lost
from brainseg.io.files import read_file
from brainseg.io.masks import (
    are_binary,
    distinct_values,
    label_areas,
    label_as_bool,
    labels_as_bool,
    read_mask,
    rim_share,
)
from brainseg.io.pictures import LibraryNeeded, decode_plainly
from brainseg.io.window import Window
from brainseg.jobs import JobLost
from brainseg.volume import SEQUENCES

Pair = tuple[str, str]
"""The paths of an image and of its mask, or missing."""

KINDS = ("image", "mask")
FLAIR_CHANNEL = 1
SPACING_COLUMNS = ("spacing_slice_mm", "spacing_row_mm", "spacing_column_mm")
NO_ERRORS: Mapping[str, str] = MappingProxyType({})
_LONGEST_STACK_S = 600.0


def _of_sequences(quantity: str) -> tuple[str, ...]:
    return tuple(column_of(quantity, sequence) for sequence in SEQUENCES)


EDGE_COLUMNS = ("edge_row", "edge_column", "edge_share")
MEAN_COLUMNS = _of_sequences("mean")

READ_DTYPES = {
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
    "label_px": "str",
    "label_measures": "str",
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
    **dict.fromkeys(EDGE_COLUMNS, "float64"),
    **dict.fromkeys((*LOW_COLUMNS, *HIGH_COLUMNS), "float64"),
    "mask_rim_share": "float64",
    "image_notes": "str",
    "mask_notes": "str",
    **dict.fromkeys(SPACING_COLUMNS, "float64"),
    "source": "str",
    "volume_facts": "str",
    "image_hash": "str",
    "mask_hash": "str",
    "image_error": "str",
    "image_use_error": "str",
    "mask_error": "str",
}
"""The columns that reading adds to the file list. ``area_px`` and ``components`` are missing where the
mask is missing, of another size, or has values that are no labels. ``label_px`` is the area of each
label of a mask with several, as JSON; ``area_px`` is that of their union. ``label_measures`` is from
:func:`brainseg.cohort.label_measures.measures_of_labels`. ``mask_values`` lists up to
:data:`MOST_VALUES` distinct values, separated by spaces. ``flair_copies`` names the
sequences whose pixels equal FLAIR's; ``contrast_copy`` is whether pre- and post-contrast are equal.
The columns from ``constant`` to ``outside_head_px`` come from
:func:`brainseg.cohort.slice_features.describe_slice`, for usable slices only. Brightness is missing
for files that are not uint8, because their pixels are rescaled case by case, over the windows of
:mod:`brainseg.cohort.case_windows`. ``mask_rim_share`` is the fraction of the outermost rows and
columns that the mask covers, 0..1. ``volume_facts``, on the first slice of a case of volume files, is
from :func:`brainseg.cohort.volume_facts.volume_facts`, as JSON. ``image_notes`` and ``mask_notes``
describe conversions, separated by line breaks. The hashes are of pixels, so the compression does not
matter. ``image_error`` is the reason why a file has no pixels, ``image_use_error`` why its pixels cannot
be a slice (five channels, too small, not numbers); such a slice has no ``area_px`` either."""

_OF_BRIGHTNESS = {
    name
    for quantity in ("brightness", "head_mean", "tumour_mean")
    for name in _of_sequences(quantity)
}

OF_TUMOUR = [*OF_LABEL, *EDGE_COLUMNS, "label_px", "label_measures"]
"""The columns that are missing without a usable mask."""

MOST_VALUES = 8


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let OpenCV use the calling thread only: the pictures are too small to divide among threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def read_rows(root: Path, part: pd.DataFrame) -> list[dict]:
    """Return one row per slice of a part of the file list, with the columns that its files give."""
    pairs = _pairs(part)
    rows = [_row_without_library(root, pair) for pair in pairs]
    to_send = [pair for pair, row in zip(pairs, rows, strict=True) if row is None]
    sent = in_workers(partial(_read_pairs, root), to_send, partial(_lost_row, root))
    return [next(sent) if row is None else row for row in rows]


def read_stack(root: Path, part: pd.DataFrame) -> list[dict]:
    """Return the rows of images that share windows, with one image in memory at a time."""
    pairs = _pairs(part)
    try:
        return DECODING.schedule(
            _read_stack, (root, pairs), longest_s=_LONGEST_STACK_S, is_bounded=False
        ).result()
    except JobLost as lost:
        read = in_workers(partial(_read_pairs, root), pairs, partial(_lost_row, root))
        return [row | {"image_use_error": why_lost(lost)} for row in read]


def _pairs(part: pd.DataFrame) -> list[Pair]:
    return list(zip(part["image_path"], part["mask_path"], strict=True))


def _row_without_library(root: Path, pair: Pair) -> dict | None:
    """Return a row, or None if one of its files needs a library."""
    try:
        return _read_pair(root, pair, decode_plainly)
    except LibraryNeeded:
        return None


def _read_pairs(root: Path, pairs: list[Pair]) -> list[dict]:
    with one_opencv_thread():
        return [_read_pair(root, pair, decode) for pair in pairs]


def _lost_row(root: Path, pair: Pair, lost: JobLost) -> dict:
    """Return the row of a pair that cost its worker: the file that does so alone is not read."""
    paths = {kind: path for kind, path in zip(KINDS, pair, strict=True) if not pd.isna(path)}
    decoded = decode_files([root / path for path in paths.values()])
    errors = {
        kind: str(one)
        for kind, one in zip(paths, decoded, strict=True)
        if isinstance(one, DecodeError)
    } or {"image": why_lost(lost)}
    try:
        return DECODING.schedule(
            _read_pair, (root, pair, decode, (), errors), is_bounded=False
        ).result()
    except JobLost:
        return {f"{kind}_error": errors.get(kind, why_lost(lost)) for kind in KINDS}


def _read_stack(root: Path, pairs: list[Pair]) -> list[dict]:
    """Return the rows of a stack with the windows of all its images."""
    with one_opencv_thread():
        try:
            windows = find_windows([path for path, _ in pairs], partial(_usable, root))
        except DecodeError as reason:
            return [
                _read_pair(root, pair, decode) | {"image_use_error": str(reason)} for pair in pairs
            ]
        return [_read_pair(root, pair, decode, windows) for pair in pairs]


def _usable(root: Path, path: str) -> Decoded | None:
    image, _ = _read(root, path, "image", decode, {})
    try:
        if image is not None:
            check_usable(image)
    except DecodeError:  # the file has changed since it was read first
        return None
    return image


def _read_pair(
    root: Path,
    pair: Pair,
    decoder: Callable[[bytes, str], Decoded],
    windows: tuple[Window, ...] = (),
    errors: Mapping[str, str] = NO_ERRORS,
) -> dict:
    """Return the columns that one image and its mask give, or the reason why they give none.

    Args:
        root: the folder that the paths are relative to.
        pair: the path of the image and that of the mask, or missing.
        decoder: of the files; :func:`brainseg.io.decode` only in a worker.
        windows: of the image's case; without them an image with more than 8 bits is not described.
        errors: the reasons not to decode the image or the mask.
    """
    try:
        image, row = _read(root, pair[0], "image", decoder, errors)
        mask, of_mask = _read(root, pair[1], "mask", decoder, errors)
        return row | of_mask | row_of_pair(image, mask, pair[1], windows)
    except LibraryNeeded:
        raise
    except Exception as error:  # noqa: BLE001  one odd file must not end the index of a cohort
        reason = f"it cannot be described ({type(error).__name__}): leave it out, or report it"
        return {f"{kind}_error": reason for kind in KINDS}


def row_of_pair(
    image: Decoded | None,
    mask: Decoded | None,
    mask_name: str = "",
    windows: tuple[Window, ...] = (),
) -> dict:
    """Return the columns that the pixels of an image and its mask give.

    Args:
        image: of a slice, or None.
        mask: of the slice, or None.
        mask_name: of its file.
        windows: as for :func:`read_stack`.
    """
    row: dict = {}
    pixels, tumour = None, None
    areas: dict[str, int] = {}
    if image is not None:
        row |= _describe_image(image.pixels) | {"pages": image.pages}
        row["image_notes"] = "\n".join(image.notes)
        try:
            pixels = _as_uint8(image, windows)
        except DecodeError as reason:
            row["image_use_error"] = str(reason)
    if mask is not None:
        plane, notes = read_mask(mask, mask_name)
        values = distinct_values(plane)
        row |= _describe_mask(plane, values, mask) | {"mask_notes": "\n".join(notes)}
        if pixels is not None and plane.shape[:2] == pixels.shape[:2]:
            tumour, areas = _tumour_in(plane, values)
            row |= {"label_px": json.dumps(areas)} if areas else {}
    if image is not None and pixels is not None:
        row |= describe_slice(pixels, tumour)
        hidden = set() if image.pixels.dtype == np.uint8 else _OF_BRIGHTNESS
        if mask is not None and areas:
            regions = {name: label_as_bool(plane, name) for name in areas}
            row["label_measures"] = measures_of_labels(pixels, regions, row, hidden)
        if hidden:
            row = {name: value for name, value in row.items() if name not in hidden}
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


def _read(
    root: Path,
    path: str,
    kind: str,
    decoder: Callable[[bytes, str], Decoded],
    errors: Mapping[str, str],
) -> tuple[Decoded | None, dict]:
    """Return one decoded file, or None, and the columns that every file has."""
    if pd.isna(path):
        return None, {f"{kind}_error": f"{kind} is missing"}
    try:
        data = read_file(os.path.join(root, path))  # noqa: PTH118
    except OSError as error:
        return None, {f"{kind}_error": f"{kind} cannot be opened ({error.strerror})"}
    try:
        if kind in errors:
            raise DecodeError(errors[kind])
        decoded = decoder(data, path)
    except DecodeError as reason:
        return None, {f"{kind}_error": str(reason), f"{kind}_hash": hash_of(data)}
    if not decoded.pixels.flags.c_contiguous:
        decoded = replace(decoded, pixels=np.ascontiguousarray(decoded.pixels))
    pixels = decoded.pixels
    if kind == "mask" and pixels.dtype == np.uint8 and not cv2.countNonZero(pixels.reshape(-1)):
        return decoded, {"mask_hash": _hash_of_zeros(pixels.shape)}
    return decoded, {f"{kind}_hash": hash_of_pixels(pixels)}


@lru_cache(maxsize=16)
def _hash_of_zeros(shape: tuple[int, ...]) -> str:
    """Return the hash of an empty mask, cached because most masks are empty and of one size."""
    return hash_of_pixels(np.zeros(shape, np.uint8))


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


def _tumour_in(plane: np.ndarray, values: np.ndarray) -> tuple[np.ndarray | None, dict[str, int]]:
    """Return the union of a mask's labels as uint8 of 0 and 1, None if unusable, and their areas."""
    if plane.ndim == 2 and are_binary(values):
        return (plane > 0).view(np.uint8), {}
    tumour, areas = labels_as_bool(plane), label_areas(plane)
    return (None, {}) if tumour is None else (tumour.view(np.uint8), areas)


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
