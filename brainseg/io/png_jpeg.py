"""PNG and JPEG: whole and as stored, or refused."""

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.limits import DAMAGED, check_size, or_damaged
from brainseg.io.upright import orientation_of, upright

if TYPE_CHECKING:
    from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_AT = 24
_JPEG_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Huffman tables, a reserved marker and arithmetic conditioning stand among the frame headers."""


def decode_png_or_jpeg(data: bytes, kind: str) -> Decoded:
    """Return a PNG or JPEG as stored.

    Args:
        data: the whole file.
        kind: "PNG" or "JPEG", as its first bytes say.

    Raises:
        DecodeError: damaged, or too large.
    """
    from PIL import Image

    # Before Pillow, whose own limit raises without a size that could be told.
    check_size(*(_png_size(data) if kind == "PNG" else _jpeg_size(data)))
    if kind == "PNG":
        _check_png_chunks(data)
        if data[_PNG_DEPTH_AT] == 16:
            return or_damaged(lambda: _decode_png_16(data))

    def read() -> Decoded:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            image.load()
            pixels, notes = _in_grey_or_rgb(image)
            pixels, turned = upright(pixels, orientation_of(image))
            return Decoded(pixels, notes=notes + turned)

    return or_damaged(read)


def _png_size(data: bytes) -> tuple[int, int]:
    """Return width and height as a PNG's header tells them."""
    if len(data) <= _PNG_DEPTH_AT or data[12:16] != b"IHDR":
        raise DecodeError(DAMAGED)
    return struct.unpack(">II", data[16:_PNG_DEPTH_AT])


def _check_png_chunks(data: bytes) -> None:
    """Raise unless each chunk matches its checksum and the last one is there: Pillow skips some."""
    at = len(PNG_MAGIC)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            break
        if kind == b"IEND":
            return
        at = end + 4
    raise DecodeError(DAMAGED)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height as a JPEG's frame header tells them."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _JPEG_NO_FRAME:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise DecodeError(DAMAGED)


def _in_grey_or_rgb(image: "Image.Image") -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a Pillow image as (h, w) or (h, w, 3) uint8, with a note where its mode is another."""
    if image.mode in ("L", "RGB"):
        return np.asarray(image), ()
    if image.mode == "1":
        return np.asarray(image.convert("L")), ("black and white, read as 8-bit",)
    if image.mode in ("LA", "RGBA"):
        return _without_alpha(image), ("transparency channel left out",)
    colours = "palette" if image.mode == "P" else image.mode
    return _without_alpha(image), (f"{colours} colours, converted to RGB",)


def _without_alpha(image: "Image.Image") -> np.ndarray:
    """Return a Pillow image as grey or RGB, dropping transparency without premultiplying by it."""
    if image.mode == "LA":
        return np.asarray(image)[..., 0]
    return np.asarray(image.convert("RGBA") if image.mode == "P" else image.convert("RGB"))[..., :3]


def _decode_png_16(data: bytes) -> Decoded:
    """Return a 16-bit PNG in full depth: Pillow checks it, but keeps only 8 bits of a colour one."""
    import cv2
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.load()
        orientation = orientation_of(image)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DecodeError(DAMAGED)
    notes: tuple[str, ...] = ()
    if pixels.ndim == 3:
        notes = ("transparency channel left out",) if pixels.shape[2] == 4 else ()
        pixels = pixels[..., 2::-1]
    pixels, turned = upright(pixels, orientation)
    return Decoded(pixels, notes=notes + turned)
