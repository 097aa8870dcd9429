"""Links between pages: each keeps the selected cases, and leads back to what the visitor saw last.

The address contains the state of a page, so a link has all of it: it also opens in another tab, and Back
works. The session only remembers what the open page has no parameter for.
"""

from collections.abc import Iterable, Mapping

import streamlit as st

from dashboard.shared import keys

SELECTION = (keys.WHERE, keys.SEARCH, keys.SORT, keys.COLUMNS, keys.LABEL)
"""The parameters of the selected cases, their order and the label, which every address contains."""

_OF_PAGE = {
    keys.WORKLIST: (),
    keys.CASE_PAGE: (keys.CASE, keys.MODEL),
    keys.PREDICTION: (keys.CASE, keys.SOURCE, keys.MODEL, keys.MODE, keys.LEFT, keys.RIGHT),
}
"""The remembered parameters of some pages; of others all. The browser remembers the viewer's own."""

_OF_ANY_CASE = {keys.CASE_PAGE: (keys.MODEL,), keys.PREDICTION: (keys.MODEL, keys.MODE)}
"""The parameters that stay when a link opens another case."""

_LAST, _LAST_CASE, _LEAVES = "_last views", "_last case", "_opens another page"

Query = dict[str, str | list[str]]


def selection() -> Query:
    """Return the parameters of the selected cases and their order."""
    return _present(SELECTION)


def query_of(page: str, asked: Mapping[str, object] | None = None) -> Query:
    """Return the query parameters of a link.

    Args:
        page: from :mod:`dashboard.shared.keys`.
        asked: what the link shows; None leads back to the last view of the page.
    """
    last: Query = st.session_state.get(_LAST, {}).get(page, {})
    if asked is not None:
        kept = {key: last[key] for key in _OF_ANY_CASE.get(page, ()) if key in last}
        return {**selection(), **kept, **{key: str(value) for key, value in asked.items()}}
    case = st.session_state.get(_LAST_CASE) if page in _OF_ANY_CASE else None
    return {**selection(), **last, **({keys.CASE: case} if case else {})}


def open_page(page: str, asked: Mapping[str, object]) -> None:
    """Open another page, see :func:`query_of`; ends the run of this one."""
    query = query_of(page, asked)
    # It changes the address of the open page, too.
    st.session_state[_LEAVES] = True
    st.switch_page(page, query_params=query)


def remember(page: str) -> None:
    """Remember the parameters of a page that has run."""
    if st.session_state.pop(_LEAVES, False):
        return
    now = _present(_OF_PAGE.get(page, st.query_params))
    st.session_state.setdefault(_LAST, {})[page] = {
        key: value for key, value in now.items() if key not in SELECTION
    }
    if page in _OF_ANY_CASE:
        st.session_state[_LAST_CASE] = now.get(keys.CASE)


def _present(names: Iterable[str]) -> Query:
    several = {key: st.query_params.get_all(key) for key in names}
    return {
        key: values if len(values) > 1 else values[0]
        for key, values in several.items()
        if any(values)
    }
