"""What is here: cases, slices, masks, institutions."""

import pandas as pd
import streamlit as st

from brainseg.plotting import counts as count_charts
from brainseg.statistics import UNKNOWN, category_counts, tumour_shares
from dashboard.shared import cache, chart_selection, dataset_context, keys, snippets
from dashboard.shared.dataset_context import Explored

LEFT_OUT_HELP = (
    "Slices without an image and a mask that can be used: nothing on this page counts them as with "
    "or without tumour."
)


def draw(now: Explored) -> None:
    """Draw the section."""
    slices = now.cohort.slices[now.chosen(now.cohort.slices)]
    numbers(now, slices)
    with_and_without(now, slices)
    with dataset_context.side_by_side():
        with st.container():
            institutions(now)
        with st.container():
            by_case(now)


def numbers(now: Explored, slices: pd.DataFrame) -> None:
    """Draw how many of everything there is."""
    files = slices[["image_path", "mask_path"]].notna().sum()
    left_out = int(slices["area_px"].isna().sum())
    with st.grid(columns=5, min_column_width=130):
        st.metric("Cases", len(now.names), format="localized")
        st.metric("Images", int(files["image_path"]), format="localized")
        st.metric("Masks", int(files["mask_path"]), format="localized")
        st.metric("Patients", slices["patient_id"].nunique(), format="localized")
        st.metric("Slices left out", left_out, format="localized", help=LEFT_OUT_HELP)
    if left_out:
        st.page_link(keys.CHECKS, label="Why slices are left out", icon=":material/rule:")


def with_and_without(now: Explored, slices: pd.DataFrame) -> None:
    """Draw which share of the slices shows a tumour."""
    shares = tumour_shares(slices)
    told = ", ".join(f"{row.slices:,} {row.what} ({row.of_all:.1%})" for row in shares.itertuples())
    dataset_context.title("How many slices show a tumour?", f"{told}.")
    dataset_context.chart(
        now,
        count_charts.tumour_share(shares),
        "tumour_share",
        f"Slices: {told}.",
        snippets.tumour_share(now.code),
        "Of all images; a slice whose mask is missing or cannot be used is on neither side.",
        shares,
    )


def institutions(now: Explored) -> None:
    """Draw how many cases come from where."""
    cases = cache.case_table(now.cohort)
    counts = category_counts(cases["institution"], now.chosen(cases))
    many = int((counts["chosen"] > 0).sum())
    cases_of = dataset_context.counted(len(now.names), "case")
    told = f"{cases_of} of {dataset_context.counted(many, 'institution')}."
    dataset_context.title("Where do the cases come from?", told)
    dataset_context.chart(
        now,
        count_charts.categories(counts, "Institution", "cases", missing=UNKNOWN),
        "institutions",
        f"Cases by institution: {told}",
        snippets.institutions(now.code),
        "A bar an institution, from the middle of the case's name. Click one to choose its cases.",
        counts,
        chart_selection.in_values("institution"),
        ["institution"],
    )


def by_case(now: Explored) -> None:
    """Draw how many slices each case has, and how many of them show a tumour."""
    cases = cache.case_table(now.cohort)
    many = cases.loc[now.chosen(cases), "slices"]
    told = f"{many.min()} to {many.max()}, median {many.median():g}."
    dataset_context.title("How many slices has a case?", told)
    dataset_context.chart(
        now,
        count_charts.slices_by_case(cases, now.chosen(cases)),
        "slices_by_case",
        f"Slices of each of {len(cases)} cases, with and without tumour: {told}",
        snippets.slices_by_case(now.code),
        "A bar a case; its lower part are the slices with tumour. Click one to choose its case; with "
        "the box of the chart's menu, several.",
        cases,
        chart_selection.in_cases,
        ["case"],
    )
