"""How two measures of the cases are related."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES
from brainseg.statistics.correlation import rank_correlation
from dashboard.shared import chart_selection, keys, widgets
from dashboard.shared.dataset_context import ShownCases, chart, pick, wait_for_atlas

IN_WORKLIST = ("tumour_vx", "tumour_share", "slices", "slices_with_tumour")
"""Measures that are also columns of the worklist, so that a range of them is a filter."""


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    heading = st.container(gap="xxsmall")
    measures = cohort_figures.offered_measures(chosen.every)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x, y = (
            pick(label, key, measures, default, MEASURES.__getitem__)
            for label, key, default in (
                ("X axis", keys.MEASURE, measures[0]),
                ("Y axis", keys.AGAINST, "compactness"),
            )
        )
        groups = ["institution", *worklist.code_columns(chosen.worklist())]
        by = pick("Colour", keys.GROUP, groups, "institution")
    if not wait_for_atlas(chosen, "", (x, y)):
        return

    def finding(table: pd.DataFrame) -> str:
        rows = table[chosen.among(table)]
        both = int(rows[[x, y]].notna().all(axis=1).sum())
        found = rank_correlation(rows[x], rows[y]) if x != y else None
        of_all = f"{both} of {widgets.counted(len(rows), 'case')} have both."
        return f"{found.in_words()}. {of_all}" if found else of_all

    ranges = {axis: name for axis, name in (("x", x), ("y", y)) if name in IN_WORKLIST}
    # A box over axes that are not both in the worklist would lose one of them.
    is_range = len(ranges) == 2 and x != y
    chart(
        chosen,
        "Which measures are related?",
        cohort_figures.compared,
        finding,
        "Each point is a case. Drag a box, or use the lasso in the chart's menu, to choose cases. "
        "Correlation is not causation.",
        chart_selection.in_axes(**ranges) if is_range else chart_selection.in_cases,
        ["case", *ranges.values()],
        above=heading,
        x=x,
        y=y,
        group=by,
    )
