"""Follower of a TensorBoard log folder: reads it in a process of its own, keeps what it read."""

import hashlib
import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from brainseg.backends import HOW_TO_ADD_TRAINING
from brainseg.monitoring import curves
from brainseg.monitoring.event_files import event_files, is_long
from brainseg.monitoring.readers import Columns
from brainseg.monitoring.snapshot import TENSORBOARD, Snapshot, new_version
from brainseg.monitoring.warnings import warnings_of
from brainseg.storage import state_dir

READS_WITHIN_S = 180.0
"""After that a log is given up: its reader has met something it cannot get through."""

READS_AGAIN_AFTER_S, READS_LONG_AGAIN_AFTER_S = 5.0, 60.0
"""A log that grows while it is looked at is read no more often than this."""

MOST_KEPT = 100
"""Results of reading kept at once; the oldest go first."""


class _Reader:
    """The process that reads one log. Each may hold a whole TensorFlow, so that they take turns."""

    _turn = threading.Lock()
    _newest: "_Reader | None" = None

    def __init__(self, folder: Path, reads: str) -> None:
        self.reads, self.began = reads, time.monotonic()
        result = kept_in(folder, reads)
        result.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "brainseg.monitoring.event_files",
                str(folder.resolve()),
                str(result),
            ],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @classmethod
    def start(cls, folder: Path, reads: str) -> "_Reader | None":
        """Return a reader at work, or None while another one is."""
        with cls._turn:
            if cls._newest is not None and cls._newest.is_working():
                return None
            cls._newest = cls(folder, reads)
            return cls._newest

    def is_working(self) -> bool:
        """Return whether it still reads; ends one that never would."""
        if self._process.poll() is None and time.monotonic() > self.began + READS_WITHIN_S:
            self._process.kill()
            self._process.wait()
        return self._process.poll() is None

    def succeeded(self) -> bool:
        return self._process.returncode == 0


class EventsFollower:
    """Follows a TensorBoard log folder, read by :mod:`event_files` in the background.

    A look never waits: while the reader works, what was read before is shown, and a note says so. What
    it read is kept in the user's state, and serves until the log changes.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        self._reader: _Reader | None = None
        self._began = -math.inf
        self._shown: str | None = None
        self._last = Snapshot(name, TENSORBOARD, Columns().history(_hours_of([])))

    def read(self, wait: bool = False) -> Snapshot:
        """Return what is known now.

        Args:
            wait: until the log is read, which takes some seconds.
        """
        with self._lock:
            self._look(wait)
            while wait and self._shown is None:
                time.sleep(0.05)
                self._look(wait)
            return self._last

    def _look(self, hurry: bool) -> None:
        if self._reader is not None:
            if not self._reader.is_working():
                self._end(self._reader)
            return
        now = fingerprint(self.path)
        if now == self._shown or self._show(now):
            return
        if find_spec("tensorboard") is None:
            self._shown = now
            self._say(
                f"{self.name} cannot be read without the package tensorboard: add it with "
                f"{HOW_TO_ADD_TRAINING}."
            )
            return
        if not hurry and time.monotonic() < self._began + self._pause_s():
            return
        self._reader = _Reader.start(self.path, now)
        if self._reader is not None:
            self._began = self._reader.began
        if self._shown is None:
            self._say(
                f"{self.name} waits to be read: another log is being read."
                if self._reader is None
                else f"{self.name} is being read; this takes some seconds."
            )

    def _pause_s(self) -> float:
        try:
            return READS_LONG_AGAIN_AFTER_S if is_long(self.path) else READS_AGAIN_AFTER_S
        except OSError:  # it goes while it is looked at
            return READS_LONG_AGAIN_AFTER_S

    def _end(self, reader: _Reader) -> None:
        self._reader = None
        if not (reader.succeeded() and self._show(reader.reads)):
            # It is not tried again before the log changes.
            self._shown = reader.reads
            self._say(
                f"{self.name} could not be read by TensorBoard's own reader: it may be damaged; "
                "what was read before is shown."
            )

    def _say(self, note: str) -> None:
        if self._last.notes != (note,):
            self._last = replace(self._last, notes=(note,), version=new_version())

    def _show(self, reads: str) -> bool:
        """Show a result that is kept, and return whether there is one."""
        kept = kept_in(self.path, reads)
        try:
            content = json.loads(kept.read_bytes())
            columns, tags = Columns(), content["tags"]
            names = curves.canonical(list(tags))
            for place, step in enumerate(content["steps"]):
                columns.add(step, {names[tag]: of[place] for tag, of in tags.items()})
            history = columns.history(_hours_of(content["wall_time"]))
            notes, unit = tuple(map(str, content["notes"])), str(content["unit"])
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return False
        invalid = columns.invalid()
        found = tuple(warnings_of(history, invalid=invalid))
        self._last = Snapshot(
            self.name,
            TENSORBOARD,
            history,
            notes=notes,
            invalid=invalid,
            version=new_version(),
            unit=unit,
            warnings=found,
        )
        self._shown = reads
        _forget_old(kept)
        return True


def fingerprint(folder: Path) -> str:
    """Return a text that changes when an event file of a log does."""
    try:
        stats = [(path.name, path.parent.name, path.stat()) for path in event_files(folder)]
    except OSError:
        return "gone"
    facts = [(name, part, stat.st_size, stat.st_mtime_ns) for name, part, stat in stats]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def kept_in(folder: Path, reads: str) -> Path:
    """Return the file that keeps what was read of a log in one state of it.

    Args:
        folder: of the log.
        reads: its :func:`fingerprint`.
    """
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return state_dir() / "logs-read" / f"{place}-{reads}.json"


def _forget_old(newest: Path) -> None:
    """Delete what was kept of earlier states of this log, and the oldest of all beyond the bound."""
    of_log = newest.name.rpartition("-")[0]
    for path in newest.parent.glob(f"{of_log}-*.json"):
        if path != newest:
            path.unlink(missing_ok=True)
    ages = sorted((path.stat().st_mtime, path) for path in newest.parent.glob("*.json"))
    for _, path in ages[:-MOST_KEPT]:
        path.unlink(missing_ok=True)


def _hours_of(wall_time: list[float]) -> Callable[[pd.DataFrame], pd.Series]:
    """Return what gives the hours since the first value, from the times the values were written at."""

    def hours(history: pd.DataFrame) -> pd.Series:
        times = pd.Series(wall_time, history.index, dtype="float64")
        return (times - (times.min() if len(times) else math.nan)) / 3600

    return hours
