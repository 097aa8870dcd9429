"""One way from a volume to a network's input, and back."""

import numpy as np
import pytest
from support.cohorts import head

from brainseg.preprocessing import (
    CLIP,
    HEAD_SHARE,
    Preprocessing,
    back_from_grid,
    fit_to_grid,
    normalise,
    prepare,
    with_context,
)
from brainseg.volume import Volume


def case(slices: int = 4, height: int = 64, width: int = 64) -> np.ndarray:
    return np.stack([head(number, height, width) for number in range(slices)])


def centroid(plane: np.ndarray) -> np.ndarray:
    """Return row and column of the centre of mass."""
    rows, columns = np.indices(plane.shape)
    return np.array([(rows * plane).sum(), (columns * plane).sum()]) / plane.sum()


def test_a_volume_becomes_three_sequences_and_the_neighbours_flair() -> None:
    how = Preprocessing(size=64, context_slices=2)
    prepared = prepare(Volume(case()), how)
    assert prepared.shape == (4, 64, 64, how.channels) == (4, 64, 64, 7)
    assert prepared.dtype == np.float32
    flair = prepared[..., 1]
    for place, neighbours in enumerate(([0, 0, 1, 2], [0, 0, 2, 3], [0, 1, 3, 3], [1, 2, 3, 3])):
        for channel, neighbour in enumerate(neighbours, start=3):
            assert np.array_equal(prepared[place, ..., channel], flair[neighbour])


def test_one_slice_is_prepared_by_the_same_function_and_is_its_own_neighbour() -> None:
    one = prepare(Volume(case(1)), Preprocessing(size=64, context_slices=1))
    assert one.shape == (1, 64, 64, 5)
    assert np.array_equal(one[0, ..., 3], one[0, ..., 1])
    assert np.array_equal(one[0, ..., 4], one[0, ..., 1])
    repeated = prepare(Volume(np.repeat(case(1), 3, axis=0)), Preprocessing(size=64))
    assert all(np.allclose(slice_, one[0], atol=1e-6) for slice_ in repeated)


def test_context_of_no_slices_adds_no_channel() -> None:
    stack = normalise(case())
    assert np.array_equal(with_context(stack, 2, Preprocessing(context_slices=0)), stack[2])


def test_the_lookup_equals_a_plain_computation_over_the_head() -> None:
    pixels = case(3)
    pixels[..., 2] //= 3
    normalised = normalise(pixels)
    for channel in range(3):
        sequence = pixels[..., channel].astype(np.float64)
        bright = np.sort(sequence[sequence > 0])
        bright_end = bright[int(np.ceil(0.995 * len(bright))) - 1]
        inside = sequence > np.ceil(HEAD_SHARE * bright_end)
        expected = (sequence - sequence[inside].mean()) / sequence[inside].std()
        assert np.allclose(normalised[..., channel], expected.clip(*CLIP), atol=1e-4)


def test_each_sequence_has_zero_mean_and_unit_deviation_over_the_head() -> None:
    pixels = case(3)
    normalised = normalise(pixels)
    for channel in range(3):
        inside = normalised[..., channel][pixels[..., channel] >= 60]
        assert inside.mean() == pytest.approx(0, abs=1e-3)
        assert inside.std() == pytest.approx(1, abs=1e-3)
    assert normalised.min() >= CLIP[0]
    assert normalised.max() <= CLIP[1]


@pytest.mark.parametrize("value", [0, 1, 7, 255])
def test_a_sequence_without_contrast_is_all_zero_and_harms_no_other(value: int) -> None:
    pixels = case(2)
    untouched = normalise(pixels)
    pixels[..., 0] = value
    normalised = normalise(pixels)
    assert not normalised[..., 0].any()
    assert np.isfinite(normalised).all()
    assert np.array_equal(normalised[..., 1:], untouched[..., 1:])


def test_brightness_and_contrast_of_the_scanner_do_not_matter() -> None:
    pixels = case(2) // 2
    assert np.allclose(normalise(pixels * 2), normalise(pixels), atol=0.05)


def test_the_right_size_passes_through_untouched() -> None:
    stack = normalise(case())
    assert fit_to_grid(stack, 64) is stack
    probability = np.random.default_rng(0).random((2, 64, 64), np.float32)
    assert back_from_grid(probability, 64, 64) is probability


@pytest.mark.parametrize(
    ("height", "width"), [(240, 240), (512, 512), (240, 256), (100, 300), (300, 100), (33, 32)]
)
def test_other_sizes_go_to_the_grid_and_back_without_moving_anything(
    height: int, width: int
) -> None:
    size = 256
    stack = np.full((2, height, width, 3), -3, np.float32)
    top, left = int(height * 0.2), int(width * 0.55)
    tall, wide = max(6, height // 6), max(6, width // 5)
    stack[:, top : top + tall, left : left + wide] = 5
    fitted = fit_to_grid(stack, size)
    assert fitted.shape == (2, size, size, 3)
    probability = (fitted[..., 1] + 3) / 8
    back = back_from_grid(probability, height, width)
    assert back.shape == (2, height, width)
    assert back.min() >= 0
    assert back.max() <= 1
    truth = (stack[0, ..., 0] + 3) / 8
    assert np.abs(centroid(back[1]) - centroid(truth)).max() < 1
    assert np.count_nonzero((back[0] > 0.5) != (truth > 0.5)) <= 0.25 * truth.sum()


def test_proportions_are_kept_and_the_margin_is_the_darkest_value() -> None:
    stack = np.full((1, 50, 100, 3), 2, np.float32)
    stack[0, 0, 0] = -1.5
    fitted = fit_to_grid(stack, 64)
    assert (fitted[0, :16] == -1.5).all()
    assert (fitted[0, 48:] == -1.5).all()
    assert np.allclose(fitted[0, 20:44, 4:], 2)


def test_prepare_normalises_before_it_scales() -> None:
    small = prepare(Volume(case(2, 50, 100)), Preprocessing(size=64))
    assert small.shape == (2, 64, 64, 5)
    assert small.min() == normalise(case(2, 50, 100)).min()


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="“z-score”, but only “case-head” is known"):
        Preprocessing(normalisation="z-score")
