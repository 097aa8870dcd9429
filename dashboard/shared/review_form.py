"""The review of a case's mask or prediction: a verdict and a comment, saved with one click."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from brainseg import people
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, ReviewError
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
from brainseg.reviews.history import WITHDRAW
from brainseg.reviews.table import (
    MASK_WORDS,
    PREDICTION,
    ReviewedPrediction,
    subject_words,
)
from dashboard.shared import keys, signing_in, url_state, viewer, widgets

VERDICTS = {
    AGREE: (":material/check_circle:", "Shift+Y"),
    NEEDS_EDIT: (":material/edit:", "Shift+E"),
    REJECT: (":material/cancel:", "Shift+D"),
}
"""Verdict -> icon and keyboard shortcut."""

OF_MASK, OF_PREDICTION = "manual mask", "prediction"
"""Subjects of a review, as in the form and the address."""

_SHOWN = "_comments as first shown"
_RESULT = "_what came of saving"
_UNDO = "_undo of the last review"
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

    def reviewed(self) -> ReviewedPrediction:
        """Return the prediction at the viewer's current threshold, also from a callback.

        Raises:
            ReviewError: the viewer has not reported its threshold yet: a review must name the right one.
        """
        chosen, awaited = viewer.chosen_thresholds(self.of)
        if awaited:
            raise ReviewError("the viewer has not shown this prediction yet: wait until it has.")
        folds = self.exposure.folds
        threshold = chosen[0] if chosen else threshold_on_steps(self.model.threshold_for(folds))
        return ReviewedPrediction(self.model.name, self.model.digest, folds, threshold)


@dataclass(frozen=True)
class _Subject:
    """What a verdict is on: the manual mask of a case, or the prediction in the viewer."""

    cohort: Cohort
    case: str
    shown: ShownPrediction | None

    def prediction(self) -> ReviewedPrediction | None:
        """Return the prediction, None for the mask; raises as :meth:`ShownPrediction.reviewed`."""
        return self.shown.reviewed() if self.shown else None

    @property
    def comment_key(self) -> str:
        """Return the key of the comment; a draft on a prediction survives a moved threshold."""
        model = self.shown and self.shown.model
        return f"comment on {self.case}" + (
            f" by {model.name} {model.digest[:12]}" if model else ""
        )


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
        after: the case that can open after saving.
        shown: the prediction in the viewer, or None.
    """
    st.header("Review", anchor=False)
    subject = _Subject(cohort, case, _choose_subject(shown))
    try:
        reviews = open_reviews(cohort).of(case)
    except BrainsegError as error:
        widgets.error(error)
        reviews = None
    if signing_in.lacks(people.READER, "review"):
        if reviews is not None:
            _show_others(reviews, True, subject)
            _show_history(subject)
        return
    own = _own(reviews, subject)
    if reviews is None:
        saved = st.session_state.get(_SHOWN, {}).get(subject.comment_key, "")
    else:
        saved = "" if own is None else own["comment"]
    text = _draw_fields(subject, saved)
    _draw_verdicts(subject, after, None if own is None else own["state"])
    show_result()  # unless the page has shown it elsewhere
    _describe_own(own, unsaved=text.strip() != saved.strip())
    if own is not None:
        st.button(
            "Withdraw review",
            on_click=_attempt,
            args=(case, "Not withdrawn", partial(_withdraw, subject)),
            type="tertiary",
            icon=":material/undo:",
            key="withdraw review",
        )
    if reviews is not None:
        _show_others(
            reviews if own is None else reviews.drop(index=own.name), own is not None, subject
        )
        _show_history(subject)


