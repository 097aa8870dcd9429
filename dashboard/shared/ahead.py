"""Prepares the cases that visitors probably open next, one at a time, while no one waits for other work.

What is prepared goes into the budget of all pages. A visitor's own request overtakes it in every line of
jobs; wishes of a visitor who has left are dropped.
"""

import os
import time
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Thread
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from brainseg.cohort import Cohort
from brainseg.inference.prediction import STANDARD
from brainseg.jobs import has_urgent_jobs
from brainseg.models import Model
from dashboard.shared import cache
from dashboard.shared.background import Work

ENVIRONMENT = "BRAINSEG_PREPARE"
"""Nothing is prepared if it is 0."""

MOST_SHARE = 0.6
"""The share of one processor that pages may use while something is prepared."""

_LOOK_EVERY_S = 0.2
_BEFORE = "_wishes of the last run"


@dataclass(frozen=True)
class Wish:
    """What to prepare.

    Attributes:
        key: identifies it.
        prepare: called with a function that returns whether it is still wanted.
    """

    key: Hashable
    prepare: Callable[[Callable[[], bool]], None] = field(compare=False)


class Ahead:
    """The wishes of all visitors, and the thread that grants them in turn while there are any.

    Args:
        is_here: returns whether a visitor still has a page open.
        is_busy: returns whether others wait for work, which goes first.
    """

    def __init__(self, is_here: Callable[[str], bool], is_busy: Callable[[], bool]) -> None:
        self._is_here, self._is_busy = is_here, is_busy
        self._wishes: dict[str, tuple[Wish, ...]] = {}
        self._waiting: dict[str, list[Wish]] = {}
        self._served = ""  # whose wish was granted last
        self._changed = Condition()
        self._thread: Thread | None = None

    def want(self, visitor: str, wishes: Sequence[Wish]) -> None:
        """Replace the wishes of a visitor, the most probable first; an empty list drops them."""
        with self._changed:
            if self._wishes.get(visitor, ()) == tuple(wishes):
                return
            for of_visitor in (self._wishes, self._waiting):
                of_visitor.pop(visitor, None)
            if wishes:
                self._wishes[visitor], self._waiting[visitor] = tuple(wishes), [*wishes]
            self._changed.notify_all()
            if self._waiting and self._thread is None:
                self._thread = Thread(target=self._run, name="ahead", daemon=True)
                self._thread.start()

    def wait(self, longest_s: float) -> bool:
        """Wait until all wishes are granted or dropped, and return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, longest_s)

    def _run(self) -> None:
        while found := self._next():
            visitor, wish = found
            with suppress(Exception):  # the page that opens it says why
                wish.prepare(partial(self._is_wanted, visitor, wish))

    def _next(self) -> tuple[str, Wish] | None:
        """Return the next wish of the visitor whose turn it is, once no one else waits for work."""
        with self._changed:
            if self._served in self._waiting:  # behind all who asked while it was granted
                self._waiting[self._served] = self._waiting.pop(self._served)
            while self._waiting:
                visitor = next(iter(self._waiting))
                if not self._is_here(visitor):
                    for of_visitor in (self._wishes, self._waiting):
                        of_visitor.pop(visitor, None)
                elif self._is_busy():
                    self._changed.wait(_LOOK_EVERY_S)
                else:
                    wish, *rest = self._waiting.pop(visitor)
                    if rest:
                        self._waiting[visitor] = rest
                    self._served = visitor
                    return visitor, wish
            self._thread = None
            self._changed.notify_all()
            return None

    def _is_wanted(self, visitor: str, wish: Wish) -> bool:
        with self._changed:
            return wish in self._wishes.get(visitor, ()) and self._is_here(visitor)


class Load:
    """Whether others wait for work, or pages have kept this process busy since the last question."""

    def __init__(self) -> None:
        self._asked_at, self._used_s = time.monotonic(), time.process_time()

    def __call__(self) -> bool:
        """Return whether work ahead of a request should wait."""
        now, used_s = time.monotonic(), time.process_time()
        spent_s = used_s - self._used_s
        is_loaded = spent_s > MOST_SHARE * (now - self._asked_at)
        self._asked_at, self._used_s = now, used_s
        return is_loaded or has_urgent_jobs()


def _is_here(visitor: str) -> bool:
    # In a test without a server the answer is not a truth value.
    return runtime.exists() and runtime.get_instance().is_active_session(visitor) is True


AHEAD = Ahead(_is_here, Load())
"""The wishes of this process."""


def want(wishes: Sequence[Wish] = ()) -> None:
    """Replace the wishes of this visitor; by default there are none."""
    context = get_script_run_ctx()
    is_off = os.environ.get(ENVIRONMENT) == "0"
    if context and not is_off and _is_here(context.session_id):
        AHEAD.want(context.session_id, worthwhile(wishes, st.session_state))


def worthwhile(wishes: Sequence[Wish], session: MutableMapping[str | int, Any]) -> Sequence[Wish]:
    """Return all wishes of a visitor who goes from case to case, else the first.

    Wishes of such visitors overlap with those before. For one who opens cases here and there, most of
    what is prepared is of no use.
    """
    before, goes_on = session.get(_BEFORE, ((), False))
    now = tuple(wish.key for wish in wishes)
    if now != before:
        goes_on = not {*before}.isdisjoint(now)
    session[_BEFORE] = now, goes_on
    return wishes if goes_on else wishes[:1]


def cases(cohort: Cohort, names: Sequence[str], model: Model | None) -> list[Wish]:
    """Return the wishes for some cases as the case page shows them."""

    def prepare(case: str, is_wanted: Callable[[], bool]) -> None:
        if model is not None:
            exposure = model.exposure(cohort.case(case))
            if cache.warnings_of(cohort, case, model, exposure)[1]:
                return  # its prediction stays hidden
            work = cache.predicting(cohort, case, model, exposure, STANDARD)
            if not finish(work, is_wanted):
                return
        cache.case_payload(cohort, case, model)

    digest = model and model.digest
    return [Wish((cohort.key, name, digest), partial(prepare, name)) for name in names]


def finish(work: Work, is_wanted: Callable[[], bool]) -> bool:
    """Wait for work behind all other work, and return whether it was finished while it was wanted."""
    with work.asked(ahead=True):
        while not work.ready(_LOOK_EVERY_S):
            if not is_wanted():
                return False
    work.result.result()
    return True
