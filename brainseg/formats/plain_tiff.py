"""The plain kind of TIFF, read in a tenth of the time: one uncompressed page of 8-bit grey or RGB.

Most cohorts consist of thousands of such files. Whatever is not exactly that, damaged files included,
is left to the careful decoder in :mod:`brainseg.formats.tiff`, which says what is wrong with it.
"""

import math
import struct

import numpy as np

_HEADER = struct.Struct("<4sI")
_ENTRY = struct.Struct("<HHII")
_ENTRY_COUNT = struct.Struct("<H")
_NEXT_PAGE = struct.Struct("<I")

_MAGIC = b"II*\0"
_LETTER_OF_TYPE = {3: "H", 4: "I"}
_BYTES_OF_VALUE = 4

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _COUNTS, _PLANAR, _SAMPLE_FORMAT = 273, 277, 278, 279, 284, 339
_NEEDED = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS, _ROWS_PER_STRIP, _COUNTS}
_KNOWN = _NEEDED | {_SAMPLES, _PLANAR, _SAMPLE_FORMAT}
_SAMPLES_OF_PHOTOMETRIC = {1: 1, 2: 3}
"""Black is zero, with one sample a pixel, and RGB with three."""


def decode_plain(data: bytes) -> np.ndarray | None:
    """Return the pixels of a plain TIFF, or None where the file is of any other kind.

    Args:
        data: the whole file.

    Returns:
        (h, w) or (h, w, 3) uint8, as the careful decoder gives them.
    """
    tags = _read_tags(data)
    if tags is None or not tags.keys() >= _NEEDED:
        return None
    (height,), (width,) = tags[_HEIGHT][:1], tags[_WIDTH][:1]
    samples = tags.get(_SAMPLES, (1,))[0]
    plain = (
        tags[_COMPRESSION] == (1,)
        and _SAMPLES_OF_PHOTOMETRIC.get(tags[_PHOTOMETRIC][0]) == samples
        and tags[_BITS] == (8,) * samples
        and tags.get(_SAMPLE_FORMAT, (1,) * samples) == (1,) * samples
        and tags.get(_PLANAR, (1,)) == (1,)
    )
    if not plain or not height or not width:
        return None
    start = _start_of_pixels(tags, height, width * samples, len(data))
    if start is None:
        return None
    shape = (height, width) if samples == 1 else (height, width, samples)
    return np.frombuffer(data, np.uint8, math.prod(shape), start).reshape(shape).copy()


def _read_tags(data: bytes) -> dict[int, tuple[int, ...]] | None:
    """Return the values by tag of a file's only page, or None where there is anything unusual."""
    try:
        magic, at = _HEADER.unpack_from(data)
        (count,) = _ENTRY_COUNT.unpack_from(data, at)
        end = at + _ENTRY_COUNT.size + count * _ENTRY.size
        if magic != _MAGIC or _NEXT_PAGE.unpack_from(data, end) != (0,):
            return None
        tags = {}
        for place in range(at + _ENTRY_COUNT.size, end, _ENTRY.size):
            tag, kind, number, value_at = _ENTRY.unpack_from(data, place)
            letter = _LETTER_OF_TYPE.get(kind)
            if tag not in _KNOWN or tag in tags or letter is None or not number:
                return None
            # Values that fit into the entry stand there themselves, in place of where they are.
            fits = number * struct.calcsize(f"<{letter}") <= _BYTES_OF_VALUE
            inside = place + _ENTRY.size - _BYTES_OF_VALUE
            if number > len(data):
                return None
            tags[tag] = struct.unpack_from(f"<{number}{letter}", data, inside if fits else value_at)
    except struct.error:  # something lies beyond the file's end
        return None
    return tags


def _start_of_pixels(
    tags: dict[int, tuple[int, ...]], height: int, row_bytes: int, file_bytes: int
) -> int | None:
    """Return where the pixels begin, or None where the strips are not whole and one after another."""
    offsets, counts, rows = tags[_OFFSETS], tags[_COUNTS], min(tags[_ROWS_PER_STRIP][0], height)
    if not rows or len(offsets) != len(counts) or len(offsets) != math.ceil(height / rows):
        return None
    last_rows = height - rows * (len(offsets) - 1)
    if counts != (rows * row_bytes,) * (len(counts) - 1) + (last_rows * row_bytes,):
        return None
    start, step = offsets[0], rows * row_bytes
    if offsets != tuple(range(start, start + step * len(offsets), step)):
        return None
    return start if start + height * row_bytes <= file_bytes else None
