"""Widgets bound to query parameters, so that an address reopens a view.

`bind="query-params"` would do this for one page. But Streamlit 1.67 drops a bound parameter on the way
to another page that binds the same name, so a link between pages would lose its case, and it drops a
wrong value silently. Here links keep their parameters, and a wrong value gets a message.

A missing parameter means the default, so that the plain address of a page works and pages add no
entries of their own to the browser's history.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import streamlit as st

from dashboard.shared import keys

T = TypeVar("T")

LAGS_AT_MOST_S = 10.0
"""Maximum time for which the browser may still send the address from before a change here."""

_WRITTEN = "_address as written here"


def take(key: str, allowed: Sequence[T], default: T) -> str | None:
    """Set a widget's value before it is drawn: from the address if that is new, else its own.

    Args:
        key: the key of the widget and the name of the parameter.
        allowed: the values of the widget, a range for a number; the address contains their text.
        default: the value for a missing or wrong parameter.

    Returns:
        The text in the address if it is not an allowed value, else None.
    """
    asked = st.query_params.get(key)
    read = _read(asked, allowed)
    usual = default if read is None else read
    _settle(key, _seen_now(asked, default), usual, lambda value: _is_among(value, allowed))
    return asked if asked is not None and read is None else None


def keep(key: str, allowed: Sequence[T], default: T) -> None:
    """Write a widget's value into the address unless the address already reopens it.

    Args:
        key: the key of a widget that has been drawn, after :func:`take`.
        allowed: as for :func:`take`.
        default: as for :func:`take`.
    """
    read = _read(st.query_params.get(key), allowed)
    if st.session_state[key] != (default if read is None else read):
        st.query_params[key] = str(st.session_state[key])
        _note_writing()
    now = _seen_now(st.query_params.get(key), default)
    st.session_state[_seen(key)] = (now, st.session_state[key])


def take_several(key: str, allowed: Sequence[str], default: Sequence[str]) -> list[str]:
    """Set the values of a multiple-choice widget before it is drawn, as :func:`take`.

    Args:
        key: the key of the widget and the name of the parameter, which is repeated for each value.
        allowed: the possible values.
        default: the values without a parameter.

    Returns:
        The values in the address that are not allowed.
    """
    asked = tuple(st.query_params.get_all(key))
    usual = [one for one in asked or default if one in allowed]

    def valid(value: Sequence[str] | None) -> bool:
        return value is not None and set(value) <= set(allowed)

    _settle(key, _seen_now(asked, tuple(default)), usual, valid)
    return [one for one in asked if one not in allowed]


def keep_several(key: str, default: Sequence[str]) -> None:
    """Write a widget's values into the address, as :func:`keep`; the default needs no parameter."""
    value = list(st.session_state[key])
    wanted = [] if value == list(default) else value
    if st.query_params.get_all(key) != wanted:
        if wanted:
            st.query_params[key] = wanted
        else:
            st.query_params.pop(key, None)
        _note_writing()
    st.session_state[_seen(key)] = (_seen_now(tuple(wanted), tuple(default)), value)


def put(**values: object) -> None:
    """Set parameters from a callback; None removes a parameter.

    A button that calls this opens another view of the same page. `st.page_link` cannot: a link to the
    open page does not change the browser's address.
    """
    for key, value in values.items():
        if value is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = str(value)
        # The next run reads the parameter again, even if its text is unchanged.
        st.session_state.pop(_seen(key), None)
    _note_writing()


def draw_again() -> None:
    """Rerun the whole page from a fragment that runs every few seconds.

    A fragment run that the browser requested before it received an address change carries the old
    address, and the page would be drawn from it. In that case nothing happens: a later run of the
    fragment redraws the page.
    """
    written, at = st.session_state.get(_WRITTEN, (None, -math.inf))
    lags = time.monotonic() < at + LAGS_AT_MOST_S and _all_parameters() != written
    if not lags:
        st.rerun()


def _note_writing() -> None:
    st.session_state[_WRITTEN] = _all_parameters(), time.monotonic()


def _all_parameters() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _read(asked: str | None, allowed: Sequence[T]) -> T | None:
    if asked is None:
        return None
    if isinstance(allowed, range):
        digits = asked.isascii() and asked.isdecimal() and len(asked) < 12
        return cast("T", int(asked)) if digits and int(asked) in allowed else None
    return next((value for value in allowed if str(value) == asked), None)


def _is_among(value: Any, allowed: Sequence) -> bool:
    if isinstance(allowed, range) and not isinstance(value, int):
        return False  # a range compares a value that is no int with each of its numbers
    return value in allowed


def _settle(key: str, now: tuple, asked: object, valid: Callable[[Any], bool]) -> None:
    """Set a widget's value: its own if that is valid and not older than the address, else as asked."""
    value = st.session_state.get(key)
    seen, last = st.session_state.get(_seen(key), (None, None))
    # A widget that was just moved wins: the browser's address may lag behind by one message.
    moved = seen is not None and seen[0] == now[0] and value != last
    if not valid(value) or (now != seen and not moved):
        value = asked
    # In every run: if a run stops before it draws the widget, the browser forgets its value.
    st.session_state[key] = value
    st.session_state[_seen(key)] = (now, value)


def _seen(key: str) -> str:
    return f"_{key} as seen in the address"


def _seen_now(asked: str | tuple[str, ...] | None, default: object) -> tuple:
    # Includes the page, because Streamlit forgets a widget's value on the way to another page, and the
    # default, because without a parameter another default is another value.
    return st.session_state.get(keys.PAGE), asked, None if asked else default
