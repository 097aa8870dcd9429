"""Where the tumours are: in the head, and along the case."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from brainseg.cohort.filters import Condition
from brainseg.plotting import cohort_figures, maps
from brainseg.statistics import atlas
from dashboard.shared import chart_selection, selection, widgets
from dashboard.shared.dataset_context import (
    ShownCases,
    chart,
    side_by_side,
    title,
    wait_for_atlas,
)

_REGIONS = "_chosen regions"
"""Session key: regions of the map, and the choice of cases that they made."""


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

    regions = chosen_regions()
    # Left out of the code below the chart where there are none.
    outlined: dict[str, Any] = {"regions": regions} if regions else {}

    def cases_in_region(selected: Mapping) -> list[Condition]:
        selected_regions = maps.regions(selected)
        st.session_state[_REGIONS] = selected_regions, None
        return chart_selection.by_name(
            name
            for rows, columns in selected_regions
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
        **outlined,
    )


def chosen_regions() -> list[maps.Region]:
    """Return the regions whose cases are chosen, until the choice changes."""
    regions, of_choice = st.session_state.get(_REGIONS, ([], None))
    now = chart_selection.digest()
    if of_choice is None:  # chosen just now: the callback ran before the address changed
        st.session_state[_REGIONS] = regions, now
    is_current = of_choice in (None, now) and bool(selection.current()[0].of("case"))
    return regions if is_current else []


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
