"""The shape of the tumours: pieces and compactness on a slice, parts of a volume."""

import numpy as np
import streamlit as st

from brainseg.plotting import cohort_figures
from brainseg.statistics import LEAST_COMPACT_PX
from dashboard.shared import chart_selection, keys, overlays, widgets
from dashboard.shared.dataset_context import (
    ShownCases,
    chart,
    link,
    side_by_side,
    wait_for_atlas,
)

NO_SLICE = "None of these slices shows a tumour."


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    side_by_side(lambda: pieces(chosen), lambda: compactness(chosen))
    examples(chosen)
    parts(chosen)


def pieces(chosen: ShownCases) -> None:
    """Draw the number of tumour pieces on a slice."""
    slices = chosen.tumour_slices()
    counts = slices.loc[chosen.among(slices), "components"]
    of = widgets.counted(len(counts), "slice")
    chart(
        chosen,
        "How many pieces does the tumour have on a slice?",
        cohort_figures.pieces,
        f"One piece on {(counts == 1).mean():.0%} of {of}." if len(counts) else NO_SLICE,
        "Pixels that touch at an edge or a corner belong to one piece. Click a bar to choose the cases "
        "with such a slice.",
        chart_selection.in_values_of(slices, "components"),
    )


def compactness(chosen: ShownCases) -> None:
    """Draw the compactness of the tumour on a slice."""
    slices = chosen.tumour_slices()
    known = slices.loc[chosen.among(slices), "compactness"].dropna()
    over = widgets.counted(len(known), "slice")
    chart(
        chosen,
        "How compact is the tumour on a slice?",
        cohort_figures.compactness,
        f"Median {known.median():.2f} over {over}." if len(known) else NO_SLICE,
        "4 π area / perimeter² (Cox 1927): 1 is a disc; a ragged rim, holes and several pieces lower "
        "it. On a pixel grid this is accurate to about 10%. Slices with less than "
        f"{LEAST_COMPACT_PX} px of tumour have no value. Click a bar to choose the cases with such a "
        "slice.",
        chart_selection.in_bins_of(slices, "compactness"),
    )


def examples(chosen: ShownCases) -> None:
    """Show slices from the least to the most compact."""
    slices = chosen.tumour_slices()
    known = np.flatnonzero(chosen.among(slices) & slices["compactness"].notna())
    if not len(known):
        return
    values = slices["compactness"].to_numpy(float, na_value=np.nan)[known]
    ordered = known[np.argsort(values, kind="stable")]
    last = len(ordered) - 1
    st.markdown("**From the least to the most compact** of the chosen cases:")
    with st.grid(columns=5, min_column_width=150):
        for index in dict.fromkeys((0, last // 4, last // 2, last * 3 // 4, last)):
            row = slices.iloc[ordered[index]]
            case, number, value = row[["case", "slice_number", "compactness"]]
            with st.container(gap="xxsmall"):
                overlays.thumbnail(chosen.cohort, case, number, overlays.OverlayStyle())
                label = f"{value:.2f} · slice {number}"
                widgets.link(keys.CASE_PAGE, label, query=link(case, number))
                st.caption(widgets.plain(case))


def parts(chosen: ShownCases) -> None:
    """Draw the number of separate parts of the tumours as volumes."""
    question = "How many parts does the tumour of a case have?"
    if not wait_for_atlas(chosen, question):
        return
    cases = chosen.cases(with_parts=True)
    known = cases.loc[chosen.among(cases), "components"].dropna()
    chart(
        chosen,
        question,
        cohort_figures.parts,
        f"One part in {int((known == 1).sum())} of {widgets.counted(len(known), 'case')}.",
        "Voxels that touch, also from slice to slice, belong to one part, so two pieces on a slice can "
        "be one part. Cases without a usable mask are missing. Click a bar to choose its cases.",
        chart_selection.in_values_of(cases, "components"),
    )
