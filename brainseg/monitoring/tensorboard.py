"""Reader of a TensorBoard log folder: reads in a separate process and caches the result on disk."""

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
from brainseg.storage import state_dir

READS_WITHIN_S = 180.0
"""A reading process that takes longer counts as hung."""

READS_AGAIN_AFTER_S, READS_LONG_AGAIN_AFTER_S = 5.0, 60.0
"""Minimum time between two readings of a growing log, of a short and a long one."""

MOST_RESULTS = 100
"""Maximum number of cached results; the oldest are deleted first."""


class _Reader:
    """The process that reads one log; one at a time, as each may load TensorFlow."""

    _turn = threading.Lock()
    _newest: "_Reader | None" = None

    def __init__(self, folder: Path, reads: str) -> None:
        self.reads, self.began = reads, time.monotonic()
        result = _result_path(folder, reads)
        result.parent.mkdir(parents=True, exist_ok=True)
        program = [sys.executable, "-m", "brainseg.monitoring.event_files"]
        self._process = subprocess.Popen(
            [*program, str(folder.resolve()), str(result)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @classmethod
    def start(cls, folder: Path, reads: str) -> "_Reader | None":
        """Start reading a log, or return None while another log is being read."""
        with cls._turn:
            if cls._newest is not None and cls._newest.is_working():
                return None
            cls._newest = cls(folder, reads)
            return cls._newest

    def is_working(self) -> bool:
        """Return True while it reads; a process that takes too long is killed."""
        if self._process.poll() is None and time.monotonic() > self.began + READS_WITHIN_S:
            self._process.kill()
            self._process.wait()
        return self._process.poll() is None

    def succeeded(self) -> bool:
        return self._process.returncode == 0


class TensorBoardReader:
    """Reads a TensorBoard log folder in the background; see :mod:`event_files`.

    Calls do not wait: while a log is being read, the previous result is returned with a note. Results
    are cached in the user's state until the log changes.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        self._reader: _Reader | None = None
        self._began = -math.inf
        self._shown: str | None = None
        self._last = Columns().snapshot(name, TENSORBOARD, _hours_of([]))

    def read(self, wait: bool = False) -> Snapshot:
        """Return the current snapshot.

        Args:
            wait: wait until the log has been read, which takes some seconds.
        """
        with self._lock:
            self._update(wait)
            while wait and self._shown is None:
                time.sleep(0.05)
                self._update(wait)
            return self._last

    def _update(self, hurry: bool) -> None:
        if self._reader is not None:
            if not self._reader.is_working():
                self._end(self._reader)
            return
        now = _fingerprint(self.path)
        if now == self._shown or self._load(now):
            return
        if find_spec("tensorboard") is None:
            self._shown = now
            self._set_note(
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
            self._set_note(
                f"{self.name} is waiting: another log is being read."
                if self._reader is None
                else f"{self.name} is being read; this takes a few seconds."
            )

    def _pause_s(self) -> float:
        try:
            return READS_LONG_AGAIN_AFTER_S if is_long(self.path) else READS_AGAIN_AFTER_S
        except OSError:  # deleted in the meantime
            return READS_LONG_AGAIN_AFTER_S

    def _end(self, reader: _Reader) -> None:
        self._reader = None
        if not (reader.succeeded() and self._load(reader.reads)):
            # Not tried again before the log changes.
            self._shown = reader.reads
            self._set_note(
                f"{self.name} could not be read by TensorBoard's reader and may be damaged: earlier "
                "values are shown."
            )

    def _set_note(self, note: str) -> None:
        if self._last.notes != (note,):
            self._last = replace(self._last, notes=(note,), version=new_version())

    def _load(self, reads: str) -> bool:
        """Load a cached result, and return True if there is one."""
        cached = _result_path(self.path, reads)
        try:
            content = json.loads(cached.read_bytes())
            columns, tags = Columns(), content["tags"]
            names = curves.canonical(list(tags))
            for index, step in enumerate(content["steps"]):
                columns.add(step, {names[tag]: values[index] for tag, values in tags.items()})
            self._last = columns.snapshot(
                self.name,
                TENSORBOARD,
                _hours_of(content["wall_time"]),
                notes=tuple(map(str, content["notes"])),
                unit=str(content["unit"]),
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return False
        self._shown = reads
        _delete_outdated(cached)
        return True


def _fingerprint(folder: Path) -> str:
    """Return a hash that changes when an event file of a log does."""
    try:
        stats = [(path.name, path.parent.name, path.stat()) for path in event_files(folder)]
    except OSError:
        return "gone"
    facts = [(name, part, stat.st_size, stat.st_mtime_ns) for name, part, stat in stats]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _result_path(folder: Path, reads: str) -> Path:
    """Return the file that caches the content of a log with this fingerprint."""
    log_id = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return state_dir() / "logs-read" / f"{log_id}-{reads}.json"


def _delete_outdated(newest: Path) -> None:
    """Delete cached results of earlier states of this log, and the oldest results beyond the limit."""
    log_id = newest.name.rpartition("-")[0]
    for path in newest.parent.glob(f"{log_id}-*.json"):
        if path != newest:
            path.unlink(missing_ok=True)
    ages = sorted((path.stat().st_mtime, path) for path in newest.parent.glob("*.json"))
    for _, path in ages[:-MOST_RESULTS]:
        path.unlink(missing_ok=True)


def _hours_of(wall_time: list[float]) -> Callable[[pd.DataFrame], pd.Series]:
    """Return a function for the hours since the first value, from the wall times of the values."""

    def hours(history: pd.DataFrame) -> pd.Series:
        times = pd.Series(wall_time, history.index, dtype="float64")
        return (times - (times.min() if len(times) else math.nan)) / 3600

    return hours
