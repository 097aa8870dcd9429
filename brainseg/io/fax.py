"""Detect damaged fax pages in TIFF, whose codes have no checksum.

A decoder continues behind a damaged code with guessed pixels. The codes of ITU-T T.4 in one dimension
and of T.6 are unique except for line ends and padding, so an undamaged page encodes to the same codes.
T.4 in two dimensions leaves a choice; there a second decoder must find the same pixels.
"""

import io
import math
import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.limits import DAMAGED
from brainseg.io.upright import upright

if TYPE_CHECKING:
    from tifffile import TiffPage

_PILLOW_NAMES = {2: "tiff_ccitt", 3: "group3", 4: "group4"}
FAX = tuple(_PILLOW_NAMES)
"""Values of the TIFF tag Compression: run lengths, group 3 and group 4."""

_T4_OPTIONS, _TWO_DIMENSIONS = 292, 1
_ROWS_PER_STRIP = 278
_LOWEST_BIT_FIRST = 2
_END_OF_LINE = re.compile("0{11,}1")


def check_fax(data: bytes, leaf: "TiffPage", stored: np.ndarray, orientation: int) -> None:
    """Raise if the codes of a fax page are recognisably damaged.

    Args:
        data: the whole file.
        leaf: the page in tifffile.
        stored: (h, w) bool, the page as tifffile decodes it, neither inverted nor turned.
        orientation: the tag, 1 to 8.

    Raises:
        DecodeError: the codes are damaged.
    """
    options = leaf.tags.get(_T4_OPTIONS)
    if options is not None and options.value & _TWO_DIMENSIONS:
        is_whole = np.array_equal(_decoded_by_libtiff(data, leaf), upright(stored, orientation)[0])
    else:
        is_whole = _encodes_to_itself(data, leaf, stored)
    if not is_whole:
        raise DecodeError(DAMAGED)


def _encodes_to_itself(data: bytes, leaf: "TiffPage", stored: np.ndarray) -> bool:
    rows = min(leaf.rowsperstrip, leaf.imagelength)
    order: Literal["big", "little"] = "little" if leaf.fillorder == _LOWEST_BIT_FIRST else "big"
    for strip in range(math.ceil(leaf.imagelength / rows)):
        start, count = leaf.dataoffsets[strip], leaf.databytecounts[strip]
        codes = _codes(data[start : start + count], order)
        pixels = stored[strip * rows : (strip + 1) * rows]
        if not codes.startswith(_encoded(pixels, leaf.compression)):
            return False
    return True


def _codes(strip: bytes, order: Literal["big", "little"] = "big") -> str:
    """Return the bits of a strip as text, with E for each line end except the first and last ones."""
    bits = np.unpackbits(np.frombuffer(strip, np.uint8), bitorder=order)
    text = (bits + ord("0")).tobytes().decode("ascii")
    return _END_OF_LINE.sub("E", text).lstrip("E").rstrip("E0")


def _encoded(stored: np.ndarray, compression: int) -> str:
    """Return the codes of rows of pixels, as libtiff writes them."""
    import tifffile
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(stored).save(
        file,
        "TIFF",
        compression=_PILLOW_NAMES[compression],
        tiffinfo={_ROWS_PER_STRIP: len(stored)},
    )
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        (start,), (count,) = tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts
    return _codes(file.getvalue()[start : start + count])


def _decoded_by_libtiff(data: bytes, leaf: "TiffPage") -> np.ndarray:
    """Return (h, w) bool as Pillow reads a page: upright, inverted if white is zero."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        image.seek(leaf.index)
        image.load()
        pixels = np.asarray(image)
    return ~pixels if leaf.photometric == 0 else pixels
