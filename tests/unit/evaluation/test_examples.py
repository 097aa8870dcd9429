"""Typical cases of an evaluation, and two models side by side."""

import pandas as pd
import pytest

from brainseg.evaluation.examples import examples, side_by_side


def scores(**dice: float) -> pd.DataFrame:
    return pd.DataFrame({"case": [*dice], "dice": [*dice.values()]})


@pytest.mark.parametrize(
    ("dice", "expected"),
    [
        ({}, {}),
        ({"a": 0.5}, {"best": "a"}),
        ({"a": 0.5, "b": 0.6}, {"best": "b", "worst": "a"}),
        ({"a": 0.5, "b": 0.6, "c": 0.9}, {"best": "c", "median": "b", "worst": "a"}),
        ({"d": 0.1, "a": 0.5, "b": 0.6, "c": 0.9}, {"best": "c", "median": "a", "worst": "d"}),
    ],
)
def test_the_best_median_and_worst_case_are_chosen(dice, expected):
    found = examples(scores(**dice))
    assert dict(zip(found["which"], found["case"], strict=True)) == expected


def test_a_case_without_a_score_of_the_other_model_has_no_difference():
    table = side_by_side(scores(a=0.8, b=0.5), scores(a=0.6, c=1.0))
    assert table["case"].tolist() == ["b", "a"]
    assert table["difference"].round(6).fillna(-9).tolist() == [-9, 0.2]
    assert side_by_side(scores(a=0.8), None)["other"].isna().all()
