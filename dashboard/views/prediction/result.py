"""The result of a prediction: viewer, uncertainty, how it was made, files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import pandas as pd
import streamlit as st

from brainseg.exports.packed_images import pack_images
from brainseg.exports.payload import CasePayload, case_payload, threshold_on_steps
from brainseg.inference.comparison import difference_of
from brainseg.inference.components import removed_in_words
from brainseg.inference.prediction import STANDARD, Prediction
from brainseg.inference.record import CaseRecord, Predicted, predicted_by, with_prediction
from brainseg.inference.uncertainty import passes_in_words, said_of
from brainseg.models import Model
from brainseg.models.exposure import fold_words
from dashboard.shared import cache, keys, model_picker, review_form, viewer, viewer_layout, widgets
from dashboard.shared.budget import BUDGET
from dashboard.views.prediction import files, session_uploads
from dashboard.views.prediction.model_choice import Viewpoint
from dashboard.views.prediction.subject import Subject

T = TypeVar("T")

OF_CASE = "case = cohort[{name!r}]\n"
OF_EXAMPLE = """\
import brainseg as bs
from brainseg.sample.phantom import synthesize_case
from brainseg.volume import Volume

case = Volume(synthesize_case(seed=0, case_number=2).pixels)
"""
OF_FILES = """\
from pathlib import Path

import brainseg as bs
from brainseg.batch.inputs import find_inputs

files = Path("your-files")  # the folder of the upload, or its one file
case = find_inputs(files)[0].open(with_others=True).record.volume
"""
CODE = """\
model = bs.open_model({model!r})
prediction = bs.predict(case, model{mode})
mask = prediction.mask(model.threshold_for(prediction.exposure.folds))  # (n, h, w) bool
print(mask.sum(), "voxels")
"""
"""Follows the lines that open the case."""

_LEAVES = "_leaves for another case"


@dataclass(frozen=True)
class Answer:
    """A prediction with its model and mode, and the threshold that the viewer opens at."""

    viewpoint: Viewpoint
    prediction: Prediction
    mode: str = STANDARD

    @property
    def network(self) -> tuple[str, tuple[int, ...]]:
        """Return the networks that predicted: the model's digest and its folds."""
        return self.viewpoint.model.digest, self.prediction.exposure.folds

    @property
    def threshold(self) -> float:
        """Return the model's own threshold, rounded to the steps of the viewer."""
        own = self.viewpoint.model.threshold_for(self.prediction.exposure.folds)
        return threshold_on_steps(own)


@st.fragment
def show(
    subject: Subject,
    left: Answer,
    right: Answer | None,
    go: Callable[[str], None] | None,
    warnings: tuple[str, ...] = (),
) -> None:
    """Show a prediction, or two side by side; a moved threshold reruns only this fragment.

    `go` goes to another case for the viewer's keys, None if there is no other. The warnings are shown
    next to the picture.
    """
    if st.session_state.pop(_LEAVES, False):
        st.rerun()
    payload = packed(subject, left, right)
    picture, side = viewer_layout.picture_and_side()
    with side:
        # In a container of their own: messages must not change the chosen tab.
        with st.container(gap="xsmall"):
            model_picker.warn(warnings)
            _badges(subject, left, right)
        layers, measurements, components, offered, about = st.tabs(
            ["Layers", "Measure", "Findings", "Files", "About"]
        )
    with picture:
        panels = {
            viewer.LAYERS: layers,
            viewer.MEASUREMENTS: measurements,
            viewer.FINDINGS: components,
        }
        leave = go and partial(_leave, go)
        reported = viewer.show(payload, leave, True, panels, drawn=subject.drawn)
    record = _record(subject, left, right, reported)
    answers = [one for one in (left, right) if one]
    made = [one for one in (record.predicted, record.other) if one]
    with measurements:
        if right:
            _difference(made, record.slice_numbers)
        _uncertainty(subject, answers, made)
    with offered:
        files.offer(subject, replace(record, other=None), made[0].threshold)
    with about:
        slices = len(record.volume)
        _facts([_facts_of(*pair, slices) for pair in zip(answers, made, strict=True)])
        widgets.tumour_means(
            subject.cohort, [one.target for one in made], outlined=subject.case is not None
        )
        if not right and left.viewpoint.fold is None:
            _code(subject, left.viewpoint.model, left.mode)
    if subject.case is not None:
        with side:
            query = {keys.CASE: subject.name, keys.MODEL: left.viewpoint.model.name}
            query[keys.REVIEW] = review_form.OF_PREDICTION
            widgets.link(keys.CASE_PAGE, "Review this prediction", "rate_review", query)


def _code(subject: Subject, model: Model, mode: str) -> None:
    """Offer the code that gives the same prediction."""
    opens = OF_FILES
    if subject.cohort:
        opens = OF_CASE.format(name=subject.name)
    elif subject.record.synthetic:
        opens = OF_EXAMPLE
    chosen = "" if mode == STANDARD else f", mode={mode!r}"
    widgets.code(opens + CODE.format(model=model.name, mode=chosen), subject.cohort)


def show_images(subject: Subject, go: Callable[[str], None] | None) -> None:
    """Show the images without their prediction; `go` as for :func:`show`."""
    key = (*subject.key, "payload without a prediction", subject.record.mask_label)
    viewer.show(_packed(subject, key, lambda: subject.record), go, drawn=subject.drawn)


def packed(subject: Subject, left: Answer, right: Answer | None = None) -> CasePayload:
    """Return the payload of a subject with its predictions for the viewer."""
    key = _payload_key(subject, left, right)
    return _packed(subject, key, lambda: _record(subject, left, right))


