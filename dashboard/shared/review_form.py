"""The review of a case's mask or prediction: a verdict and a comment, saved with one click."""

from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
from brainseg.exports.payload import threshold_on_steps
from brainseg.models import Model
from brainseg.models.exposure import CaseExposure
from brainseg.reviews import (
    AGREE,
    LONGEST_COMMENT,
    LONGEST_READER,
    NEEDS_EDIT,
    REJECT,
    as_comment,
    as_reader,
    open_reviews,
)
from brainseg.reviews.table import (
    MASK_WORDS,
    PREDICTION,
    ReviewedPrediction,
    subject_words,
)
from dashboard.shared import keys, url_state, viewer, widgets

VERDICTS = {
    AGREE: (":material/check_circle:", "Shift+A"),
    NEEDS_EDIT: (":material/edit:", "Shift+E"),
    REJECT: (":material/cancel:", "Shift+D"),
}
"""Verdict -> icon and keyboard shortcut."""

OF_MASK, OF_PREDICTION = "manual mask", "prediction"
"""Subjects of a review, as in the form and the address."""

NOT_SHOWN_YET = (
    "Not saved: the viewer has not shown this prediction yet. Sign the review once it is visible."
)

_SHOWN = "_comments as first shown"
_RESULT = "_what came of saving"
_ADVANCE = "next after review"


@dataclass(frozen=True)
class ShownPrediction:
    """The prediction in the viewer, which a reader can review.

    Attributes:
        model: the model that predicted.
        exposure: the folds that predicted.
        of: identity of the viewer's thresholds; see :func:`dashboard.shared.viewer.identity`.
    """

    model: Model
    exposure: CaseExposure
    of: list[str | None]

    def reviewed(self) -> ReviewedPrediction | None:
        """Return the prediction at the viewer's current threshold, also from a callback.

        None until the viewer has reported its threshold, so that a review never names a wrong one.
        """
        chosen, awaited = viewer.chosen_thresholds(self.of)
        if awaited:
            return None
        folds = self.exposure.folds
        own = threshold_on_steps(self.model.threshold_for(folds))
        threshold = chosen[0] if chosen else own
        return ReviewedPrediction(self.model.name, self.model.digest, folds, threshold)


def form(
    cohort: Cohort, case: str, after: str | None = None, shown: ShownPrediction | None = None
) -> None:
    """Draw the review form of a case's manual mask, or of the prediction in the viewer.

    Initials and unsaved comments last for the session, across cases and pages. They are not in the
    address, because a shared link would sign for someone else.

    Not a fragment: when a click elsewhere ends the typing of a comment, Streamlit 1.67 would run only
    the fragment with the click's callback, and the rest of the page would not change.

    Args:
        cohort: the open cohort.
        case: the case's name.
        after: the case that can open after saving; see :func:`dashboard.shared.selection.place`.
        shown: the prediction in the viewer, or None.
    """
    st.subheader("Review", anchor=False)
    shown = _choose_subject(shown)
    prediction = shown and shown.reviewed()
    _describe_subject(shown, prediction)
    try:
        reviews = open_reviews(cohort).of(case)
    except ReviewError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        reviews = None
    own = None if shown and prediction is None else _own(reviews, prediction)
    key = _comment_key(case, shown)
    if reviews is None:
        saved = st.session_state.get(_SHOWN, {}).get(key, "")
    else:
        saved = "" if own is None else own["comment"]
    text = _take_comment(key, saved)
    with st.container(horizontal=True, gap="small"):
        st.text_input(
            "Initials",
            key=keys.READER,
            max_chars=LONGEST_READER,
            persist_state="session",
            autocomplete="off",
            width=110,
            help="Kept until you close or reload this tab.",
        )
        st.text_area(
            "Comment",
            key=key,
            persist_state="session",
            max_chars=LONGEST_COMMENT,
            height=80,
            placeholder="What should be edited, or why it is rejected",
        )
    with st.container(horizontal=True, gap="small"):
        for verdict, (icon, shortcut) in VERDICTS.items():
            st.button(
                verdict.capitalize(),
                on_click=_save,
                args=(cohort, case, verdict, after, shown),
                icon=icon,
                shortcut=shortcut,
                type="primary" if own is not None and own["state"] == verdict else "secondary",
                key=f"review {verdict}",
            )
    if after is not None:
        st.checkbox("Open the next case after saving", key=_ADVANCE, persist_state="session")
    _show_result()
    _describe_own(own, unsaved=text.strip() != saved.strip())
    if own is not None:
        _withdraw_button(partial(_withdraw, cohort, case, shown))
    _others(reviews, own, shown)


