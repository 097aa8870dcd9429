"""Where the tumours are: in the head, and along the case."""

from collections.abc import Callable, Mapping

import streamlit as st

from brainseg.cohort.filters import Condition
from brainseg.plotting import counts, maps
from brainseg.statistics import along_the_case, atlas
from brainseg.statistics.atlas import Atlas
from dashboard.shared import cache, chart_selection, dataset_context, snippets
from dashboard.shared.dataset_context import Explored

READING = "Reading every slice once, for the map of the head"


def draw(now: Explored) -> None:
    """Draw the section."""
    with dataset_context.side_by_side():
        with st.container():
            in_the_head(now)
        with st.container():
            along_the_cases(now)


def in_the_head(now: Explored) -> None:
    """Draw the heat map of the head."""
    question, work = "Where in the head?", cache.atlas(now.cohort)
    made = dataset_context.wait_for(work, READING, lambda: cache.atlas.clear(now.cohort), question)
    if made is None:
        return
    found = atlas.overlap(made, now.names)
    with_tumour = dataset_context.counted(found.cases, "case")
    told = f"{with_tumour} with tumour; at most {found.share.max():.0%} share one place."
    dataset_context.title(question, told)
    if not found.cases:
        st.info("None of the chosen cases has a tumour, so there is no map.", icon=":material/map:")
        return
    dataset_context.chart(
        now,
        maps.overlap_map(found),
        "tumour_map",
        f"Heat map of the head. {told}",
        snippets.overlap(now.code),
        "Each case's head is fitted into one box, and all slices are laid on each other. The colour "
        "says which share of the cases has tumour there, on at least one slice; the line is the average "
        "head. Left and top are those of the images: the files hold no orientation. Drag a box to "
        "choose the cases with tumour in it.",
        maps.overlap_table(found),
        in_region(made),
        ["case"],
    )


def in_region(made: Atlas) -> Callable[[Mapping], list[Condition]]:
    """Return how a selection in the map reads: the cases with tumour in it."""

    def read(chosen: Mapping) -> list[Condition]:
        names: list[str] = []
        for rows, columns in maps.regions(chosen):
            names += atlas.cases_with_tumour_in(made, rows, columns)
        return chart_selection.by_name(names)

    return read


def along_the_cases(now: Explored) -> None:
    """Draw how often the tumour shows along the case."""
    slices = now.slices
    table = along_the_case(slices, now.chosen(slices))
    most = table["chosen_share"].astype("float64")
    told = "No slice has a usable mask."
    if most.notna().any():
        row = table.loc[most.idxmax()]
        told = (
            f"Most often at {row['from']:.0%} to {row['to']:.0%} of the way: on "
            f"{row['chosen_share']:.0%} of slices."
        )
    dataset_context.title("Where along the case?", told)
    dataset_context.chart(
        now,
        counts.along(table),
        "along_the_case",
        f"Share of slices with tumour along the case. {told}",
        snippets.along(now.code),
        "A bar is a tenth of the way from a case's first slice to its last; its height is the share of "
        "slices there that show a tumour. Click one to choose the cases with tumour there.",
        table,
        chart_selection.in_bins_of(now.tumour_slices, "position"),
        ["case"],
    )
