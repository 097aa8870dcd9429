"""Prediction: what a model finds in a case or in your own files, and how sure it is."""

import os

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.errors import BrainsegError
from brainseg.formats import open_inputs, shared_pool
from brainseg.metrics import dice
from brainseg.models import Model
from brainseg.prediction import predict_timed
from dashboard import data, models, reviewing, selection, state, widgets
from dashboard.predicting import intake, result, viewpoints
from dashboard.predicting.result import Answer
from dashboard.predicting.subject import Subject, from_cohort
from dashboard.predicting.viewpoints import Viewpoint

FROM_COHORT, FROM_UPLOAD = "a case of this cohort", "your own files"


def choose_source() -> str:
    """Return where the volume comes from; without a cohort, from the person."""
    named = bool(os.environ.get(state.DATA_ENVIRONMENT))
    usual = FROM_COHORT if named else FROM_UPLOAD
    return widgets.choice("Predict", state.SOURCE, (FROM_COHORT, FROM_UPLOAD), usual)


def case_of_cohort(model: Model, place: DeltaGenerator) -> Subject:
    """Return the case that the person chose, with the picker in its place."""
    cohort = widgets.open_cohort()
    widgets.require_known_case(cohort)
    with place:
        # A case that the model learned from would show it better than it is.
        case = widgets.case_picker(cohort, default=model.first_unseen(cohort))
    try:
        return from_cohort(cohort, case)
    except BrainsegError as error:
        widgets.refuse(error)


def is_held_back(subject: Subject, viewpoint: Viewpoint) -> bool:
    """Show the warnings that the files carry, and return whether the result is to stay hidden."""
    try:
        record = subject.cautioned(viewpoint.model, subject.standing(viewpoint))
    except BrainsegError as error:
        widgets.refuse(error)
    models.warn(record.warnings, record.unsuitable)
    return models.held_back(subject.key, record.unsuitable)


def predicted(subject: Subject, viewpoint: Viewpoint, effort: str) -> Answer:
    """Return a prediction, or say in one sentence why there is none, and stop."""
    try:
        standing = subject.standing(viewpoint)
        return Answer(viewpoint, subject.predicted(viewpoint.model, standing, effort))
    except BrainsegError as error:
        widgets.refuse(error)


st.title("Prediction", anchor=False)
what = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
with what:
    source = choose_source()
left, right, effort = viewpoints.choose()
for viewpoint in filter(None, (left, right)):
    data.warm_up(viewpoint.model)

go = None
if source == FROM_UPLOAD:
    shared_pool().warm()
    subject = intake.choose()
else:
    subject = case_of_cohort(left.model, what)
    go = selection.stepper(subject.cohort)
if is_held_back(subject, left):
    result.show_images(subject, go)
else:
    answer = predicted(subject, left, effort)
    compared = predicted(subject, right, effort) if right else None
    result.show(subject, answer, compared, go)

if subject.case is not None:
    st.page_link(
        state.CASE_PAGE,
        label="Review this prediction",
        icon=":material/rate_review:",
        query_params={
            state.CASE: subject.name,
            state.MODEL: left.model.name,
            state.REVIEW: reviewing.OF_PREDICTION,
        },
    )
widgets.tumour_means()
widgets.code(open_inputs, predict_timed, dice)
