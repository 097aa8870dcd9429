"""Long work beside the pages: a page opens before it is done, and leaving one loses none of it."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from brainseg.cohort.index import Progress

T = TypeVar("T")


class Work(Generic[T]):
    """Something that is being computed in a thread of its own, started when this is made.

    Attributes:
        result: the future result.
        done: how much has been done.
        total: how much there is to do; 0 until that is known.
    """

    def __init__(self, name: str, do: Callable[[Progress], T]) -> None:
        self.done, self.total = 0, 0
        self._started = time.monotonic()
        with_one_thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self.result: Future[T] = with_one_thread.submit(do, self._progress)
        with_one_thread.shutdown(wait=False)

    def ready(self, patience_s: float) -> bool:
        """Return whether it is done, after waiting for that at the most so many seconds."""
        wait([self.result], timeout=patience_s)
        return self.result.done()

    def share(self) -> float:
        """Return how much of it is done, 0..1."""
        return self.done / self.total if self.total else 0.0

    def told(self, doing: str) -> str:
        """Return a line for a person: what is done, of how much, and how long the rest may take."""
        if not self.total:
            return f"{doing} …"
        if self.done >= self.total:
            return f"{doing}: all {self.total:,} slices read, nearly done …"
        line = f"{doing}: {self.done:,} of {self.total:,} slices"
        seconds = time.monotonic() - self._started
        if not self.done or seconds < 1:
            return line
        left = seconds / self.done * (self.total - self.done)
        return f"{line}, about {left:.0f} s left" if left >= 1 else f"{line}, nearly done"

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
