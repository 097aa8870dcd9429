"""Questions about a folder that its files do not answer, asked once."""

from functools import partial

import streamlit as st

from brainseg.cohort import Cohort
from brainseg.cohort.answers import ACTION, NONE, read_answers, save_answers
from brainseg.cohort.questions import Question, with_answers
from brainseg.errors import BrainsegError
from brainseg.io import shown_name
from brainseg.people import OWNER
from dashboard.shared import cache, signing_in, widgets

_KEY = "answer about "
_FAILED = "_answers_failed"
"""Session key of the reason why answers were not saved; not a widget."""

KEPT = (
    "Your answers are kept with the index of this folder, never in the folder itself. After a change, "
    "the cases that it concerns are read again."
)


def show(cohort: Cohort) -> None:
    """Draw the questions about a folder, open if one has no answer yet; nothing without questions."""
    try:
        asked = cache.folder_questions(cohort, read_answers(cohort.root))
    except BrainsegError as reason:
        widgets.error(reason)
        return
    if failed := st.session_state.pop(_FAILED, None):
        widgets.error(failed)
    if not asked:
        return
    unanswered = [one for one in asked if not one.answer]
    heading = f"{widgets.counted(len(unanswered), 'question')} about this folder"
    if not unanswered:
        heading = "Answers about this folder"
    with st.expander(heading, expanded=bool(unanswered), icon=":material/help:"):
        if signing_in.lacks(OWNER, ACTION):
            return
        _draw_form(cohort, asked)


def _draw_form(cohort: Cohort, asked: list[Question]) -> None:
    with st.form("folder_questions", border=False):
        for question in asked:
            _draw(question)
        st.caption(KEPT)
        st.form_submit_button("Save", on_click=partial(_save, cohort, asked), key="save_answers")


def _draw(question: Question) -> None:
    key, text = _KEY + question.about, widgets.plain(question.text)
    if not question.options:
        st.text_input(text, question.answer, 60, key=key, placeholder="no name")
        return
    shown = question.answer or question.used
    st.selectbox(
        text,
        question.options,
        question.options.index(shown) if shown in question.options else 0,
        format_func=lambda name: "none of them" if name == NONE else shown_name(name),
        key=key,
        width=400,
    )


def _save(cohort: Cohort, asked: list[Question]) -> None:
    given = {one.about: st.session_state[_KEY + one.about].strip() for one in asked}
    try:
        save_answers(cohort.root, with_answers(read_answers(cohort.root), given))
    except BrainsegError as error:
        st.session_state[_FAILED] = f"Not saved: {error}"
    else:
        cache.reload()
