"""How large the tumours are: area by slice, volume by case."""

import streamlit as st

from brainseg.statistics import histogram
from dashboard import choosing, count_charts, exploring, measure_charts, snippets
from dashboard.exploring import MEASURES, Explored

AREA = "Tumour area of the slice (px)"


def draw(now: Explored) -> None:
    """Draw the section."""
    with exploring.side_by_side():
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
        f"Median {areas_px.median():,.0f} px over {exploring.counted(len(areas_px), 'slice')}, up to "
        f"{areas_px.max():,} px."
        if len(areas_px)
        else "No slice shows a tumour."
    )
    exploring.title("How large is the tumour on a slice?", told)
    exploring.chart(
        now,
        count_charts.bins(counts, AREA, "slices", tumour=True),
        "tumour_area_px",
        f"Histogram of the tumour's area. {told}",
        snippets.of_slices("area_px", AREA, now.code),
        "A bar counts the slices of that area; slices without tumour are in none. Click one to choose "
        "the cases with such a slice.",
        counts,
        choosing.in_bins_of(slices, "area_px"),
        ["case"],
    )


def volumes(now: Explored) -> None:
    """Draw how large the tumour is in a case, by institution."""
    cases, name = now.cases, "tumour_vx"
    group = now.every["institution"].rename("institution")
    volumes_vx = cases.loc[now.chosen(cases), name].dropna()
    over = exploring.counted(len(volumes_vx), "case")
    told = (
        f"Median {volumes_vx.median():,.0f} voxels over {over}, up to {volumes_vx.max():,}."
        if len(volumes_vx)
        else "No case has a usable mask."
    )
    exploring.title("How large is the tumour in a case?", told)
    exploring.chart(
        now,
        measure_charts.strips(cases, name, group, now.chosen(cases), MEASURES[name]),
        "tumour_volume",
        f"Tumour volume of each case by institution. {told}",
        snippets.strips(name, MEASURES[name], "institution", now.has_atlas, now.code),
        "A point a case, side by side within an institution; the orange line is the median. Drag a "
        "box to choose cases. Voxels, because the files hold no spacing: sizes are comparable only as "
        "far as the scans are.",
        cases[["case", "institution", name]],
        choosing.in_strips(now.every, "institution", name),
        ["case", "institution", name],
    )