def _packed(subject: Subject, key: tuple, record: Callable[[], CaseRecord]) -> CasePayload:
    """Return the payload of a record; that of a cohort's case is shared by all visitors."""

    def block() -> bytes:
        return case_payload(record(), images).case

    if subject.cohort and subject.case:
        images = cache.images(subject.cohort, subject.name)
    else:
        images = _kept(subject, (*subject.key, "images"), lambda: pack_images(subject.volume))
    return CasePayload(_kept(subject, key, block), images.data)


def _kept(subject: Subject, key: tuple, make: Callable[[], T]) -> T:
    """Return what was made of a subject before, or make it; that of an upload is its visitor's."""
    of_cohort = subject.cohort and subject.case
    return BUDGET.get(key, make) if of_cohort else session_uploads.cached(key, make)


def _leave(go: Callable[[str], None], where: str) -> None:
    """Go to another case, which needs a rerun of the whole page."""
    go(where)
    st.session_state[_LEAVES] = True


def _record(
    subject: Subject, left: Answer, right: Answer | None, thresholds: list[float] | None = None
) -> CaseRecord:
    """Return the record with its predictions; by default at the thresholds that the viewer opens at."""
    first, *second = thresholds or [one.threshold for one in (left, right) if one]
    model = left.viewpoint.model
    record = subject.cautioned(model, subject.exposure(left.viewpoint))
    record = with_prediction(record, model, left.prediction, first)
    if right is None:
        return record
    other = right.viewpoint.model, right.prediction
    return replace(record, other=predicted_by(*other, record.masks, record.has_mask, *second))


def _payload_key(subject: Subject, left: Answer, right: Answer | None) -> tuple:
    made = [
        (one.viewpoint.model.digest, one.prediction.exposure, one.prediction.ensemble_size)
        for one in (left, right)
        if one
    ]
    return (*subject.key, "payload", subject.record.mask_label, *made)


def _badges(subject: Subject, left: Answer, right: Answer | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        model_picker.exposure_badge(left.prediction.exposure, "Left: " if right else "")
        if right:
            model_picker.exposure_badge(right.prediction.exposure, "Right: ")
        if subject.record.synthetic and subject.cohort is None:
            st.badge("Synthetic: not a patient", icon=":material/science:", color="orange")
    if right and left.network == right.network:
        st.info(
            f"Left and right are the same: {left.viewpoint.model.name} predicts this case with "
            f"{fold_words(left.prediction.exposure.folds)}. Choose another fold or model to compare.",
            icon=":material/info:",
        )
    if len(subject.volume) == 1:
        st.caption("A single slice is predicted without its neighbours.")


def _uncertainty(subject: Subject, answers: list[Answer], made: list[Predicted]) -> None:
    """Show the uncertainty of each prediction in words; once if it is the same."""
    numbers, texts = subject.record.slice_numbers, []
    for answer, one in zip(answers, made, strict=True):
        key = (*_payload_key(subject, answer, None), "uncertainty", one.threshold)
        said = _kept(subject, key, partial(said_of, answer.prediction, one.threshold, numbers))
        texts.append(" ".join(said))
    st.header("Uncertainty", anchor=False)
    sides = ("Left: ", "Right: ") if len(set(texts)) > 1 else ("",)
    for side, text in zip(sides, texts, strict=False):
        st.markdown(side + widgets.sentence(text))


def _difference(made: list[Predicted], numbers: tuple[int, ...]) -> None:
    one, other = made
    apart = difference_of(one.probability, other.probability, (one.mask, other.mask), numbers)
    mean = "none" if apart.mean is None else f"{apart.mean:.3f}"
    means = "Mean absolute difference of the probabilities where at least one reaches 0.05."
    st.header("Difference", anchor=False)
    with st.grid(columns=2, min_column_width=120):
        st.metric(
            "Dice between the two", f"{apart.dice:.3f}", help="Overlap of the two predictions."
        )
        st.metric("Voxels that differ", f"{apart.differing_vx:,}")
        st.metric("Mean difference", mean, help=means)
        st.metric("Largest difference", f"{apart.largest:.3f}")
    widgets.csv_button(apart.by_slice, "difference_by_slice", "Difference by slice (CSV)")


def _facts(sides: list[dict[str, str]]) -> None:
    """Show the model, its folds, the passes and the time of each prediction."""
    st.table(
        sides[0] if len(sides) == 1 else pd.DataFrame(sides, ["Left", "Right"]).T,
        hide_header=len(sides) == 1,
        border="horizontal",
        alt="How the prediction was made",
    )


def _facts_of(answer: Answer, predicted: Predicted, slices: int) -> dict[str, str]:
    prediction, model = answer.prediction, answer.viewpoint.model
    folds = prediction.exposure.folds
    own, threshold = model.threshold_for(folds), predicted.threshold
    return {
        "Model": widgets.plain(model.name),
        "Predicted by": fold_words(folds),
        "Passes": passes_in_words(prediction).removeprefix("a ").removeprefix("the "),
        "Components removed": removed_in_words(predicted.split).removesuffix("."),
        "Patient": prediction.exposure.relation,
        "Threshold": f"{threshold:g}" + ("" if threshold == own else f" (model's own: {own:g})"),
        "Time": f"{prediction.seconds:.2f} s for {widgets.counted(slices, 'slice')}",
        "Engine": prediction.engine,
        "Device": prediction.device,
    }
