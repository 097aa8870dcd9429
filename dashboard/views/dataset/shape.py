"""Which shape the tumours have: pieces and compactness of a slice, parts of a case."""

import streamlit as st

from brainseg.plotting import counts as count_charts
from brainseg.statistics import LEAST_COMPACT_PX, category_counts, histogram
from dashboard.shared import chart_selection, dataset_context, keys, overlays, snippets, widgets
from dashboard.shared.dataset_context import Explored

COMPACTNESS = "Compactness: 1 is a disc"
NO_SLICE = "None of these slices shows a tumour."


def draw(now: Explored) -> None:
    """Draw the section."""
    with dataset_context.side_by_side():
        with st.container():
            pieces(now)
        with st.container():
            compactness(now)
    examples(now)
    parts(now)


def pieces(now: Explored) -> None:
    """Draw of how many pieces the tumour is on a slice."""
    slices = now.tumour_slices
    counts = category_counts(slices["components"], now.chosen(slices))
    many = slices.loc[now.chosen(slices), "components"]
    one = float((many == 1).mean()) if len(many) else 0.0
    told = (
        f"In one on {one:.0%} of {dataset_context.counted(len(many), 'slice')}."
        if len(many)
        else NO_SLICE
    )
    dataset_context.title("In how many pieces is it on a slice?", told)
    dataset_context.chart(
        now,
        count_charts.categories(counts, "Pieces of the tumour on the slice", "slices", tumour=True),
        "pieces",
        f"Slices by the number of pieces of their tumour. {told}",
        snippets.pieces(now.code),
        "Pixels that touch at an edge or a corner are one piece. Click a bar to choose the cases with "
        "such a slice.",
        counts,
        chart_selection.in_values_of(slices, "components"),
        ["case"],
    )


def compactness(now: Explored) -> None:
    """Draw how compact the tumour is on a slice."""
    slices = now.tumour_slices
    counts = histogram(slices["compactness"], now.chosen(slices))
    known = slices.loc[now.chosen(slices), "compactness"].dropna()
    over = dataset_context.counted(len(known), "slice")
    told = f"Median {known.median():.2f} over {over}." if len(known) else NO_SLICE
    dataset_context.title("How compact is it on a slice?", told)
    dataset_context.chart(
        now,
        count_charts.bins(counts, COMPACTNESS, "slices", tumour=True),
        "compactness",
        f"Histogram of compactness. {told}",
        snippets.of_slices("compactness", COMPACTNESS, now.code),
        "4 π area / perimeter² (Cox 1927): 1 is a disc; a ragged rim, holes and several pieces lower "
        "it. In pixels it is right to about a tenth, and slices with less than "
        f"{LEAST_COMPACT_PX} px of tumour have none. Click a bar to choose the cases with such a slice.",
        counts,
        chart_selection.in_bins_of(slices, "compactness"),
        ["case"],
    )


def examples(now: Explored) -> None:
    """Draw the least compact, a middling and the most compact slice."""
    slices = now.tumour_slices
    known = slices[now.chosen(slices) & slices["compactness"].notna()]
    if known.empty:
        return
    ordered = known.sort_values("compactness", kind="stable")
    last = len(ordered) - 1
    st.markdown("**Least compact, in the middle, most compact** of the chosen cases:")
    with st.grid(columns=5, min_column_width=150):
        for place in dict.fromkeys((0, last // 4, last // 2, last * 3 // 4, last)):
            row = ordered.iloc[place]
            with st.container(gap="xxsmall"):
                overlays.thumbnail(now.cohort, row["case"], row["slice_number"], overlays.Look())
                st.page_link(
                    keys.CASE_PAGE,
                    label=f"{row['compactness']:.2f} · slice {row['slice_number']}",
                    query_params=dataset_context.link(row["case"], row["slice_number"]),
                )
                st.caption(widgets.plain(row["case"]))


def parts(now: Explored) -> None:
    """Say of how many parts the tumours consist as volumes."""
    question = "In how many parts is it in the case?"
    now = dataset_context.with_measures(now, ["components"], question)
    if now is None:
        return
    cases = now.cases
    counts = category_counts(cases["components"], now.chosen(cases))
    known = cases.loc[now.chosen(cases), "components"].dropna()
    one = int((known == 1).sum())
    dataset_context.title(
        question, f"In one in {one} of {dataset_context.counted(len(known), 'case')}."
    )
    dataset_context.chart(
        now,
        count_charts.categories(counts, "Parts of the tumour as a volume", "cases", tumour=True),
        "parts",
        f"Cases by the number of parts of their tumour: one in {one} of {len(known)}.",
        snippets.parts(now.code),
        "As a volume: what touches from slice to slice is one part, so that two pieces of a slice may "
        "belong to one tumour. A case without a usable mask is missing. Click a bar to choose its "
        "cases.",
        counts,
        chart_selection.in_values_of(cases, "components"),
        ["case"],
    )
