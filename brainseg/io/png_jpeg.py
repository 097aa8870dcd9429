"""Decode PNG and JPEG files as stored; a damaged file is refused."""

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.jpeg import check_jpeg, jpeg_size
from brainseg.io.limits import DAMAGED, check_size, or_damaged
from brainseg.io.upright import orientation_of, upright

if TYPE_CHECKING:
    from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_AT = 24


def decode_png_or_jpeg(data: bytes, kind: str) -> Decoded:
    """Return a PNG or JPEG as stored.

    Args:
        data: the whole file.
        kind: "PNG" or "JPEG", the content's kind.

    Raises:
        DecodeError: damaged, or too large.
    """
    from PIL import Image

    # Checked before Pillow opens the file: the message of its own limit does not give the size.
    height, width = _png_size(data) if kind == "PNG" else jpeg_size(data)[:2]
    check_size(width, height)
    if kind == "PNG":
        _check_png_chunks(data)
        if data[_PNG_DEPTH_AT] == 16:
            return or_damaged(lambda: _decode_png_16(data))
    else:
        check_jpeg(data)

    def read() -> Decoded:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            image.load()
            pixels, notes = _in_grey_or_rgb(image)
            pixels, turned = upright(pixels, orientation_of(image))
            return Decoded(pixels, notes=notes + turned)

    return or_damaged(read)


def _png_size(data: bytes) -> tuple[int, int]:
    """Return height and width as the header of a PNG gives them."""
    if len(data) <= _PNG_DEPTH_AT or data[12:16] != b"IHDR":
        raise DecodeError(DAMAGED)
    width, height = struct.unpack(">II", data[16:_PNG_DEPTH_AT])
    return height, width


def _check_png_chunks(data: bytes) -> None:
    """Raise unless each chunk matches its checksum and the last chunk is present.

    Pillow's ``verify`` is not enough: it accepts a damaged or cut last chunk.
    """
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


def _in_grey_or_rgb(image: "Image.Image") -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a Pillow image as (h, w) or (h, w, 3) uint8, with a note where it was converted."""
    if image.mode in ("L", "RGB"):
        return np.asarray(image), ()
    if image.mode == "1":
        return np.asarray(image.convert("L")), ("black and white, read as 8-bit",)
    if image.mode in ("LA", "RGBA"):
        return _without_alpha(image), ("transparency channel left out",)
    if image.mode == "P" and image.palette is not None:
        size, most = len(image.palette.palette) // 3, int(np.asarray(image).max())
        if most >= size:
            raise DecodeError(f"its pixels use colour {most} of a palette of 0 to {size - 1}")
    colours = "palette" if image.mode == "P" else image.mode
    return _without_alpha(image), (f"{colours} colours, converted to RGB",)


def _without_alpha(image: "Image.Image") -> np.ndarray:
    """Return a Pillow image as grey or RGB, dropping transparency without premultiplying by it."""
    if image.mode == "LA":
        return np.asarray(image)[..., 0]
    return np.asarray(image.convert("RGBA") if image.mode == "P" else image.convert("RGB"))[..., :3]


def _decode_png_16(data: bytes) -> Decoded:
    """Return a 16-bit PNG in full depth, which Pillow reduces to 8 bits where it has colours."""
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
