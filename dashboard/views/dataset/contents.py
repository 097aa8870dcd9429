"""What the cohort contains: cases, slices, masks, institutions."""

import streamlit as st

from brainseg.plotting import cohort_figures
from dashboard.shared import chart_selection, dataset_context, keys
from dashboard.shared.dataset_context import ShownCases

EXCLUDED_HELP = (
    "Slices without a usable image and mask. This page counts them in neither group: not with and "
    "not without tumour."
)


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    numbers(chosen)
    with_and_without(chosen)
    with dataset_context.side_by_side():
        with st.container():
            institutions(chosen)
        with st.container():
            by_case(chosen)


def numbers(chosen: ShownCases) -> None:
    """Show the number of cases, images, masks, patients and excluded slices."""
    slices = chosen.cohort.slices
    slices = slices[chosen.among(slices)]
    files = slices[["image_path", "mask_path"]].notna().sum()
    excluded = int(slices["area_px"].isna().sum())
    with st.grid(columns=5, min_column_width=130):
        st.metric("Cases", len(chosen.names), format="localized")
        st.metric("Images", int(files["image_path"]), format="localized")
        st.metric("Masks", int(files["mask_path"]), format="localized")
        st.metric("Patients", slices["patient_id"].nunique(), format="localized")
        st.metric("Excluded slices", excluded, format="localized", help=EXCLUDED_HELP)
    if excluded:
        st.page_link(keys.CHECKS, label="Why slices are excluded", icon=":material/rule:")


def with_and_without(chosen: ShownCases) -> None:
    """Draw the share of slices with tumour."""
    drawn = dataset_context.draw(chosen, cohort_figures.tumour_share)
    parts = [f"{row.slices:,} {row.what} ({row.of_all:.1%})" for row in drawn.table.itertuples()]
    finding = f"{', '.join(parts)}."
    dataset_context.title("How many slices show a tumour?", finding)
    dataset_context.chart(
        chosen,
        drawn,
        f"Slices: {finding}",
        "Share of all images. Slices without a usable mask are in neither group.",
    )


def institutions(chosen: ShownCases) -> None:
    """Draw the number of cases per institution."""
    drawn = dataset_context.draw(chosen, cohort_figures.institutions)
    count = int((drawn.table["chosen"] > 0).sum())
    cases = dataset_context.counted(len(chosen.names), "case")
    finding = f"{cases} from {dataset_context.counted(count, 'institution')}."
    dataset_context.title("Where do the cases come from?", finding)
    dataset_context.chart(
        chosen,
        drawn,
        f"Cases by institution: {finding}",
        "One bar per institution (the two letters in the case name). Click one to choose its cases.",
        chart_selection.in_values("institution"),
        ["institution"],
    )


def by_case(chosen: ShownCases) -> None:
    """Draw the number of slices per case, with and without tumour."""
    drawn = dataset_context.draw(chosen, cohort_figures.slices_by_case)
    slices = drawn.table.loc[chosen.among(drawn.table), "slices"]
    finding = f"{slices.min()} to {slices.max()}, median {slices.median():g}."
    dataset_context.title("How many slices does a case have?", finding)
    dataset_context.chart(
        chosen,
        drawn,
        f"Slices of each of {len(drawn.table)} cases, with and without tumour: {finding}",
        "One bar per case; the lower part is slices with tumour. Click one to choose its case, or use "
        "box select for several.",
        chart_selection.in_cases,
    )
