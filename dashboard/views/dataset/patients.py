"""Who the patients are: the codes of ``data.csv``, and the measures by code."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES, is_scale
from brainseg.statistics.correlation import rank_correlation
from dashboard.shared import chart_selection, keys, widgets
from dashboard.shared.dataset_context import (
    ShownCases,
    chart,
    pick,
    side_by_side,
    table,
    wait_for_atlas,
)


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    rows = chosen.worklist()
    names = worklist.code_columns(rows)
    if chosen.cohort.patients is None or not names:
        st.info(
            "There is no data.csv next to the cases with more about the patients.",
            icon=":material/badge:",
        )
        return
    named = chosen.cohort.codebook is not None
    source = "names from codebook.csv" if named else "no codebook.csv found"
    st.markdown(
        f"Codes as in data.csv ({source}). Missing values are shown as missing, never as 0."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = pick("Column of data.csv", keys.COLUMN, names, "neoplasm_histologic_grade")
        measures = cohort_figures.offered_measures(chosen.every)
        measure = pick("Measure", keys.MEASURE, measures, measures[0], MEASURES.__getitem__)
    side_by_side(
        lambda: counts(chosen, rows[column]), lambda: measured(chosen, rows[column], measure)
    )
    table(
        chosen,
        "How complete is data.csv?",
        "Number of patients of the whole cohort with and without a value in each column.",
        cohort_figures.patient_columns,
        lambda _: {
            "column": "Column",
            "known": "Known",
            "missing": "Missing",
            "distinct": "Distinct values",
        },
        "patient_columns",
    )


def counts(chosen: ShownCases, codes: pd.Series) -> None:
    """Draw the number of cases per value."""
    among = chosen.among(chosen.every)
    missing, count = int(codes[among].isna().sum()), int(among.sum())
    name = str(codes.name)
    if is_scale(codes):
        bars, read = "One bar per range of values", chart_selection.in_ranges(name)
    else:
        bars = "One bar per value of data.csv; missing is hatched"
        read = chart_selection.in_values(name)
    chart(
        chosen,
        "How many cases have which value?",
        cohort_figures.codes,
        f"Known in {count - missing} of {widgets.counted(count, 'case')}, missing in {missing}.",
        f"{bars}. Click one to choose its cases.",
        read,
        [name],
        column=name,
    )


def measured(chosen: ShownCases, codes: pd.Series, measure: str) -> None:
    """Draw a measure of each case by its code."""
    question = "How does the measure differ by value?"
    if not wait_for_atlas(chosen, question, [measure]):
        return

    def finding(table: pd.DataFrame) -> str:
        rows = table[chosen.among(table)]
        both = int(rows.notna().all(axis=1).sum())
        found = rank_correlation(rows[codes.name], rows[measure]) if is_scale(codes) else None
        answer = f"{MEASURES[measure]}: {widgets.counted(both, 'case')} with both."
        return f"{answer} {found.in_words()}." if found else answer

    median = "" if is_scale(codes) else " n counts them; the orange line is their median."
    chart(
        chosen,
        question,
        cohort_figures.measured,
        finding,
        f"Each point is a case.{median} With few cases a difference may be chance. Drag a box to "
        "choose cases.",
        chart_selection.in_cases,
        column=str(codes.name),
        measure=measure,
    )
