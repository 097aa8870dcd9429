"""Background work: pages open before it is done, and leaving a page does not stop it.

It runs in a thread, which asks worker processes for the heavy parts, see :mod:`brainseg.jobs`. Pages
show its progress or its place in line. A prediction or an upload leaves the line after its last visitor;
work on the whole cohort (index, checks, atlas, embeddings) is finished unless someone cancels it.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from threading import Thread, Timer
from typing import Generic, TypeVar

from brainseg.cohort.index import Progress
from brainseg.errors import BrainsegError
from brainseg.jobs import jobs_of, set_patient

T = TypeVar("T")

GONE_AFTER_S = 5.0
"""A visitor who does not ask again within this time has left; a click only runs the page again."""


class Work(Generic[T]):
    """Work in a thread of its own, started when this is created.

    Attributes:
        is_cancelled: whether it will end without a result.
        result: the future result.
        done: number of finished units.
        total: number of units; 0 until it is known.
    """

    def __init__(self, name: str, do: Callable[[Progress], T]) -> None:
        self.done, self.total = 0, 0
        self._started = time.monotonic()
        self._askers: set[object] = set()
        self.is_cancelled = False
        self.result: Future[T] = Future()
        self._thread = Thread(target=self._run, args=(do,), name=name, daemon=True)
        self._thread.start()

    @property
    def place(self) -> int:
        """Return the place in line, from 1; 0 if it runs or is done."""
        if self.result.done():
            return 0
        return min((job.place for job in jobs_of(self._thread.ident)), default=0)

    def ready(self, patience_s: float) -> bool:
        """Wait at most this many seconds, and return whether the work is done."""
        wait([self.result], timeout=patience_s)
        return self.result.done()

    def share(self) -> float:
        """Return the finished share, 0..1."""
        return self.done / self.total if self.total else 0.0

    def message(self, doing: str, units: str = "slices") -> str:
        """Return the progress in words, with an estimate of the remaining time."""
        if not self.done and (place := self.place):
            return f"{doing}: {in_line(place)}"
        if not self.total:
            return f"{doing} …"
        if self.done >= self.total:
            return f"{doing}: all {self.total:,} {units} done, finishing …"
        line = f"{doing}: {self.done:,} of {self.total:,} {units}"
        seconds = time.monotonic() - self._started
        if not self.done or seconds < 1:
            return line
        left = seconds / self.done * (self.total - self.done)
        return f"{line}, about {left:.0f} s left" if left >= 1 else f"{line}, nearly done"

    @contextmanager
    def asked(self, ahead: bool = False) -> Iterator[None]:
        """Note that a visitor waits; some seconds after the last one has left, the work leaves, too.

        Work that is only asked for ahead of a visitor's request lets all other work go first.
        """
        asker = object()
        if not ahead or not self._askers:
            set_patient(self._thread, ahead)
        self._askers.add(asker)
        try:
            yield
        finally:
            self._askers.discard(asker)
            if not self._askers and not self.result.done():
                timer = Timer(GONE_AFTER_S, self.leave)
                timer.daemon = True
                timer.start()

    def cancel(self) -> None:
        """Take the jobs of this work out of the line; what a worker has begun is finished."""
        self.is_cancelled = not self.result.done()
        for job in jobs_of(self._thread.ident) if self.is_cancelled else ():
            if job.place:
                job.cancel()

    def leave(self) -> None:
        """Cancel the work unless a visitor waits for it."""
        if not self._askers:
            self.cancel()

    def _run(self, do: Callable[[Progress], T]) -> None:
        try:
            self.result.set_result(do(self._progress))
        except CancelledError:
            self.result.set_exception(BrainsegError("The work was cancelled: start it again."))
        except BaseException as error:  # noqa: BLE001  the page that waits for the result raises it
            self.result.set_exception(error)

    def _progress(self, done: int, total: int) -> None:
        if self.is_cancelled:
            raise CancelledError
        self.done, self.total = done, total


def in_line(place: int) -> str:
    """Return a place in line in words."""
    return f"waiting, place {place} in line"
