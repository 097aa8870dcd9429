"""How large the tumours are: area by slice, volume by case."""

import streamlit as st

from brainseg.plotting import counts as count_charts
from brainseg.plotting import measures
from brainseg.statistics import histogram
from dashboard.shared import chart_selection, dataset_context, snippets
from dashboard.shared.dataset_context import MEASURES, Explored

AREA = "Tumour area of the slice (px)"


def draw(now: Explored) -> None:
    """Draw the section."""
    with dataset_context.side_by_side():
        with st.container():
            areas(now)
        with st.container():
            volumes(now)


def areas(now: Explored) -> None:
    """Draw how large the tumour is on a slice."""
    slices = now.tumour_slices
    counts = histogram(slices["area_px"], now.chosen(slices))
    areas_px = slices.loc[now.chosen(slices), "area_px"]
    told = (
        f"Median {areas_px.median():,.0f} px over "
        f"{dataset_context.counted(len(areas_px), 'slice')}, up to {areas_px.max():,} px."
        if len(areas_px)
        else "No slice shows a tumour."
    )
    dataset_context.title("How large is the tumour on a slice?", told)
    dataset_context.chart(
        now,
        count_charts.bins(counts, AREA, "slices", tumour=True),
        "tumour_area_px",
        f"Histogram of the tumour's area. {told}",
        snippets.of_slices("area_px", AREA, now.code),
        "A bar counts the slices of that area; slices without tumour are in none. Click one to choose "
        "the cases with such a slice.",
        counts,
        chart_selection.in_bins_of(slices, "area_px"),
        ["case"],
    )


def volumes(now: Explored) -> None:
    """Draw how large the tumour is in a case, by institution."""
    cases, name = now.cases, "tumour_vx"
    group = now.every["institution"].rename("institution")
    volumes_vx = cases.loc[now.chosen(cases), name].dropna()
    over = dataset_context.counted(len(volumes_vx), "case")
    told = (
        f"Median {volumes_vx.median():,.0f} voxels over {over}, up to {volumes_vx.max():,}."
        if len(volumes_vx)
        else "No case has a usable mask."
    )
    dataset_context.title("How large is the tumour in a case?", told)
    dataset_context.chart(
        now,
        measures.strips(cases, name, group, now.chosen(cases), MEASURES[name]),
        "tumour_volume",
        f"Tumour volume of each case by institution. {told}",
        snippets.strips(name, MEASURES[name], "institution", now.has_atlas, now.code),
        "A point a case, side by side within an institution; the orange line is the median. Drag a "
        "box to choose cases. Voxels, because the files hold no spacing: sizes are comparable only as "
        "far as the scans are.",
        cases[["case", "institution", name]],
        chart_selection.in_strips(now.every, "institution", name),
        ["case", "institution", name],
    )
