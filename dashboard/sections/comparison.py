"""How two measures of the cases go together."""

import streamlit as st

from brainseg import worklist
from dashboard import choosing, data, exploring, measure_charts, snippets, state
from dashboard.exploring import IN_WORKLIST, MEASURES, Explored


def draw(now: Explored) -> None:
    """Draw the section."""
    question = st.container(gap="xxsmall")
    rows = data.case_rows(now.cohort)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        x = exploring.pick("Across", state.MEASURE, list(MEASURES), "tumour_vx", MEASURES.get)
        y = exploring.pick("Up", state.AGAINST, list(MEASURES), "compactness", MEASURES.get)
        groups = ["institution", *worklist.code_columns(rows)]
        by = exploring.pick("Coloured by", state.GROUP, groups, "institution")
    now = exploring.with_measures(now, (x, y))
    if now is None:
        return
    cases = now.cases
    axes = (x, MEASURES[x]), (y, MEASURES[y])
    both = cases[now.chosen(cases)][list(dict.fromkeys((x, y)))].notna().all(axis=1)
    gone = int((~both).sum())
    of = exploring.counted(len(both), "case")
    told = f"{len(both) - gone} of {of} with both."
    with question:
        exploring.title("Which measures go together?", told)
    ranges = {axis: name for axis, name in (("x", x), ("y", y)) if name in IN_WORKLIST}
    # A box over axes that the worklist does not have would lose one of them.
    read = choosing.in_axes(**ranges) if len(ranges) == 2 and x != y else choosing.in_cases
    exploring.chart(
        now,
        measure_charts.scatter(cases, *axes, now.chosen(cases), rows[by]),
        "compared",
        f"{MEASURES[y]} against {MEASURES[x]}: {told}",
        snippets.scatter(*axes, by, now.has_atlas, now.code),
        "A point a case. Drag a box or, with the lasso of the chart's menu, a line around cases to "
        "choose them. What goes together need not cause each other.",
        cases[["case", "institution", *dict.fromkeys((x, y))]],
        read,
        ["case", *ranges.values()],
    )
