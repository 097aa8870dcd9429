"""Intervals by patient: of means, medians and ratios, each against a plain loop."""

import numpy as np
import pytest

from brainseg.metrics import bootstrap_interval, resampling_of
from brainseg.metrics.intervals import weighted_mean, weighted_median, weighted_ratio


def test_an_interval_encloses_the_mean_and_is_reproducible() -> None:
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


def test_an_interval_equals_scipys_up_to_chance() -> None:
    from scipy.stats import bootstrap

    scores = np.random.default_rng(2).beta(8, 2, 40)
    theirs = bootstrap((scores,), np.mean, method="percentile", n_resamples=9999, rng=1)
    expected = tuple(theirs.confidence_interval)
    assert bootstrap_interval(scores) == pytest.approx(expected, abs=0.003)


def test_the_interval_of_one_score_is_that_score() -> None:
    assert bootstrap_interval(np.array([0.7])) == (pytest.approx(0.7), pytest.approx(0.7))


def test_the_interval_of_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        bootstrap_interval(np.array([]))


def test_the_cases_of_a_patient_are_drawn_together() -> None:
    patients = np.array(["a", "a", "b", "c"], object)
    weights = resampling_of(patients, 4, resamples=200).weights
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_several_cases_of_a_patient_do_not_narrow_the_interval() -> None:
    once = np.random.default_rng(3).beta(8, 2, 20)
    patients = np.repeat(np.arange(20), 5)
    five_times = np.repeat(once, 5)
    assert bootstrap_interval(five_times, patients=patients) == pytest.approx(
        bootstrap_interval(once), abs=0.005
    )
    low, high = bootstrap_interval(five_times)
    assert high - low < 0.6 * np.subtract(*bootstrap_interval(once)[::-1])


def test_weighted_statistics_equal_those_of_repeated_cases() -> None:
    rng = np.random.default_rng(4)
    values, other = rng.random(9), rng.integers(1, 5, 9)
    weights = resampling_of(None, 9, resamples=50).weights
    for statistic, plain in (
        (weighted_mean(values), lambda drawn: values[drawn].mean()),
        (weighted_median(values), lambda drawn: np.median(values[drawn])),
        (weighted_ratio(values, other), lambda drawn: values[drawn].sum() / other[drawn].sum()),
    ):
        expected = [plain(np.repeat(np.arange(9), row)) for row in weights]
        assert statistic(weights) == pytest.approx(expected)


def test_the_median_is_infinite_if_half_of_the_values_are() -> None:
    weights = np.array([[1, 1, 1], [2, 1, 0], [0, 1, 2], [1, 0, 1]])
    assert weighted_median(np.array([3.0, np.inf, 1.0]))(weights).tolist() == [3, 3, 1, 2]
    values = np.array([3.0, np.inf, np.inf, np.inf])
    low, high = resampling_of(None, 4).interval(weighted_median(values))
    assert (low, high) == (3, np.inf)


def test_a_resample_without_any_denominator_is_left_out() -> None:
    drawn = resampling_of(None, 2)
    low, high = drawn.interval(weighted_ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])))
    assert (low, high) == (0.5, 0.5)
    nothing = drawn.interval(weighted_ratio(np.zeros(2), np.zeros(2)))
    assert np.isnan(nothing).all()
