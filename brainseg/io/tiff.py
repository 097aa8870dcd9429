"""Decode a page of a TIFF as stored; a damaged file is refused."""

import io
import logging
import math
import struct
from typing import TYPE_CHECKING, cast

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.decoded import Decoded
from brainseg.io.fax import FAX, check_fax
from brainseg.io.jpeg import check_jpeg
from brainseg.io.limits import DAMAGED, check_size, or_damaged
from brainseg.io.upright import ORIENTATION, upright

if TYPE_CHECKING:
    import tifffile

# Users get one sentence about a damaged file; the library must not log to standard error too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_TIFF_SEPARATE_PLANES = 2
_TIFF_UNCOMPRESSED = 1
_TIFF_WHITE_IS_ZERO, _TIFF_BLACK_IS_ZERO, _TIFF_RGB, _TIFF_PALETTE = 0, 1, 2, 3
_TIFF_COLOURS = (_TIFF_WHITE_IS_ZERO, _TIFF_BLACK_IS_ZERO, _TIFF_RGB, _TIFF_PALETTE)
_TIFF_YCBCR, _TIFF_LZW, _TIFF_JPEG = 6, 5, 7
_TIFF_HIGHEST_BIT_FIRST = 1
_TIFF_COMPRESSIONS = (
    _TIFF_UNCOMPRESSED,
    *FAX,
    _TIFF_LZW,
    _TIFF_JPEG,
    8,
    32773,
    32946,
    34925,
    50000,
)
"""None, CCITT fax (three numbers), LZW, JPEG, deflate (two numbers), PackBits, LZMA, Zstandard. Other
compressions have decoders that mutated files crashed."""


def decode_tiff(data: bytes, page: int) -> Decoded:
    """Return one page of a TIFF as stored.

    Args:
        data: the whole file.
        page: from 0.

    Raises:
        DecodeError: damaged, too large, no such page, or an unsupported colour model.
    """
    import tifffile

    def read() -> Decoded:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            if not len(tiff.pages):
                raise DecodeError(DAMAGED)
            if not 0 <= page < len(tiff.pages):
                raise DecodeError(f"page {page + 1} of {len(tiff.pages)} does not exist")
            _check_stack(tiff)
            leaf = _page(tiff, page)
            _check_directory(tiff, leaf, data)
            check_size(leaf.imagewidth, leaf.imagelength, leaf.samplesperpixel)
            if leaf.compression not in _TIFF_COMPRESSIONS:
                raise DecodeError("its compression is not supported; expected LZW, deflate or JPEG")
            _check_segments(leaf, len(data))
            _check_colours(leaf)
            _check_codes(leaf, data)
            # One thread: many pages at once would wait for each other's thread pools.
            stored = leaf.asarray(maxworkers=1)
            pixels, notes = _in_rgb_order(leaf, stored)
            pixels, turned = upright(pixels, _orientation(leaf))
            if leaf.compression in FAX:
                check_fax(data, leaf, stored, _orientation(leaf))
            whites = leaf.photometric == _TIFF_WHITE_IS_ZERO
            return Decoded(pixels, len(tiff.pages), notes + turned, _maximum(leaf), whites)

    return or_damaged(read)


def _page(tiff, number: int) -> "tifffile.TiffPage":
    """Return a page with all its tags, where tifffile keeps less of the further pages of OME files."""
    return cast("tifffile.TiffPage", tiff.pages.get(number, aspage=True))


def _check_stack(tiff) -> None:
    """Raise if the pages are not the slices of one stack, as ImageJ and OME state it."""
    if len(tiff.pages) == 1:
        return
    described = tiff.imagej_metadata or {}
    several = {name: described.get(name, 1) for name in ("channels", "frames")}
    if tiff.is_ome:
        sizes = tiff.series[0].get_shape(squeeze=False)
        axes = dict(zip(tiff.series[0].get_axes(squeeze=False), sizes, strict=True))
        several = {"channels": axes.get("C", 1), "frames": axes.get("T", 1)}
    for name, count in several.items():
        if count > 1:
            raise DecodeError(
                f"its pages are {count} {name} of a hyperstack; save each of them as a stack of its own"
            )


def _check_directory(tiff, leaf, data: bytes) -> None:
    """Raise if tifffile skipped a tag or a page that lies beyond the end of the file."""
    form, last = tiff.tiff, _page(tiff, len(tiff.pages) - 1)
    for wanted in (leaf, last):
        if struct.unpack_from(form.tagnoformat, data, wanted.offset)[0] != len(wanted.tags):
            raise DecodeError(DAMAGED)
    end = last.offset + form.tagnosize + len(last.tags) * form.tagsize
    if struct.unpack_from(form.offsetformat, data, end)[0] != 0:
        raise DecodeError(DAMAGED)


