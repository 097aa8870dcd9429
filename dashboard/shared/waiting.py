"""Waiting for work on a page: its progress, place in line, time left, and a button to cancel it."""

from collections.abc import Callable, Hashable
from concurrent.futures import wait
from contextlib import nullcontext
from typing import Any, TypeVar
from weakref import WeakMethod

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg.jobs import Job
from dashboard.shared import background, widgets
from dashboard.shared.background import Work

T = TypeVar("T")

AT_ONCE_S = 0.4
"""Work that is ready within this time shows no progress bar."""

_LOOK_EVERY_S = 0.2

_CANCELLED = "_cancelled work"


def result_of(
    start: Callable[[], Work[T]],
    doing: str,
    key: Hashable,
    units: str = "slices",
    of_all: bool = False,
    first: tuple[Work[Any], str] | None = None,
) -> T | None:
    """Return the result of work, showing its progress.

    Args:
        start: returns the running or finished work.
        doing: what it does, such as "Predicting".
        key: identifies the work in this session.
        units: what it counts.
        of_all: whether it is finished for all visitors after this one has left, and cancelled for all.
        first: work that ends before this begins, and what it does, such as "Opening the model".

    Returns:
        None if the visitor cancelled it, after a sentence and a button that starts it again.
    """
    if is_cancelled(doing, key):
        return None
    work = start()
    with nullcontext() if of_all else work.asked():
        if not work.ready(AT_ONCE_S):
            place = st.empty()
            bar = _bar(place, key, work.cancel if of_all else work.leave)
            is_ready = False
            while not is_ready:  # the sentence comes with the button
                bar.progress(work.share(), message(work, doing, units, first))
                is_ready = work.ready(_LOOK_EVERY_S)
            place.empty()
        return work.result.result()


def message(
    work: Work[Any], doing: str, units: str, first: tuple[Work[Any], str] | None = None
) -> str:
    """Return what a visitor waits for, in words; the arguments are those of :func:`result_of`."""
    if first is not None and not work.done and not first[0].ready(0) and not first[0].place:
        return f"{first[1]} …"
    return work.message(doing, units)


def job_result(job: Job[T], doing: str, key: Hashable) -> T:
    """Return the result of a job as :func:`result_of`; a visitor who leaves cancels it."""
    try:
        wait([job], timeout=AT_ONCE_S)
        if not job.done():
            place = st.empty()
            bar = _bar(place, key)
            while not job.done():
                wait([job], timeout=_LOOK_EVERY_S)
                # It ends the page's run if the visitor has left or clicked.
                where = f": {background.in_line(job.place)}" if job.place else " …"
                bar.caption(f"{doing}{where}")
            place.empty()
        return job.result()
    finally:
        job.cancel()


def is_cancelled(doing: str, key: Hashable) -> bool:
    """Return whether the visitor cancelled work; if so, draw a button that starts it again."""
    if st.session_state.get(_CANCELLED) != key:
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{doing}: cancelled.", width="content")
        again = f"start again {hash(key)}"
        widgets.button("Start again", "refresh", again, st.session_state.pop, _CANCELLED, None)
    return True


def _bar(
    place: DeltaGenerator, key: Hashable, cancel: Callable[[], None] | None = None
) -> DeltaGenerator:
    """Draw the Cancel button in a place, and return where the progress is shown."""
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.container(width="stretch").empty()
        # Weak, because a session keeps what its buttons were given as long as it lasts.
        weak = None if cancel is None else WeakMethod(cancel)
        widgets.button("Cancel", "cancel", f"cancel {hash(key)}", _cancel, key, weak)
    return bar


def _cancel(key: Hashable, weak: WeakMethod[Callable[[], None]] | None) -> None:
    st.session_state[_CANCELLED] = key
    if weak is not None and (cancel := weak()):
        cancel()
