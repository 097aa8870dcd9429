"""The one door for files: a stranger's TIFF, PNG or JPEG becomes checked pixels, or one sentence.

Limits are looked at before anything is decoded, and a damaged file is refused as a whole: the
decoders here raise where others return an image with wrong pixels.
"""

import io
import logging
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from brainseg.errors import DecodeError
from brainseg.plain_tiff import decode_plain
from brainseg.volume import Volume

MAX_MEGAPIXELS = 16
MIN_SIDE_PX = 32
MOST_CHANNELS = 16
"""More than any picture has: such a header is a mistake, or asks for memory."""

_KIND_OF_SUFFIX = {
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
IMAGE_SUFFIXES = tuple(_KIND_OF_SUFFIX)

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DAMAGED = "file is incomplete or damaged"
"""The reason that :func:`decode` gives for a file that is not whole."""

# What it thinks of a damaged file goes to the person as one sentence, not to standard error too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH_AT = 24
_JPEG_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Huffman tables, a reserved marker and arithmetic conditioning stand among the frame headers."""

_TIFF_SEPARATE_PLANES = 2
_TIFF_UNCOMPRESSED = 1
_TIFF_WHITE_IS_ZERO, _TIFF_PALETTE, _TIFF_RGB = 0, 3, 2
_TIFF_COLOURS = (_TIFF_WHITE_IS_ZERO, 1, _TIFF_RGB, _TIFF_PALETTE)
_TIFF_YCBCR, _TIFF_JPEG = 6, (6, 7, 33007, 34892)


@dataclass(frozen=True)
class Decoded:
    """One page of an image file, as stored.

    Attributes:
        pixels: (h, w) or (h, w, c) in the file's own dtype and range.
        pages: how many pages the file holds.
        notes: what the file's colour model asked for, one sentence each.
    """

    pixels: np.ndarray
    pages: int = 1
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Return the number of channels; 1 for a grey image."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]


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
    named = _KIND_OF_SUFFIX.get(PurePath(name).suffix.lower())
    kind = _sniff(data)
    if named is None:
        raise DecodeError(f"its name ends in none of {', '.join(IMAGE_SUFFIXES)}")
    if kind is None:
        raise DecodeError(f"not a readable {named}")
    if kind != named:
        raise DecodeError(f"content is {kind}, name says {named}")
    return _decode_tiff(data, page) if kind == "TIFF" else _decode_png_or_jpeg(data, kind)


def read_upload(data: bytes, name: str, page: int = 0) -> Volume:
    """Return an uploaded image as a volume of one slice.

    Args:
        data: the whole file; it is not kept.
        name: its name, shown shortened and as plain text.
        page: which page of a multipage TIFF, from 0.

    Returns:
        A volume of (1, h, w, 3) uint8 whose notes say what was converted. One grey channel stands
        in for all three sequences.

    Raises:
        DecodeError: one sentence that names the file and the reason.
    """
    try:
        decoded = decode(data, name, page)
        pixels, notes = to_three_channels(decoded)
    except DecodeError as reason:
        raise DecodeError(f"{shown_name(name)} was not used: {reason}.") from reason
    return Volume(pixels[np.newaxis], notes=notes)


def count_pages(data: bytes, name: str) -> int:
    """Return how many pages an uploaded image holds; raises DecodeError as :func:`read_upload`."""
    try:
        return decode(data, name).pages
    except DecodeError as reason:
        raise DecodeError(f"{shown_name(name)} was not used: {reason}.") from reason


def shown_name(name: str, longest: int = 60) -> str:
    """Return a file's name as printable text of at most ``longest`` characters, its end kept."""
    printable = "".join(c if c.isprintable() else "·" for c in name) or "(no name)"
    if len(printable) <= longest:
        return printable
    return f"{printable[: longest - 13]}…{printable[-12:]}"


def to_three_channels(decoded: Decoded) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return pixels as (h, w, 3) uint8 with a note for each conversion.

    Raises:
        DecodeError: too small, not one or three channels, or pixels that are not numbers.
    """
    check_usable(decoded)
    pixels, notes = decoded.pixels, list(decoded.notes)
    pixels, rescaled = _to_uint8(pixels)
    notes += rescaled
    if decoded.channels == 1:
        notes.append("one grey channel, used for all three sequences")
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(pixels), tuple(notes)


def check_usable(decoded: Decoded) -> None:
    """Raise where a decoded image cannot become a slice.

    Raises:
        DecodeError: too small, not one or three channels, or pixels that are not numbers.
    """
    pixels = decoded.pixels
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise DecodeError(
            f"{width} x {height} px is too small to segment (at least {MIN_SIDE_PX} px a side)"
        )
    if decoded.channels not in (1, 3):
        raise DecodeError(f"{decoded.channels} channels; expected 1 or 3")
    if pixels.dtype.kind not in "buif":
        raise DecodeError(f"pixels of type {pixels.dtype}; expected whole numbers or floats")
    if pixels.dtype.kind == "f":
        invalid = int(pixels.size - np.isfinite(pixels).sum())
        if invalid:
            raise DecodeError(f"{invalid} invalid pixels (not a number, or infinite)")


def _sniff(data: bytes) -> str | None:
    if data[:4] in _TIFF_MAGIC:
        return "TIFF"
    if data[:8] == _PNG_MAGIC:
        return "PNG"
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    return None


def _check_size(width: int, height: int, channels: int = 1) -> None:
    if width < 1 or height < 1:
        raise DecodeError(
            f"{width} x {height} px is too small to segment (at least {MIN_SIDE_PX} px a side)"
        )
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise DecodeError(f"{math.ceil(megapixels)} MP exceeds {MAX_MEGAPIXELS} MP")
    if channels > MOST_CHANNELS:
        raise DecodeError(f"{channels} channels; expected 1 or 3")


def _decode_tiff(data: bytes, page: int) -> Decoded:
    plain = decode_plain(data) if page == 0 else None
    if plain is not None:
        _check_size(plain.shape[1], plain.shape[0])
        return Decoded(plain)
    import tifffile

    def read() -> Decoded:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            if not len(tiff.pages):
                raise DecodeError(DAMAGED)
            if not 0 <= page < len(tiff.pages):
                raise DecodeError(f"page {page + 1} of {len(tiff.pages)} does not exist")
            leaf = tiff.pages[page]
            _check_directory(tiff, leaf, data)
            _check_size(leaf.imagewidth, leaf.imagelength, leaf.samplesperpixel)
            _check_segments(leaf, len(data))
            _check_colours(leaf)
            pixels, notes = _in_rgb_order(leaf, leaf.asarray())
            return Decoded(pixels, len(tiff.pages), notes)

    return _or_damaged(read)


def _check_directory(tiff, leaf, data: bytes) -> None:
    """Raise where tifffile passed over a tag, or over pages, that lie beyond the file's end."""
    form, last = tiff.tiff, tiff.pages[-1]
    for wanted in (leaf, last):
        if struct.unpack_from(form.tagnoformat, data, wanted.offset)[0] != len(wanted.tags):
            raise DecodeError(DAMAGED)
    end = last.offset + form.tagnosize + len(last.tags) * form.tagsize
    if struct.unpack_from(form.offsetformat, data, end)[0] != 0:
        raise DecodeError(DAMAGED)


def _check_segments(leaf, file_bytes: int) -> None:
    """Raise where a TIFF page's strips or tiles are not all there: tifffile would fill the gaps."""
    if leaf.is_tiled:
        _check_size(leaf.tilewidth, leaf.tilelength)
        down = math.ceil(leaf.imagelength / leaf.tilelength)
        needed = down * math.ceil(leaf.imagewidth / leaf.tilewidth)
    else:
        needed = math.ceil(leaf.imagelength / min(leaf.rowsperstrip, leaf.imagelength))
    if leaf.planarconfig == _TIFF_SEPARATE_PLANES:
        needed *= leaf.samplesperpixel
    offsets, counts = leaf.dataoffsets, leaf.databytecounts
    if len(offsets) != len(counts) or len(offsets) < needed:
        raise DecodeError(DAMAGED)
    # An empty segment is legal TIFF and decodes to zeros: pixels that nobody stored.
    ends = zip(offsets, counts, strict=True)
    if any(count == 0 or offset + count > file_bytes for offset, count in ends):
        raise DecodeError(DAMAGED)
    pixels = leaf.imagewidth * leaf.imagelength * leaf.samplesperpixel
    if leaf.compression == _TIFF_UNCOMPRESSED and sum(counts) < pixels * leaf.bitspersample // 8:
        raise DecodeError(DAMAGED)


def _check_colours(leaf) -> None:
    """Raise where a TIFF page's samples mean colours that would be taken for something else."""
    decodes_to_rgb = leaf.photometric == _TIFF_YCBCR and leaf.compression in _TIFF_JPEG
    if leaf.photometric not in _TIFF_COLOURS and not decodes_to_rgb:
        model = getattr(leaf.photometric, "name", leaf.photometric)
        raise DecodeError(f"its colour model is {model}; expected grey, RGB or a palette")


def _in_rgb_order(leaf, pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a TIFF page's pixels as (h, w[, c]) with its photometric meaning resolved."""
    if pixels.size == 0:
        raise DecodeError(DAMAGED)
    if leaf.axes not in ("YX", "YXS", "SYX"):
        raise DecodeError(f"its axes are {leaf.axes}; expected one flat image a page")
    if leaf.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    notes = []
    colours = 3 if leaf.photometric == _TIFF_RGB else 1
    if pixels.ndim == 3 and pixels.shape[2] == colours + 1 and len(leaf.extrasamples) == 1:
        pixels = pixels[..., :3] if colours == 3 else pixels[..., 0]
        notes.append("transparency channel left out")
    if leaf.photometric == _TIFF_PALETTE:
        # A TIFF palette is 16-bit by definition, also where the image has 256 colours of 8 bits;
        # some writers store 8 bits all the same. Of 16 bits some repeat the 8, some append zeros.
        palette = leaf.colormap.T // (256 if leaf.colormap.max() > 255 else 1)
        pixels = palette.astype(np.uint8)[pixels]
        notes.append("palette colours, converted to RGB")
    if leaf.photometric == _TIFF_WHITE_IS_ZERO:
        if pixels.dtype.kind == "f":
            raise DecodeError("minimum-is-white floats have no known white; expected whole numbers")
        # For whole numbers and for truth values alike, all bits turned is maximum minus value.
        pixels = ~pixels
        notes.append("minimum-is-white grey, inverted")
    return pixels, tuple(notes)


def _decode_png_or_jpeg(data: bytes, kind: str) -> Decoded:
    from PIL import Image

    # Before Pillow, whose own limit raises without a size that could be told.
    _check_size(*(_png_size(data) if kind == "PNG" else _jpeg_size(data)))
    if kind == "PNG":
        _check_png_chunks(data)
        if data[_PNG_DEPTH_AT] == 16:
            return _or_damaged(lambda: _decode_png_16(data))

    def read() -> Decoded:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            image.load()
            if image.mode in ("L", "RGB"):
                return Decoded(np.asarray(image))
            if image.mode == "1":
                return Decoded(
                    np.asarray(image.convert("L")), notes=("black and white, read as 8-bit",)
                )
            if image.mode in ("LA", "RGBA"):
                return Decoded(_without_alpha(image), notes=("transparency channel left out",))
            colours = "palette" if image.mode == "P" else image.mode
            return Decoded(_without_alpha(image), notes=(f"{colours} colours, converted to RGB",))

    return _or_damaged(read)


def _png_size(data: bytes) -> tuple[int, int]:
    """Return width and height as a PNG's header tells them."""
    if len(data) <= _PNG_DEPTH_AT or data[12:16] != b"IHDR":
        raise DecodeError(DAMAGED)
    return struct.unpack(">II", data[16:_PNG_DEPTH_AT])


def _check_png_chunks(data: bytes) -> None:
    """Raise unless each chunk matches its checksum and the last one is there: Pillow skips some."""
    at = len(_PNG_MAGIC)
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


def _without_alpha(image) -> np.ndarray:
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
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DecodeError(DAMAGED)
    if pixels.ndim == 3:
        notes = ("transparency channel left out",) if pixels.shape[2] == 4 else ()
        return Decoded(pixels[..., 2::-1], notes=notes)
    return Decoded(pixels)


def _or_damaged(read: Callable[[], Decoded]) -> Decoded:
    """Run a decoder; whatever it raises on a mutated file, the person gets one sentence."""
    try:
        return read()
    except DecodeError:
        raise
    except Exception as error:  # tifffile alone raised 11 types on mutated files
        raise DecodeError(DAMAGED) from error


def _to_uint8(pixels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if pixels.dtype == np.uint8:
        return pixels, []
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255, ["black and white, read as 0 and 255"]
    low, high = pixels.min(), pixels.max()
    span = float(high) - float(low)
    if not math.isfinite(span):
        raise DecodeError(f"range {low:g} to {high:g} is too wide to be rescaled")
    scale = 255.0 / span if span else 0.0
    rescaled = np.rint((pixels.astype(np.float64) - float(low)) * scale).astype(np.uint8)
    depth = f"{pixels.dtype.itemsize * 8}-bit" + (" float" if pixels.dtype.kind == "f" else "")
    return rescaled, [f"{depth} rescaled, range {low:g} to {high:g}"]
