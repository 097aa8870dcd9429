"""What a picture's metadata asks for: which way is up, what a palette or a few bits mean."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import head
from support.files import few_bits
from support.pictures import tiff

from brainseg.io import InputFile, decode, open_inputs, to_three_channels
from brainseg.io.upright import ORIENTATION

COLOUR = np.repeat(np.repeat(head(3, 12, 16), 4, axis=0), 4, axis=1)
STORED_AS = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(np.swapaxes(upright, 0, 1), 2),
    8: lambda upright: np.rot90(upright, 3),
}
"""How a camera that writes a tag has stored an upright picture (Exif 2.32, tag 0x0112)."""


def with_exif(pixels: np.ndarray, kind: str, tag: int) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = tag
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, exif=exif, quality=100)
    return file.getvalue()


def with_tag(pixels: np.ndarray, tag: int) -> bytes:
    return tiff(np.ascontiguousarray(pixels), extratags=[(ORIENTATION, "H", 1, tag, True)])


@pytest.mark.parametrize("tag", STORED_AS)
@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_a_picture_is_upright_whatever_its_orientation_tag_and_says_so(kind: str, tag: int) -> None:
    stored = STORED_AS[tag](COLOUR)
    if kind == "tif":
        data = with_tag(stored, tag)
    else:
        data = with_exif(stored, {"jpg": "JPEG", "png": "PNG"}[kind], tag)
    decoded = decode(data, f"x.{kind}")
    assert decoded.pixels.shape == COLOUR.shape
    # JPEG halves the resolution of colours, so only grey is kept within a few values.
    most = 8 if kind == "jpg" else 0
    assert np.abs(decoded.pixels.mean(axis=2) - COLOUR.mean(axis=2)).mean() <= most
    assert [f"orientation tag ({tag})" in note for note in decoded.notes] == [True] * (tag > 1)


def test_sixteen_bit_pictures_follow_their_orientation_tag_too() -> None:
    deep = COLOUR[..., 0].astype(np.uint16) * 200
    data = with_exif(np.rot90(deep), "PNG", 6)
    decoded = decode(data, "x.png")
    assert np.array_equal(decoded.pixels, deep)
    assert decoded.notes == ("turned right by 90°, as the orientation tag (6) of the file asks",)


@pytest.mark.parametrize("tag", [0, 9, 65535])
def test_an_orientation_tag_without_a_meaning_changes_nothing(tag: int) -> None:
    decoded = decode(with_tag(COLOUR, tag), "x.tif")
    assert np.array_equal(decoded.pixels, COLOUR) and decoded.notes == ()


def test_an_upload_of_photographs_that_lie_on_their_side_is_one_upright_stack() -> None:
    files = [
        InputFile("x_1.png", with_exif(np.rot90(COLOUR[..., 0]), "PNG", 6)),
        InputFile("x_2.png", with_exif(COLOUR[..., 0], "PNG", 1)),
    ]
    (series,) = open_inputs(files).series
    assert np.array_equal(series.pixels, np.stack([COLOUR[..., 0]] * 2))
    assert any("turned right" in note for note in series.notes)


def indexed(pixels: np.ndarray, bits: int, palette: np.ndarray, kind: str = "tif") -> bytes:
    """Return a palette picture with few bits a pixel, written by Pillow (TIFF, PNG)."""
    file = io.BytesIO()
    image = Image.fromarray(pixels, "P")
    image.putpalette(palette.astype(np.uint8).ravel().tolist())
    image.save(file, {"tif": "TIFF", "png": "PNG"}[kind], bits=bits)
    return file.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_palette_of_few_bits_is_read(bits: int) -> None:
    colours = np.random.default_rng(bits).integers(0, 256, (2**bits, 3))
    pixels = np.random.default_rng(0).integers(0, 2**bits, (40, 43)).astype(np.uint8)
    words = (colours.T * 257).astype("<u2").tobytes()
    decoded = decode(few_bits(pixels, bits, 3, words), "x.tif")
    assert np.array_equal(decoded.pixels, colours[pixels])
    assert decoded.notes == ("palette colours, converted to RGB",)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("photometric", [0, 1])
def test_few_bits_a_pixel_have_a_dark_background_and_fill_the_range(
    bits: int, photometric: int
) -> None:
    most = 2**bits - 1
    levels = np.rint(COLOUR[..., 0] * (most / 255)).astype(np.uint8)
    stored = levels if photometric else most - levels
    data = few_bits(stored, bits, photometric)
    assert np.array_equal(decode(data, "x.tif").pixels, levels)
    (series,) = open_inputs([InputFile("x.tif", data)]).series
    assert np.array_equal(series.pixels[0], levels * (255 // most))
    assert f"{bits}-bit grey, 0 to {most} spread over 0 to 255" in series.notes
    of_cohort, _ = to_three_channels(decode(data, "x.tif"))
    assert np.array_equal(of_cohort[..., 1], series.pixels[0])


def test_twelve_bits_with_white_as_zero_are_inverted_within_twelve_bits() -> None:
    levels = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 2
    file = io.BytesIO()
    tifffile.imwrite(file, 4095 - levels, photometric="miniswhite", bitspersample=12)
    assert np.array_equal(decode(file.getvalue(), "x.tif").pixels, levels)


def test_a_page_of_many_tiles_is_decoded_without_more_threads(monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8)
    data = tiff(pixels, tile=(64, 64), photometric="rgb")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread pool was opened")

    monkeypatch.setattr(tifffile.tifffile, "ThreadPoolExecutor", refuse)
    assert np.array_equal(decode(data, "slice.tif").pixels, pixels)
