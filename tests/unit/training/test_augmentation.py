"""Augmentation: repeatable, of the same shape, slice and mask moved together."""

from dataclasses import replace

import numpy as np
import pytest
from support.cohorts import blob, head

from brainseg.preprocessing import CLIP, Preprocessing, prepare
from brainseg.training import TrainingConfig
from brainseg.training.augmentation import augment
from brainseg.training.augmentation_preview import augmented_slices
from brainseg.volume import Volume


@pytest.fixture(scope="module")
def prepared() -> tuple[np.ndarray, np.ndarray]:
    volume = Volume(np.stack([head(number) for number in range(3)]))
    mask = (blob(24, 30) > 0).astype(np.float32)
    return prepare(volume, Preprocessing(size=64))[1], mask


def test_the_same_generator_gives_the_same_variation(prepared) -> None:
    one = augment(*prepared, np.random.default_rng(5))
    again = augment(*prepared, np.random.default_rng(5))
    other = augment(*prepared, np.random.default_rng(6))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_a_strength_of_zero_leaves_slice_and_mask_as_they_are(prepared) -> None:
    slice_, mask = augment(*prepared, np.random.default_rng(0), strength=0)
    assert np.array_equal(slice_, prepared[0])
    assert np.array_equal(mask, prepared[1])


def test_shapes_ranges_and_originals_are_kept(prepared) -> None:
    before = [array.copy() for array in prepared]
    for seed in range(60):
        slice_, mask = augment(*prepared, np.random.default_rng(seed), strength=1.5)
        assert slice_.shape == (64, 64, 5)
        assert slice_.dtype == mask.dtype == np.float32
        assert slice_.flags["C_CONTIGUOUS"]
        assert np.isfinite(slice_).all()
        assert slice_.min() >= CLIP[0]
        assert slice_.max() <= CLIP[1]
        assert set(np.unique(mask)) <= {0, 1}
    assert all(np.array_equal(a, b) for a, b in zip(prepared, before, strict=True))


@pytest.mark.parametrize("channels", [3, 5, 7, 9])
def test_any_number_of_channels_is_varied(channels: int) -> None:
    slice_ = np.random.default_rng(0).normal(size=(64, 64, channels)).astype(np.float32)
    for seed in range(10):
        varied, _ = augment(slice_, slice_[..., 0] * 0, np.random.default_rng(seed))
        assert varied.shape == slice_.shape


def test_the_mask_moves_with_what_it_marks() -> None:
    mask = (blob(20, 34, 14) > 0).astype(np.float32)
    slice_ = np.repeat((mask * 4 - 2)[..., np.newaxis], 5, axis=2)
    moved = 0
    for seed in range(40):
        varied, varied_mask = augment(slice_, mask, np.random.default_rng(seed))
        inside = varied_mask > 0
        if inside.sum() < 30:  # shifted out of the picture
            continue
        moved += not np.array_equal(varied_mask, mask)
        assert varied[inside, 1].mean() > varied[~inside, 1].mean() + 1.5
    assert moved > 30


def test_an_empty_mask_stays_empty(prepared) -> None:
    for seed in range(20):
        assert not augment(prepared[0], prepared[1] * 0, np.random.default_rng(seed))[1].any()


def test_the_preview_shows_the_original_first_and_the_same_variations_for_a_seed(taught):
    case = taught.case(taught.cases[0])
    config = TrainingConfig(data="x", size=64)
    first, *varied = augmented_slices(case, config, 3, seed=1)
    assert first[0].shape == first[1].shape == (64, 64)
    assert (first[0].dtype, first[1].dtype) == (np.uint8, bool)
    assert first[1].any() and len(varied) == 3
    assert not any(np.array_equal(first[0], one) for one, _ in varied)
    again = augmented_slices(case, config, 3, seed=1)
    np.testing.assert_array_equal([one for one, _ in again[1:]], [one for one, _ in varied])
    plain = augmented_slices(case, replace(config, augmentation=0.0), 2, seed=1)
    assert all(np.array_equal(one, first[0]) for one, _ in plain)
