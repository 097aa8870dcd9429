"""Dice and its rule for empty masks; intervals over cases."""

import numpy as np
import pytest

from brainseg.metrics import EMPTY_MASK_RULE, bootstrap_interval, dice


def test_dice_of_a_hand_worked_example() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 0]], bool)
    prediction = np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert dice(truth, prediction) == pytest.approx(2 * 2 / (3 + 3))
    assert dice(truth, truth) == 1
    assert dice(truth, ~truth) == 0


@pytest.mark.parametrize(
    ("in_truth", "in_prediction", "expected"),
    [(False, False, 1.0), (True, False, 0.0), (False, True, 0.0), (True, True, 1.0)],
)
def test_the_rule_for_empty_masks(in_truth: bool, in_prediction: bool, expected: float) -> None:
    truth, prediction = np.full((2, 4, 4), in_truth), np.full((2, 4, 4), in_prediction)
    assert dice(truth, prediction) == expected
    assert "Both empty counts as 1" in EMPTY_MASK_RULE


def test_a_case_is_one_volume_and_not_the_mean_of_its_slices() -> None:
    truth = np.zeros((2, 4, 4), bool)
    truth[0] = True
    prediction = truth.copy()
    prediction[1, 0, 0] = True
    assert dice(truth, prediction) == pytest.approx(2 * 16 / (16 + 17))
    assert np.mean([dice(t, p) for t, p in zip(truth, prediction, strict=True)]) == 0.5


@pytest.mark.parametrize("seed", range(10))
def test_dice_equals_f1_counted_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, prediction = rng.random((2, 3, 9, 9)) < rng.random()
    hits = misses = false_alarms = 0
    for was, said in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        hits += was and said
        misses += was and not said
        false_alarms += said and not was
    assert dice(truth, prediction) == pytest.approx(2 * hits / (2 * hits + misses + false_alarms))
    assert dice(truth, prediction) == dice(prediction, truth)


def test_masks_of_two_grids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"truth is \(4, 4\), prediction \(4, 5\)"):
        dice(np.zeros((4, 4), bool), np.zeros((4, 5), bool))


def test_an_interval_holds_the_mean_and_is_the_same_again() -> None:
    scores = np.random.default_rng(0).beta(8, 2, 30)
    low, high = bootstrap_interval(scores)
    assert low < scores.mean() < high
    assert bootstrap_interval(scores) == (low, high)
    assert bootstrap_interval(scores, seed=1) != (low, high)
    narrow = bootstrap_interval(scores, confidence=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_an_interval_is_as_wide_as_the_standard_error_says() -> None:
    scores = np.random.default_rng(1).normal(0.8, 0.1, 200)
    low, high = bootstrap_interval(scores)
    error = scores.std() / np.sqrt(len(scores))
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.05)


def test_the_interval_of_one_score_is_that_score() -> None:
    assert bootstrap_interval(np.array([0.7])) == (pytest.approx(0.7), pytest.approx(0.7))


def test_the_interval_of_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        bootstrap_interval(np.array([]))