def _choose_subject(shown: ShownPrediction | None) -> ShownPrediction | None:
    """Draw the choice of the subject and name it; return the prediction, or None for the mask."""
    words = MASK_WORDS
    if shown is not None:
        options = (OF_MASK, OF_PREDICTION)
        chosen = widgets.choice(
            "Review of", keys.REVIEW, options, OF_MASK, format_func=str.capitalize
        )
        shown = shown if chosen == OF_PREDICTION else None
    try:
        words = shown.reviewed().words if shown else MASK_WORDS
        st.caption(f"Your verdict is on the **{widgets.plain(words, longest=200)}**.")
    except ReviewError:
        st.caption("Waiting for the viewer to show this prediction.")
    return shown


def _own(reviews: pd.DataFrame | None, subject: _Subject) -> pd.Series | None:
    """Return the review of this subject by the reader whose initials are in the form, or None."""
    if reviews is None or not st.session_state.get(keys.READER):
        return None
    try:
        mine = reviews["reader"] == as_reader(st.session_state[keys.READER])
        rows = reviews[mine & _of_subject(reviews, subject.prediction())]
    except ReviewError:
        return None  # shown when a review is saved
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


def _draw_fields(subject: _Subject, saved: str) -> str:
    """Draw the fields of initials and comment; return the comment.

    The saved comment is put into its field unless the reader typed another.
    """
    key = subject.comment_key
    before = st.session_state.setdefault(_SHOWN, {})
    if st.session_state.get(key, before.get(key, "")) == before.get(key, ""):
        st.session_state[key] = saved
    before[key] = saved
    person = people.acting()
    signs_in = bool(person and person.reader)
    with st.container(horizontal=True, gap="small"):
        st.text_input(
            "Initials",
            key=keys.READER,
            max_chars=LONGEST_READER,
            persist_state="session",
            autocomplete="off",
            width=110,
            disabled=signs_in,
            help="You have signed in." if signs_in else "Kept until you close or reload this tab.",
        )
        st.text_area(
            "Comment",
            key=key,
            persist_state="session",
            max_chars=LONGEST_COMMENT,
            height=80,
            placeholder="What should be edited, or why it is rejected",
        )
    return st.session_state[key]


def _draw_verdicts(subject: _Subject, after: str | None, chosen: str | None) -> None:
    """Draw the buttons that save a review, the chosen verdict highlighted."""

    with st.container(horizontal=True, gap="small"):
        for verdict, (icon, shortcut) in VERDICTS.items():
            st.button(
                verdict.capitalize(),
                on_click=_attempt,
                args=(subject.case, "Not saved", partial(_save, subject, verdict, after)),
                icon=icon,
                shortcut=shortcut,
                type="primary" if verdict == chosen else "secondary",
                key=f"review {verdict}",
            )
    if after is not None:
        st.checkbox("Open the next case after saving", key=_ADVANCE, persist_state="session")


def _attempt(case: str, failure: str, action: Callable[[], str]) -> None:
    """Run an action, and note for the next run what it returns or why it failed."""
    try:
        st.session_state[_RESULT] = (case, action(), False)
    except BrainsegError as error:
        st.session_state[_RESULT] = (case, f"{failure}: {error}", True)


def _save(subject: _Subject, verdict: str, after: str | None) -> str:
    reader = st.session_state[keys.READER].strip()
    if not reader:
        raise ReviewError("enter your initials to sign the review.")
    # Read now, because the threshold may have moved since the form was drawn.
    prediction, key = subject.prediction(), subject.comment_key
    comment = st.session_state[key]
    reviews = open_reviews(subject.cohort)
    before = _own(reviews.of(subject.case), subject)
    reviews.put(subject.case, reader, verdict, comment, prediction)
    st.session_state[_UNDO] = partial(_undo, subject, as_reader(reader), prediction, before)
    # The saved comment has no surrounding spaces.
    st.session_state[key] = as_comment(comment)
    if after is not None and st.session_state.get(_ADVANCE):
        url_state.put(**{keys.CASE: after, keys.SLICE: None})
    words = prediction.words if prediction else MASK_WORDS
    return f"Saved: {verdict} ({words}), {as_reader(reader)}."


