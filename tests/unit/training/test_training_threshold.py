"""A fold's threshold: the middle, unless the cases that select can tell another from it."""

import numpy as np

from brainseg.training.loop import THRESHOLDS, choose_threshold


def scores(**better: list[float]) -> dict[float, np.ndarray]:
    base = np.array([0.9, 0.8, 0.7, 0.6])
    return {t: base + better.get(f"t{round(100 * t)}", 0.0) for t in THRESHOLDS}


def test_without_a_difference_it_is_the_middle():
    assert choose_threshold(scores()) == 0.5


def test_a_gain_that_one_case_makes_alone_is_luck():
    assert choose_threshold(scores(t30=[0.2, -0.05, -0.05, -0.05])) == 0.5


def test_a_gain_that_all_cases_share_counts_and_the_largest_wins():
    steady = [0.02, 0.03, 0.02, 0.03]
    assert choose_threshold(scores(t35=steady)) == 0.35
    assert choose_threshold(scores(t35=steady, t65=[0.05, 0.06, 0.05, 0.06])) == 0.65


def test_one_case_can_choose_too():
    assert choose_threshold({0.5: np.array([0.5]), 0.4: np.array([0.6])}) == 0.4
