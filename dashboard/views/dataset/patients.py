"""Who the patients are: the codes of ``data.csv``, and the measures by code."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES, is_scale
from dashboard.shared import chart_selection, dataset_context, keys
from dashboard.shared.dataset_context import ShownCases


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
    source = (
        "names from codebook.csv" if chosen.cohort.codebook is not None else "no codebook.csv found"
    )
    st.markdown(
        f"Codes as in data.csv ({source}). Missing values are shown as missing, never as 0."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        default = "neoplasm_histologic_grade"
        column = dataset_context.pick("Column of data.csv", keys.COLUMN, names, default)
        measure = dataset_context.pick(
            "Measure", keys.MEASURE, list(MEASURES), "tumour_vx", MEASURES.__getitem__
        )
    with dataset_context.side_by_side():
        with st.container():
            counts(chosen, rows[column])
        with st.container():
            measured(chosen, rows[column], measure)
    known(chosen)


def counts(chosen: ShownCases, codes: pd.Series) -> None:
    """Draw the number of cases per value."""
    among = chosen.among(chosen.every)
    missing = int(codes[among].isna().sum())
    of = dataset_context.counted(int(among.sum()), "case")
    finding = f"Known in {int(among.sum()) - missing} of {of}, missing in {missing}."
    dataset_context.title("How many cases have which value?", finding)
    name = str(codes.name)
    if is_scale(codes):
        bars, read = "One bar per range of values", chart_selection.in_ranges(name)
    else:
        bars, read = "One bar per value of data.csv", chart_selection.in_values(name)
        bars += "; missing is hatched"
    dataset_context.chart(
        chosen,
        dataset_context.draw(chosen, cohort_figures.codes, column=name),
        f"Cases by {name}. {finding}",
        f"{bars}. Click one to choose its cases.",
        read,
        [name],
    )


def measured(chosen: ShownCases, codes: pd.Series, measure: str) -> None:
    """Draw a measure of each case by its code."""
    question, name = "How does the measure differ by value?", str(codes.name)
    if not dataset_context.wait_for_atlas(chosen, question, [measure]):
        return
    drawn = dataset_context.draw(chosen, cohort_figures.measured, column=name, measure=measure)
    both = int(drawn.table[chosen.among(drawn.table)].notna().all(axis=1).sum())
    have = dataset_context.counted(both, "case")
    finding = f"{MEASURES[measure]}: {have} with both."
    dataset_context.title(question, finding)
    median = "" if is_scale(codes) else " n counts them; the orange line is their median."
    dataset_context.chart(
        chosen,
        drawn,
        f"{MEASURES[measure]} of each case by {name}. {finding}",
        f"Each point is a case.{median} With few cases a difference may be chance. Drag a box to "
        "choose cases.",
        chart_selection.in_cases,
    )


def known(chosen: ShownCases) -> None:
    """Show how many patients have a value in each column."""
    dataset_context.title(
        "How complete is data.csv?", "Patients of the whole cohort with and without a value."
    )
    rows, code = dataset_context.tabulate(chosen, cohort_figures.patient_columns)
    dataset_context.table(
        rows,
        "patient_columns",
        "The columns of data.csv, and the number of patients with a value in each.",
        code,
        column_config={
            "column": "Column",
            "known": "Known",
            "missing": "Missing",
            "distinct": "Distinct values",
        },
    )
