"""The script of each visitor: the pages, their order, and the notice at the bottom of each."""

import os
import time
from pathlib import Path

import streamlit as st

from brainseg import RESEARCH_USE, memory
from brainseg.cohort import Cohort
from brainseg.events import emit
from dashboard.shared import (
    ahead,
    cache,
    keys,
    letter_keys,
    links,
    selection,
    signing_in,
    widgets,
    window_width,
)

NAVIGATION_PX = 240
SHOW_THE_SELECTION = ("worklist", "case", "dataset", "similar", "prediction")

started = time.monotonic()
memory.collect_garbage(every_s=10)
st.set_page_config(
    page_title="brainseg",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    # As it was, so that it does not open and fold again before the page is known.
    initial_sidebar_state=st.session_state.get(keys.NAVIGATION, NAVIGATION_PX),
    menu_items={"About": f"brainseg: brain MRI segmentations. {RESEARCH_USE}"},
)

signing_in.gate()

STYLE_OF_PAGES = Path(__file__).with_name("static") / "pages.css"

# Heading -> script -> address, title and icon of each page.
SECTIONS = {
    "": {keys.OVERVIEW: ("overview", "Overview", "home")},
    "Cases": {
        keys.WORKLIST: ("worklist", "Worklist", "list"),
        keys.CASE_PAGE: ("case", "Case", "neurology"),
        keys.BROWSER: ("browser", "Browser", "shuffle"),
    },
    "Data": {
        keys.DATASET: ("dataset", "Dataset", "bar_chart"),
        keys.SIMILAR: ("similar", "Similar slices", "bubble_chart"),
        keys.TOUR: ("tour", "Guided tour", "school"),
        keys.CHECKS: ("checks", "Checks", "rule"),
    },
    "Model": {
        keys.TRAINING: ("training", "Training", "show_chart"),
        keys.EVALUATION: ("evaluation", "Evaluation", "scoreboard"),
        keys.PREDICTION: ("prediction", "Prediction", "online_prediction"),
    },
}

PAGES = {
    script: st.Page(
        script, title=title, icon=f":material/{icon}:", url_path=path, default=path == "overview"
    )
    for pages in SECTIONS.values()
    for script, (path, title, icon) in pages.items()
}

# Its own links know no parameters: they would lose the selected cases and the last view of a page.
page = st.navigation([*PAGES.values()], position="hidden")
script = next(name for name, one in PAGES.items() if one.url_path == page.url_path)
st.session_state[keys.PAGE] = page.url_path
# Where the page needs the window, the navigation opens on request.
of_viewer = page.url_path in ("case", "prediction")
folded = window_width.watch(page.url_path) or of_viewer
st.session_state[keys.NAVIGATION] = "collapsed" if folded else NAVIGATION_PX
st.set_page_config(initial_sidebar_state=st.session_state[keys.NAVIGATION])
st.html(STYLE_OF_PAGES)

opened = cache.opened()
if opened is not None:
    opened = widgets.labelled(opened, st.query_params.get(keys.LABEL))

with st.sidebar:
    for heading, pages in SECTIONS.items():
        with st.container(gap="xxsmall"):
            if heading:
                st.caption(heading)
            for name in pages:
                st.page_link(PAGES[name], query_params=links.query_of(name))
    letter_keys.switch()
    chips = [(st.empty(), "clear_everywhere")]
    signing_in.draw_person()

notice = f":material/science: **{RESEARCH_USE}**"
if said := os.environ.get(keys.NOTICE_ENVIRONMENT):
    notice += f" {widgets.plain(said, longest=300)}"
st.bottom.caption(notice, text_alignment="center")
if folded and page.url_path not in SHOW_THE_SELECTION:
    chips.append((st.empty(), "clear_at_top"))
if not of_viewer:
    ahead.want()


def show_chips(cohort: Cohort | None) -> None:
    """Show the selection in the navigation, and above a page that does not show it itself."""
    for place, key in chips:
        with place:
            selection.chip(cohort, key)


if opened is not None:
    show_chips(opened)
try:
    page.run()
finally:
    if opened is None:  # at the first visit after a start the page has opened it
        show_chips(cache.opened())
    links.remember(script)
    emit("page_run", page=page.url_path or "overview", seconds=round(time.monotonic() - started, 4))
