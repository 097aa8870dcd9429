"""Requests to stop a training: by a file in its run, or by a signal."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from brainseg.storage import write_atomically
from brainseg.training.runs import Run

STOP_FILE = "stop"
"""Name of the file; it works on every system, while Windows has no signal to catch."""


class Stopped(Exception):
    """The training stopped on request and saved its state."""


class StopRequest:
    """A request to stop the training of a run, by file or signal; an earlier one is discarded."""

    def __init__(self, run: Run) -> None:
        self._path = run.path / STOP_FILE
        self._path.unlink(missing_ok=True)
        self._signalled = False

    @property
    def is_set(self) -> bool:
        """Return True if a stop was requested; checks the disk, which takes microseconds."""
        return self._signalled or self._path.exists()

    def raise_if_set(self) -> None:
        """Raise :class:`Stopped` if a stop was requested."""
        if self.is_set:
            raise Stopped

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Turn Ctrl+C and SIGTERM into stop requests; a second signal ends the process as usual."""
        before: dict[int, Any] = {}

        def note(number: int, _frame: object) -> None:
            self._signalled = True
            signal.signal(number, before[number])

        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                before[number] = signal.signal(number, note)
        except ValueError:  # signals can be caught in the main thread only
            before = {}
        try:
            yield
        finally:
            for caught, handler in before.items():
                signal.signal(caught, handler)
            self._path.unlink(missing_ok=True)


class SharedStop:
    """A request to stop that all processes of a training see after the same batch.

    Args:
        stop: that of this process.
        from_all: returns the numbers that all processes pass to it; each call waits for all of them.
    """

    def __init__(
        self, stop: "StopRequest | SharedStop", from_all: Callable[[int], list[int]]
    ) -> None:
        self._stop, self._from_all = stop, from_all

    @property
    def is_set(self) -> bool:
        """Return True if a stop of any process was requested."""
        return any(self._from_all(int(self._stop.is_set)))

    def raise_if_set(self) -> None:
        """Raise :class:`Stopped` if a stop of any process was requested."""
        if self.is_set:
            raise Stopped


def ask_to_stop(run: Run) -> None:
    """Ask the training of a run to stop, in whichever process it runs."""
    write_atomically(run.path / STOP_FILE, b"")
