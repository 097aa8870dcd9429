"""Accepting findings with a reason, and withdrawing that: the form, and what came of it."""

import streamlit as st

from brainseg.checks.acceptances import LONGEST_REASON, open_acceptances
from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.people import OWNER
from dashboard.shared import signing_in, widgets

REASON_KEY = "reason"

_TABLE_NUMBER = "_number of the table of"
_MESSAGE = "_result of accepting"


def table_number(of: str) -> int:
    """Return a number for the key of a table of findings, another one after each acceptance.

    A selection is kept by row number, and accepted rows disappear.
    """
    return st.session_state.get(f"{_TABLE_NUMBER} {of}", 0)


def actions(cohort: Cohort, findings: list[Finding], accepted: bool, of: str = "") -> None:
    """Draw the form that accepts findings, or a button that withdraws their acceptance.

    Args:
        cohort: that they are of.
        findings: the selected ones.
        accepted: whether all are accepted.
        of: the section of the page; its widgets have keys of their own.
    """
    if signing_in.lacks(OWNER, "accept findings"):
        return
    if accepted:
        st.button(
            "Withdraw acceptance",
            on_click=_withdraw,
            args=(cohort, findings, of),
            icon=":material/undo:",
            key=f"withdraw {of}".strip(),
        )
        return
    with (
        st.form(f"accept {of}".strip(), border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(
            "Reason",
            key=f"{REASON_KEY} {of}".strip(),
            max_chars=LONGEST_REASON,
            placeholder="Reason for accepting (e.g. a cavity, excluded on purpose)",
            help="Saved with the date in your own folder (BRAINSEG_HOME), never in the dataset.",
        )
        st.form_submit_button(
            "Accept" if len(findings) == 1 else f"Accept {len(findings)} findings",
            on_click=_accept,
            args=(cohort, findings, of),
            icon=":material/check:",
            type="primary",
        )


def show_message(of: str = "") -> None:
    """Show once what came of accepting or withdrawing in a section."""
    message, failed = st.session_state.pop(f"{_MESSAGE} {of}", (None, False))
    if message and failed:
        widgets.error(message)
    elif message:
        st.success(widgets.sentence(message), icon=":material/check:")


def _accept(cohort: Cohort, findings: list[Finding], of: str) -> None:
    reason = st.session_state[f"{REASON_KEY} {of}".strip()]
    try:
        open_acceptances(cohort).accept(findings, reason)
    except BrainsegError as error:
        st.session_state[f"{_MESSAGE} {of}"] = (f"Not accepted: {error}", True)
        return
    where = "The table lists" if of else "Set State to “Accepted” to see"
    _next_table(f"{_count(findings)} accepted. {where} accepted findings.", of)


def _withdraw(cohort: Cohort, findings: list[Finding], of: str) -> None:
    try:
        open_acceptances(cohort).withdraw(findings)
    except BrainsegError as error:
        st.session_state[f"{_MESSAGE} {of}"] = (f"Not withdrawn: {error}", True)
        return
    _next_table(f"{_count(findings)} open again.", of)


def _next_table(message: str, of: str) -> None:
    """Show a message, and the table without a selection, as its rows have changed."""
    st.session_state[f"{_MESSAGE} {of}"] = (message, False)
    st.session_state[f"{_TABLE_NUMBER} {of}"] = table_number(of) + 1


def _count(findings: list[Finding]) -> str:
    return "1 finding is" if len(findings) == 1 else f"{len(findings)} findings are"
