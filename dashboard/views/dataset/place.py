"""Where the tumours are: in the head, and along the case."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from brainseg.cohort.filters import Condition
from brainseg.plotting import cohort_figures, maps
from brainseg.statistics import atlas
from dashboard.shared import chart_selection, widgets
from dashboard.shared.dataset_context import (
    ShownCases,
    chart,
    side_by_side,
    title,
    wait_for_atlas,
)


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    side_by_side(lambda: in_the_head(chosen), lambda: along_the_cases(chosen))


def in_the_head(chosen: ShownCases) -> None:
    """Draw the heat map of the head."""
    question = "Where in the head?"
    if not wait_for_atlas(chosen, question):
        return
    heads = chosen.atlas()
    found = atlas.overlap(heads, chosen.names)
    most = f"the most common location is shared by {found.share.max():.0%}"
    finding = f"{widgets.counted(found.cases, 'case')} with tumour; {most}."
    if not found.cases:
        title(question, finding)
        st.info("None of the chosen cases has a tumour, so there is no map.", icon=":material/map:")
        return

    def cases_in_region(selected: Mapping) -> list[Condition]:
        regions = maps.regions(selected)
        return chart_selection.by_name(
            name
            for rows, columns in regions
            for name in atlas.cases_with_tumour_in(heads, rows, columns)
        )

    chart(
        chosen,
        question,
        cohort_figures.tumour_map,
        finding,
        "Each case's head is scaled to the same box, and all its slices are overlaid. The colour is "
        "the share of cases with tumour at that position on at least one slice; the line is the "
        "average head. Left and top are those of the images: the files contain no orientation. Drag a "
        "box to choose the cases with tumour in it.",
        cases_in_region,
    )


def along_the_cases(chosen: ShownCases) -> None:
    """Draw the share of slices with tumour along the case."""

    def finding(table: pd.DataFrame) -> str:
        shares = table["chosen_share"].astype("float64")
        if shares.isna().all():
            return "No slice has a usable mask."
        row = table.loc[shares.idxmax()]
        return (
            f"Most often at {row['from']:.0%} to {row['to']:.0%} of the way: on "
            f"{row['chosen_share']:.0%} of slices."
        )

    chart(
        chosen,
        "Where along the case?",
        cohort_figures.along_the_case,
        finding,
        "Each bar is a tenth of the way from a case's first slice to its last; its height is the share "
        "of slices with tumour. Click one to choose the cases with tumour there.",
        chart_selection.in_bins_of(chosen.tumour_slices(), "position"),
    )
