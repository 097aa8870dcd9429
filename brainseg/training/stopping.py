"""How a training is asked to stop: by a file in its run, or by a signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from brainseg.storage import write_atomically
from brainseg.training.runs import Run

ASKED = "stop"
"""The file's name: what every system has, while Windows has no signal that could be caught."""


class Stopped(Exception):
    """The training was asked to stop, and has kept what it had."""


class StopRequest:
    """Whether a training was asked to stop since it began.

    Args:
        run: what is trained; what was asked of it before is forgotten.
    """

    def __init__(self, run: Run) -> None:
        self._path = run.path / ASKED
        self._path.unlink(missing_ok=True)
        self._signalled = False

    @property
    def asked(self) -> bool:
        """Return whether it was; looks at the disk, which takes microseconds."""
        return self._signalled or self._path.exists()

    def obey(self) -> None:
        """Raise :class:`Stopped` where it was asked."""
        if self.asked:
            raise Stopped

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While it lasts, Ctrl+C and SIGTERM ask to stop; a second one ends at once, as ever."""
        before = {}

        def note(number: int, _frame: object) -> None:
            self._signalled = True
            signal.signal(number, before[number])

        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                before[number] = signal.signal(number, note)
        except ValueError:  # not in the main thread, where signals cannot be caught
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._path.unlink(missing_ok=True)


def ask_to_stop(run: Run) -> None:
    """Ask the training of a run to stop, whichever process it is in."""
    write_atomically(run.path / ASKED, b"")
