"""What the sections of the dataset page share: the chosen cases, and a chart or table with its code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.cohort import Cohort
from brainseg.cohort.filters import Condition
from brainseg.errors import BrainsegError
from brainseg.statistics import INSIDE, OUTSIDE
from dashboard.shared import cache, chart_selection, keys, selection, url_state, widgets
from dashboard.shared.background import Work
from dashboard.shared.snippets import Chosen

T = TypeVar("T")

PATIENCE_S = 0.3
"""So long a page waits for work before it draws without it: most cohorts are done by then."""

LOOKS_AGAIN_S = 0.5

NARROWEST_CHART_PX = 340
"""Two charts stand side by side where each has at least this width."""

MEASURES = {
    "tumour_vx": "Tumour volume (voxels)",
    "tumour_share": "Slices with tumour (share of the case)",
    "largest_area_px": "Largest tumour area of a slice (px)",
    "compactness": "Compactness (median of the slices)",
    "components": "Parts of the tumour as a volume",
    "largest_share": "Largest part (share of the tumour)",
    "tumour_from": "First slice with tumour (place along the case)",
    "tumour_to": "Last slice with tumour (place along the case)",
    "slices": "Slices",
    "slices_with_tumour": "Slices with tumour",
    **{column: f"{name} inside the tumour (mean, 0..255)" for name, column in INSIDE.items()},
    **{column: f"{name} outside the tumour (mean, 0..255)" for name, column in OUTSIDE.items()},
}
"""The numbers of :func:`brainseg.statistics.case_measures`, as their axes are called."""

FROM_ATLAS = ("components", "largest_share")
IN_WORKLIST = ("tumour_vx", "tumour_share", "slices", "slices_with_tumour")
"""Measures that the worklist has too, so that a range of them is a filter."""


@dataclass(frozen=True)
class Explored:
    """A cohort, and which of its cases are chosen.

    Attributes:
        cohort: the open cohort.
        names: the chosen cases; all of them without a filter.
        every: the worklist's row of each case, in the cohort's order.
        code: the choice as code.
        has_atlas: whether what needs every pixel is there yet: asked once a run, so that a table and
            its code agree.
    """

    cohort: Cohort
    names: tuple[str, ...]
    every: pd.DataFrame
    code: Chosen
    has_atlas: bool

    @property
    def slices(self) -> pd.DataFrame:
        """Return what is measured on each slice of the cohort."""
        return cache.slice_measures(self.cohort)

    @property
    def tumour_slices(self) -> pd.DataFrame:
        """Return the rows of :attr:`slices` that show a tumour."""
        return self.slices[self.slices["tumour"].fillna(False)]

    @property
    def cases(self) -> pd.DataFrame:
        """Return what is measured on each case of the cohort, in its order."""
        return cache.case_measures(self.cohort, self.has_atlas)

    def chosen(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table belong to a chosen case."""
        return table["case"].isin(self.names)


def explore(cohort: Cohort) -> Explored:
    """Return the cohort with the cases that the address asks for."""
    now = selection.selected(cohort)
    names = set(now.rows["case"])
    asked, _ = selection.current()
    rows = cache.case_rows(cohort)
    by_files = {condition.column for condition in asked.conditions} <= set(rows.columns)
    in_order = tuple(name for name in cohort.cases if name in names)
    if by_files and not st.query_params.get(keys.SEARCH) and not now.wrong:
        code = Chosen(str(asked))
    else:
        code = Chosen(names=in_order)
    every = now.every.set_index("case").loc[cohort.cases].reset_index()
    atlas = cache.atlas(cohort).result
    return Explored(cohort, in_order, every, code, atlas.done() and not atlas.exception())


def side_by_side() -> DeltaGenerator:
    """Return a grid of two cells a row, one where there is no room for two."""
    return st.grid(columns=2, min_column_width=NARROWEST_CHART_PX, gap="large")


def title(question: str, finding: str) -> None:
    """Write what a chart answers, and the answer in a line."""
    st.subheader(question, anchor=False)
    st.caption(finding)


