"""What the cohort contains: cases, slices, masks, institutions."""

import pandas as pd
import streamlit as st

from brainseg.plotting import cohort_figures
from brainseg.statistics.saved_tables import IMAGES, MASKS, file_counts
from dashboard.shared import chart_selection, keys, widgets
from dashboard.shared.dataset_context import ShownCases, chart, side_by_side

EXCLUDED_HELP = (
    "Slices without a usable image and mask. This page counts them in neither group: not with and "
    "not without tumour."
)


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    numbers(chosen)
    chart(
        chosen,
        "How many slices show a tumour?",
        cohort_figures.tumour_share,
        lambda table: (
            ", ".join(f"{row.slices:,} {row.what} ({row.of_all:.1%})" for row in table.itertuples())
            + "."
        ),
        "Share of all images. Slices without a usable mask are in neither group.",
    )
    side_by_side(lambda: institutions(chosen), lambda: by_case(chosen))


def numbers(chosen: ShownCases) -> None:
    """Show the number of cases, images, masks, patients and excluded slices."""
    cases, files = chosen.counts(), file_counts(chosen.cohort)
    among = chosen.among(cases)
    excluded = int(cases.loc[among, "unusable"].sum())
    with st.grid(columns=5, min_column_width=130):
        st.metric("Cases", len(chosen.names), format="localized")
        st.metric("Images", int(files.loc[among, IMAGES].sum()), format="localized")
        st.metric("Masks", int(files.loc[among, MASKS].sum()), format="localized")
        st.metric("Patients", cases.loc[among, "patient_id"].nunique(), format="localized")
        st.metric("Excluded slices", excluded, format="localized", help=EXCLUDED_HELP)
    if excluded:
        widgets.link(keys.CHECKS, "Why slices are excluded", "rule")


def institutions(chosen: ShownCases) -> None:
    """Draw the number of cases per institution."""

    def finding(table: pd.DataFrame) -> str:
        missing = int(table.loc[table["value"].isna(), "chosen"].sum())
        named = len(chosen.names) - missing
        places = int((table.loc[table["value"].notna(), "chosen"] > 0).sum())
        known = f"{widgets.counted(named, 'case')} from {widgets.counted(places, 'institution')}"
        unknown = f"{widgets.counted(missing, 'case')} from an unknown institution"
        return f"{'; '.join([known] * (named > 0) + [unknown] * (missing > 0))}."

    chart(
        chosen,
        "Where do the cases come from?",
        cohort_figures.institutions,
        finding,
        "One bar per institution (two letters in a TCGA case name). Click one to choose its cases.",
        chart_selection.in_values("institution"),
        ["institution"],
    )


def by_case(chosen: ShownCases) -> None:
    """Draw the number of slices per case, with and without tumour."""

    def finding(table: pd.DataFrame) -> str:
        slices = table.loc[chosen.among(table), "slices"]
        if slices.min() == slices.max():
            return f"{slices.min()} in each case."
        return f"{slices.min()} to {slices.max()}, median {slices.median():g}."

    chart(
        chosen,
        "How many slices does a case have?",
        cohort_figures.slices_by_case,
        finding,
        "One bar per case; the lower part is slices with tumour. Click one to choose its case, or use "
        "box select for several.",
        chart_selection.in_cases,
    )
