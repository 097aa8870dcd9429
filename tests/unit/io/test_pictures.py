"""A stranger's TIFF, PNG or JPEG: what is read, what is converted, what is refused whole."""

import io
import struct
import time

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import head
from support.pictures import (
    pillow,
    png,
    png_of_zeros,
    read_upload,
    reason_of,
    tiff,
    tiff_header,
)

from brainseg.errors import DecodeError
from brainseg.io import InputFile, decode, open_inputs, shown_name

LONGEST_REFUSAL_S = 5  # guards against a decoder that was started at all, not a speed


def test_an_empty_file_is_called_empty() -> None:
    assert reason_of(b"") == "file is empty"


def test_random_bytes_are_not_a_tiff() -> None:
    assert reason_of(np.random.default_rng(0).bytes(5000)) == "not a readable TIFF"


def test_a_file_of_another_kind_than_its_name_says_is_refused() -> None:
    jpeg = pillow(Image.fromarray(head(1)), "JPEG")
    assert reason_of(jpeg, "x.tif") == "content is JPEG, name says TIFF"
    assert reason_of(png(head(1)), "x.jpg") == "content is PNG, name says JPEG"
    assert reason_of(tiff(head(1)), "x.PNG") == "content is TIFF, name says PNG"


def test_a_name_that_ends_in_no_image_suffix_is_refused() -> None:
    assert (
        reason_of(tiff(head(1)), "x.exe")
        == "its name ends in none of .tif, .tiff, .png, .jpg, .jpeg"
    )
    assert "none of" in reason_of(tiff(head(1)), "tif")


