"""Figures: the numbers of their tables, the chosen cases in front of all, and names as literal text."""

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, write_pair
from support.evaluations import evaluation_of, outlined

from brainseg.cohort import Cohort
from brainseg.evaluation import conventions
from brainseg.evaluation.splits import Neighbours
from brainseg.plotting import cohort_figures, counts, maps, measures, scores
from brainseg.plotting.chosen_cases import ChosenCases
from brainseg.plotting.splits import split_grid
from brainseg.statistics import histogram


@pytest.fixture
def chosen(tiny_cohort) -> ChosenCases:
    return ChosenCases(Cohort.open(tiny_cohort), [FIRST])


@pytest.mark.parametrize(
    "draw",
    [cohort_figures.institutions, cohort_figures.tumour_area, cohort_figures.pieces],
)
def test_pale_bars_count_all_cases_and_coloured_bars_the_chosen(chosen, draw):
    table, figure = draw(chosen)
    every, front = figure.data
    assert list(every.y) == table["all"].tolist()
    assert list(front.y) == table["chosen"].tolist()
    assert sum(front.y) < sum(every.y)


def test_a_selected_bin_of_whole_numbers_means_a_range_without_overlap():
    figure = counts.bins(histogram(pd.Series([1, 2, 5, 9])), "px", "slices")
    ranges = np.array(figure.data[0].customdata)
    assert (ranges[1:, 0] == ranges[:-1, 1] + 1).all()
    assert ranges[-1, 1] >= 9


def test_the_bars_of_a_case_add_up_to_its_slices(chosen):
    table, figure = cohort_figures.slices_by_case(chosen)
    drawn = sum(
        pd.Series(bar.y, bar.x).reindex(range(len(table)), fill_value=0) for bar in figure.data
    )
    assert drawn.tolist() == table["slices"].tolist()


def test_names_are_never_markup(tiny_cohort):
    name = "<b>TCGA"
    write_pair(tiny_cohort / name, name, 1, np.full((64, 64, 3), 9, np.uint8), None)
    chosen = ChosenCases(Cohort.open(tiny_cohort))
    for figure in (cohort_figures.slices_by_case(chosen)[1], cohort_figures.slice_map(chosen)[1]):
        texts = [text for trace in figure.data for text in np.ravel(trace.text)]
        assert "<b>" not in " ".join(map(str, texts))


def test_scatter_has_one_trace_per_group_and_one_for_the_cases_not_chosen():
    cases = pd.DataFrame({"case": list("abcd"), "x": [1, 2, 3, 4], "y": [1, 2, 3, None]})
    group = pd.Series(["p", "q", None, "p"])
    among = pd.Series([True, True, True, False])
    figure = measures.scatter(cases, ("x", "x"), ("y", "y"), among, group)
    names = [trace.name for trace in figure.data]
    assert names == ["not chosen (n 0)", "p (n 1)", "q (n 1)", "missing (n 1)"]
    assert [list(trace.x) for trace in figure.data] == [[], [1], [2], [3]]


def test_a_click_in_the_map_of_the_head_selects_one_coarse_cell():
    (rows, columns), *others = maps.regions({"points": [{"x": 0.5, "y": 0.25}]})
    assert not others
    assert rows == pytest.approx((0.225, 0.275))
    assert columns == pytest.approx((0.46875, 0.53125))


def test_the_first_rule_of_averaging_has_no_difference_and_the_others_have():
    rules = conventions(evaluation_of([outlined(dice) for dice in (0.2, 0.9)]))
    bars = scores.conventions(rules, (0.4, 0.6)).data[0]
    assert bars.y[-1] == "by case"
    assert "(" not in bars.text[-1]
    assert all("(" in text for text in bars.text[:-1])


def test_intervals_of_groups_take_most_of_the_width_of_their_axis():
    groups = pd.DataFrame(
        {"trait": ["site"] * 2, "group": ["A", "B"], "cases": [9, 1], "mean": [0.85, 0.9]}
        | {"low": [0.82, np.nan], "high": [0.88, np.nan]}
    )
    low, high = scores.by_group(groups, 0.86, "Dice").layout.xaxis.range
    assert low < 0.82 and high > 0.9
    assert (0.9 - 0.82) / (high - low) > 0.75


def test_a_difference_has_an_axis_of_its_own_that_contains_zero():
    figure = scores.difference(0.013, 0.002, 0.025, "Dice")
    low, high = figure.layout.xaxis.range
    assert low < 0 and 0.025 < high < 0.03
    assert list(figure.data[0].x) == [0.002, 0.025]


def test_a_split_shows_each_slice_once_and_outlines_the_two_neighbours():
    table = pd.DataFrame(
        {
            "case": ["a", "a", "b"],
            "slice_number": [1, 2, 1],
            "by_slice": ["training", "test", "test"],
            "by_patient": ["training", "training", "test"],
        }
    )
    figure = split_grid(table, Neighbours("a", 1, 2))
    drawn = [(trace.name, list(trace.x)) for trace in figure.data]
    assert drawn == [
        ("training", [1]),
        ("test", [2, 1]),
        ("the two slices above", [1, 2]),
        ("training", [1, 2]),
        ("test", [1]),
        ("the two slices above", [1, 2]),
    ]
