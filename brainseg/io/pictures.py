"""One picture file, TIFF, PNG or JPEG: its first bytes and its name must agree, then it is decoded."""

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
        name: its name, only to compare the suffix with the content.
        page: which page of a multipage TIFF, from 0.

    Raises:
        DecodeError: empty, damaged, too large, or not what its name says; the message is the reason
            alone, for the caller knows how the file is to be named.
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
    """Return "TIFF", "PNG" or "JPEG" as a file's first bytes say, None where they say neither."""
    if data[:4] in _TIFF_MAGIC:
        return "TIFF"
    if data[:8] == PNG_MAGIC:
        return "PNG"
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    return None