def _choose_subject(shown: ShownPrediction | None) -> ShownPrediction | None:
    """Draw the choice of the subject; return the prediction, or None for the mask."""
    if shown is None:
        return None
    options = (OF_MASK, OF_PREDICTION)
    chosen = widgets.choice("Review of", keys.REVIEW, options, OF_MASK, format_func=str.capitalize)
    return shown if chosen == OF_PREDICTION else None


def _describe_subject(shown: ShownPrediction | None, prediction: ReviewedPrediction | None) -> None:
    if shown is None:
        st.caption(f"Your verdict is on the **{MASK_WORDS}**.")
    elif prediction is None:
        st.caption("Waiting for the viewer to show this prediction.")
    else:
        st.caption(f"Your verdict is on the **{widgets.plain(prediction.words, longest=200)}**.")


def _own(reviews: pd.DataFrame | None, prediction: ReviewedPrediction | None) -> pd.Series | None:
    """Return the review of this subject by the reader whose initials are in the form, or None."""
    if reviews is None or not st.session_state.get(keys.READER):
        return None
    try:
        mine = reviews["reader"] == as_reader(st.session_state[keys.READER])
    except ReviewError:
        return None  # shown when such initials sign a review
    rows = reviews[mine & _of_subject(reviews, prediction)]
    return None if rows.empty else rows.iloc[0]


def _of_subject(reviews: pd.DataFrame, prediction: ReviewedPrediction | None) -> pd.Series:
    """Return a boolean mask: reviews of the mask, or of exactly this prediction."""
    if prediction is None:
        return reviews["subject"] != PREDICTION
    return (
        (reviews["subject"] == PREDICTION)
        & (reviews["model_digest"] == prediction.digest)
        & (reviews["folds"] == prediction.folds_text)
        & (reviews["threshold"] == prediction.threshold).fillna(False)
    )


def _save(
    cohort: Cohort, case: str, verdict: str, after: str | None, shown: ShownPrediction | None
) -> None:
    reader = st.session_state[keys.READER].strip()
    if not reader:
        _note_result(case, "Enter your initials to sign the review.", failed=True)
        return
    key = _comment_key(case, shown)
    # Read now, because the threshold may have moved since the form was drawn.
    prediction = shown and shown.reviewed()
    if shown and prediction is None:
        _note_result(case, NOT_SHOWN_YET, failed=True)
        return
    try:
        open_reviews(cohort).put(case, reader, verdict, st.session_state[key], prediction)
    except ReviewError as error:
        _note_result(case, f"Not saved: {error}", failed=True)
        return
    subject = prediction.words if prediction else MASK_WORDS
    _note_result(case, f"Saved: {verdict} ({subject}), {as_reader(reader)}.")
    # The saved comment has no surrounding spaces.
    st.session_state[key] = as_comment(st.session_state[key])
    if after is not None and st.session_state.get(_ADVANCE):
        url_state.put(**{keys.CASE: after, keys.SLICE: None})


