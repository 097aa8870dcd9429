"""Scoring in the background: the button, and its progress, also after leaving the page."""

import shlex

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.evaluation import KNOWS_THE_PATIENT, LEARNED_FROM, Evaluation, background
from brainseg.evaluation.leakage import FEWEST_PATIENTS, MOST_CASES
from brainseg.models import Model
from dashboard.shared import (
    cache,
    keys,
    model_picker,
    scoring_progress,
    source_code,
    url_state,
    widgets,
)

ALLOW_SEEN = "allow_seen"


def offer(cohort: Cohort, model: Model, evaluation: Evaluation | None, label: str) -> None:
    """Draw the button that scores the cases, and the command; `evaluation` are the saved scores."""
    new, seen = _counts(cohort, model, evaluation)
    allow_seen = False
    if seen:
        allow_seen = st.checkbox(
            f"Also score the {seen} cases in the training data, marked as seen",
            key=ALLOW_SEEN,
            value=not new or bool(evaluation is not None and evaluation.seen_cases),
            help="They are not counted in the figures of new patients. “Flattering scores” shows their "
            "effect.",
        )
    count = new + (seen if allow_seen else 0)
    st.caption(f"{count} of {len(cohort.cases)} cases will be scored.")
    st.button(
        label,
        key="score",
        type="primary",
        disabled=not count or background.running() is not None,
        icon=":material/calculate:",
        on_click=scoring_progress.start,
        args=(cohort, model, allow_seen),
    )
    st.caption("Continues in the background. In a terminal:")
    options = model_picker.option_for(model) + (" --allow-seen" if allow_seen else "")
    st.code(f"python -m brainseg evaluate {_folder(cohort)}{options}", language="bash")


def begin(cohort: Cohort, model: Model, evaluation: Evaluation | None) -> None:
    """Start to score the cases without a score if that takes less than a minute."""
    if evaluation is not None and not evaluation.unscored:
        return
    names, _ = cache.scorable(cohort, model)
    known = set() if evaluation is None else set(evaluation.scores["case"])
    background.start_if_short(
        cohort, model, (cohort.case(name) for name in names if name not in known)
    )


def offer_leakage(cohort: Cohort, model: Model) -> None:
    """Draw the button that measures the effect of a split by slice, and the equivalent command."""
    new, _ = _counts(cohort, model, None)
    cases = min(new, MOST_CASES)
    st.caption(
        f"Trains four copies of the network on {cases} unseen cases. Takes minutes, continues in the "
        "background and does not change the model. In a terminal:"
    )
    options = f"{model_picker.option_for(model)} --split-by-slice"
    st.code(f"python -m brainseg evaluate {_folder(cohort)}{options}", language="bash")
    st.button(
        "Measure",
        key="measure_leakage",
        disabled=cases < FEWEST_PATIENTS or background.running() is not None,
        icon=":material/model_training:",
        on_click=scoring_progress.start,
        args=(cohort, model),
        kwargs={"leakage": True},
    )
    if cases < FEWEST_PATIENTS:
        st.caption(
            f"This needs at least {FEWEST_PATIENTS} patients that the model was not trained on."
        )


def progress(cohort: Cohort, model: Model) -> None:
    """Draw the running scoring of any visitor, else how the last one on this cohort ended."""
    if background.running() is not None:
        scoring_progress.follow(cohort)
        return
    last = background.latest(cohort)
    if last is None or (last.is_of(cohort, model) and last.state == background.FINISHED):
        return
    name = widgets.plain(last.model.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if last.state == background.FINISHED:
            st.success(f"{name} has been scored.", icon=":material/check_circle:")
            scored = {keys.MODEL: last.model.name}
            st.button("Show scores", key="show_scored", on_click=url_state.put, kwargs=scored)
        elif last.state == background.FAILED:
            widgets.error(f"Scoring {last.model.name} failed: {last.error}")
        else:
            st.info(f"Scoring {name} was stopped; the scores so far were kept.")
        st.button("OK", key="end_of_scoring", on_click=background.forget)


def _folder(cohort: Cohort) -> str:
    return shlex.quote(source_code.data_folder(cohort.root))


def _counts(cohort: Cohort, model: Model, evaluation: Evaluation | None) -> tuple[int, int]:
    """Return the number of unseen cases to score, and of those in the training data."""
    if evaluation is None or evaluation.unscored or evaluation.shipped:
        chosen, refused = cache.scorable(cohort, model)
        scored, seen = len(chosen), 0
    else:
        refused, seen = evaluation.refused, evaluation.seen_cases
        scored = len(evaluation.scores) - seen
    reasons = list(refused.values())
    return scored, seen + reasons.count(LEARNED_FROM) + reasons.count(KNOWS_THE_PATIENT)