def _check_segments(leaf, file_bytes: int) -> None:
    """Raise if strips or tiles of a page are missing: tifffile would fill the gaps."""
    if leaf.is_tiled:
        check_size(leaf.tilewidth, leaf.tilelength)
        down = math.ceil(leaf.imagelength / leaf.tilelength)
        needed = down * math.ceil(leaf.imagewidth / leaf.tilewidth)
    else:
        needed = math.ceil(leaf.imagelength / min(leaf.rowsperstrip, leaf.imagelength))
    if leaf.planarconfig == _TIFF_SEPARATE_PLANES:
        needed *= leaf.samplesperpixel
    offsets, counts = leaf.dataoffsets, leaf.databytecounts
    if len(offsets) != len(counts) or len(offsets) < needed:
        raise DecodeError(DAMAGED)
    # An empty segment is legal TIFF and decodes to zeros, which are not stored pixels.
    ends = zip(offsets, counts, strict=True)
    if any(count == 0 or offset + count > file_bytes for offset, count in ends):
        raise DecodeError(DAMAGED)
    pixels = leaf.imagewidth * leaf.imagelength * leaf.samplesperpixel
    if leaf.compression == _TIFF_UNCOMPRESSED and sum(counts) < pixels * leaf.bitspersample // 8:
        raise DecodeError(DAMAGED)


def _check_codes(leaf, data: bytes) -> None:
    """Raise if the LZW or JPEG codes of a page show damage, which tifffile would pass over."""
    from imagecodecs import lzw_decode

    rows, columns = min(leaf.rowsperstrip, leaf.imagelength), leaf.imagewidth
    if leaf.is_tiled:
        rows, columns = leaf.tilelength, leaf.tilewidth
    samples = 1 if leaf.planarconfig == _TIFF_SEPARATE_PLANES else leaf.samplesperpixel
    row_bytes = math.ceil(columns * samples * leaf.bitspersample / 8)
    lengths = rows * row_bytes, (leaf.imagelength % rows or rows) * row_bytes
    is_lzw = leaf.compression == _TIFF_LZW and leaf.fillorder == _TIFF_HIGHEST_BIT_FIRST
    for offset, count in zip(leaf.dataoffsets, leaf.databytecounts, strict=True):
        segment = data[offset : offset + count]
        if leaf.compression == _TIFF_JPEG:
            tables = leaf.jpegtables
            check_jpeg(tables[:-2] + segment[2:] if tables else segment)
        elif is_lzw and len(lzw_decode(segment, out=lengths[0] + 1)) not in lengths:
            raise DecodeError(DAMAGED)


def _check_colours(leaf) -> None:
    """Raise if the colour model of a page is not supported."""
    decodes_to_rgb = leaf.photometric == _TIFF_YCBCR and leaf.compression == _TIFF_JPEG
    if leaf.photometric not in _TIFF_COLOURS and not decodes_to_rgb:
        model = getattr(leaf.photometric, "name", leaf.photometric)
        raise DecodeError(f"its colour model is {model}; expected grey, RGB or a palette")


def _orientation(leaf) -> int:
    tag = leaf.tags.get(ORIENTATION)
    return tag.value if tag is not None and isinstance(tag.value, int) else 1


def _maximum(leaf) -> int | None:
    """Return the largest value of a grey page with fewer bits than its dtype, None for other pages."""
    bits = leaf.bitspersample
    is_grey = leaf.photometric in (_TIFF_WHITE_IS_ZERO, _TIFF_BLACK_IS_ZERO)
    return 2**bits - 1 if is_grey and 1 < bits < 8 * leaf.dtype.itemsize else None


def _in_rgb_order(leaf, pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels of a page as (h, w[, c]) in grey or RGB, with notes on conversions."""
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
        # A TIFF palette has 16 bits by definition, but some writers store 8. To make 16 bits of 8,
        # some writers repeat the byte and some append zeros.
        palette = leaf.colormap.T // (256 if leaf.colormap.max() > 255 else 1)
        # One bit per pixel is decoded as booleans, which would be a mask over the palette.
        pixels = palette.astype(np.uint8)[pixels.astype(np.intp)]
        notes.append("palette colours, converted to RGB")
    if leaf.photometric == _TIFF_WHITE_IS_ZERO:
        if pixels.dtype.kind == "f":
            raise DecodeError("minimum-is-white floats have no known white; expected whole numbers")
        # Inverting all bits is maximum minus value for integers and booleans; with fewer bits than the
        # dtype the maximum is smaller.
        most = _maximum(leaf)
        pixels = ~pixels if most is None else (most - pixels).astype(pixels.dtype)
        notes.append("minimum-is-white grey, inverted")
    return pixels, tuple(notes)
