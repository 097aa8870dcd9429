"""The address bar: what a page takes from it and keeps in it, so that an address reopens a view.

`bind="query-params"` would do this for one page. Streamlit 1.67 drops a bound parameter on the way to
another page that binds the same name, so a link from one page to another would lose its case; and it
drops a wrong value in silence. Here a wrong value can be answered, and a link keeps what it says.

A parameter that is not in the address means the default, so that the plain address of a page works
and the browser's back button is never caught by an entry that a page adds by itself.
"""

import math
import time
from collections.abc import Sequence
from typing import TypeVar, cast

import streamlit as st

from dashboard.shared import keys

T = TypeVar("T")

LAGS_AT_MOST_S = 10.0
"""So long the browser may go on to say an address that was changed here."""

_WRITTEN = "_address as written here"

MOST_SEED = 1_000_000
"""Seeds are 0 or more and less than this, so that an address stays short."""


def take(key: str, allowed: Sequence[T], default: T) -> str | None:
    """Give a widget its value before it is drawn: the address's where that is new, else its own.

    Args:
        key: the widget's key, which is the parameter's name too.
        allowed: the values that the widget can have, a range for a number; in the address stands
            their text.
        default: what no parameter, or a wrong one, means.

    Returns:
        The text in the address where it is none of the allowed values, else None.
    """
    asked = st.query_params.get(key)
    read = _read(asked, allowed)
    now, value = _seen_now(key, default), st.session_state.get(key)
    seen, kept = st.session_state.get(_seen(key), (None, None))
    # A widget that was just moved wins: the browser's address may lag behind by one message.
    moved = seen is not None and seen[0] == now[0] and value != kept
    if value not in allowed or (now != seen and not moved):
        value = default if read is None else read
    # In every run: where one stops before it draws the widget, the browser forgets what it showed.
    st.session_state[key] = value
    st.session_state[_seen(key)] = (now, value)
    return asked if asked is not None and read is None else None


def keep(key: str, allowed: Sequence[T], default: T) -> None:
    """Write a widget's value into the address where the address would not reopen it.

    Args:
        key: the key of a widget that has been drawn, after :func:`take`.
        allowed: as for :func:`take`.
        default: as for :func:`take`.
    """
    read = _read(st.query_params.get(key), allowed)
    if st.session_state[key] != (default if read is None else read):
        st.query_params[key] = str(st.session_state[key])
        _note_writing()
    st.session_state[_seen(key)] = (_seen_now(key, default), st.session_state[key])


def take_text(key: str) -> None:
    """Give a text field its value before it is drawn, as :func:`take`; any text is allowed."""
    asked = st.query_params.get(key, "")
    take(key, [asked, st.session_state.get(key, asked)], "")


def keep_text(key: str) -> None:
    """Write a text field's value into the address, as :func:`keep`."""
    keep(key, [st.query_params.get(key, "")], "")


def take_several(key: str, allowed: Sequence[str], default: Sequence[str]) -> list[str]:
    """Give a widget of several values its values before it is drawn, as :func:`take`.

    Args:
        key: the widget's key, and the name of a parameter that stands in the address once a value.
        allowed: the values that can be chosen.
        default: what no parameter means.

    Returns:
        What the address asks for and is not allowed.
    """
    asked = tuple(st.query_params.get_all(key))
    now = (st.session_state.get(keys.PAGE), asked, tuple(default) if not asked else None)
    value = st.session_state.get(key)
    seen, kept = st.session_state.get(_seen(key), (None, None))
    moved = seen is not None and seen[0] == now[0] and value != kept
    if value is None or (now != seen and not moved):
        value = list(asked or default)
    st.session_state[key] = [one for one in value if one in allowed]
    st.session_state[_seen(key)] = (now, st.session_state[key])
    return [one for one in asked if one not in allowed]


def keep_several(key: str, default: Sequence[str]) -> None:
    """Write the values of a widget into the address, as :func:`keep`; the default leaves it bare."""
    value = list(st.session_state[key])
    wanted = [] if value == list(default) else value
    if st.query_params.get_all(key) != wanted:
        if wanted:
            st.query_params[key] = wanted
        else:
            st.query_params.pop(key, None)
        _note_writing()
    now = (st.session_state.get(keys.PAGE), tuple(wanted), tuple(default) if not wanted else None)
    st.session_state[_seen(key)] = (now, value)


def put(**values: object) -> None:
    """Set parameters from a callback; a value of None takes its parameter out of the address.

    A button that calls this leads to another view of the same page. `st.page_link` does not: to the
    page that is open it leaves the address in the browser as it was.
    """
    for key, value in values.items():
        if value is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = str(value)
        # Looked at afresh in the run that follows, also where the text is the same as before.
        st.session_state.pop(_seen(key), None)
    _note_writing()


def draw_again() -> None:
    """Draw the whole page again, from a fragment that looks every few seconds whether to.

    A look that the browser asked for before it heard of a change made here brings the address from
    before the change, and the page would be drawn as that one asks. Then nothing is done: the
    fragment goes on, and one of its next looks draws the page.
    """
    written, at = st.session_state.get(_WRITTEN, (None, -math.inf))
    lags = time.monotonic() < at + LAGS_AT_MOST_S and _everything_asked() != written
    if not lags:
        st.rerun()


def _note_writing() -> None:
    st.session_state[_WRITTEN] = _everything_asked(), time.monotonic()


def _everything_asked() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _read(asked: str | None, allowed: Sequence[T]) -> T | None:
    if asked is None:
        return None
    if isinstance(allowed, range):
        digits = asked.isascii() and asked.isdecimal() and len(asked) < 12
        return cast("T", int(asked)) if digits and int(asked) in allowed else None
    return next((value for value in allowed if str(value) == asked), None)


def _seen(key: str) -> str:
    return f"_{key} as seen in the address"


def _seen_now(key: str, default: object) -> tuple:
    asked = st.query_params.get(key)
    # The page counts: Streamlit forgets a widget's value on the way to another page. So does the
    # default: where no parameter stands for it, another default is another value.
    return st.session_state.get(keys.PAGE), asked, default if asked is None else None