def _withdraw(cohort: Cohort, case: str, shown: ShownPrediction | None) -> None:
    """Delete the reader's review; its comment stays in the form."""
    prediction = shown and shown.reviewed()
    if shown and prediction is None:
        _note_result(
            case, "Not withdrawn: the viewer has not shown this prediction yet.", failed=True
        )
        return
    try:
        found = open_reviews(cohort).delete(
            case, as_reader(st.session_state[keys.READER]), prediction
        )
    except ReviewError as error:
        _note_result(case, f"Not withdrawn: {error}", failed=True)
        return
    if not found:  # the threshold moved since the button was drawn, or it was withdrawn elsewhere
        _note_result(case, "Not withdrawn: this review no longer exists.", failed=True)
        return
    # The comment becomes a draft again.
    st.session_state[_SHOWN][_comment_key(case, shown)] = ""
    _note_result(case, "Review withdrawn.")


def _note_result(case: str, text: str, failed: bool = False) -> None:
    st.session_state[_RESULT] = (case, text, failed)


def _show_result() -> None:
    subject, text, failed = st.session_state.pop(_RESULT, (None, "", False))
    if failed:
        st.error(widgets.plain(text, longest=600), icon=":material/error:")
    elif subject is not None:
        st.toast(f"{widgets.plain(text)} {widgets.plain(subject)}", icon=":material/check:")


def _describe_own(own: pd.Series | None, unsaved: bool) -> None:
    if own is not None:
        when = own["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
        subject = widgets.plain(subject_words(own), longest=200)
        st.caption(
            f"Saved as {widgets.plain(own['reader'])}: **{own['state']}** ({subject}), {when}."
        )
        if own["mask_changed"] is True:
            st.caption(":material/info: The mask has changed since this review.")
    if unsaved:
        st.caption(
            ":material/edit_note: The comment is not saved yet. Choose a verdict to save it."
        )


def _withdraw_button(withdraw: partial) -> None:
    st.button(
        "Withdraw review",
        on_click=withdraw,
        type="tertiary",
        icon=":material/undo:",
        key="withdraw review",
    )


def _others(
    reviews: pd.DataFrame | None, own: pd.Series | None, shown: ShownPrediction | None
) -> None:
    """Draw the other reviews of the case, collapsed until the reader has reviewed this subject."""
    if reviews is None:
        return
    others = reviews if own is None else reviews.drop(index=own.name)
    if others.empty:
        return
    label = "1 other review" if len(others) == 1 else f"{len(others)} other reviews"
    with st.expander(label, icon=":material/group:", expanded=own is not None):
        for row in others.itertuples():
            when = row.changed_at.strftime("%Y-%m-%d")
            subject = widgets.plain(subject_words(row), longest=200)
            comment = (
                f": {widgets.plain(row.comment, longest=LONGEST_COMMENT)}" if row.comment else ""
            )
            st.markdown(
                f"**{widgets.plain(row.reader)}** {row.state} ({subject}), "
                f"{when}{_outdated(row, shown)}{comment}"
            )


def _outdated(review: object, shown: ShownPrediction | None) -> str:
    """Return a remark if the review is of another mask or model version than the page shows."""
    if review.mask_changed is True:
        return " (the mask has changed since)"
    same_name = shown is not None and review.model == shown.model.name
    if same_name and review.model_digest != shown.model.digest:
        return " (another version of this model)"
    return ""


def _take_comment(key: str, saved: str) -> str:
    """Put the saved comment into its field unless the reader typed another; return its text."""
    shown = st.session_state.setdefault(_SHOWN, {})
    if st.session_state.get(key, shown.get(key, "")) == shown.get(key, ""):
        st.session_state[key] = saved
    shown[key] = saved
    return st.session_state[key]


def _comment_key(case: str, shown: ShownPrediction | None) -> str:
    """Return the key of the comment's field; a draft on a prediction survives a moved threshold."""
    if shown is None:
        return f"comment on {case}"
    return f"comment on {case} by {shown.model.name} {shown.model.digest[:12]}"
