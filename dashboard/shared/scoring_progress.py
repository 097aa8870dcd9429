"""A scoring in the background on every page that shows its scores: its start and its progress."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation import background
from brainseg.models import Model
from dashboard.shared import cache, model_picker, url_state, widgets
from dashboard.shared.cache_keys import last_scored

REFRESH_S = 1.0


def start(cohort: Cohort, model: Model, allow_seen: bool = False, leakage: bool = False) -> None:
    """Start a scoring, or show why not; see :func:`brainseg.evaluation.background.start`."""
    with _refusals_shown():
        background.start(cohort, model, allow_seen, leakage)
        # Opens the networks once for both, and then tells the garbage collector of them.
        cache.warm_up(model)


def _stop(scoring: background.Scoring) -> None:
    with _refusals_shown():
        scoring.stop()


@contextmanager
def _refusals_shown() -> Iterator[None]:
    try:
        yield
    except BrainsegError as error:
        st.toast(widgets.sentence(error), icon=":material/error:")


def follow(cohort: Cohort) -> None:
    """Draw the running scoring of any visitor with a Stop button; it updates itself.

    The page is drawn again when more scores of the cohort have been saved, and at the end.
    """
    st.fragment(_follow, run_every=REFRESH_S)(cohort, last_scored(cohort))


def _follow(cohort: Cohort, drawn: tuple[str, int]) -> None:
    scoring = background.running()
    if scoring is None or last_scored(cohort) != drawn:
        url_state.draw_again()
    if scoring is None:
        return
    name, of = widgets.plain(scoring.model.name), widgets.plain(scoring.cohort.root.name)
    if not scoring.total:
        text = "reading the cases and opening the model"
    else:
        left = scoring.seconds_left
        rest = "" if left is None else f", about {model_picker.duration(left)} left"
        unit = "batches" if scoring.leakage else "cases"
        text = f"{scoring.done} of {scoring.total} {unit}{rest}"
    if scoring.stops:
        text = f"stopping after the current {'batch' if scoring.leakage else 'case'}"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            share = scoring.done / scoring.total if scoring.total else 0.0
            doing = "Measuring the splits of" if scoring.leakage else "Scoring"
            st.progress(share, f"**{doing} {name}** on {of}: {text}")
        st.button(
            "Stop",
            key="stop_scoring",
            on_click=_stop,
            args=(scoring,),
            disabled=scoring.stops,
            icon=":material/stop_circle:",
        )