def _withdraw(subject: _Subject) -> str:
    """Delete the reader's review; its comment stays in the form as a draft."""
    reader, prediction = as_reader(st.session_state[keys.READER]), subject.prediction()
    if not open_reviews(subject.cohort).delete(subject.case, reader, prediction):
        # The threshold moved since the button was drawn, or it was withdrawn elsewhere.
        raise ReviewError("this review no longer exists.")
    st.session_state[_SHOWN][subject.comment_key] = ""
    return "Review withdrawn."


def _undo(
    subject: _Subject,
    reader: str,
    prediction: ReviewedPrediction | None,
    before: pd.Series | None,
) -> str:
    """Restore a reader's review as it was before it was saved, and open its case again."""
    reviews = open_reviews(subject.cohort)
    if before is None:
        reviews.delete(subject.case, reader, prediction)
    else:
        reviews.put(subject.case, reader, before["state"], before["comment"], prediction)
    url_state.put(**{keys.CASE: subject.case, keys.SLICE: None})
    return "Undone: the review is as it was before."


def show_result() -> None:
    """Show what came of saving or withdrawing a review, with a button that undoes the saving."""
    case, text, failed = st.session_state.pop(_RESULT, (None, "", False))
    undo = st.session_state.pop(_UNDO, None)
    if failed:
        widgets.error(text)
    elif case is not None:
        st.toast(f"{widgets.plain(text)} {widgets.plain(case)}", icon=":material/check:")
    if undo is not None:
        st.button(
            f"Undo: {text.removeprefix('Saved: ').removesuffix('.')}",
            on_click=_attempt,
            args=(case, "Not undone", undo),
            icon=":material/undo:",
            type="tertiary",
            key="undo review",
            shortcut="Shift+Z",
        )


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


def _show_others(others: pd.DataFrame, expanded: bool, subject: _Subject) -> None:
    """Draw the other reviews of the case, collapsed until the reader has reviewed this subject."""
    if others.empty:
        return
    label = widgets.counted(len(others), "other review")
    with st.expander(label, icon=":material/group:", expanded=expanded):
        for _, row in others.iterrows():
            words = widgets.plain(subject_words(row), longest=200)
            comment = widgets.plain(row["comment"], longest=LONGEST_COMMENT)
            st.markdown(
                f"**{widgets.plain(row['reader'])}** {row['state']} ({words}), "
                f"{row['changed_at']:%Y-%m-%d}{_outdated(row, subject.shown)}"
                + (f": {comment}" if comment else "")
            )


def _show_history(subject: _Subject) -> None:
    """Draw every version of the case's reviews, collapsed, if one was changed or withdrawn."""
    versions = open_reviews(subject.cohort).history(subject.case)
    withdrawn = (versions["action"] == WITHDRAW).any()
    if not withdrawn and versions["who"].is_unique:
        return
    label = f"History: {widgets.counted(len(versions), 'version')}"
    with st.expander(label, icon=":material/history:"):
        for at, who, action, _, facts in versions.iloc[::-1].itertuples(index=False):
            saved = json.loads(facts)
            of = f"prediction of {saved['model']}" if "model" in saved else MASK_WORDS
            verdict = "withdrawn" if action == WITHDRAW else saved["state"]
            comment = widgets.plain(saved["comment"], longest=LONGEST_COMMENT)
            st.markdown(
                f"{at:%Y-%m-%d %H:%M} UTC, **{widgets.plain(who)}**: {verdict} "
                f"({widgets.plain(of, longest=200)})" + (f": {comment}" if comment else "")
            )


def _outdated(review: pd.Series, shown: ShownPrediction | None) -> str:
    """Return a remark if the review is of another mask or model version than the page shows."""
    if review["mask_changed"] is True:
        return " (the mask has changed since)"
    if shown and review["model"] == shown.model.name:
        same = review["model_digest"] == shown.model.digest
        return "" if same else " (another version of this model)"
    return ""
