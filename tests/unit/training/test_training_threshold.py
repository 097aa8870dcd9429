"""A fold's threshold: 0.5, unless another is clearly better on the validation cases."""

import numpy as np

from brainseg.training.loop import THRESHOLDS, choose_threshold


def scores(**better: list[float]) -> dict[float, np.ndarray]:
    base = np.array([0.9, 0.8, 0.7, 0.6])
    return {t: base + better.get(f"t{round(100 * t)}", 0.0) for t in THRESHOLDS}


def test_the_threshold_is_one_half_without_a_difference():
    assert choose_threshold(scores()) == 0.5


def test_a_gain_on_a_single_case_is_ignored():
    assert choose_threshold(scores(t30=[0.2, -0.05, -0.05, -0.05])) == 0.5


def test_the_largest_gain_on_all_cases_is_chosen():
    steady = [0.02, 0.03, 0.02, 0.03]
    assert choose_threshold(scores(t35=steady)) == 0.35
    assert choose_threshold(scores(t35=steady, t65=[0.05, 0.06, 0.05, 0.06])) == 0.65


def test_a_single_case_chooses_the_threshold():
    assert choose_threshold({0.5: np.array([0.5]), 0.4: np.array([0.6])}) == 0.4
