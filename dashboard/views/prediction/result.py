"""The result of a prediction: viewer, uncertainty, how it was made, files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st

from brainseg.exports.payload import case_payload, threshold_on_steps
from brainseg.inference.comparison import difference_of
from brainseg.inference.components import removed_in_words
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import CaseRecord, Predicted, predicted_by, with_prediction
from brainseg.inference.uncertainty import passes_in_words, said_of
from brainseg.models.exposure import fold_words
from dashboard.shared import model_picker, viewer, widgets
from dashboard.views.prediction import files, session_uploads
from dashboard.views.prediction.model_choice import Viewpoint
from dashboard.views.prediction.subject import Subject

_LEAVES = "_leaves for another case"


@dataclass(frozen=True)
class Answer:
    """A prediction with its model, and the threshold that the viewer opens at."""

    viewpoint: Viewpoint
    prediction: Prediction

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
) -> None:
    """Show a prediction, or two side by side; a moved threshold reruns only this fragment.

    Args:
        subject: the predicted volume.
        left: the prediction.
        right: a second prediction to compare with, or None.
        go: goes to another case for the viewer's keys, or None.
    """
    if st.session_state.pop(_LEAVES, False):
        st.rerun()
    payload = session_uploads.cached(
        _payload_key(subject, left, right), lambda: _payload(subject, left, right)
    )
    _badges(subject, left, right)
    reported = viewer.show(payload, go and partial(_leave, go), tells=True)
    chosen = reported or _own(left, right)
    record = _record(subject, left, right, (*chosen, None)[:2])
    if right:
        _difference(record)
    parts = st.grid(columns=2, min_column_width=330, gap="large")
    with parts.container():
        _uncertainty(record)
        files.offer(subject, replace(record, other=None))
    with parts.container():
        _facts(left, right, record)


def show_images(subject: Subject, go: Callable[[str], None] | None) -> None:
    """Show the images without a prediction.

    Args:
        subject: the volume whose prediction is hidden.
        go: as for :func:`show`.
    """
    key = (*subject.key, "payload without a prediction")
    viewer.show(session_uploads.cached(key, lambda: case_payload(subject.record)), go)


def _leave(go: Callable[[str], None], where: str) -> None:
    """Go to another case, which needs a rerun of the whole page."""
    go(where)
    st.session_state[_LEAVES] = True


def _own(left: Answer, right: Answer | None) -> tuple[float, float | None]:
    """Return the thresholds that the viewer opens at; None for a missing side."""
    return left.threshold, right.threshold if right else None


def _record(
    subject: Subject,
    left: Answer,
    right: Answer | None,
    thresholds: tuple[float | None, float | None],
) -> CaseRecord:
    model = left.viewpoint.model
    record = subject.cautioned(model, subject.exposure(left.viewpoint))
    record = with_prediction(record, model, left.prediction, thresholds[0])
    if right is None:
        return record
    other = predicted_by(
        right.viewpoint.model, right.prediction, record.masks, record.has_mask, thresholds[1]
    )
    return replace(record, other=other)


def _payload(subject: Subject, left: Answer, right: Answer | None) -> bytes:
    return case_payload(_record(subject, left, right, _own(left, right)))


def _payload_key(subject: Subject, left: Answer, right: Answer | None) -> tuple:
    made = [
        (one.viewpoint.model.digest, one.prediction.exposure, one.prediction.ensemble_size)
        for one in (left, right)
        if one
    ]
    return (*subject.key, "payload", *made)


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


def _uncertainty(record: CaseRecord) -> None:
    """Show the uncertainty of each prediction in words."""
    compared = {"Left: ": record.predicted, "Right: ": record.other}
    texts = {
        side: " ".join(said_of(one.prediction, one.threshold, record.slice_numbers))
        for side, one in (compared if record.other else {"": record.predicted}).items()
    }
    if len(set(texts.values())) == 1:
        texts = {"": next(iter(texts.values()))}
    st.subheader("Uncertainty", anchor=False)
    for side, sentences in texts.items():
        st.markdown(side + widgets.plain(sentences, longest=600))


def _difference(record: CaseRecord) -> None:
    one, other = record.predicted, record.other
    apart = difference_of(
        one.probability,
        other.probability,
        (one.mask, other.mask),
        record.slice_numbers,
    )
    st.subheader("Difference", anchor=False)
    with st.grid(columns=4, min_column_width=150):
        st.metric(
            "Dice between the two",
            f"{apart.dice:.3f}",
            help="Overlap of the two predictions.",
        )
        st.metric("Voxels that differ", f"{apart.differing_vx:,}")
        mean = "none" if apart.mean is None else f"{apart.mean:.3f}"
        st.metric(
            "Mean difference",
            mean,
            help="Mean absolute difference of the probabilities where at least one reaches 0.05.",
        )
        st.metric("Largest difference", f"{apart.largest:.3f}")
    widgets.csv_button(apart.by_slice, "difference_by_slice", "Difference by slice (CSV)")


def _facts(left: Answer, right: Answer | None, record: CaseRecord) -> None:
    """Show the model, its folds, the passes and the time of a prediction."""
    st.subheader("How it was made", anchor=False)
    slices = len(record.volume)
    alone = _facts_of(left, record.predicted, slices)
    if right is None:
        st.table(alone, hide_header=True, border="horizontal", alt="How the prediction was made")
        return
    sides = {"Left": alone, "Right": _facts_of(right, record.other, slices)}
    st.table(
        pd.DataFrame(sides).fillna("none"),
        border="horizontal",
        alt="How the two predictions were made",
    )


def _facts_of(answer: Answer, predicted: Predicted, slices: int) -> dict[str, str]:
    prediction, model = answer.prediction, answer.viewpoint.model
    folds = prediction.exposure.folds
    own, threshold = model.threshold_for(folds), predicted.threshold
    removed = removed_in_words(predicted.split).removesuffix(".")
    return {
        "Model": widgets.plain(model.name),
        "Predicted by": fold_words(folds),
        "Passes": passes_in_words(prediction).removeprefix("the "),
        "Components removed": removed,
        "Patient": prediction.exposure.relation,
        "Threshold": f"{threshold:g}" + ("" if threshold == own else f" (model's own: {own:g})"),
        "Time": f"{prediction.seconds:.2f} s for {'1 slice' if slices == 1 else f'{slices} slices'}",
        "Engine": prediction.engine,
        "Device": prediction.device,
    }
