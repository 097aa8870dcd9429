"""Who the patients are: the codes of ``data.csv``, and what is measured by code."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.cohort.filters import is_number
from brainseg.plotting import counts as count_charts
from brainseg.plotting import measures
from brainseg.statistics import code_counts, histogram, patient_columns
from dashboard.shared import cache, chart_selection, dataset_context, keys, snippets
from dashboard.shared.dataset_context import MEASURES, Explored

MOST_CODES = 12
"""A column of numbers with more values than these is counted in bins: an age, not a code."""


def draw(now: Explored) -> None:
    """Draw the section."""
    rows = cache.case_rows(now.cohort)
    names = worklist.code_columns(rows)
    if now.cohort.patients is None or not names:
        st.info(
            "There is no data.csv beside the cases that says more of the patients.",
            icon=":material/badge:",
        )
        return
    named = now.cohort.codebook is not None
    st.markdown(
        "Codes stand as in data.csv, "
        + ("with their names from codebook.csv." if named else "for no codebook.csv names them.")
        + " A patient without a value is missing, never 0."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        default = "neoplasm_histologic_grade"
        column = dataset_context.pick("Column of data.csv", keys.COLUMN, names, default)
        measure = dataset_context.pick(
            "Measured", keys.MEASURE, list(MEASURES), "tumour_vx", MEASURES.get
        )
    with dataset_context.side_by_side():
        with st.container():
            counts(now, rows[column])
        with st.container():
            measured(now, rows[column], measure)
    known(now)


def counts(now: Explored, codes: pd.Series) -> None:
    """Draw how many cases have which code."""
    chosen = now.chosen(now.every)
    gone = int(codes[chosen].isna().sum())
    of = dataset_context.counted(int(chosen.sum()), "case")
    told = f"Known in {int(chosen.sum()) - gone} of {of}, missing in {gone}."
    dataset_context.title("How many cases have which value?", told)
    name = str(codes.name)
    in_bins = is_number(codes) and codes.nunique() > MOST_CODES
    if in_bins:
        table = histogram(codes, chosen)
        figure = count_charts.bins(table, name, "cases")
        read = chart_selection.in_ranges(name)
    else:
        table = code_counts(codes, chosen, now.cohort.codebook)
        figure = count_charts.categories(table, name, "cases")
        read = chart_selection.in_values(name)
    dataset_context.chart(
        now,
        figure,
        "codes",
        f"Cases by {name}. {told}",
        snippets.codes(name, in_bins, now.code),
        "A bar a value"
        + (" range" if in_bins else ", as it stands in data.csv; missing is hatched")
        + ". Click one to choose its cases.",
        table,
        read,
        [name],
    )


def measured(now: Explored, codes: pd.Series, measure: str) -> None:
    """Draw a measure of each case by its code."""
    now = dataset_context.with_measures(now, [measure], "How does the measure differ by value?")
    if now is None:
        return
    cases, chosen = now.cases, now.chosen(now.cases)
    is_scale = is_number(codes) and codes.nunique() > MOST_CODES
    both = int((chosen & codes.notna() & cases[measure].notna()).sum())
    told = f"{MEASURES[measure]}: {dataset_context.counted(both, 'case')} with both."
    dataset_context.title("How does the measure differ by value?", told)
    alt = f"{MEASURES[measure]} of each case by {codes.name}. {told}"
    shown = cases[["case", measure]].assign(**{str(codes.name): codes})
    if is_scale:
        x, y = (str(codes.name), str(codes.name)), (measure, MEASURES[measure])
        group = now.every["institution"]
        figure = measures.scatter(shown, x, y, chosen, group)
        code = snippets.against_code(str(codes.name), y, now.has_atlas, now.code)
    else:
        figure = measures.strips(cases, measure, codes, chosen, MEASURES[measure])
        code = snippets.strips(measure, MEASURES[measure], codes.name, now.has_atlas, now.code)
    reading = (
        "A point a case"
        + (". " if is_scale else "; n counts them, and the orange line is their median. ")
        + "A difference between a few cases is no finding. Drag a box to choose cases."
    )
    dataset_context.chart(
        now, figure, "measured", alt, code, reading, shown, chart_selection.in_cases
    )


def known(now: Explored) -> None:
    """Draw how many patients have a value in each column."""
    dataset_context.title(
        "How complete is data.csv?", "Of all patients of the cohort: who has a value, who has none."
    )
    dataset_context.table(
        patient_columns(now.cohort.slices, now.cohort.patients),
        "patient_columns",
        "The columns of data.csv, and how many patients have a value in each.",
        snippets.PATIENT_COLUMNS,
        column_config={
            "column": "Column",
            "known": "Known",
            "missing": "Missing",
            "distinct": "Distinct values",
        },
    )
