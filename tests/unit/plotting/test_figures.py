"""Figures: the numbers of their tables, the chosen cases in front of all, and names as literal text."""

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, write_pair
from support.evaluations import evaluation_of, outlined

from brainseg.cohort import Cohort
from brainseg.evaluation import conventions
from brainseg.plotting import cohort_figures, counts, maps, measures, scores
from brainseg.plotting.chosen_cases import ChosenCases
from brainseg.statistics import histogram


@pytest.fixture
def chosen(tiny_cohort) -> ChosenCases:
    return ChosenCases(Cohort.open(tiny_cohort), [FIRST])


@pytest.mark.parametrize(
    "draw",
    [cohort_figures.institutions, cohort_figures.tumour_area_px, cohort_figures.pieces],
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
    assert [trace.name for trace in figure.data] == ["not chosen", "p", "q", "missing"]
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
