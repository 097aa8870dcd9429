"""The review of a case: one reader's verdict and comment, saved with one click, and the others'."""

import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import ReviewError
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
from dashboard import address, state, widgets

VERDICTS = {
    AGREE: (":material/check_circle:", "Shift+A"),
    NEEDS_EDIT: (":material/edit:", "Shift+E"),
    REJECT: (":material/cancel:", "Shift+D"),
}
"""Each verdict's icon and key."""

_SHOWN = "_comments as first shown"
_TOLD = "_what came of saving"
_ADVANCE = "next after review"


def form(cohort: Cohort, case: str, after: str | None = None) -> None:
    """Draw the review of a case.

    Initials and comments that are not saved yet are kept for the session, across cases and pages.
    They are not in the address: a link passed on would sign for someone else.

    This is no fragment: where a click on another part of the page ends the typing of a comment,
    Streamlit 1.67 runs the fragment alone, with the click's callback, and the page stays as it was.

    Args:
        cohort: the open cohort.
        case: the case's name.
        after: the case to go to once a review is saved, if the reader asks for that; see
            :func:`dashboard.selection.place`.
    """
    st.subheader("Review", anchor=False)
    try:
        reviews = open_reviews(cohort).of(case)
    except ReviewError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        reviews = None
    own = _own(reviews)
    if reviews is None:
        saved = st.session_state.get(_SHOWN, {}).get(case, "")
    else:
        saved = "" if own is None else own["comment"]
    text = _take_comment(case, saved)
    with st.container(horizontal=True, gap="small"):
        st.text_input(
            "Initials",
            key=state.READER,
            max_chars=LONGEST_READER,
            persist_state="session",
            autocomplete="off",
            width=110,
            help="Typed once, kept until this tab of the browser is closed or loaded anew.",
        )
        st.text_area(
            "Comment",
            key=_comment_key(case),
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
                args=(cohort, case, verdict, after),
                icon=icon,
                shortcut=shortcut,
                type="primary" if own is not None and own["state"] == verdict else "secondary",
                key=f"review {verdict}",
            )
    if after is not None:
        st.checkbox("Open the next case after saving", key=_ADVANCE, persist_state="session")
    _say_what_came_of_it()
    _say_own(cohort, case, own, unsaved=text.strip() != saved.strip())
    _others(reviews, own)


def _own(reviews: pd.DataFrame | None) -> pd.Series | None:
    """Return the review of the reader whose initials stand in the form, or None."""
    if reviews is None or not st.session_state.get(state.READER):
        return None
    try:
        rows = reviews[reviews["reader"] == as_reader(st.session_state[state.READER])]
    except ReviewError:
        return None  # said when such initials are to sign a review
    return None if rows.empty else rows.iloc[0]


def _save(cohort: Cohort, case: str, verdict: str, after: str | None) -> None:
    reader = st.session_state[state.READER].strip()
    if not reader:
        _tell(case, "Type your initials first: a review belongs to a reader.", failed=True)
        return
    try:
        open_reviews(cohort).put(case, reader, verdict, st.session_state[_comment_key(case)])
    except ReviewError as error:
        _tell(case, f"Not saved: {error}", failed=True)
        return
    _tell(case, f"Saved: {verdict}, {as_reader(reader)}.")
    # What is kept may differ from what was typed by spaces around it: it is shown as it is kept.
    st.session_state[_comment_key(case)] = as_comment(st.session_state[_comment_key(case)])
    if after is not None and st.session_state.get(_ADVANCE):
        address.put(**{state.CASE: after, state.SLICE: None})


def _take_back(cohort: Cohort, case: str) -> None:
    """Delete the reader's review; its comment stays in the form."""
    try:
        reader = as_reader(st.session_state[state.READER])
        open_reviews(cohort).delete(case, reader)
    except ReviewError as error:
        _tell(case, f"Not taken back: {error}", failed=True)
        return
    # The comment is the reader's draft again.
    st.session_state[_SHOWN][case] = ""
    _tell(case, f"Taken back: {reader} has no review of this case.")


def _tell(case: str, text: str, failed: bool = False) -> None:
    st.session_state[_TOLD] = (case, text, failed)


def _say_what_came_of_it() -> None:
    about, text, failed = st.session_state.pop(_TOLD, (None, "", False))
    if failed:
        st.error(widgets.plain(text, longest=600), icon=":material/error:")
    elif about is not None:
        st.toast(f"{widgets.plain(text)} {widgets.plain(about)}", icon=":material/check:")


def _say_own(cohort: Cohort, case: str, own: pd.Series | None, unsaved: bool) -> None:
    if own is None and not unsaved:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if own is not None:
            when = own["changed_at"].strftime("%Y-%m-%d %H:%M UTC")
            st.caption(
                f"Saved as {widgets.plain(own['reader'])}: **{own['state']}**, {when}.",
                width="content",
            )
        if unsaved:
            st.caption(
                ":material/edit_note: The comment is not saved yet: press a verdict.",
                width="content",
            )
        if own is not None:
            st.button(
                "Take back",
                on_click=_take_back,
                args=(cohort, case),
                type="tertiary",
                icon=":material/undo:",
                key="take back review",
            )
    if own is not None and own["mask_changed"] is True:
        st.caption(":material/info: The mask was changed after this review.")


def _others(reviews: pd.DataFrame | None, own: pd.Series | None) -> None:
    """Draw what other readers said: folded away until the reader has a review of their own."""
    if reviews is None:
        return
    others = reviews if own is None else reviews[reviews["reader"] != own["reader"]]
    if others.empty:
        return
    many = "1 other reader" if len(others) == 1 else f"{len(others)} other readers"
    with st.expander(many, icon=":material/group:", expanded=own is not None):
        for row in others.itertuples():
            mark = " (the mask was changed since)" if row.mask_changed is True else ""
            when = row.changed_at.strftime("%Y-%m-%d")
            comment = (
                f": {widgets.plain(row.comment, longest=LONGEST_COMMENT)}" if row.comment else ""
            )
            st.markdown(f"**{widgets.plain(row.reader)}** {row.state}, {when}{mark}{comment}")


def _take_comment(case: str, saved: str) -> str:
    """Return the comment to show, where nobody has typed the saved one, and give it to its field."""
    shown, key = st.session_state.setdefault(_SHOWN, {}), _comment_key(case)
    if st.session_state.get(key, shown.get(case, "")) == shown.get(case, ""):
        st.session_state[key] = saved
    shown[case] = saved
    return st.session_state[key]


def _comment_key(case: str) -> str:
    return f"comment on {case}"
