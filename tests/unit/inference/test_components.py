"""Small components are removed from the mask, never from the probability, at every threshold alike."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.node import node

from brainseg.exports.payload import STEPS, in_steps
from brainseg.inference.components import (
    Component,
    remove_small_components,
    removed_in_words,
    removed_on_slices,
)
from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import quantise
from brainseg.models import NEW, CaseExposure

SPLITS = Path(__file__).with_name("split_components.mjs")


@pytest.fixture
def three() -> np.ndarray:
    """Return a faint background, a component of 8 voxels over two slices, one of 3 and one of 1."""
    probability = np.full((3, 10, 10), 0.1, np.float32)
    probability[0:2, 1:3, 1:3] = 0.7
    probability[1, 6, 4:7] = 0.99
    probability[2, 9, 9] = 0.6
    return probability


def predicted(probability: np.ndarray, fraction: float) -> Prediction:
    exposure = CaseExposure(NEW, (0,))
    return Prediction(probability, None, exposure, 0.1, "Net", "CPU", 1, fraction)


def test_the_largest_component_alone_stays_however_sure_the_others_are(three):
    split = remove_small_components(three >= 0.5, 1.0)
    assert (split.mask == (three == np.float32(0.7))).all()
    assert (split.removed == ((three >= 0.5) & ~split.mask)).all()
    assert split.components == (Component(3, 1, 1, 1), Component(1, 2, 2, 2))


def test_what_is_nearly_as_large_as_the_largest_stays(three):
    split = remove_small_components(three >= 0.5, 0.3)
    assert (split.mask == ((three >= 0.5) & (three != np.float32(0.6)))).all()
    assert [one.volume_vx for one in split.components] == [1]


def test_a_component_of_exactly_the_fraction_stays():
    inside = np.zeros((1, 3, 9), bool)
    inside[0, 0, :5] = inside[0, 2, 0] = True
    assert remove_small_components(inside, 0.2).components == ()
    assert len(remove_small_components(inside, 0.21).components) == 1


def test_a_threshold_one_step_lower_does_not_bring_the_removed_components_back(three):
    prediction = predicted(three, 0.5)
    for threshold in (0.5, 0.495, 0.49, 0.45, 0.2):
        assert (prediction.mask(threshold) == (three == np.float32(0.7))).all(), threshold


def test_the_probability_of_a_removed_component_is_the_networks(three):
    before = three.copy()
    prediction = predicted(three, 1.0)
    assert not prediction.mask(0.5)[1, 6, 4]
    assert prediction.probability[1, 6, 4] == np.float32(0.99)
    np.testing.assert_array_equal(prediction.probability, before)


def test_voxels_that_touch_at_a_corner_across_slices_are_one_component():
    inside = np.zeros((2, 4, 4), bool)
    inside[0, 0, 0] = inside[1, 1, 1] = True
    split = remove_small_components(inside, 1.0)
    assert split.components == ()
    assert (split.mask == inside).all()


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 1.0])
def test_nothing_and_everything_stay_as_they_are(value, fraction):
    inside = np.full((2, 4, 4), value)
    split = remove_small_components(inside, fraction)
    assert (split.mask == inside).all()
    assert not split.removed.any()
    assert split.components == ()


def test_a_component_is_listed_by_its_slices_and_the_one_that_holds_most_of_it():
    inside = np.zeros((5, 9, 9), bool)
    inside[:, :4, :4] = True
    inside[1:4, 7, 7] = inside[2, 7, 6] = True
    split = remove_small_components(inside, 0.2)
    assert split.components == (Component(4, 1, 3, 2),)
    assert removed_on_slices(split, [3, 4, 6, 7, 9]) == ["slices 4–7: 4 voxels"]


def test_the_rule_is_told_in_words(three):
    told = [removed_in_words(remove_small_components(three >= 0.5, f)) for f in (1, 0.3, 0.1, 0)]
    assert told == [
        "2 smaller components were removed (below 100% of the largest).",
        "1 smaller component was removed (below 30% of the largest).",
        "No component was removed (none is below 10% of the largest).",
        "No component was removed: this model keeps all components.",
    ]


def cases() -> list[tuple[np.ndarray, float]]:
    """Return probabilities with many components, some touching at corners, and the fraction of each."""
    rng = np.random.default_rng(7)
    noise = rng.random((6, 17, 23)).astype(np.float32)
    smooth = np.zeros((9, 40, 31), np.float32)
    for _ in range(60):
        z, y, x, size = *(rng.integers(0, n) for n in smooth.shape), rng.integers(1, 6)
        smooth[z : z + size, y : y + size, x : x + size] += np.float32(rng.random() * 0.6)
    one_slice = np.clip(smooth[4:5], 0, 1)
    smooth = np.clip(smooth, 0, 1)
    return [
        (noise, 0.2),
        (smooth, 0.2),
        (smooth, 1.0),
        (smooth, 0.05),
        (one_slice, 0.2),
        (smooth, 0.0),
    ]


def test_the_browser_removes_the_same_components_at_every_threshold(tmp_path):
    asked, expected = [], []
    for probability, fraction in cases():
        steps = in_steps(quantise(probability))
        for step in range(1, STEPS + 1, 3):
            split = remove_small_components(probability >= step / STEPS, fraction)
            expected.append(
                {
                    "classes": (split.mask + 2 * split.removed.astype(int)).ravel().tolist(),
                    "areas": np.count_nonzero(split.mask, axis=(1, 2)).tolist(),
                    "removed": [
                        [one.volume_vx, one.first, one.last, one.largest]
                        for one in split.components
                    ],
                }
            )
            asked.append((steps, step, fraction))
    content = [
        {"values": s.ravel().tolist(), "shape": s.shape, "step": t, "fraction": f}
        for s, t, f in asked
    ]
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(content))
    assert json.loads(node(SPLITS, file).stdout) == expected
