"""Scoring from a page: the offer, and how far it is, also after the page was left and opened again."""

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation import KNOWS_THE_PATIENT, LEARNED_FROM, Evaluation, background
from brainseg.evaluation.leakage import FEWEST_PATIENTS, MOST_CASES
from brainseg.models import Model
from dashboard.shared import cache, keys, model_picker, url_state, widgets

ALLOW_SEEN = "allow_seen"
LOOKS_AGAIN_S = 1.0


def offer(cohort: Cohort, model: Model, evaluation: Evaluation | None, label: str) -> None:
    """Offer to score the cases here, and say the command that does the same.

    Args:
        cohort: what is scored.
        model: by which.
        evaluation: what was scored before, or None.
        label: what the button says.
    """
    new, seen = _how_many(cohort, model, evaluation)
    allow_seen = False
    if seen:
        allow_seen = st.checkbox(
            f"Also score the {seen} cases that the model learned from, marked as seen",
            key=ALLOW_SEEN,
            value=not new or bool(evaluation is not None and evaluation.seen_cases),
            help="They never enter the figures of new patients. They show what a score on them would "
            "claim, under “How scores inflate”.",
        )
    count = new + (seen if allow_seen else 0)
    st.caption(f"{count} of {len(cohort.cases)} cases would be scored.")
    st.button(
        label,
        key="score",
        type="primary",
        disabled=not count or background.running() is not None,
        icon=":material/calculate:",
        on_click=_start,
        args=(cohort, model, allow_seen),
    )
    st.caption("It goes on when you leave this page. The same from the command line:")
    options = model_picker.option_for(model) + " --allow-seen" * allow_seen
    st.code(f"python -m brainseg evaluate DATA{options}", language="bash")


def offer_leakage(cohort: Cohort, model: Model) -> None:
    """Offer to measure what a split by slice would claim, and say the command that does the same."""
    new, _ = _how_many(cohort, model, None)
    cases = min(new, MOST_CASES)
    st.caption(
        f"Four copies of the network learn from {cases} cases that it never saw. That takes minutes, "
        "goes on when you leave this page, and changes nothing in the model. From the command line:"
    )
    st.code(
        f"python -m brainseg evaluate DATA{model_picker.option_for(model)} --split-by-slice",
        language="bash",
    )
    st.button(
        "Measure",
        key="measure_leakage",
        disabled=cases < FEWEST_PATIENTS or background.running() is not None,
        icon=":material/model_training:",
        on_click=_start,
        args=(cohort, model),
        kwargs={"leakage": True},
    )
    if cases < FEWEST_PATIENTS:
        st.caption(f"That needs {FEWEST_PATIENTS} patients that the model never saw.")


def progress(cohort: Cohort, model: Model) -> None:
    """Draw the scoring that goes on, whosever it is, and say how the last one on this cohort ended."""
    if background.running() is not None:
        _follow()
        return
    last = background.latest(cohort)
    if last is None or (last.is_of(cohort, model) and last.state == background.FINISHED):
        return
    name = widgets.plain(last.model.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if last.state == background.FINISHED:
            st.success(f"{name} has been scored.", icon=":material/check_circle:")
            there = {keys.MODEL: last.model.name}
            st.button("Show it", key="show_scored", on_click=url_state.put, kwargs=there)
        elif last.state == background.FAILED:
            why = widgets.plain(last.error, longest=600)
            st.error(f"The scoring of {name} failed: {why}", icon=":material/error:")
        else:
            st.info(f"The scoring of {name} was stopped; what it had scored so far was not kept.")
        st.button("OK", key="end_of_scoring", on_click=background.forget)


@st.fragment(run_every=LOOKS_AGAIN_S)
def _follow() -> None:
    scoring = background.running()
    if scoring is None:
        url_state.draw_again()
        return
    name, of = widgets.plain(scoring.model.name), widgets.plain(scoring.cohort.root.name)
    if not scoring.total:
        text = "reading cases and opening the model, which takes some seconds the first time"
    else:
        left = scoring.seconds_left
        words = "" if left is None else f", about {model_picker.duration(left)} left"
        unit = "batches" if scoring.leakage else "cases"
        text = f"{scoring.done} of {scoring.total} {unit}{words}"
    if scoring.stops:
        text = "stopping after what it is at"
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            share = scoring.done / scoring.total if scoring.total else 0.0
            doing = "Measuring the splits of" if scoring.leakage else "Scoring"
            st.progress(share, f"**{doing} {name}** on {of}: {text}")
        st.button(
            "Stop",
            key="stop_scoring",
            on_click=scoring.stop,
            disabled=scoring.stops,
            icon=":material/stop_circle:",
        )


def _start(cohort: Cohort, model: Model, allow_seen: bool = False, leakage: bool = False) -> None:
    try:
        background.start(cohort, model, allow_seen, leakage)
        # Opens the networks once for both, and then tells the garbage collector of them.
        cache.warm_up(model)
    except BrainsegError as error:
        st.toast(widgets.plain(str(error), longest=600), icon=":material/error:")


def _how_many(cohort: Cohort, model: Model, evaluation: Evaluation | None) -> tuple[int, int]:
    """Return how many cases are new to the model, and how many of the others could be scored too."""
    if evaluation is not None:
        refused, scored = evaluation.refused, len(evaluation.scores) - evaluation.seen_cases
    else:
        chosen, refused = cache.scorable(cohort, model)
        scored = len(chosen)
    reasons = list(refused.values())
    seen = reasons.count(LEARNED_FROM) + reasons.count(KNOWS_THE_PATIENT)
    return scored, seen + (evaluation.seen_cases if evaluation is not None else 0)
