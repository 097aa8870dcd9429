"""The fast reader of plain TIFF: it gives what the careful one gives, or leaves the file to it."""

import struct
from io import BytesIO

import numpy as np
import pytest
import tifffile

from brainseg.errors import DecodeError
from brainseg.io import decode
from brainseg.io.plain_tiff import decode_plain
from brainseg.io.tiff import decode_tiff

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
GREY = np.ascontiguousarray(RGB[..., 0])


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, software=False, **options)
    return file.getvalue()


def plain(
    pixels: np.ndarray, rows: int | None = None, first: int = 8, padded: bool = False
) -> bytes:
    """Return a TIFF as the LGG dataset has them: strips, then the tags that the pixels need, no more.

    Args:
        pixels: (h, w) or (h, w, 3) uint8.
        rows: of each strip; all in one where it is None.
        first: where the pixels begin.
        padded: fill the last strip to the size of the others, as in all images of the LGG dataset.
    """
    height, width = pixels.shape[:2]
    rows, samples = rows or height, pixels.shape[2] if pixels.ndim == 3 else 1
    strips = [pixels[top : top + rows].tobytes() for top in range(0, height, rows)]
    if padded:
        strips[-1] = strips[-1].ljust(len(strips[0]), b"\0")
    offsets = [first + sum(map(len, strips[:place])) for place in range(len(strips))]
    tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8] * samples),
        259: ("H", [1]),
        262: ("H", [2 if samples == 3 else 1]),
        273: ("I", offsets),
        277: ("H", [samples]),
        278: ("I", [rows]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [1]),
    }
    at = first + sum(map(len, strips))
    beyond, entries = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, (letter, values) in tags.items():
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        if len(packed) > 4:
            beyond, packed = beyond + packed, struct.pack("<I", end + len(beyond))
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4}[letter], len(values))
        entries += packed.ljust(4, b"\0")
    head = struct.pack("<4sI", b"II*\0", at).ljust(first, b"\0")
    body = b"".join(strips) + struct.pack("<H", len(tags)) + entries + bytes(4)
    return head + body + beyond


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["RGB", "grey"])
@pytest.mark.parametrize("rows", [None, 7], ids=["one strip", "strips of 7 rows"])
def test_it_reads_the_pixels_that_were_written(pixels: np.ndarray, rows: int | None) -> None:
    file = plain(pixels, rows)
    read = decode_plain(file)
    assert read.dtype == np.uint8 and np.array_equal(read, pixels)
    assert np.array_equal(tifffile.imread(BytesIO(file)), pixels), (
        "the file is a TIFF for others too"
    )


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["RGB", "grey"])
def test_a_padded_last_strip_is_read_without_the_careful_reader(pixels: np.ndarray) -> None:
    file = plain(pixels, rows=11, padded=True)
    assert len(file) > len(plain(pixels, rows=11))
    assert np.array_equal(decode_plain(file), pixels)
    assert np.array_equal(tifffile.imread(BytesIO(file)), pixels)


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["RGB", "grey"])
def test_texts_and_resolution_of_other_writers_are_skipped(pixels: np.ndarray) -> None:
    file = tiff(pixels, description="a slice", datetime=True, resolution=(300, 300))
    assert np.array_equal(decode_plain(file), pixels)
    texts = struct.pack("<I", file.index(b"a slice"))
    assert decode_plain(file.replace(texts, struct.pack("<I", len(file) - 3))) is None


def test_a_last_strip_that_is_too_short_or_too_long_is_left_to_the_careful_reader() -> None:
    file = plain(GREY, rows=11, padded=True)
    count = struct.pack("<4I", *[11 * 50] * 4)
    for last in (7 * 50 - 1, 11 * 50 + 1):
        assert decode_plain(file.replace(count, count[:-4] + struct.pack("<I", last))) is None


def test_files_of_equal_tags_and_other_pixels_give_their_own_pixels() -> None:
    for pixels in (GREY, 255 - GREY):
        assert np.array_equal(decode_plain(plain(pixels)), pixels)


@pytest.mark.parametrize(
    "file",
    [
        tiff(RGB, compression="zlib"),
        tiff(RGB.astype(np.uint16)),
        tiff(RGB, planarconfig="separate"),
        tiff(RGB, byteorder=">"),
        tiff(np.stack([GREY, GREY]), photometric="minisblack"),
        tiff(GREY, photometric="miniswhite"),
        tiff(GREY.astype(np.float32)),
        tiff(GREY, tile=(16, 16)),
        tiff(GREY, bigtiff=True),
        b"",
        b"II*\0",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=[
        "zlib",
        "16-bit",
        "planar",
        "big-endian",
        "pages",
        "white-is-0",
        "float",
        "tiles",
        "bigtiff",
        "empty",
        "short",
        "png",
    ],
)
def test_any_other_file_is_left_to_the_careful_reader(file: bytes) -> None:
    assert decode_plain(file) is None


@pytest.mark.parametrize("padded", [False, True], ids=["exact", "padded"])
def test_a_plain_file_cut_anywhere_is_never_read_in_part(padded: bool) -> None:
    whole = plain(RGB, rows=11, padded=padded)
    for length in [*range(0, len(whole) - 200, 97), *range(len(whole) - 200, len(whole))]:
        cut = whole[:length]
        assert decode_plain(cut) is None
        with pytest.raises(DecodeError):
            decode(cut, "x.tif")


def test_a_changed_header_gives_the_same_as_the_careful_reader_or_is_left_to_it() -> None:
    whole = bytearray(plain(GREY))
    random = np.random.default_rng(1)
    fast_ones = 0
    for place in [*range(4, 8), *range(8 + GREY.nbytes, len(whole))] * 3:
        changed = bytearray(whole)
        changed[place] = int(random.integers(256))
        fast = decode_plain(bytes(changed))
        if fast is None:
            continue
        assert np.array_equal(decode_tiff(bytes(changed), 0).pixels, fast)
        fast_ones += 1
    assert fast_ones, "some of the changes leave a plain file"


def test_a_header_that_asks_for_more_than_is_there_is_refused_before_anything_is_made() -> None:
    whole = plain(GREY)
    huge = whole.replace(struct.pack("<I", 50), struct.pack("<I", 65535))
    assert huge != whole and decode_plain(huge) is None
