"""Worklist: all cases in one table to filter, sort and search; a click opens the case."""

from functools import partial

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import (
    cache,
    columns,
    filters,
    keys,
    links,
    selection,
    table_keys,
    url_state,
    widgets,
)

CLICK_KEY = "open_case"
TABLE = "_number of the table"
CHOSEN = "_case of the chosen row"
AROUND_TABLE = "worklist_table"
ROW_PX, HEADER_PX, MOST_PX = 35, 38, 640
REFRESH_S = 1.0


def open_clicked(cohort: Cohort) -> None:
    """Open the case that was clicked or chosen."""
    click = st.session_state.get(CLICK_KEY)
    name = st.session_state.pop(CHOSEN, None) or (click and click["label"])
    if name in cohort.cases:
        links.open_page(keys.CASE_PAGE, {keys.CASE: name})


def sort_by_header() -> None:
    """Sort by the clicked column header."""
    if chosen := st.session_state[table_key()].selection.columns:
        filters.sort_by(chosen[0])
        # A new key, so that no column is selected: Streamlit 1.67 lets a callback empty a selection
        # only once.
        st.session_state[TABLE] = st.session_state.get(TABLE, 0) + 1


def table_key() -> str:
    return f"cases {st.session_state.get(TABLE, 0)}"


def controls(every: pd.DataFrame, codebook: pd.DataFrame | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        filters.search()
        filters.values("institution", every, 140)
        filters.values("review", every, 165)
        filters.values("missing_sequences", every, 165)
        filters.findings()
        filters.by_me(every)
        filters.order(every)
        with st.popover("More filters", icon=":material/tune:"):
            filters.more(every, codebook)
        with st.popover("Columns", icon=":material/view_column:"):
            filters.chooser(every)
    filters.chips(every)


def draw(rows: pd.DataFrame, names: list[str]) -> None:
    sort = st.query_params.get(keys.SORT, "")
    with st.container(key=AROUND_TABLE):
        st.dataframe(
            rows[names],
            key=table_key(),
            hide_index=True,
            height=min(HEADER_PX + ROW_PX * len(rows), MOST_PX),
            on_select=sort_by_header,
            selection_mode="single-column",
            placeholder="–",
            column_config=columns.configuration(names, sort, CLICK_KEY),
            alt="Cases that match the filters, one row per case",
        )
    table_keys.open_row(AROUND_TABLE, lambda case: st.session_state.update({CHOSEN: case}))


@st.fragment(run_every=REFRESH_S)
def wait_for_the_checks(cohort: Cohort) -> None:
    """Show that the checks are running, and redraw the page when they finish."""
    if cache.checking(cohort).result.done():
        url_state.draw_again()
    st.caption(
        ":material/hourglass_top: Checks are still running; findings appear when they finish."
    )


def show_counts(cohort: Cohort, now: selection.Selected) -> None:
    masks, predictions = (int(now.rows[name].notna().sum()) for name in worklist.REVIEW_COLUMNS)
    message = f"{len(now.rows):,} of {len(now.every):,} cases; masks reviewed: {masks:,}"
    message += f"; predictions reviewed: {predictions:,}." if predictions else "."
    how = "Click a case name, or press Enter in its row, to open it."
    model, _ = selection.scored(cohort)
    scores = f" Dice: {widgets.plain(model)}, on cases it was not trained on." if model else ""
    st.caption(f"{message} {how}{scores}")


def exports(cohort: Cohort, rows: pd.DataFrame) -> None:
    with st.container(horizontal=True):
        widgets.csv_button(partial(worklist.for_export, rows), "worklist", "This table as CSV")
        try:
            reviews, others = selection.reviews(cohort)
            widgets.csv_button(reviews, "reviews", "All reviews as CSV")
        except BrainsegError as error:
            widgets.error(error)
            return
    if others:
        count = "1 review is" if others == 1 else f"{others} reviews are"
        st.caption(
            f"{count} not counted: the images have changed since, or the review belongs to a case of "
            "the same name in another cohort."
        )


st.title("Worklist")
cohort = widgets.open_cohort()
open_clicked(cohort)
widgets.notes(cohort)

now = selection.selected(cohort)
controls(now.every, cohort.codebook)
selection.show_errors(now)
names, wrong = filters.shown(now.every)
if wrong:
    st.warning(widgets.sentence(wrong), icon=":material/help:")
if now.waiting:
    wait_for_the_checks(cohort)
if now.rows.empty:
    st.info("No case matches these filters: clear one of them.", icon=":material/filter_alt_off:")
else:
    show_counts(cohort, now)
    draw(worklist.with_labels(selection.page_of(cohort, now.rows), cohort.codebook), names)
exports(cohort, now.rows)
widgets.tumour_means(cohort)
widgets.code("from brainseg.worklist import case_rows\n\ncase_rows(cohort)", cohort)
