"""Shared by the sections of the dataset page: the chosen cases, charts and tables with their code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure
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
Drawn = tuple[pd.DataFrame, Figure]

PATIENCE_S = 0.3
"""How long a page waits for background work before it shows the progress instead."""

REFRESH_S = 0.5

MOST_SLICES_TO_KEEP = 20_000
"""Charts of more slices are not kept: with several choices they would take hundreds of MiB."""

MIN_CHART_WIDTH_PX = 340
"""Two charts are side by side where each has at least this width."""


class ShownCases(ChosenCases):
    """The cases that the address selects; the tables come from the caches of the dashboard.

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

    def counts(self) -> pd.DataFrame:
        """Return the cached table of counts."""
        return cache.case_table(self.cohort)

    def worklist(self) -> pd.DataFrame:
        """Return the cached table of cases with the columns of ``data.csv``."""
        return cache.case_rows(self.cohort)

    def atlas(self) -> Atlas:
        """Return the cached atlas."""
        return cache.atlas(self.cohort).result.result()

    def drawn(self, function: Callable[..., Drawn], **arguments: object) -> Drawn:
        """Return the table and figure of a function of these cases, drawn once for all visitors.

        Those of a large cohort are drawn each time: they would take too much memory.
        """
        if len(self.cohort.slices) > MOST_SLICES_TO_KEEP:
            return function(self, **arguments)
        name = f"{function.__module__}.{function.__qualname__}"
        what = (name, hash(self.names), self.has_parts, self.loaded, sorted(arguments.items()))
        return cache.made(self.cohort, what, lambda: function(self, **arguments))

    def features(self, source: str = IMAGE) -> Features:
        """Return the features that the page has read, or read them."""
        return self.loaded or super().features(source)


def shown_cases(cohort: Cohort) -> ShownCases:
    """Return the cohort with the cases that the address selects."""
    selected = selection.selected(cohort)
    names = set(selected.rows["case"])
    asked, _ = selection.current()
    by_files = {one.column for one in asked.conditions} <= set(cache.case_rows(cohort).columns)
    in_order = tuple(name for name in cohort.cases if name in names)
    is_filter = by_files and not st.query_params.get(keys.SEARCH) and not selected.wrong
    every = selected.every.sort_index()  # its index numbers the cases in the cohort's order
    return ShownCases(cohort, in_order, every, _choice(in_order, str(asked) if is_filter else None))


def _choice(names: Sequence[str], filter_text: str | None) -> str:
    """Return the line that chooses cases: by a filter, all for an empty one, or by name for None."""
    if filter_text is None:
        listed = "".join(f"    {name!r},\n" for name in names)
        return f"chosen = ChosenCases(cohort, [\n{listed}])"
    if filter_text:
        return f"chosen = ChosenCases.where(cohort, {filter_text!r})"
    return "chosen = ChosenCases(cohort)  # all cases; add a list of names to choose some"


def figure_code(chosen: ShownCases, function: Callable, **arguments: object) -> str:
    """Return lines that return the table and figure of a function in a notebook."""
    return _code(chosen, function, "table, figure", "figure", **arguments)


def table_code(chosen: ShownCases, function: Callable, **arguments: object) -> str:
    """Return lines that return the table of a function in a notebook."""
    return _code(chosen, function, "table", "table", **arguments)


def _code(
    chosen: ShownCases, function: Callable, result: str, shows: str, **arguments: object
) -> str:
    """Return lines that open the cohort, choose the cases, define a function and call it."""
    cohort, defined = chosen.cohort, source_code.definition(function)
    opened = source_code.opening(source_code.data_folder(cohort.root), cohort.label)
    called = source_code.call(function, result, "chosen", **arguments)
    return f"{opened}\n{defined}\n\n{chosen.code}\n{called}{shows}\n"


def side_by_side(*parts: Callable[[], None]) -> None:
    """Draw parts in two columns, or below each other on a narrow screen."""
    with st.grid(columns=2, min_column_width=MIN_CHART_WIDTH_PX, gap="large"):
        for part in parts:
            with st.container():
                part()


def title(question: str, finding: str) -> None:
    """Write the question that a chart answers, and the answer in one line."""
    st.header(question, anchor=False)
    st.caption(finding)


