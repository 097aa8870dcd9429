"""How two measures of the cases go together."""

import streamlit as st

from brainseg import worklist
from brainseg.plotting import measures
from dashboard.shared import cache, chart_selection, dataset_context, keys, snippets
from dashboard.shared.dataset_context import IN_WORKLIST, MEASURES, Explored


def draw(now: Explored) -> None:
    """Draw the section."""
    question = st.container(gap="xxsmall")
    rows = cache.case_rows(now.cohort)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = dataset_context.pick("Across", keys.MEASURE, list(MEASURES), "tumour_vx", MEASURES.get)
        y = dataset_context.pick("Up", keys.AGAINST, list(MEASURES), "compactness", MEASURES.get)
        groups = ["institution", *worklist.code_columns(rows)]
        by = dataset_context.pick("Coloured by", keys.GROUP, groups, "institution")
    now = dataset_context.with_measures(now, (x, y))
    if now is None:
        return
    cases = now.cases
    axes = (x, MEASURES[x]), (y, MEASURES[y])
    both = cases[now.chosen(cases)][list(dict.fromkeys((x, y)))].notna().all(axis=1)
    gone = int((~both).sum())
    of = dataset_context.counted(len(both), "case")
    told = f"{len(both) - gone} of {of} with both."
    with question:
        dataset_context.title("Which measures go together?", told)
    ranges = {axis: name for axis, name in (("x", x), ("y", y)) if name in IN_WORKLIST}
    # A box over axes that the worklist does not have would lose one of them.
    read = (
        chart_selection.in_axes(**ranges)
        if len(ranges) == 2 and x != y
        else chart_selection.in_cases
    )
    dataset_context.chart(
        now,
        measures.scatter(cases, *axes, now.chosen(cases), rows[by]),
        "compared",
        f"{MEASURES[y]} against {MEASURES[x]}: {told}",
        snippets.scatter(*axes, by, now.has_atlas, now.code),
        "A point a case. Drag a box or, with the lasso of the chart's menu, a line around cases to "
        "choose them. What goes together need not cause each other.",
        cases[["case", "institution", *dict.fromkeys((x, y))]],
        read,
        ["case", *ranges.values()],
    )
