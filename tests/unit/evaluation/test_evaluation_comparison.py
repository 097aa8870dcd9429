"""Two models on the same cases: the paired test against all permutations of signs, and exclusions."""

import itertools

import numpy as np
import pandas as pd
import pytest
from support.evaluations import evaluation_of, outlined

from brainseg.cohort import Cohort
from brainseg.evaluation import compare, evaluate
from brainseg.models import open_model

FIRST = (0.90, 0.80, 0.55, 0.70, 0.60, 0.40, 0.85)
SECOND = (0.95, 0.77, 0.65, 0.79, 0.68, 0.53, 0.87)


def pair(first=FIRST, second=SECOND, **more):
    return (
        evaluation_of([outlined(dice) for dice in first], model="first", **more),
        evaluation_of([outlined(dice) for dice in second], model="second", **more),
    )


def exact_p(differences: np.ndarray) -> float:
    """Return Wilcoxon's two-sided p-value by going through every way the signs could have fallen."""
    ranks = pd.Series(np.abs(differences)).rank().to_numpy()
    observed = abs((ranks * np.sign(differences)).sum())
    ways = [
        abs((ranks * np.array(signs)).sum())
        for signs in itertools.product((-1, 1), repeat=len(ranks))
    ]
    return float(np.mean([way >= observed - 1e-9 for way in ways]))


def test_the_difference_is_case_by_case_with_its_interval():
    found = compare(*pair())
    differences = np.array(SECOND) - FIRST
    assert found.mean == pytest.approx(differences.mean())
    assert found.low < found.mean < found.high
    assert found.cases["difference"].is_monotonic_increasing
    assert sorted(found.cases["difference"]) == pytest.approx(sorted(differences))
    assert (found.first, found.second) == ("first", "second")
    assert found.wins == (6, 0, 1)
    assert found.left_out == 0


def test_the_p_value_and_the_effect_equal_those_worked_out_by_hand():
    found = compare(*pair())
    differences = (np.array(SECOND) - FIRST).round(6)
    assert found.p_value == pytest.approx(exact_p(differences))
    ranks = pd.Series(np.abs(differences)).rank()
    favourable, unfavourable = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    assert found.effect == pytest.approx((favourable - unfavourable) / ranks.sum())


def test_exchanging_the_models_changes_every_sign():
    one, other = compare(*pair()), compare(*pair()[::-1])
    assert other.mean == pytest.approx(-one.mean)
    assert other.effect == pytest.approx(-one.effect)
    assert other.p_value == pytest.approx(one.p_value)
    assert other.wins == one.wins[::-1]


def test_a_model_is_better_only_if_the_interval_excludes_zero():
    assert compare(*pair()).better == "second"
    assert compare(*pair()[::-1]).better == "second"
    assert compare(*pair(second=(0.95, 0.75, 0.6, 0.65, 0.65, 0.35, 0.9))).better is None


def test_equal_models_do_not_differ():
    found = compare(*pair(second=FIRST))
    assert (found.mean, found.p_value, found.effect) == (0, 1, 0)
    assert found.wins == (0, len(FIRST), 0)
    assert found.better is None


def test_the_cases_of_a_patient_give_one_difference():
    found = compare(*pair(patients=["a", "a", "b", "c", "d", "e", "f"]))
    assert (found.patients, len(found.cases)) == (6, 7)
    differences = (np.array(SECOND) - FIRST).round(6)
    by_patient = np.array([differences[:2].mean(), *differences[2:]])
    assert found.p_value == pytest.approx(exact_p(by_patient))


def test_cases_that_either_model_learned_from_are_left_out():
    first = evaluation_of([outlined(d) for d in FIRST], seen=[True, *[False] * 6])
    second = evaluation_of([outlined(d) for d in SECOND], seen=[*[False] * 6, True])
    found = compare(first, second)
    assert found.cases["case"].tolist() == sorted(
        ["B", "C", "D", "E", "F"],
        key=found.cases.set_index("case")["difference"].get,
    )
    assert found.left_out == 2


def test_models_that_share_no_case_cannot_be_compared():
    first = evaluation_of([outlined(0.5), outlined(0.6)], seen=[True, False])
    second = evaluation_of([outlined(0.5), outlined(0.6)], seen=[False, True])
    assert compare(first, second) is None


def test_another_metric_is_compared_where_it_is_defined_for_both():
    found = compare(*pair(), metric="iou")
    assert found.cases["first"].tolist() != compare(*pair()).cases["first"].tolist()
    iou = np.array(SECOND) / (2 - np.array(SECOND)) - np.array(FIRST) / (2 - np.array(FIRST))
    assert found.mean == pytest.approx(iou.mean())


def test_two_real_models_are_compared_on_the_cases_that_both_hold_out(
    tiny_model, other_model, taught_root
):
    cohort = Cohort.open(taught_root)
    models = [open_model(str(folder)) for folder in (tiny_model, other_model)]
    first, second = (evaluate(cohort, model) for model in models)
    found = compare(first, second)
    assert set(found.cases["case"]) == set(models[0].folds[0].held_out)
    assert found.mean == pytest.approx(second.mean_dice - first.mean_dice)
    assert found.second == "cautious"
