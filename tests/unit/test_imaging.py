"""Pictures of slices: the right channel, the right corner, a mask on its own edge."""

import cv2
import numpy as np
import pytest
import tifffile
from support.cohorts import blob, head

from brainseg.imaging import (
    ALL_SEQUENCES,
    MASK_COLOUR,
    PREDICTION_COLOUR,
    STORED,
    automatic_window,
    automatic_windows,
    contour,
    fill,
    heat,
    shown,
    window_in_words,
    windowed,
)
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES, Volume

RING = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 0, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    bool,
)


def drawn(picture: np.ndarray) -> np.ndarray:
    """Return where something was drawn on a black picture."""
    return picture.any(axis=2)


def test_each_sequence_is_shown_in_grey_and_flair_by_default() -> None:
    pixels = head(1)
    for channel, name in enumerate((PRE_CONTRAST, FLAIR, POST_CONTRAST)):
        picture = shown(pixels, name)
        assert all(np.array_equal(picture[..., c], pixels[..., channel]) for c in range(3))
    assert np.array_equal(shown(pixels), shown(pixels, FLAIR))
    assert SEQUENCES == (PRE_CONTRAST, FLAIR, POST_CONTRAST)


def test_all_sequences_as_colours_are_a_copy_in_the_file_s_order() -> None:
    pixels = head(1)
    picture = shown(pixels, ALL_SEQUENCES)
    assert np.array_equal(picture, pixels)
    picture[:] = 0
    assert pixels.any()


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence is “T2”; expected one of pre-contrast"):
        shown(head(1), "T2")


def test_an_automatic_window_spans_the_1st_to_the_99th_percentile_of_the_case_without_background():
    background = np.zeros((1, 100, 7), np.uint8)
    values = np.repeat(np.arange(1, 101, dtype=np.uint8), 7).reshape(1, 100, 7)
    assert automatic_window(np.concatenate([background, values])) == (1, 99)
    assert automatic_window(values + 20) == (21, 119)


def test_a_sequence_of_fewer_than_two_values_is_shown_as_stored():
    for value in (0, 7, 255):
        assert automatic_window(np.full((2, 4, 4), value, np.uint8)) == STORED


def test_a_window_draws_its_ends_black_and_white_and_clips_the_rest():
    pixels = np.array([0, 10, 60, 110, 255], np.uint8)
    assert windowed(pixels, (10, 110)).tolist() == [0, 0, 128, 255, 255]
    assert np.array_equal(windowed(pixels, STORED), pixels)


def test_each_sequence_is_drawn_with_its_own_window_also_as_colours():
    pixels = np.stack([head(1), head(2)]) // 3
    windows = automatic_windows(Volume(pixels))
    each = [windowed(pixels[0][..., n], windows[name]) for n, name in enumerate(SEQUENCES)]
    for name, drawn_alone in zip(SEQUENCES, each, strict=True):
        assert np.array_equal(shown(pixels[0], name, windows)[..., 1], drawn_alone)
        assert drawn_alone.max() == 255 > pixels[0].max()
    assert np.array_equal(shown(pixels[0], ALL_SEQUENCES, windows), np.dstack(each))


def test_a_window_in_words_names_its_ends_and_its_rule():
    assert window_in_words((1, 159)) == "grey values 1 to 159, the case's 1st to 99th percentile"
    assert window_in_words(STORED) == "grey values 0 to 255, as stored"


