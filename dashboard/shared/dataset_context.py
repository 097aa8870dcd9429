"""Shared by the sections of the dataset page: the chosen cases, charts and tables with their code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.cohort import Cohort
from brainseg.cohort.filters import Condition
from brainseg.errors import BrainsegError
from brainseg.plotting.chosen_cases import ChosenCases
from brainseg.plotting.cohort_figures import NEED_PARTS
from brainseg.statistics.atlas import Atlas
from brainseg.statistics.embeddings import IMAGE, Features
from dashboard.shared import (
    cache,
    chart_selection,
    keys,
    selection,
    source_code,
    url_state,
    widgets,
)
from dashboard.shared.background import Work

T = TypeVar("T")

PATIENCE_S = 0.3
"""How long a page waits for background work before it shows the progress instead."""

REFRESH_S = 0.5

MIN_CHART_WIDTH_PX = 340
"""Two charts are side by side where each has at least this width."""


class ShownCases(ChosenCases):
    """The cases that the address asks for; the tables come from the caches of the dashboard.

    Attributes:
        every: the worklist's row of each case, in the cohort's order.
        code: the line of code that chooses the same cases.
        has_parts: whether the parts of the tumours have been counted when the page is drawn.
        loaded: features that the page has read already.
    """

    def __init__(
        self, cohort: Cohort, names: Sequence[str], every: pd.DataFrame, code: str
    ) -> None:
        super().__init__(cohort, names)
        self.every, self.code = every, code
        atlas = cache.atlas(cohort).result
        self.has_parts = atlas.done() and not atlas.exception()
        self.loaded: Features | None = None

    def slices(self) -> pd.DataFrame:
        """Return the cached table of slices."""
        return cache.slice_measures(self.cohort)

    def cases(self, with_parts: bool = False) -> pd.DataFrame:
        """Return the cached table of cases."""
        return cache.case_measures(self.cohort, with_parts)

    def worklist(self) -> pd.DataFrame:
        """Return the cached table of cases with the columns of ``data.csv``."""
        return cache.case_rows(self.cohort)

    def atlas(self) -> Atlas:
        """Return the cached atlas."""
        return cache.atlas(self.cohort).result.result()

    def features(self, source: str = IMAGE) -> Features:
        """Return the features that the page has read, or read them."""
        return self.loaded or super().features(source)


@dataclass(frozen=True)
class Drawn:
    """What a figure function returned, with the code that returns the same.

    Attributes:
        name: of the files.
        table: the numbers.
        figure: the figure.
        code: lines that run in a notebook as they are.
    """

    name: str
    table: pd.DataFrame
    figure: go.Figure
    code: str


def shown_cases(cohort: Cohort) -> ShownCases:
    """Return the cohort with the cases that the address asks for."""
    selected = selection.selected(cohort)
    names = set(selected.rows["case"])
    asked, _ = selection.current()
    by_files = {one.column for one in asked.conditions} <= set(cache.case_rows(cohort).columns)
    in_order = tuple(name for name in cohort.cases if name in names)
    is_filter = by_files and not st.query_params.get(keys.SEARCH) and not selected.wrong
    every = selected.every.set_index("case").loc[cohort.cases].reset_index()
    return ShownCases(cohort, in_order, every, _choice(in_order, str(asked) if is_filter else None))


def _choice(names: Sequence[str], filter_text: str | None) -> str:
    """Return the line that chooses cases: by a filter, all for an empty one, or by name for None."""
    if filter_text is None:
        listed = "".join(f"    {name!r},\n" for name in names)
        return f"chosen = ChosenCases(cohort, [\n{listed}])"
    if filter_text:
        return f"chosen = ChosenCases.where(cohort, {filter_text!r})"
    return "chosen = ChosenCases(cohort)  # all cases; add a list of names to choose some"


def draw(chosen: ShownCases, function: Callable, **arguments: object) -> Drawn:
    """Return the table and figure of a figure function, with its code.

    Args:
        chosen: the chosen cases.
        function: from :mod:`brainseg.plotting.cohort_figures`; its name names the files.
        arguments: of the function.
    """
    table, figure = function(chosen, **arguments)
    code = _code(chosen, function, "table, figure", "figure", **arguments)
    return Drawn(function.__name__, table, figure, code)


def tabulate(
    chosen: ShownCases, function: Callable, **arguments: object
) -> tuple[pd.DataFrame, str]:
    """Return the table of a function of the chosen cases, with its code."""
    return function(chosen, **arguments), _code(chosen, function, "table", "table", **arguments)


def _code(
    chosen: ShownCases, function: Callable, result: str, shows: str, **arguments: object
) -> str:
    """Return lines that open the cohort, choose the cases, define a function and call it."""
    opened, defined = source_code.opening(chosen.cohort.root), source_code.definition(function)
    called = source_code.call(function, result, "chosen", **arguments)
    return f"{opened}\n{defined}\n\n{chosen.code}\n{called}{shows}\n"


def side_by_side() -> DeltaGenerator:
    """Return a grid of two columns, or of one on a narrow screen."""
    return st.grid(columns=2, min_column_width=MIN_CHART_WIDTH_PX, gap="large")


def title(question: str, finding: str) -> None:
    """Write the question that a chart answers, and the answer in one line."""
    st.subheader(question, anchor=False)
    st.caption(finding)


def chart(
    chosen: ShownCases,
    drawn: Drawn,
    alt: str,
    reading: str,
    read: Callable[[Mapping], Iterable[Condition]] | None = None,
    columns: Sequence[str] = ("case",),
) -> None:
    """Show a chart with its PNG, its CSV and its code.

    Args:
        chosen: the chosen cases.
        drawn: from :func:`draw`.
        alt: a description of the chart for screen readers.
        reading: how to read it, written below.
        read: turns a selection in the chart into conditions; None makes the chart not selectable.
        columns: the worklist's columns that a selection may filter.
    """
    more: dict = {"key": f"{drawn.name}_chart"}
    if read is not None:
        # A new key per choice: a chart does not report a selection that has not changed, so a bar
        # could not be clicked again after the choice was cleared.
        more["key"] += f"_{chart_selection.digest()}"
        more["on_select"] = partial(
            chart_selection.follow, more["key"], drawn.name, chosen.every, read, columns
        )
        more["selection_mode"] = ("points", "box", "lasso")
    with st.container(gap="xsmall"):
        widgets.figure(drawn.figure, drawn.name, alt, **more)
        st.caption(reading)
        widgets.csv_button(drawn.table, drawn.name)
        show_code(drawn.code)


def table(rows: pd.DataFrame, name: str, alt: str, code: str, **more: object) -> None:
    """Show a table with its CSV and its code; ``more`` goes to ``st.dataframe``."""
    shown: dict = {"hide_index": True, "placeholder": "–", "key": name, "alt": alt, **more}
    st.dataframe(rows, **shown)
    widgets.csv_button(rows, name)
    show_code(code)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 case" and "1,200 cases"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def show_code(lines: str) -> None:
    """Offer the code behind a chart or a table."""
    with st.expander("Show the code", icon=":material/code:"):
        st.code(lines, language="python")


def pick(
    label: str, key: str, names: list[str], default: str, label_of: Callable[[str], str] = str
) -> str:
    """Return the chosen column, which the address keeps; the first one if there is no default."""
    default = default if default in names else names[0]
    url_state.take(key, names, default)
    st.selectbox(label, names, key=key, format_func=label_of, width=300)
    url_state.keep(key, names, default)
    return st.session_state[key]


def link(case: str, slice_number: int | None = None) -> dict[str, str]:
    """Return the parameters of a link to a case; its neighbours are the chosen cases."""
    number = {} if slice_number is None else {keys.SLICE: str(int(slice_number))}
    return {**selection.parameters(), keys.CASE: case, **number}


def wait_for(work: Work[T], doing: str, again: Callable[[], None], question: str = "") -> T | None:
    """Return the result of background work, or None after showing its progress or its error.

    Args:
        work: the work.
        doing: what it does, such as "Reading every slice once".
        again: forgets a failure, so that the work starts again.
        question: the heading of the chart that waits for it.
    """
    above = st.empty()
    try:
        if work.ready(PATIENCE_S):
            return work.result.result()
        _show_progress(work, doing)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        st.button("Retry", on_click=again, icon=":material/refresh:", key=f"again {doing}")
    if question:
        above.subheader(question, anchor=False)
    return None


def wait_for_atlas(chosen: ShownCases, question: str, measures: Iterable[str] = NEED_PARTS) -> bool:
    """Return whether some measures are available, after showing the progress where they are not.

    Args:
        chosen: the chosen cases.
        question: the heading of the chart that waits for them.
        measures: those that the chart needs.
    """
    if not set(measures) & set(NEED_PARTS):
        return True
    again = partial(cache.atlas.clear, chosen.cohort)
    return (
        wait_for(cache.atlas(chosen.cohort), "Reading every slice once", again, question)
        is not None
    )


@st.fragment(run_every=REFRESH_S)
def _show_progress(work: Work, doing: str) -> None:
    if work.result.done():
        url_state.draw_again()
    st.progress(work.share(), work.message(doing))
