"""Selections in charts become filters, together with the filter that was set before."""

import pandas as pd
import pytest

from brainseg.cohort.filters import Condition, Filter
from dashboard.shared import chart_selection
from dashboard.shared.chart_selection import in_axes, in_ranges, narrowed

EVERY = pd.DataFrame(
    {
        "case": ["A", "B", "C", "D"],
        "institution": pd.Series(["X", "X", "Y", None], dtype="str"),
        "tumour_vx": pd.array([10, 20, 20, None], "Int64"),
    }
)


def asked(text: str) -> Filter:
    return Filter.parse(text)


def after(now: str, wanted: str, columns: list[str], same_chart: bool = False) -> str:
    return str(narrowed(asked(now), asked(wanted).conditions, columns, EVERY, same_chart))


def test_a_selection_is_added_to_the_filters_of_other_charts():
    assert after("tumour_vx~15..", "institution~X", ["institution"]) == (
        "tumour_vx~15..~~institution~X"
    )


def test_another_bar_of_the_same_chart_replaces_the_first():
    assert after("institution~X", "institution~Y", ["institution"]) == "institution~Y"
    assert after("case~A", "case~B", ["case"], same_chart=True) == "case~B"


def test_the_same_bar_again_undoes_the_choice():
    assert after("institution~X", "institution~X", ["institution"]) == ""
    assert after("tumour_vx~15..~~case~B", "case~B", ["case"], True) == "tumour_vx~15.."


def test_cases_of_two_charts_are_those_in_both_and_never_none():
    assert after("case~A~B", "case~B~C", ["case"]) == "case~B"
    assert after("case~A", "case~C", ["case"]) == "case~C"
    assert after("institution~X", "case~C", ["case"]) == "case~C"
    assert after("tumour_vx~..15", "institution~Y", ["institution"]) == "institution~Y"


def points(*customdata: list) -> dict:
    return {"points": [{"customdata": value} for value in customdata]}


def conditions(found: list[Condition]) -> str:
    return str(Filter(tuple(found)))


def test_a_bar_of_a_missing_value_selects_the_missing():
    read = chart_selection.in_values("institution")
    assert read(points(["X"])) == [Condition("institution", values=("X",))]
    assert read(points(["X"], [None])) == [Condition("institution", values=("X",), missing=True)]
    assert read(points()) == []


def test_points_of_some_groups_become_groups_and_a_range_if_that_selects_the_same():
    read = chart_selection.in_strips(EVERY, "institution", "tumour_vx")
    assert conditions(read(points(["B"]))) == "institution~X~~tumour_vx~20..20"
    assert conditions(read(points(["A"], ["B"]))) == "institution~X~~tumour_vx~10..20"
    assert read(points()) == []


def test_points_of_all_groups_are_a_range():
    some = EVERY[EVERY["institution"].notna()]
    read = chart_selection.in_strips(some, "institution", "tumour_vx")
    assert conditions(read(points(["B"], ["C"]))) == "tumour_vx~20..20"


def test_points_that_no_group_and_range_selects_are_cases_by_name():
    read = chart_selection.in_strips(EVERY, "institution", "tumour_vx")
    assert conditions(read(points(["A"], ["C"]))) == "case~A~C"


def test_a_bin_of_slices_means_the_cases_with_a_slice_in_it():
    rows = pd.DataFrame(
        {"case": ["A", "A", "B", "C"], "area_px": pd.array([1, 9, 5, None], "Int64")}
    )
    read = chart_selection.in_bins_of(rows, "area_px")
    assert conditions(read(points([8, 10]))) == "case~A"
    assert conditions(read(points([0, 2], [5, 6]))) == "case~A~B"
    assert read(points([20, 30])) == []


def test_a_bar_of_slices_means_the_cases_with_such_a_slice():
    rows = pd.DataFrame({"case": ["A", "B", "B"], "components": pd.array([1, 1, 2], "Int64")})
    read = chart_selection.in_values_of(rows, "components")
    assert conditions(read(points(["2"]))) == "case~B"
    assert conditions(read(points(["1"]))) == "case~A~B"


@pytest.mark.parametrize("sent", [["A"], ("A",), {"0": "A"}, "A"])
def test_custom_data_is_read_in_each_form_that_plotly_sends(sent):
    assert chart_selection.custom({"customdata": sent}) == ["A"]


def axis_points(*chosen: tuple, **drawn: list) -> dict:
    """Return a selection of points (x, y, case), with the boxes or lassos that chose them."""
    return {
        "points": [{"x": x, "y": y, "customdata": [case]} for x, y, case in chosen],
        **drawn,
    }


def test_a_box_over_two_columns_is_the_range_of_its_points():
    boxed = axis_points((20, 5.5, "A"), (30, 1.5, "B"), box=[{}])
    assert conditions(in_axes(x="slices", y="dice")(boxed)) == "slices~20..30~~dice~1.5..5.5"


@pytest.mark.parametrize("drawn", [{"lasso": [{}]}, {"box": [{}, {}]}, {}])
def test_a_lasso_or_several_boxes_are_the_cases_by_name(drawn):
    chosen = axis_points((1, 1, "A"), (2, 2, "B"), (2, 3, "B"), **drawn)
    assert conditions(in_axes(x="slices", y="dice")(chosen)) == "case~A~B"
    assert in_axes(x="slices", y="dice")(axis_points(**drawn)) == []


def test_bins_are_ranges_and_adjacent_ones_are_merged():
    bins = points([300, 399], [0, 99], [100, 199])
    assert conditions(in_ranges("tumour_vx")(bins)) == "tumour_vx~0..199~300..399"
    shares = points([0.1, 0.2], [0.2, 0.3], [0.5, 0.6])
    assert conditions(in_ranges("share")(shares)) == "share~0.1..0.3~0.5..0.6"
    assert in_ranges("share")(points()) == []
