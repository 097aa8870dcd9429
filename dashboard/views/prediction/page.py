"""Prediction: a model's segmentation of a case or of your own files, and its uncertainty."""

import os
from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.io import warm_decoders
from brainseg.models import Model
from dashboard.shared import ahead, cache, keys, model_picker, selection, viewer_layout, widgets
from dashboard.views.prediction import model_choice, result, upload
from dashboard.views.prediction.model_choice import Viewpoint
from dashboard.views.prediction.result import Answer
from dashboard.views.prediction.subject import Subject, from_cohort

# Addresses contain these words; the page shows fewer.
FROM_COHORT, FROM_UPLOAD = "a case of this cohort", "your own files"
SOURCES = {FROM_COHORT: "cohort", FROM_UPLOAD: "own files"}


def choose_source() -> str:
    """Return the source of the volume: by default the cohort if one is open, else an upload."""
    named = bool(os.environ.get(keys.DATA_ENVIRONMENT))
    if not named and keys.SOURCE not in st.query_params:
        return FROM_UPLOAD
    usual = FROM_COHORT if named else FROM_UPLOAD
    return widgets.choice(
        "Predict",
        keys.SOURCE,
        tuple(SOURCES),
        usual,
        label_visibility="collapsed",
        format_func=SOURCES.get,
    )


def case_of_cohort(cohort: Cohort, model: Model, place: DeltaGenerator) -> Subject:
    """Return the chosen case, and draw its picker."""
    widgets.require_known_case(cohort)
    with place:
        # By default a case that the model was not trained on: others flatter it.
        case = widgets.case_picker(
            cohort,
            cache.made(cohort, ("first unseen", model.digest), lambda: model.first_unseen(cohort)),
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


def predicted(subject: Subject, viewpoint: Viewpoint, mode: str) -> Answer | None:
    """Return the prediction of a model or fold, or None if the visitor cancelled it."""
    found = subject.predicted(viewpoint.model, subject.exposure(viewpoint), mode)
    return None if found is None else Answer(viewpoint, found, mode)


def prepare(
    cohort: Cohort,
    case: str,
    viewpoints: tuple[Viewpoint, ...],
    mode: str,
    is_wanted: Callable[[], bool],
) -> None:
    """Predict a case ahead of a visitor's request, and pack it for the viewer."""
    subject = from_cohort(cohort, cohort.case(case))
    if cautions(subject, viewpoints[0])[1]:
        return  # its prediction stays hidden
    answers = []
    for viewpoint in viewpoints:
        work = subject.start(viewpoint.model, subject.exposure(viewpoint), mode)
        if not ahead.finish(work, is_wanted):
            return
        answers.append(Answer(viewpoint, work.result.result(), mode))
    result.packed(subject, *answers)


header = viewer_layout.header()
with header:
    st.title("Prediction", width="content", anchor=False)
    source = choose_source()
    place = st.container(width="content")
    left, right, mode = model_choice.choose()
for viewpoint in filter(None, (left, right)):
    cache.warm_up(viewpoint.model)

go, next_ones = None, list[ahead.Wish]()
if source == FROM_UPLOAD:
    warm_decoders()
    subject = upload.choose(left.model.target)
else:
    cohort = widgets.open_cohort(header)
    subject = case_of_cohort(cohort, left.model, place)
    here = selection.place(cohort, subject.name)
    with header:
        selection.chip(cohort, "clear_here", here.of)
    go = selection.stepper(cohort)
    viewpoints = tuple(filter(None, (left, right)))
    for name in here.around:
        key = (cohort.key, name, mode, *((one.model.digest, one.fold) for one in viewpoints))
        next_ones.append(ahead.Wish(key, partial(prepare, cohort, name, viewpoints, mode)))
try:
    warnings, unsuitable = cautions(subject, left)
    if unsuitable:
        model_picker.warn(warnings, unsuitable)
    if model_picker.held_back(subject.key, unsuitable):
        result.show_images(subject, go)
    else:
        answer = predicted(subject, left, mode)
        compared = predicted(subject, right, mode) if right and answer else None
        if answer is None or (right and compared is None):  # cancelled
            result.show_images(subject, go)
        else:
            result.show(subject, answer, compared, go, () if unsuitable else warnings)
except BrainsegError as error:
    widgets.refuse(error)
ahead.want(next_ones)
