"""Charts of very many cases: they draw some, count all, and say so."""

import pandas as pd
import pytest

from brainseg.plotting import counts, measures, style
from brainseg.plotting.style import thinned


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(style.thinned, "__defaults__", (4,))
    return pd.DataFrame(
        {
            "case": [f"C{number:02d}" for number in range(30)],
            "institution": ["A"] * 15 + ["B"] * 15,
            "slices_with_tumour": range(30),
            "masks": [30] * 30,
            "unusable": [0] * 30,
            "x": pd.array(range(30), "Float64"),
        }
    )


def test_thinned_rows_are_evenly_spaced_from_first_to_last() -> None:
    values = pd.Series(range(101))
    assert thinned(values, 5).tolist() == [0, 25, 50, 75, 100]
    assert thinned(values, 101) is values


def test_charts_draw_some_cases_and_say_how_many_of_all(cases: pd.DataFrame) -> None:
    chosen = pd.Series(True, cases.index)
    bars = counts.slices_by_case(cases, chosen)
    assert {len(trace.x) for trace in bars.data} == {4}
    assert bars.layout.meta.startswith("4 of 30 cases are drawn")
    assert bars.layout.xaxis.title.text == "30 cases, by institution"
    strips = measures.strips(cases, "x", cases["institution"], chosen, "X")
    points = [trace for trace in strips.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == 8
    medians = [trace.y[0] for trace in strips.data if trace.mode == "lines"]
    assert medians == [7.0, 22.0]  # of all
    assert strips.layout.xaxis.ticktext == ("A<br>n 15", "B<br>n 15")
    scatter = measures.scatter(cases, ("x", "X"), ("x", "X"), chosen, cases["institution"])
    assert [trace.name for trace in scatter.data if len(trace.x)] == ["A (n 15)", "B (n 15)"]
    assert scatter.layout.meta.startswith("8 of 30 cases are drawn")


def test_charts_of_few_cases_draw_all_without_a_note(cases: pd.DataFrame) -> None:
    few = cases.head(3)
    chosen = pd.Series(True, few.index)
    for figure in (
        counts.slices_by_case(few, chosen),
        measures.strips(few, "x", few["institution"], chosen, "X"),
        measures.scatter(few, ("x", "X"), ("x", "X"), chosen, few["institution"]),
    ):
        assert figure.layout.meta is None
