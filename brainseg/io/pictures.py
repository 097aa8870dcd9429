"""Decode one TIFF, PNG or JPEG file, whose name must agree with its content."""

from pathlib import PurePath

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.limits import check_size
from brainseg.io.names import IMAGE_SUFFIXES, PICTURE_SUFFIXES
from brainseg.io.plain_tiff import decode_plain
from brainseg.io.png_jpeg import PNG_MAGIC, decode_png_or_jpeg
from brainseg.io.tiff import decode_tiff

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class LibraryNeeded(Exception):
    """Our own code cannot decode a file; a library may, which a damaged file can crash."""


def decode(data: bytes, name: str, page: int = 0) -> Decoded:
    """Return one page of a TIFF, PNG or JPEG with every pixel as stored.

    It calls libraries in C: only a worker of :mod:`brainseg.io.decoding` may run it on files of others.

    Args:
        data: the whole file.
        name: of the file; its suffix is compared with the content.
        page: which page of a multipage TIFF, from 0.

    Raises:
        DecodeError: empty, damaged, too large, or of another kind than its name; the message is only
            the reason, because the caller knows how to name the file.
    """
    try:
        return decode_plainly(data, name, page)
    except LibraryNeeded:
        kind = sniff_picture(data)
        return decode_tiff(data, page) if kind == "TIFF" else decode_png_or_jpeg(data, str(kind))


def decode_plainly(data: bytes, name: str, page: int = 0) -> Decoded:
    """Return what :func:`decode` does for a file that needs no library.

    Raises:
        DecodeError: as there.
        LibraryNeeded: the file is of its kind, but not an uncompressed TIFF.
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
    pixels = decode_plain(data) if kind == "TIFF" and page == 0 else None
    if pixels is None:
        raise LibraryNeeded
    check_size(pixels.shape[1], pixels.shape[0])
    return Decoded(pixels)


def sniff_picture(data: bytes) -> str | None:
    """Return "TIFF", "PNG" or "JPEG" by the first bytes of a file, or None."""
    if data[:4] in _TIFF_MAGIC:
        return "TIFF"
    if data[:8] == PNG_MAGIC:
        return "PNG"
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    return None
