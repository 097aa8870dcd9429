"""Where the tumours are: in the head, and along the case."""

from collections.abc import Callable, Mapping

import streamlit as st

from brainseg.cohort.filters import Condition
from brainseg.plotting import cohort_figures, maps
from brainseg.statistics import atlas
from brainseg.statistics.atlas import Atlas
from dashboard.shared import chart_selection, dataset_context
from dashboard.shared.dataset_context import ShownCases


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    with dataset_context.side_by_side():
        with st.container():
            in_the_head(chosen)
        with st.container():
            along_the_cases(chosen)


def in_the_head(chosen: ShownCases) -> None:
    """Draw the heat map of the head."""
    question = "Where in the head?"
    if not dataset_context.wait_for_atlas(chosen, question):
        return
    found = atlas.overlap(chosen.atlas(), chosen.names)
    with_tumour = dataset_context.counted(found.cases, "case")
    most = f"the most common location is shared by {found.share.max():.0%}"
    finding = f"{with_tumour} with tumour; {most}."
    dataset_context.title(question, finding)
    if not found.cases:
        st.info("None of the chosen cases has a tumour, so there is no map.", icon=":material/map:")
        return
    dataset_context.chart(
        chosen,
        dataset_context.draw(chosen, cohort_figures.tumour_map),
        f"Heat map of the head. {finding}",
        "Each case's head is scaled to the same box, and all its slices are overlaid. The colour is "
        "the share of cases with tumour at that position on at least one slice; the line is the "
        "average head. Left and top are those of the images: the files contain no orientation. Drag a "
        "box to choose the cases with tumour in it.",
        in_region(chosen.atlas()),
    )


def in_region(heads: Atlas) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of selections in the map: it chooses the cases with tumour in them."""

    def read(selected: Mapping) -> list[Condition]:
        names: list[str] = []
        for rows, columns in maps.regions(selected):
            names += atlas.cases_with_tumour_in(heads, rows, columns)
        return chart_selection.by_name(names)

    return read


def along_the_cases(chosen: ShownCases) -> None:
    """Draw the share of slices with tumour along the case."""
    drawn = dataset_context.draw(chosen, cohort_figures.along_the_case)
    shares = drawn.table["chosen_share"].astype("float64")
    finding = "No slice has a usable mask."
    if shares.notna().any():
        row = drawn.table.loc[shares.idxmax()]
        finding = (
            f"Most often at {row['from']:.0%} to {row['to']:.0%} of the way: on "
            f"{row['chosen_share']:.0%} of slices."
        )
    dataset_context.title("Where along the case?", finding)
    dataset_context.chart(
        chosen,
        drawn,
        f"Share of slices with tumour along the case. {finding}",
        "Each bar is a tenth of the way from a case's first slice to its last; its height is the share "
        "of slices with tumour. Click one to choose the cases with tumour there.",
        chart_selection.in_bins_of(chosen.tumour_slices(), "position"),
    )