def chart(
    now: Explored,
    figure: go.Figure,
    name: str,
    alt: str,
    code: str,
    reading: str,
    table: pd.DataFrame | None = None,
    read: Callable[[Mapping], Iterable[Condition]] | None = None,
    columns: Sequence[str] = ("case",),
) -> None:
    """Draw a chart with its PNG, its CSV and its code.

    Args:
        now: the chosen cases.
        figure: from one of the modules of charts.
        name: of its files.
        alt: what it shows, for who does not see it.
        code: the lines that make it.
        reading: how to read it, written below.
        table: the numbers behind it.
        read: what a selection in it asks for; without it the chart answers to none.
        columns: the worklist's columns that a selection may ask for.
    """
    more = {"key": f"{name}_chart"}
    if read is not None:
        # Another choice, another widget: a chart sends nothing where its selection is as it was, so
        # that a bar could not be chosen again once the choice was cleared.
        more["key"] += f"_{chart_selection.digest()}"
        more["on_select"] = partial(
            chart_selection.follow, more["key"], name, now.every, read, columns
        )
        more["selection_mode"] = ("points", "box", "lasso")
    with st.container(gap="xsmall"):
        widgets.figure(figure, name, alt, **more)
        st.caption(reading)
        if table is not None:
            widgets.csv_button(table, name)
        show_code(code)


def table(rows: pd.DataFrame, name: str, alt: str, code: str, **more: object) -> None:
    """Draw a table with its CSV and its code; ``more`` goes to ``st.dataframe``."""
    shown = {"hide_index": True, "placeholder": "–", "key": name, "alt": alt, **more}
    st.dataframe(rows, **shown)
    widgets.csv_button(rows, name)
    show_code(code)


def counted(many: int, noun: str) -> str:
    """Return a number and what it counts, such as "1 case" and "1,200 cases"."""
    return f"{many:,} {noun}{'' if many == 1 else 's'}"


def show_code(lines: str) -> None:
    """Offer the lines behind a chart or a table."""
    with st.expander("Show the code", icon=":material/code:"):
        st.code(lines, language="python")


def pick(
    label: str, key: str, names: list[str], default: str, say: Callable[[str], str] = str
) -> str:
    """Return one of some columns, kept in the address; the first where there is no default."""
    default = default if default in names else names[0]
    url_state.take(key, names, default)
    st.selectbox(label, names, key=key, format_func=say, width=300)
    url_state.keep(key, names, default)
    return st.session_state[key]


def link(case: str, slice_number: int | None = None) -> dict[str, str]:
    """Return the parameters of a link to a case, whose neighbours are the chosen cases."""
    place = {} if slice_number is None else {keys.SLICE: str(int(slice_number))}
    return {**selection.parameters(), keys.CASE: case, **place}


def wait_for(work: Work[T], doing: str, again: Callable[[], None], question: str = "") -> T | None:
    """Return what long work gives, or say how far it is and look again; None until it is there.

    Args:
        work: that was started beside the page.
        doing: what it does, such as "Reading every slice once".
        again: forgets a failure, so that the work starts again.
        question: what waits for it, written above where it is not there.
    """
    above = st.empty()
    try:
        if work.ready(PATIENCE_S):
            return work.result.result()
        _say_how_far(work, doing)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        st.button("Try again", on_click=again, icon=":material/refresh:", key=f"again {doing}")
    if question:
        above.subheader(question, anchor=False)
    return None


def with_measures(now: Explored, measures: Iterable[str], question: str = "") -> Explored | None:
    """Return the cases with some measures, after waiting for those that need every pixel.

    Args:
        now: the chosen cases.
        measures: some of :data:`MEASURES`.
        question: as for :func:`wait_for`, which says how far it is where this returns None.
    """
    if not set(measures) & set(FROM_ATLAS):
        return now
    doing, again = "Reading every slice once, for the parts of each tumour", cache.atlas.clear
    made = wait_for(cache.atlas(now.cohort), doing, lambda: again(now.cohort), question)
    return None if made is None else replace(now, has_atlas=True)


@st.fragment(run_every=LOOKS_AGAIN_S)
def _say_how_far(work: Work, doing: str) -> None:
    if work.result.done():
        url_state.draw_again()
    st.progress(work.share(), work.told(doing))
