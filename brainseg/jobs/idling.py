"""Calls a function once nothing has happened for a while."""

import time
from collections.abc import Callable
from threading import Lock, Timer


class Idling:
    """Waits, from each :meth:`note` on, whether another follows.

    Args:
        after_s: seconds without a note.
        call: called after them, once, in a thread of its own.
    """

    def __init__(self, after_s: float, call: Callable[[], object]) -> None:
        self._after_s, self._call = after_s, call
        self._noted_s, self._is_waiting, self._lock = 0.0, False, Lock()

    def note(self) -> None:
        """Note that something has happened."""
        with self._lock:
            self._noted_s = time.monotonic()
            if not self._is_waiting:
                self._is_waiting = True
                self._wait(self._after_s)

    def _wait(self, seconds: float) -> None:
        timer = Timer(seconds, self._look)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # the process ends, or no thread is left: the next note tries again
            self._is_waiting = False

    def _look(self) -> None:
        with self._lock:
            left_s = self._noted_s + self._after_s - time.monotonic()
            self._is_waiting = left_s > 0
            if self._is_waiting:
                self._wait(left_s)
                return
        self._call()
