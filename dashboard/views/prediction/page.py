"""Prediction: a model's segmentation of a case or of your own files, and its uncertainty."""

import os

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.inference.prediction import predict_timed
from brainseg.io import open_upload, warm_decoders
from brainseg.metrics import dice
from brainseg.models import Model
from dashboard.shared import cache, keys, model_picker, review_form, selection, widgets
from dashboard.views.prediction import model_choice, result, upload
from dashboard.views.prediction.model_choice import Viewpoint
from dashboard.views.prediction.result import Answer
from dashboard.views.prediction.subject import Subject, from_cohort

FROM_COHORT, FROM_UPLOAD = "a case of this cohort", "your own files"


def choose_source() -> str:
    """Return the source of the volume: by default the cohort if one is open, else an upload."""
    named = bool(os.environ.get(keys.DATA_ENVIRONMENT))
    usual = FROM_COHORT if named else FROM_UPLOAD
    return widgets.choice("Predict", keys.SOURCE, (FROM_COHORT, FROM_UPLOAD), usual)


def case_of_cohort(cohort: Cohort, model: Model, place: DeltaGenerator) -> Subject:
    """Return the chosen case, and draw its picker."""
    widgets.require_known_case(cohort)
    with place:
        # By default a case that the model was not trained on: others flatter it.
        case = widgets.case_picker(cohort, model.first_unseen(cohort), widgets.CASE_PX)
    try:
        return from_cohort(cohort, case)
    except BrainsegError as error:
        widgets.refuse(error)


def is_held_back(subject: Subject, viewpoint: Viewpoint) -> bool:
    """Show the warnings, and return whether the result stays hidden."""
    record = subject.cautioned(viewpoint.model, subject.exposure(viewpoint))
    warnings = tuple(one for one in record.warnings if one not in subject.shown)
    model_picker.warn(warnings, record.unsuitable)
    return model_picker.held_back(subject.key, record.unsuitable)


def predicted(subject: Subject, viewpoint: Viewpoint, mode: str) -> Answer:
    """Return the prediction of a model or fold."""
    exposure = subject.exposure(viewpoint)
    return Answer(viewpoint, subject.predicted(viewpoint.model, exposure, mode))


st.title("Prediction", anchor=False)
what = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
with what:
    source = choose_source()
left, right, mode = model_choice.choose()
for viewpoint in filter(None, (left, right)):
    cache.warm_up(viewpoint.model)

go = None
if source == FROM_UPLOAD:
    warm_decoders()
    subject = upload.choose()
else:
    cohort = widgets.open_cohort()
    subject = case_of_cohort(cohort, left.model, what)
    go = selection.stepper(cohort)
try:
    if is_held_back(subject, left):
        result.show_images(subject, go)
    else:
        answer = predicted(subject, left, mode)
        compared = predicted(subject, right, mode) if right else None
        result.show(subject, answer, compared, go)
except BrainsegError as error:
    widgets.refuse(error)

if subject.case is not None:
    query = {keys.CASE: subject.name, keys.MODEL: left.model.name}
    query[keys.REVIEW] = review_form.OF_PREDICTION
    widgets.link(keys.CASE_PAGE, "Review this prediction", "rate_review", query)
widgets.tumour_means(predicted=True, outlined=subject.case is not None)
widgets.code(open_upload, predict_timed, dice)
