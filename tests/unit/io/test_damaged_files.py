"""Damaged files: cut, flipped or mutated at random, they give one sentence and never wrong pixels."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import CHECKOUT, head
from support.damage import LEAST_NOTICED, noticed, stream_of, whole_files
from support.pictures import palette_png, pillow, png, read_upload, reason_of, tiff

from brainseg.errors import DecodeError
from brainseg.io import Decoded, decode

DAMAGED = "file is incomplete or damaged"


@pytest.mark.parametrize("encoding", LEAST_NOTICED)
def test_what_a_decoder_can_know_of_damaged_pixels_is_not_passed_over(encoding: str) -> None:
    seen = noticed(*whole_files()[encoding], 60)
    assert seen["refused"] >= LEAST_NOTICED[encoding] * 60


def test_a_whole_jpeg_of_any_kind_is_read_as_pillow_reads_it() -> None:
    for pixels in (head(1), head(2)[..., 0], head(3, 65, 83)):
        for options in ({}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}):
            data = pillow(Image.fromarray(pixels), "JPEG", quality=90, **options)
            stored = np.asarray(Image.open(io.BytesIO(data)))
            assert np.array_equal(decode(data, "x.jpg").pixels, stored)
    cmyk = pillow(Image.fromarray(head(1)).convert("CMYK"), "JPEG")
    assert decode(cmyk, "x.jpg").pixels.shape == (64, 64, 3)


def test_a_jpeg_in_a_tiff_of_more_pixels_than_its_page_is_refused_before_it_is_decoded() -> None:
    data = bytearray(tiff(head(1), compression="jpeg", photometric="rgb"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, 65_000, 65_000)
    assert reason_of(bytes(data)) == "4225 MP exceeds 16 MP"


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_a_png_whose_pixels_use_a_colour_beyond_its_palette_is_refused(bits: int) -> None:
    colours, pixels = 2**bits - 1, np.zeros((64, 64), np.uint8)
    for last in (colours - 1, colours):
        pixels[5, 7] = last
        data = palette_png(pixels, colours, bits)
        if last < colours:
            assert decode(data, "x.png").pixels.shape == (64, 64, 3)
        else:
            assert reason_of(data, "x.png") == (
                f"its pixels use colour {last} of a palette of 0 to {last - 1}"
            )


def test_random_bytes_behind_a_tiff_s_first_four_are_damaged() -> None:
    for seed in range(40):
        assert reason_of(b"II*\0" + np.random.default_rng(seed).bytes(2000)) == DAMAGED


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("rowsperstrip", [7, 64])
def test_a_tiff_cut_anywhere_is_refused(compression: str | None, rowsperstrip: int) -> None:
    pixels = head(1)
    whole = tiff(pixels, compression=compression, rowsperstrip=rowsperstrip)
    assert np.array_equal(read_upload(whole, "x.tif").pixels[0], pixels)
    places = {*np.linspace(1, len(whole) - 1, 40).astype(int).tolist(), len(whole) - 1}
    for length in sorted(places):
        expected = {DAMAGED} if length >= 4 else {DAMAGED, "not a readable TIFF"}
        assert reason_of(whole[:length]) in expected, f"cut to {length} of {len(whole)} bytes"


def test_a_tiff_that_opencv_wrote_is_refused_when_cut_too() -> None:
    whole = cv2.imencode(".tif", head(1))[1].tobytes()
    for length in np.linspace(8, len(whole) - 1, 40).astype(int):
        assert reason_of(whole[:length]) == DAMAGED


def test_a_flipped_byte_in_a_deflated_tiff_is_refused() -> None:
    whole = tiff(head(1), compression="zlib", rowsperstrip=16)
    stream = stream_of(whole)
    for at in np.random.default_rng(0).choice(stream, 200, replace=False):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << int(at) % 8
        assert reason_of(bytes(flipped)) == DAMAGED, f"byte {at}"


def test_a_tiff_with_fewer_strips_than_rows_is_refused_instead_of_filled() -> None:
    whole = tiff(head(1), rowsperstrip=16)
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        tags = file.pages[0].tags
        places = [tags[name].offset for name in ("StripOffsets", "StripByteCounts")]
    short = bytearray(whole)
    for place in places:
        struct.pack_into("<I", short, place + 4, 3)
    assert reason_of(bytes(short)) == DAMAGED


def test_a_tiff_whose_strips_are_said_to_be_shorter_is_refused() -> None:
    whole = tiff(head(1), rowsperstrip=64)
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        tag = file.pages[0].tags["StripByteCounts"]
    short = bytearray(whole)
    struct.pack_into("<I" if tag.dtype == 4 else "<H", short, tag.offset + 8, 64 * 63 * 3)
    assert reason_of(bytes(short)) == DAMAGED


def test_a_multipage_tiff_that_lost_its_later_pages_is_refused() -> None:
    whole = tiff(np.stack([head(number) for number in range(3)]), photometric="rgb")
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        third = file.pages[2].offset
    for length in (third - 1, third + 1, third + 20):
        assert reason_of(whole[:length]) == DAMAGED


def test_a_png_with_any_flipped_byte_is_refused() -> None:
    for depth in (np.uint8, np.uint16):
        whole = png(head(1).astype(depth))
        for at in np.linspace(8, len(whole) - 1, 150).astype(int):
            flipped = bytearray(whole)
            flipped[at] ^= 16
            with pytest.raises(DecodeError):
                decode(bytes(flipped), "x.png")


def test_a_png_cut_anywhere_is_refused() -> None:
    whole = png(head(1))
    for length in np.linspace(8, len(whole) - 1, 40).astype(int):
        assert reason_of(whole[:length], "x.png") == DAMAGED


def test_a_jpeg_cut_anywhere_is_refused() -> None:
    for options in ({}, {"progressive": True}):
        whole = pillow(Image.fromarray(head(1)), "JPEG", **options)
        for length in np.linspace(3, len(whole) - 1, 60).astype(int):
            assert reason_of(whole[:length], "x.jpg") == DAMAGED, f"{length} of {len(whole)}"


def test_a_damaged_file_leaves_nothing_on_standard_error(tmp_path: Path) -> None:
    whole = cv2.imencode(".tif", head(1))[1].tobytes()
    (tmp_path / "x.tif").write_bytes(whole[:-1])
    code = (
        "import pathlib, sys\n"
        "from brainseg.errors import DecodeError\n"
        "from brainseg.io import decode\n"
        "try:\n"
        "    decode(pathlib.Path(sys.argv[1]).read_bytes(), 'x.tif')\n"
        "except DecodeError as refusal:\n"
        "    sys.stdout.write(str(refusal))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.tif")],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (DAMAGED, "")


def test_no_mutation_gives_anything_but_a_picture_or_a_refusal() -> None:
    rng = np.random.default_rng(7)
    sources = [
        (tiff(head(1), rowsperstrip=16), "x.tif"),
        (tiff(head(1), compression="zlib"), "x.tif"),
        (tiff(head(1), compression="lzw", predictor=True), "x.tif"),
        (tiff(head(1)[..., 0], tile=(32, 32), compression="packbits"), "x.tif"),
        (tiff(np.stack([head(1), head(2)]), photometric="rgb", bigtiff=True), "x.tif"),
        (pillow(Image.fromarray(head(1)).quantize(16), "TIFF"), "x.tif"),
        (png(head(1)), "x.png"),
        (pillow(Image.fromarray(head(1)), "JPEG"), "x.jpg"),
    ]
    for turn in range(400):
        whole, name = sources[turn % len(sources)]
        mutated = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            # Headers are where a decoder is led astray, and they stand at either end.
            near_an_end = rng.choice([rng.integers(300), len(whole) - 1 - rng.integers(300)])
            at = near_an_end if rng.random() < 0.7 else rng.integers(len(whole))
            mutated[at] = rng.integers(256)
        if rng.random() < 0.2:
            del mutated[rng.integers(len(mutated)) :]
        try:
            decoded = decode(bytes(mutated), name)
        except DecodeError as refusal:
            assert str(refusal)
            assert "\n" not in str(refusal)
        else:
            assert isinstance(decoded, Decoded)
            assert decoded.pixels.ndim in (2, 3)
            assert 0 < decoded.pixels.shape[0] * decoded.pixels.shape[1] <= 16e6
