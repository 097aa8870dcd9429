"""Time left: one estimate for whatever comes one by one, and how a person says it."""

import pytest

from brainseg.timing import COUNTED, duration, seconds_left


def test_nothing_is_foretold_before_something_is_done():
    assert seconds_left([], 9) is None


def test_what_is_to_come_takes_as_long_as_the_newest_did_and_one_slow_one_does_not_count():
    assert seconds_left([60.0, 2.0, 2.0], 10) == 20
    assert seconds_left([9.0] * 20 + [2.0] * COUNTED, 10) == 20


def test_a_part_of_one_counts_as_a_part_and_what_is_over_as_nothing():
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
def test_a_time_span_is_said_as_a_person_says_it(seconds, said):
    assert duration(seconds) == said
