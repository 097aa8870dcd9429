"""How two measures of the cases are related."""

import streamlit as st

from brainseg import worklist
from brainseg.plotting import cohort_figures
from brainseg.plotting.cohort_figures import MEASURES
from dashboard.shared import chart_selection, dataset_context, keys
from dashboard.shared.dataset_context import ShownCases

IN_WORKLIST = ("tumour_vx", "tumour_share", "slices", "slices_with_tumour")
"""Measures that are also columns of the worklist, so that a range of them is a filter."""


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    question, heading = "Which measures are related?", st.container(gap="xxsmall")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = dataset_context.pick(
            "X axis", keys.MEASURE, list(MEASURES), "tumour_vx", MEASURES.__getitem__
        )
        y = dataset_context.pick(
            "Y axis", keys.AGAINST, list(MEASURES), "compactness", MEASURES.__getitem__
        )
        groups = ["institution", *worklist.code_columns(chosen.worklist())]
        by = dataset_context.pick("Colour", keys.GROUP, groups, "institution")
    if not dataset_context.wait_for_atlas(chosen, "", (x, y)):
        return
    drawn = dataset_context.draw(chosen, cohort_figures.compared, x=x, y=y, group=by)
    both = drawn.table.loc[chosen.among(drawn.table), [x, y]].notna().all(axis=1)
    of = dataset_context.counted(len(both), "case")
    finding = f"{int(both.sum())} of {of} have both."
    with heading:
        dataset_context.title(question, finding)
    ranges = {axis: name for axis, name in (("x", x), ("y", y)) if name in IN_WORKLIST}
    # A box over axes that are not both in the worklist would lose one of them.
    is_range = len(ranges) == 2 and x != y
    read = chart_selection.in_axes(**ranges) if is_range else chart_selection.in_cases
    dataset_context.chart(
        chosen,
        drawn,
        f"{MEASURES[y]} against {MEASURES[x]}: {finding}",
        "Each point is a case. Drag a box, or use the lasso in the chart's menu, to choose cases. "
        "Correlation is not causation.",
        read,
        ["case", *ranges.values()],
    )
