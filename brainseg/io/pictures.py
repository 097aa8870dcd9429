"""Decode one TIFF, PNG or JPEG file, whose name must agree with its content."""

from pathlib import PurePath

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.names import IMAGE_SUFFIXES, PICTURE_SUFFIXES
from brainseg.io.png_jpeg import PNG_MAGIC, decode_png_or_jpeg
from brainseg.io.tiff import decode_tiff

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode(data: bytes, name: str, page: int = 0) -> Decoded:
    """Return one page of a TIFF, PNG or JPEG with every pixel as stored.

    Args:
        data: the whole file.
        name: of the file; its suffix is compared with the content.
        page: which page of a multipage TIFF, from 0.

    Raises:
        DecodeError: empty, damaged, too large, or of another kind than its name; the message is only
            the reason, because the caller knows how to name the file.
    """
    if not data:
        raise DecodeError("file is empty")
    named = PICTURE_SUFFIXES.get(PurePath(name).suffix.lower())
    kind = sniff_picture(data)
    if named is None:
        raise DecodeError(f"its name ends in none of {', '.join(IMAGE_SUFFIXES)}")
    if kind is None:
        raise DecodeError(f"not a readable {named}")
    if kind != named:
        raise DecodeError(f"content is {kind}, name says {named}")
    return decode_tiff(data, page) if kind == "TIFF" else decode_png_or_jpeg(data, kind)


def sniff_picture(data: bytes) -> str | None:
    """Return "TIFF", "PNG" or "JPEG" by the first bytes of a file, or None."""
    if data[:4] in _TIFF_MAGIC:
        return "TIFF"
    if data[:8] == PNG_MAGIC:
        return "PNG"
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    return None
