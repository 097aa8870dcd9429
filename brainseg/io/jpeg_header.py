"""The size in a JPEG or JPEG-LS header, read before a decoder reserves memory for it."""

import struct

from brainseg.errors import DecodeError
from brainseg.io.limits import DAMAGED

_START_OF_IMAGE = b"\xff\xd8"
_FILL_BYTE = 0xFF
_JPEG_LS_FRAME = 0xF7
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Huffman tables, a reserved marker and arithmetic conditioning lie among the codes of frame headers."""


def jpeg_size(data: bytes) -> tuple[int, int, int]:
    """Return height, width and components as the frame header gives them.

    Raises:
        DecodeError: there is no frame header.
    """
    at = len(_START_OF_IMAGE)
    while data.startswith(_START_OF_IMAGE) and at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        is_frame = 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME
        if is_frame or marker == _JPEG_LS_FRAME:
            height, width, components = struct.unpack_from(">HHB", data, at + 5)
            return height, width, components
        at += 1 if marker == _FILL_BYTE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise DecodeError(DAMAGED)
