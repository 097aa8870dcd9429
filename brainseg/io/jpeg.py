"""The size in a JPEG or JPEG-LS header, and a strict check of the pixels behind it.

JPEG has no checksum: a decoder continues behind a damaged code with wrong pixels. libjpeg counts the
codes that cannot be right, which most readers ignore.
"""

import struct

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.limits import DAMAGED, check_size, or_damaged

_START_OF_IMAGE = b"\xff\xd8"
_FILL_BYTE = 0xFF
_LOSSLESS_FRAME, _JPEG_LS_FRAME = 0xC3, 0xF7
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Huffman tables, a reserved marker and arithmetic conditioning lie among the codes of frame headers."""
_COLOURS = {1: "GRAY", 3: "RGB", 4: "CMYK"}


def jpeg_size(data: bytes) -> tuple[int, int, int]:
    """Return height, width and components as the frame header gives them.

    Raises:
        DecodeError: there is no frame header.
    """
    return _frame(data)[2:]


def check_jpeg(data: bytes) -> None:
    """Raise if a decoder finds damage in a JPEG.

    With up to 8 bits, libjpeg must decode it without a warning; a lossless JPEG of more bits must give
    two decoders the same pixels. Nothing shows damage in a lossy JPEG of 12 bits.

    Raises:
        DecodeError: it is damaged, or too large.
    """
    marker, precision, height, width, components = _frame(data)
    check_size(width, height)
    if precision <= 8 and components in _COLOURS:
        from simplejpeg import decode_jpeg

        or_damaged(lambda: decode_jpeg(data, _COLOURS[components], strict=True))
    elif marker == _LOSSLESS_FRAME and components == 1:
        from imagecodecs import jpeg8_decode, ljpeg_decode

        if or_damaged(lambda: not np.array_equal(jpeg8_decode(data), ljpeg_decode(data))):
            raise DecodeError(DAMAGED)


def _frame(data: bytes) -> tuple[int, int, int, int, int]:
    """Return marker, bits, height, width and components of the frame header."""
    at = len(_START_OF_IMAGE)
    while data.startswith(_START_OF_IMAGE) and at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        is_frame = 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME
        if is_frame or marker == _JPEG_LS_FRAME:
            precision, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            return marker, precision, height, width, components
        at += 1 if marker == _FILL_BYTE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise DecodeError(DAMAGED)
