"""Distributions: every value in one bin, the chosen among them, and what is missing in none."""

import pandas as pd
import pytest

from brainseg.statistics import along_the_case, category_counts, histogram


@pytest.mark.parametrize(
    "values", [[1], [1, 2, 3], [40, 80], [7950, 3, 41, 100, 8000], [0, 5], [200, 400]]
)
def test_each_whole_number_falls_in_exactly_one_bin(values):
    table = histogram(pd.Series([*values, None], dtype="Int64"))
    assert table["all"].sum() == len(values)
    assert len(table) <= 40
    assert (table["to"] > table["from"]).all()
    for at, bin_ in table.iterrows():
        last = at == len(table) - 1
        inside = [v for v in values if bin_["from"] <= v < bin_["to"] or (last and v == bin_["to"])]
        assert bin_["all"] == len(inside)


@pytest.mark.parametrize("scale", [0.001, 0.1, 1, 1000])
def test_rounding_of_an_edge_loses_no_value(scale):
    values = pd.Series([scale * step / 10 for step in range(11)])
    table = histogram(values, most_bins=10)
    assert table["all"].sum() == 11
    assert len(table) == 10
    assert table["all"].iloc[-1] == 2


def test_the_chosen_are_counted_among_all():
    values = pd.Series([1, 1, 5, None], dtype="Int64")
    table = histogram(values, pd.Series([True, False, True, True]))
    assert table.loc[table["all"] > 0, "all"].tolist() == [2, 1]
    assert table.loc[table["all"] > 0, "chosen"].tolist() == [1, 1]


def test_no_value_makes_no_bin():
    assert histogram(pd.Series([None, None], dtype="Float64")).empty
    assert histogram(pd.Series([], dtype="Int64")).empty


def test_a_missing_category_is_counted_last():
    values = pd.Series(["b", None, "a", "b"], dtype="str")
    table = category_counts(values, pd.Series([False, True, True, True]))
    assert table["value"].tolist()[:2] == ["a", "b"] and pd.isna(table["value"].iloc[2])
    assert table["all"].tolist() == [1, 2, 1]
    assert table["chosen"].tolist() == [1, 1, 1]


def test_along_the_case_the_ends_belong_to_the_first_and_the_last_part():
    measures = pd.DataFrame(
        {
            "position": pd.array([0, 0.49, 0.5, 1, 1, None], "Float64"),
            "tumour": pd.array([False, True, True, True, None, True], "boolean"),
        }
    )
    table = along_the_case(measures, pd.Series([False, True, False, True, True, True]), parts=2)
    assert table["slices"].tolist() == [2, 2]
    assert table["share"].tolist() == [0.5, 1]
    assert table["chosen_slices"].tolist() == [1, 1]
    assert table["chosen_with_tumour"].tolist() == [1, 1]


def test_a_part_without_a_slice_has_no_share():
    measures = pd.DataFrame(
        {
            "position": pd.array([0.1], "Float64"),
            "tumour": pd.array([True], "boolean"),
        }
    )
    assert along_the_case(measures, parts=2)["share"].isna().tolist() == [False, True]
