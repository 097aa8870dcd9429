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
"""Each verdict's icon and key."""

OF_MASK, OF_PREDICTION = "manual mask", "prediction"
"""What can be reviewed, as the form and the address name it."""

NOT_SHOWN_YET = (
    "Not saved: the viewer has not shown this prediction yet. Sign the review once it is visible."
)

_SHOWN = "_comments as first shown"
_TOLD = "_what came of saving"
_ADVANCE = "next after review"


@dataclass(frozen=True)
class ShownPrediction:
    """The prediction in the viewer, which a reader may review.

    Attributes:
        model: what predicted.
        exposure: which of its folds predicted.
        of: what the viewer's thresholds belong to; see :func:`dashboard.shared.viewer.identity`.
    """

    model: Model
    exposure: CaseExposure
    of: list[str | None]

    def reviewed(self) -> ReviewedPrediction | None:
        """Return the prediction at the threshold that the viewer shows now, also from a callback.

        None where the viewer has yet to say at which: a review must never name another one.
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
    """Draw the review of a case's manual mask, or of the prediction in the viewer.

    Initials and comments that are not saved yet are kept for the session, across cases and pages.
    They are not in the address: a link passed on would sign for someone else.

    This is no fragment: where a click on another part of the page ends the typing of a comment,
    Streamlit 1.67 runs the fragment alone, with the click's callback, and the page stays as it was.

    Args:
        cohort: the open cohort.
        case: the case's name.
        after: the case to go to once a review is saved, if the reader asks for that; see
            :func:`dashboard.shared.selection.place`.
        shown: the prediction in the viewer; None where there is none.
    """
    st.subheader("Review", anchor=False)
    shown = _choose_subject(shown)
    prediction = shown and shown.reviewed()
    _say_subject(shown, prediction)
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
    _say_what_came_of_it()
    _say_own(own, unsaved=text.strip() != saved.strip())
    if own is not None:
        _withdraw_button(partial(_withdraw, cohort, case, shown))
    _others(reviews, own, shown)


def _choose_subject(shown: ShownPrediction | None) -> ShownPrediction | None:
    """Return the prediction where the reader reviews it, None where the mask; drawn for a choice."""
    if shown is None:
        return None
    options = (OF_MASK, OF_PREDICTION)
    chosen = widgets.choice("Review of", keys.REVIEW, options, OF_MASK, format_func=str.capitalize)
    return shown if chosen == OF_PREDICTION else None


def _say_subject(shown: ShownPrediction | None, prediction: ReviewedPrediction | None) -> None:
    if shown is None:
        st.caption(f"Your verdict is on the **{MASK_WORDS}**.")
    elif prediction is None:
        st.caption("Waiting for the viewer to show this prediction.")
    else:
        st.caption(f"Your verdict is on the **{widgets.plain(prediction.words, longest=200)}**.")


def _own(reviews: pd.DataFrame | None, prediction: ReviewedPrediction | None) -> pd.Series | None:
    """Return the review of this subject by the reader whose initials stand in the form, or None."""
    if reviews is None or not st.session_state.get(keys.READER):
        return None
    try:
        mine = reviews["reader"] == as_reader(st.session_state[keys.READER])
    except ReviewError:
        return None  # said when such initials are to sign a review
    rows = reviews[mine & _of_subject(reviews, prediction)]
    return None if rows.empty else rows.iloc[0]


def _of_subject(reviews: pd.DataFrame, prediction: ReviewedPrediction | None) -> pd.Series:
    """Return which reviews are of the mask, or of exactly this prediction."""
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
        _tell(case, "Enter your initials to sign the review.", failed=True)
        return
    key = _comment_key(case, shown)
    # Asked of the viewer now: the threshold may have moved since the form was drawn.
    prediction = shown and shown.reviewed()
    if shown and prediction is None:
        _tell(case, NOT_SHOWN_YET, failed=True)
        return
    try:
        open_reviews(cohort).put(case, reader, verdict, st.session_state[key], prediction)
    except ReviewError as error:
        _tell(case, f"Not saved: {error}", failed=True)
        return
    subject = prediction.words if prediction else MASK_WORDS
    _tell(case, f"Saved: {verdict} ({subject}), {as_reader(reader)}.")
    # What is kept may differ from what was typed by spaces around it: it is shown as it is kept.
    st.session_state[key] = as_comment(st.session_state[key])
    if after is not None and st.session_state.get(_ADVANCE):
        url_state.put(**{keys.CASE: after, keys.SLICE: None})


def _withdraw(cohort: Cohort, case: str, shown: ShownPrediction | None) -> None:
    """Delete the reader's review; its comment stays in the form."""
    prediction = shown and shown.reviewed()
    if shown and prediction is None:
        _tell(case, "Not withdrawn: the viewer has not shown this prediction yet.", failed=True)
        return
    try:
        found = open_reviews(cohort).delete(
            case, as_reader(st.session_state[keys.READER]), prediction
        )
    except ReviewError as error:
        _tell(case, f"Not withdrawn: {error}", failed=True)
        return
    if (
        not found
    ):  # the threshold has moved since the button was drawn, or it was withdrawn elsewhere
        _tell(case, "Not withdrawn: there is no such review any more.", failed=True)
        return
    # The comment is the reader's draft again.
    st.session_state[_SHOWN][_comment_key(case, shown)] = ""
    _tell(case, "Review withdrawn.")


def _tell(case: str, text: str, failed: bool = False) -> None:
    st.session_state[_TOLD] = (case, text, failed)


def _say_what_came_of_it() -> None:
    about, text, failed = st.session_state.pop(_TOLD, (None, "", False))
    if failed:
        st.error(widgets.plain(text, longest=600), icon=":material/error:")
    elif about is not None:
        st.toast(f"{widgets.plain(text)} {widgets.plain(about)}", icon=":material/check:")


def _say_own(own: pd.Series | None, unsaved: bool) -> None:
    if own is not None:
        when = own["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
        subject = widgets.plain(subject_words(own), longest=200)
        st.caption(
            f"Saved as {widgets.plain(own['reader'])}: **{own['state']}** ({subject}), {when}."
        )
        if own["mask_changed"] is True:
            st.caption(":material/info: The mask was changed after this review.")
    if unsaved:
        st.caption(":material/edit_note: The comment is not saved yet: choose a verdict.")


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
    """Draw the other reviews of the case: folded until the reader has reviewed this subject."""
    if reviews is None:
        return
    others = reviews if own is None else reviews.drop(index=own.name)
    if others.empty:
        return
    many = "1 other review" if len(others) == 1 else f"{len(others)} other reviews"
    with st.expander(many, icon=":material/group:", expanded=own is not None):
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
    """Return a remark where what was reviewed is not what the page shows now."""
    if review.mask_changed is True:
        return " (the mask was changed since)"
    same_name = shown is not None and review.model == shown.model.name
    if same_name and review.model_digest != shown.model.digest:
        return " (another version of this model)"
    return ""


def _take_comment(key: str, saved: str) -> str:
    """Return the comment to show, where nobody has typed the saved one, and give it to its field."""
    shown = st.session_state.setdefault(_SHOWN, {})
    if st.session_state.get(key, shown.get(key, "")) == shown.get(key, ""):
        st.session_state[key] = saved
    shown[key] = saved
    return st.session_state[key]


def _comment_key(case: str, shown: ShownPrediction | None) -> str:
    """Return the key of the comment's field; a draft on a prediction outlives a moved threshold."""
    if shown is None:
        return f"comment on {case}"
    return f"comment on {case} by {shown.model.name} {shown.model.digest[:12]}"
