"""Prediction: a model's segmentation of a case or of your own files, and its uncertainty."""

import os

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.io import warm_decoders
from brainseg.models import Model
from dashboard.shared import cache, keys, model_picker, selection, viewer_layout, widgets
from dashboard.views.prediction import model_choice, result, upload
from dashboard.views.prediction.model_choice import Viewpoint
from dashboard.views.prediction.result import Answer
from dashboard.views.prediction.subject import Subject, from_cohort

FROM_COHORT, FROM_UPLOAD = "a case of this cohort", "your own files"


def choose_source() -> str:
    """Return the source of the volume: by default the cohort if one is open, else an upload."""
    named = bool(os.environ.get(keys.DATA_ENVIRONMENT))
    usual = FROM_COHORT if named else FROM_UPLOAD
    return widgets.choice(
        "Predict", keys.SOURCE, (FROM_COHORT, FROM_UPLOAD), usual, label_visibility="collapsed"
    )


def case_of_cohort(cohort: Cohort, model: Model, place: DeltaGenerator) -> Subject:
    """Return the chosen case, and draw its picker."""
    widgets.require_known_case(cohort)
    with place:
        # By default a case that the model was not trained on: others flatter it.
        case = widgets.case_picker(
            cohort,
            model.first_unseen(cohort),
            label_visibility="collapsed",
            width=widgets.CASE_PX,
        )
    try:
        return from_cohort(cohort, case)
    except BrainsegError as error:
        widgets.refuse(error)


def cautions(subject: Subject, viewpoint: Viewpoint) -> tuple[tuple[str, ...], bool]:
    """Return the warnings of a prediction, and whether the images are unsuitable."""
    record = subject.cautioned(viewpoint.model, subject.exposure(viewpoint))
    return tuple(one for one in record.warnings if one not in subject.shown), record.unsuitable


def predicted(subject: Subject, viewpoint: Viewpoint, mode: str) -> Answer:
    """Return the prediction of a model or fold."""
    exposure = subject.exposure(viewpoint)
    return Answer(viewpoint, subject.predicted(viewpoint.model, exposure, mode))


header = viewer_layout.header()
with header:
    st.title("Prediction", width="content", anchor=False)
    source = choose_source()
    place = st.container(width="content")
    left, right, mode = model_choice.choose()
for viewpoint in filter(None, (left, right)):
    cache.warm_up(viewpoint.model)

go = None
if source == FROM_UPLOAD:
    warm_decoders()
    subject = upload.choose()
else:
    cohort = widgets.open_cohort(badge=header)
    subject = case_of_cohort(cohort, left.model, place)
    with header:
        selection.chip(cohort, "clear_here")
    go = selection.stepper(cohort)
try:
    warnings, unsuitable = cautions(subject, left)
    if unsuitable:
        model_picker.warn(warnings, unsuitable)
    if model_picker.held_back(subject.key, unsuitable):
        result.show_images(subject, go)
    else:
        answer = predicted(subject, left, mode)
        compared = predicted(subject, right, mode) if right else None
        result.show(subject, answer, compared, go, () if unsuitable else warnings)
except BrainsegError as error:
    widgets.refuse(error)
