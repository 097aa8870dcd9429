"""Batches: determined by seed and number, each with its share of tumour."""

import numpy as np
import pytest
from support.trainings import tiny_training

from brainseg.cohort import Cohort
from brainseg.preprocessing import Preprocessing
from brainseg.training.data import PreparedCase, draw_batch, make_feed, prepare_case


@pytest.fixture
def cases(taught_root):
    cohort = Cohort.open(taught_root)
    return [prepare_case(cohort.case(name), Preprocessing(size=64)) for name in cohort.cases[:3]]


def test_a_batch_contains_its_share_of_slices_with_tumour(cases, taught_root):
    config = tiny_training(taught_root, batch_size=8, tumour_share=0.75)
    slices, masks = draw_batch(cases, config, 0)
    assert (slices.shape, slices.dtype) == ((8, 64, 64, 5), np.float32)
    assert (masks.shape, masks.dtype) == ((8, 64, 64, 1), np.float32)
    assert masks.any(axis=(1, 2, 3)).tolist() == [True] * 6 + [False] * 2
    assert set(np.unique(masks)) == {0.0, 1.0}


def test_the_seed_and_the_number_determine_a_batch(cases, taught_root):
    config = tiny_training(taught_root, augmentation=1.0)
    one, same, other = (draw_batch(cases, config, number)[0] for number in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (draw_batch(cases, tiny_training(taught_root, seed=1), 5)[0] != one).any()


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_draw_the_same_batches_in_their_order(cases, taught_root, workers):
    config = tiny_training(taught_root, augmentation=1.0, workers=workers)
    feed = make_feed(cases, config, first=4)
    try:
        # Keras requests the first batches twice.
        fed = [feed[place][0] for place in (0, 1, 0, 1, 2, 3)]
    finally:
        feed.close()
    for number, batch in zip((4, 5, 4, 5, 6, 7), fed, strict=True):
        np.testing.assert_array_equal(batch, draw_batch(cases, config, number)[0])


def test_a_case_without_tumour_can_be_drawn(cases, taught_root):
    healthy = PreparedCase(cases[0].stack, np.zeros_like(cases[0].masks))
    _, masks = draw_batch([healthy], tiny_training(taught_root), 0)
    assert not masks.any()


def test_a_prepared_case_keeps_its_slice_numbers(cases):
    assert cases[0].slice_numbers == (1, 2, 3, 4, 5)
    assert cases[0].has_tumour.tolist() == [False, True, True, True, False]
    assert cases[0].stack.dtype == np.float16