def test_the_file_s_first_channel_is_pre_contrast_though_opencv_reads_it_last(tmp_path) -> None:
    pixels = head(1)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb")
    read_by_opencv = cv2.imread(str(tmp_path / "x.tif"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read_by_opencv[..., 2], shown(pixels, PRE_CONTRAST)[..., 0])
    assert np.array_equal(read_by_opencv[..., 1], shown(pixels, FLAIR)[..., 0])


def test_a_marked_corner_stays_in_its_corner() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[0, 59] = 255
    mask = np.zeros((40, 60), bool)
    mask[39, 0] = True
    for picture in (
        shown(pixels),
        fill(shown(pixels), mask),
        contour(shown(pixels), mask),
        heat(shown(pixels), mask.astype(np.float32)),
    ):
        assert picture.shape == (40, 60, 3)
        assert picture[0, 59].tolist() == [255, 255, 255]
        assert not picture[0, 0].any()
    assert fill(shown(pixels), mask)[39, 0].any()
    assert contour(shown(pixels), mask)[39, 0].tolist() == list(MASK_COLOUR)


def test_a_fill_blends_by_its_opacity_and_only_inside_the_mask() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    filled = fill(picture, mask, 0.4, (230, 159, 0))
    assert filled[0, 0].tolist() == [152, 124, 60]  # 0.6 * 100 + 0.4 * the colour, rounded
    assert (filled[~mask] == 100).all()
    assert (picture == 100).all()
    assert np.array_equal(fill(picture, mask, 0), picture)
    assert fill(picture, mask, 1, PREDICTION_COLOUR)[0, 0].tolist() == list(PREDICTION_COLOUR)


def test_an_empty_mask_draws_nothing() -> None:
    picture, empty = shown(head(1)), np.zeros((64, 64), bool)
    assert np.array_equal(fill(picture, empty), picture)
    assert np.array_equal(contour(picture, empty), picture)
    assert np.array_equal(heat(picture, empty.astype(np.float32)), picture)


def test_a_contour_is_the_mask_s_own_rim_and_outlines_its_holes() -> None:
    black = np.zeros((7, 7, 3), np.uint8)
    expected = RING.copy()
    expected[2, 2] = expected[2, 4] = expected[4, 2] = expected[4, 4] = False
    line = drawn(contour(black, RING))
    # Around the hole the four neighbours are rim; its diagonal ones may be, as the line turns there.
    assert not (line & ~RING).any()
    assert (line | ~expected).all()
    assert not line[3, 3]
    solid = RING.copy()
    solid[3, 3] = True
    inner = drawn(contour(black, solid))
    assert inner[1:6, 1:6].sum() == 16
    assert not inner[2:5, 2:5].any()


def test_a_contour_has_the_mask_s_colour_and_leaves_the_rest() -> None:
    picture, mask = shown(head(1)), blob(20, 20) > 0
    outlined = contour(picture, mask, colour=PREDICTION_COLOUR)
    changed = (outlined != picture).any(axis=2)
    assert changed.sum() == 36  # the rim of 10 x 10
    assert (outlined[changed] == PREDICTION_COLOUR).all()


def test_a_thick_contour_of_a_mask_that_fills_the_picture_stays_inside_it() -> None:
    for mask in (np.ones((48, 64), bool), blob(0, 0, 20, 48, 64) > 0, blob(28, 44, 20, 48, 64) > 0):
        for thickness in (1, 3, 9):
            outlined = contour(np.zeros((48, 64, 3), np.uint8), mask, thickness)
            assert outlined.shape == (48, 64, 3)
            assert drawn(outlined).any()
    assert drawn(contour(np.zeros((48, 64, 3), np.uint8), np.ones((48, 64), bool)))[0].all()


def test_a_single_pixel_has_a_contour() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert np.array_equal(drawn(contour(np.zeros((9, 9, 3), np.uint8), mask)), mask)


def test_heat_covers_by_probability_and_ends_in_viridis() -> None:
    picture = np.full((1, 3, 3), 100, np.uint8)
    warmed = heat(picture, np.array([[0, 0.5, 1]], np.float32), opacity=1)
    assert warmed[0, 0].tolist() == [100, 100, 100]
    assert np.abs(warmed[0, 2].astype(int) - [253, 231, 37]).max() <= 3  # its bright end: yellow
    half = heat(picture, np.array([[1, 1, 1]], np.float32), opacity=0.5)
    assert np.abs(half[0, 0].astype(int) - [176, 166, 68]).max() <= 3
    beyond = heat(picture, np.array([[-1, 2, 1]], np.float32), opacity=1)
    assert np.array_equal(beyond[0, 0], picture[0, 0])
    assert np.array_equal(beyond[0, 1], beyond[0, 2])
