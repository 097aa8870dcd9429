"""Limits that are checked before anything is decoded, with the sentence for each refusal."""

import math
from collections.abc import Callable
from typing import TypeVar

from brainseg.errors import DecodeError

MAX_MEGAPIXELS = 16
MAX_SLICES = 512
MAX_VOXELS = 512**3
MAX_INFLATED_BYTES = 256 * 2**20
"""The limit for one upload: its inflated archives and compressed files, and its stored pixels."""

MAX_INPUT_BYTES = 4 * MAX_INFLATED_BYTES
"""The limit for the files of one input in a folder, as stored."""

MIN_SIDE_PX = 32
MOST_CHANNELS = 16
"""No picture has more; such a header is a mistake or an attack on memory."""

DAMAGED = "file is incomplete or damaged"
"""The reason for refusing a damaged file."""

T = TypeVar("T")


def check_size(width: int, height: int, channels: int = 1, least_side: int = 1) -> None:
    """Raise if the size in a header, in px, is beyond the limits.

    Raises:
        DecodeError: too few pixels, more than :data:`MAX_MEGAPIXELS`, or more channels than any picture.
    """
    if min(width, height) < least_side:
        raise DecodeError(
            f"{width} x {height} px is too small to segment (at least {MIN_SIDE_PX} px a side)"
        )
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise DecodeError(f"{math.ceil(megapixels)} MP exceeds {MAX_MEGAPIXELS} MP")
    if channels > MOST_CHANNELS:
        raise DecodeError(f"{channels} channels; expected 1 or 3")


def check_planes(slices: int, height: int, width: int, least_side: int = MIN_SIDE_PX) -> None:
    """Raise if the size of a stack in a header is beyond the limits.

    Raises:
        DecodeError: too large or too small a slice, or more than :data:`MAX_SLICES`.
    """
    check_size(width, height, least_side=least_side)
    if slices > MAX_SLICES:
        raise DecodeError(f"{slices} slices exceed {MAX_SLICES}")
    check_voxels(slices, height, width)


def check_voxels(slices: int, height: int, width: int) -> None:
    """Raise if a volume has more than :data:`MAX_VOXELS`, which bounds the memory of a prediction."""
    if slices * height * width > MAX_VOXELS:
        raise DecodeError(
            f"a volume of {slices} slices of {width} x {height} px has more than {MAX_VOXELS:,} "
            "voxels (512 x 512 x 512): crop it, or reduce its resolution"
        )


def or_damaged(read: Callable[[], T]) -> T:
    """Run a decoder, and turn whatever it raises on a damaged file into one sentence.

    Raises:
        DecodeError: the decoder's own, or :data:`DAMAGED`.
    """
    try:
        return read()
    except DecodeError:
        raise
    except MemoryError as error:
        raise DecodeError("decoding it takes more memory than is allowed") from error
    except Exception as error:  # tifffile alone raised 11 types on mutated files
        raise DecodeError(DAMAGED) from error
