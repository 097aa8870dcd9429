"""What a page shows of the sign-in: the way in, who has signed in, and what the role does not allow."""

import streamlit as st

from brainseg import RESEARCH_USE, people
from brainseg.people import LOCAL
from dashboard.shared import keys


def gate() -> None:
    """Draw the way in and end the run, unless the visitor has signed in or need not."""
    person = people.acting()
    if person is not None:
        if person.reader:
            st.session_state[keys.READER] = person.reader
        return
    st.title("brainseg", anchor=False)
    st.markdown(f"Brain MRI with segmentations. {RESEARCH_USE}")
    if st.user.get("is_logged_in"):
        st.warning(
            "Your account has no role here, or your sign-in has expired: sign in again or ask an owner.",
            icon=":material/lock:",
        )
    st.button("Sign in", on_click=st.login, icon=":material/login:", type="primary", key="sign_in")
    st.stop()


def draw_person() -> None:
    """Draw who has signed in, and the way out; nothing without sign-in."""
    person = people.acting()
    if person is None or person == LOCAL:
        return
    st.caption(
        f"Signed in as {person.reader} ({person.role})" if person.reader else "Signed in (viewer)"
    )
    st.button(
        "Sign out", on_click=st.logout, icon=":material/logout:", type="tertiary", key="sign_out"
    )


def lacks(role: str, action: str) -> bool:
    """Return whether the visitor lacks a role; then say that the action needs it."""
    if people.may(role):
        return False
    article = "an" if role == people.OWNER else "a"
    st.caption(f":material/lock: You need the role of {article} {role} to {action}.")
    return True
