"""Small components of a prediction are left out, and stay to be seen at a lower threshold."""

import numpy as np
import pytest

from brainseg.components import without_small


@pytest.fixture
def three() -> np.ndarray:
    """Return a faint background, a component of 8 voxels over two slices, one of 3 and one of 1."""
    probability = np.full((3, 10, 10), 0.1, np.float32)
    probability[0:2, 1:3, 1:3] = 0.7
    probability[1, 6, 4:7] = 0.99
    probability[2, 9, 9] = 0.6
    return probability


def test_the_largest_component_alone_reaches_the_threshold_however_sure_the_others_are(three):
    kept, aside = without_small(three, 0.5, 1.0)
    assert aside == 2
    assert np.argwhere(kept >= 0.5).tolist() == np.argwhere(three == np.float32(0.7)).tolist()
    np.testing.assert_array_equal(kept[three < 0.5], three[three < 0.5])


def test_what_is_nearly_as_large_as_the_largest_stays(three):
    kept, aside = without_small(three, 0.5, 0.3)
    assert aside == 1
    assert ((kept >= 0.5) == ((three >= 0.5) & (three != np.float32(0.6)))).all()


def test_a_lower_threshold_shows_the_others(three):
    kept, _ = without_small(three, 0.5, 1.0)
    assert ((kept >= 0.49) == (three >= 0.49)).all()


def test_voxels_that_touch_at_a_corner_across_slices_are_one_component():
    probability = np.zeros((2, 4, 4), np.float32)
    probability[0, 0, 0] = probability[1, 1, 1] = 0.9
    kept, aside = without_small(probability, 0.5, 1.0)
    assert aside == 0
    np.testing.assert_array_equal(kept, probability)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything_stay_as_they_are(value):
    probability = np.full((2, 4, 4), value, np.float32)
    kept, aside = without_small(probability, 0.5, 1.0)
    assert aside == 0
    np.testing.assert_array_equal(kept, probability)


def test_what_was_given_is_not_changed(three):
    before = three.copy()
    without_small(three, 0.5, 1.0)
    np.testing.assert_array_equal(three, before)
