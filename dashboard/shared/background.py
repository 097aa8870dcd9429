"""Background jobs: pages open before a job is done, and leaving a page does not stop it."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import Generic, TypeVar

from brainseg.cohort.index import Progress

T = TypeVar("T")


class Work(Generic[T]):
    """A job in a thread of its own, started when this is created.

    Attributes:
        result: the future result.
        done: number of finished units.
        total: number of units; 0 until it is known.
    """

    def __init__(self, name: str, do: Callable[[Progress], T]) -> None:
        self.done, self.total = 0, 0
        self._started = time.monotonic()
        self.result: Future[T] = Future()
        # The server does not wait for it when it stops.
        Thread(target=self._run, args=(do,), name=name, daemon=True).start()

    def ready(self, patience_s: float) -> bool:
        """Wait at most this many seconds, and return whether the job is done."""
        wait([self.result], timeout=patience_s)
        return self.result.done()

    def share(self) -> float:
        """Return the finished share, 0..1."""
        return self.done / self.total if self.total else 0.0

    def message(self, doing: str) -> str:
        """Return the progress in words, with an estimate of the remaining time."""
        if not self.total:
            return f"{doing} …"
        if self.done >= self.total:
            return f"{doing}: all {self.total:,} slices done, finishing …"
        line = f"{doing}: {self.done:,} of {self.total:,} slices"
        seconds = time.monotonic() - self._started
        if not self.done or seconds < 1:
            return line
        left = seconds / self.done * (self.total - self.done)
        return f"{line}, about {left:.0f} s left" if left >= 1 else f"{line}, nearly done"

    def _run(self, do: Callable[[Progress], T]) -> None:
        try:
            self.result.set_result(do(self._progress))
        except BaseException as error:  # noqa: BLE001  the page that asks for the result raises it
            self.result.set_exception(error)

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
