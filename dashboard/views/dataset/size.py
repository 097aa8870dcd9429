"""How large the tumours are: area on a slice, volume of a case."""

import streamlit as st

from brainseg.plotting import cohort_figures
from dashboard.shared import chart_selection, dataset_context
from dashboard.shared.dataset_context import ShownCases


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    with dataset_context.side_by_side():
        with st.container():
            areas(chosen)
        with st.container():
            volumes(chosen)


def areas(chosen: ShownCases) -> None:
    """Draw the tumour area on a slice."""
    slices = chosen.tumour_slices()
    areas_px = slices.loc[chosen.among(slices), "area_px"]
    finding = "No slice shows a tumour."
    if len(areas_px):
        over = dataset_context.counted(len(areas_px), "slice")
        finding = f"Median {areas_px.median():,.0f} px over {over}, up to {areas_px.max():,} px."
    dataset_context.title("How large is the tumour on a slice?", finding)
    dataset_context.chart(
        chosen,
        dataset_context.draw(chosen, cohort_figures.tumour_area_px),
        f"Histogram of the tumour area. {finding}",
        "Each bar counts slices of that area; slices without tumour are not counted. Click one to "
        "choose the cases with such a slice.",
        chart_selection.in_bins_of(slices, "area_px"),
    )


def volumes(chosen: ShownCases) -> None:
    """Draw the tumour volume of a case, by institution."""
    drawn = dataset_context.draw(chosen, cohort_figures.tumour_volume)
    volumes_vx = drawn.table.loc[chosen.among(drawn.table), "tumour_vx"].dropna()
    finding = "No case has a usable mask."
    if len(volumes_vx):
        over = dataset_context.counted(len(volumes_vx), "case")
        finding = (
            f"Median {volumes_vx.median():,.0f} voxels over {over}, up to {volumes_vx.max():,}."
        )
    dataset_context.title("How large is the tumour in a case?", finding)
    dataset_context.chart(
        chosen,
        drawn,
        f"Tumour volume of each case by institution. {finding}",
        "Each point is a case, spread sideways so they do not overlap; the orange line is the median. "
        "Drag a box to choose cases. The unit is voxels, because the files contain no spacing: sizes "
        "are comparable only between similar scans.",
        chart_selection.in_strips(chosen.every, "institution", "tumour_vx"),
        ["case", "institution", "tumour_vx"],
    )
