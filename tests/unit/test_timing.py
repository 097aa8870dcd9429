"""Estimates of the remaining time, and durations in words."""

import pytest

from brainseg.timing import COUNTED, duration, seconds_left


def test_there_is_no_estimate_before_the_first_unit():
    assert seconds_left([], 9) is None


def test_the_estimate_is_the_median_of_recent_durations():
    assert seconds_left([60.0, 2.0, 2.0], 10) == 20
    assert seconds_left([9.0] * 20 + [2.0] * COUNTED, 10) == 20


def test_a_fraction_of_a_unit_counts_and_a_negative_rest_is_zero():
    assert seconds_left([2.0], 0.5) == 1
    assert seconds_left([2.0], -1) == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (40.4, "40 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3599, "1 h 0 min"),
        (3900, "1 h 5 min"),
    ],
)
def test_durations_in_words(seconds, said):
    assert duration(seconds) == said