def test_huge_pictures_are_refused_from_their_header() -> None:
    huge = png_of_zeros(20_000, 20_000)[:4000]
    started = time.monotonic()
    assert reason_of(huge, "x.png") == "400 MP exceeds 16 MP"
    assert reason_of(tiff_header(100_000, 100_000)) == "10000 MP exceeds 16 MP"
    jpeg = bytearray(pillow(Image.fromarray(head(1)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, frame + 5, 65_000, 65_000)
    assert reason_of(bytes(jpeg), "x.jpg") == "4225 MP exceeds 16 MP"
    assert time.monotonic() - started < LONGEST_REFUSAL_S


def test_a_header_of_many_channels_or_of_huge_tiles_is_refused() -> None:
    assert (
        reason_of(tiff(np.zeros((64, 64, 17), np.uint8), planarconfig="contig"))
        == "17 channels; expected 1 or 3"
    )
    whole = bytearray(tiff(np.zeros((64, 64), np.uint8), tile=(64, 64)))
    with tifffile.TiffFile(io.BytesIO(bytes(whole))) as file:
        tags = file.pages[0].tags
        for name in ("TileWidth", "TileLength"):
            struct.pack_into("<H", whole, tags[name].offset + 8, 60_000)
    assert reason_of(bytes(whole)) == "3600 MP exceeds 16 MP"


@pytest.mark.parametrize("shape", [(1, 1), (5000, 1), (1, 5000), (31, 64)])
def test_pictures_too_small_to_segment_are_refused(shape: tuple[int, int]) -> None:
    expected = f"{shape[1]} x {shape[0]} px is too small to segment (at least 32 px a side)"
    assert reason_of(tiff(np.zeros(shape, np.uint8))) == expected
    assert reason_of(png(np.zeros(shape, np.uint8)), "x.png") == expected


def test_pictures_without_width_are_refused() -> None:
    expected = "0 x 64 px is too small to segment (at least 32 px a side)"
    assert reason_of(tiff_header(0, 64)) == expected
    assert reason_of(png_of_zeros(0, 64), "x.png") == expected


def test_the_smallest_picture_that_can_be_segmented_is_read() -> None:
    assert read_upload(tiff(head(1, 32, 32)), "x.tif").pixels.shape == (1, 32, 32, 3)


def test_eight_bit_rgb_comes_back_as_stored_without_a_note() -> None:
    pixels = head(1)
    for data, name in (
        (tiff(pixels), "x.tif"),
        (tiff(pixels, compression="zlib", predictor=True), "x.tif"),
        (tiff(pixels, tile=(16, 16)), "x.tiff"),
        (tiff(pixels, byteorder=">"), "x.TIF"),
        (tiff(pixels, bigtiff=True), "x.tif"),
        (tiff(np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate"), "x.tif"),
        (png(pixels[..., ::-1]), "x.png"),
    ):
        volume = read_upload(data, name)
        assert np.array_equal(volume.pixels[0], pixels)
        assert volume.notes == ()


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_is_rescaled_over_its_own_range_and_says_so(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(100, 4000, (64, 64, channels)).astype(np.uint16)
    pixels[0, 0], pixels[0, 1] = 100, 4095
    pixels = pixels.squeeze()
    expected = np.rint((pixels - 100.0) * 255 / 3995).astype(np.uint8).reshape(64, 64, channels)
    for data, name in (
        (tiff(pixels), "x.tif"),
        (png(pixels if channels == 1 else pixels[..., ::-1]), "x.png"),
    ):
        volume = read_upload(data, name)
        assert np.array_equal(volume.pixels[0], np.broadcast_to(expected, (64, 64, 3)))
        assert "16-bit rescaled, range 100 to 4095" in volume.notes


def test_floats_are_rescaled_and_say_so() -> None:
    pixels = np.linspace(-1, 3, 64 * 64, dtype=np.float32).reshape(64, 64)
    volume = read_upload(tiff(pixels), "x.tif")
    assert volume.pixels.min() == 0
    assert volume.pixels.max() == 255
    assert volume.notes[0] == "32-bit float rescaled, range -1 to 3"


def test_floats_that_are_no_numbers_are_counted_and_refused() -> None:
    pixels = np.zeros((64, 64), np.float32)
    pixels[3, 3:5], pixels[4, 4] = np.nan, np.inf
    assert reason_of(tiff(pixels)) == "3 invalid pixels (not a number, or infinite)"
    wide = np.zeros((64, 64))
    wide[0, :2] = -1e308, 1e308
    assert reason_of(tiff(wide)) == "range -1e+308 to 1e+308 is too wide to be rescaled"


def test_a_constant_picture_of_sixteen_bits_is_read_as_black() -> None:
    assert not read_upload(tiff(np.full((64, 64), 700, np.uint16)), "x.tif").pixels.any()


def test_each_page_of_a_multipage_tiff_can_be_asked_for() -> None:
    pages = np.stack([head(number) for number in range(3)])
    data = tiff(pages, photometric="rgb")
    assert decode(data, "x.tif").pages == 3
    for number, page in enumerate(pages):
        assert np.array_equal(read_upload(data, "x.tif", number).pixels[0], page)
    assert reason_of(data, page=3) == "page 4 of 3 does not exist"
    assert reason_of(data, page=-1) == "page 0 of 3 does not exist"


def test_a_palette_is_converted_and_says_so() -> None:
    quantised = Image.fromarray(head(1)).quantize(16)
    expected = np.asarray(quantised.convert("RGB"))
    for kind, name in (("TIFF", "x.tif"), ("PNG", "x.png")):
        volume = read_upload(pillow(quantised, kind), name)
        assert np.array_equal(volume.pixels[0], expected)
        assert volume.notes == ("palette colours, converted to RGB",)


def test_minimum_is_white_is_inverted_and_says_so() -> None:
    grey = head(1)[..., 0]
    volume = read_upload(tiff(grey, photometric="miniswhite"), "x.tif")
    assert np.array_equal(volume.pixels[0, ..., 0], 255 - grey)
    assert volume.notes[0] == "minimum-is-white grey, inverted"


def test_one_bit_a_pixel_is_read_in_both_senses() -> None:
    inside = head(1)[..., 0] > 100
    for sense, expected in (("minisblack", inside), ("miniswhite", ~inside)):
        volume = read_upload(tiff(inside, photometric=sense), "x.tif")
        assert np.array_equal(volume.pixels[0, ..., 0], expected.astype(np.uint8) * 255)
    volume = read_upload(pillow(Image.fromarray(inside), "PNG"), "x.png")
    assert np.array_equal(volume.pixels[0, ..., 0], inside.astype(np.uint8) * 255)


def test_transparency_is_left_out_without_touching_the_colours() -> None:
    pixels = np.dstack([head(1), np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)])
    pixels[0, 0, :3] = 255  # so that 16 bits, rescaled over their range, are the 8 bits again
    deep = pixels.astype(np.uint16) * 257
    for data, name in (
        (tiff(pixels, photometric="rgb", extrasamples=["unassalpha"]), "x.tif"),
        (pillow(Image.fromarray(pixels), "PNG"), "x.png"),
        (png(deep[..., [2, 1, 0, 3]]), "x.png"),
    ):
        volume = read_upload(data, name)
        assert np.array_equal(volume.pixels[0], pixels[..., :3])
        assert any("transparency channel left out" in note for note in volume.notes)


def test_grey_with_transparency_is_read_as_grey() -> None:
    pixels = np.dstack([head(1)[..., 0], np.full((64, 64), 9, np.uint8)])
    for data, name in (
        (pillow(Image.fromarray(pixels, "LA"), "PNG"), "x.png"),
        (tiff(pixels, photometric="minisblack", extrasamples=["unassalpha"]), "x.tif"),
    ):
        volume = read_upload(data, name)
        assert np.array_equal(volume.pixels[0, ..., 2], pixels[..., 0])
        assert any("transparency channel left out" in note for note in volume.notes)


def test_grey_stands_in_for_all_three_sequences_and_says_so() -> None:
    grey = head(1)[..., 0]
    for data, name in ((tiff(grey), "x.tif"), (png(grey), "x.png")):
        volume = read_upload(data, name)
        assert all(np.array_equal(volume.pixels[0, ..., c], grey) for c in range(3))
        assert volume.notes == ("one grey channel, used for all three sequences",)


def test_five_channels_are_refused() -> None:
    pixels = np.zeros((64, 64, 5), np.uint8)
    assert reason_of(tiff(pixels, planarconfig="contig")) == "5 channels; expected 1 or 3"


def test_colour_models_that_would_be_taken_for_rgb_are_refused() -> None:
    cmyk = np.zeros((64, 64, 4), np.uint8)
    assert reason_of(tiff(cmyk, photometric="separated")).startswith(
        "its colour model is SEPARATED"
    )
    lab = pillow(Image.fromarray(head(1)).convert("LAB"), "TIFF")
    assert reason_of(lab).startswith("its colour model is CIELAB")


def test_a_jpeg_is_read_close_to_what_was_saved() -> None:
    smooth = cv2.GaussianBlur(head(1), (0, 0), 4)
    volume = read_upload(pillow(Image.fromarray(smooth), "JPEG", quality=95), "x.JPG")
    assert np.abs(volume.pixels[0].astype(int) - smooth).mean() < 3


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.tif",
        "**bold** [link](javascript:x) $x^2$.tif",
        "../../etc/passwd.tif",
        "line\nbreak\x1b[31m.tif",
        "x" * 251 + ".tif",
        "\u202egnp.tif",
    ],
)
def test_names_are_shown_as_short_printable_text(name: str) -> None:
    shown = shown_name(name)
    assert shown.isprintable()
    assert len(shown) <= 60
    assert shown.endswith(".tif")
    with pytest.raises(DecodeError, match="was not used: file is empty"):
        open_inputs([InputFile(name, b"")])