def chart(
    chosen: ShownCases,
    question: str,
    function: Callable,
    finding: str | Callable[[pd.DataFrame], str],
    reading: str,
    read: Callable[[Mapping], Iterable[Condition]] | None = None,
    columns: Sequence[str] = ("case",),
    above: DeltaGenerator | None = None,
    **arguments: object,
) -> None:
    """Show a chart below the question that it answers, with its PNG, its CSV and its code.

    Args:
        chosen: the chosen cases.
        question: the heading.
        function: from :mod:`brainseg.plotting.cohort_figures`; its name names the files.
        finding: the answer in one line, or a function of the chart's table that returns it.
        reading: how to read the chart, written below.
        read: turns a selection in the chart into conditions; None makes the chart not selectable.
        columns: the worklist's columns that a selection may filter.
        above: where question and finding are written; None for here.
        arguments: of the function.
    """
    table, figure = chosen.drawn(function, **arguments)
    answer = finding(table) if callable(finding) else finding
    with above or st.container(gap="xxsmall"):
        title(question, answer)
    name = function.__name__
    more: dict = {"key": f"{name}_chart"}
    if read is not None:
        # A new key per choice: a chart does not report a selection that has not changed, so a bar
        # could not be clicked again after the choice was cleared.
        more["key"] += f"_{chart_selection.digest()}"
        more["on_select"] = partial(
            chart_selection.follow, more["key"], name, chosen.every, read, columns
        )
        more["selection_mode"] = ("points", "box", "lasso")
    with st.container(gap="xsmall"):
        widgets.figure(figure, name, f"{question} {answer}", **more)
        st.caption(reading)
        if figure.layout.meta:
            st.caption(figure.layout.meta)
        widgets.csv_button(table, name)
        show_code(figure_code(chosen, function, **arguments))


def table(
    chosen: ShownCases,
    heading: str,
    meaning: str,
    function: Callable,
    config: Callable[[pd.DataFrame], Mapping],
    name: str,
    **arguments: object,
) -> pd.DataFrame:
    """Show the table of a function of the chosen cases, with its CSV and its code; return what it shows.

    Args:
        chosen: the chosen cases.
        heading: above the table.
        meaning: what a row is, written below the heading.
        function: from :mod:`brainseg.plotting.cohort_figures`.
        config: returns the configuration of the table's columns.
        name: of the table's key and of the file.
        arguments: of the function.
    """
    rows = function(chosen, **arguments)
    title(heading, meaning)
    shown = selection.page_of(chosen.cohort, rows)
    st.dataframe(
        shown,
        hide_index=True,
        placeholder="–",
        key=name,
        alt=f"{heading}: {meaning}",
        column_config=config(rows),
    )
    widgets.csv_button(rows, name)
    show_code(table_code(chosen, function, **arguments))
    return shown


def show_code(lines: str) -> None:
    """Offer the code behind a chart or a table."""
    with st.expander("Code", icon=":material/code:"):
        st.code(lines, language="python")


def pick(
    label: str,
    key: str,
    names: list[str],
    default: str,
    label_of: Callable[[str], str] = str,
    width: int = 270,
) -> str:
    """Return the chosen column, which the address keeps; the first one if there is no default."""
    default = default if default in names else names[0]
    return widgets.select(label, key, names, default, format_func=label_of, width=width)


def link(case: str, slice_number: int | None = None) -> dict[str, str]:
    """Return what a link to a case shows."""
    number = {} if slice_number is None else {keys.SLICE: str(int(slice_number))}
    return {keys.CASE: case, **number}


def wait_for(work: Work[T], doing: str, again: Callable[[], None], question: str = "") -> T | None:
    """Return the result of background work, or None after showing its progress or its error.

    A visitor can cancel it; it is then cancelled for all who wait.

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
        _show_progress(work, doing, question)
    except BrainsegError as error:
        widgets.error(error)
        st.button(
            "Retry", on_click=again, icon=":material/refresh:", key=f"again {doing} {question}"
        )
    if question:
        above.header(question, anchor=False)
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
def _show_progress(work: Work, doing: str, question: str) -> None:
    if work.result.done():
        url_state.draw_again()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.container(width="stretch").progress(work.share(), work.message(doing))
        key, ends = f"cancel {doing} {question}", work.is_cancelled
        widgets.button("Cancel", "cancel", key, work.cancel, disabled=ends)
