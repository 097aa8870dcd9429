"""Reader of a TensorBoard log folder: reads in a worker process and caches the result on disk."""

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from brainseg.backends import HOW_TO_ADD_TRAINING
from brainseg.jobs import Job, Jobs
from brainseg.monitoring import curves
from brainseg.monitoring.event_files import event_files, is_long, read_to
from brainseg.monitoring.readers import Columns
from brainseg.monitoring.snapshot import TENSORBOARD, Snapshot, new_version
from brainseg.storage import state_dir

READS_WITHIN_S = 180.0
"""A reader that takes longer counts as hung."""

MOST_MEMORY_BYTES = 16 * 2**30

READS_AGAIN_AFTER_S, READS_LONG_AGAIN_AFTER_S = 5.0, 60.0
"""Minimum time between two readings of a growing log, of a short and a long one."""

MOST_RESULTS = 100
"""Maximum number of cached results; the oldest are deleted first."""


_READER = Jobs(
    "TensorBoard logs",
    workers=1,
    memory_bytes=MOST_MEMORY_BYTES,
    environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
)
"""Reads one log at a time, each in a new worker, as it may import TensorFlow."""


class TensorBoardReader:
    """Reads a TensorBoard log folder in the background; see :mod:`event_files`.

    Calls do not wait: while a log is being read, the previous result is returned with a note. Results
    are cached in the user's state until the log changes.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        self._job: Job[None] | None = None
        self._reads, self._began = "", -math.inf
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
        if self._job is None:
            self._start(hurry)
        elif self._job.done():
            self._end(self._job)
        if self._job is not None and self._shown is None:
            self._set_note(
                f"{self.name} is waiting: another log is being read."
                if self._job.place
                else f"{self.name} is being read; this takes a few seconds."
            )

    def _start(self, hurry: bool) -> None:
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
        try:
            long = is_long(self.path)
        except OSError:  # deleted in the meantime
            long = True
        pause_s = READS_LONG_AGAIN_AFTER_S if long else READS_AGAIN_AFTER_S
        if hurry or time.monotonic() >= self._began + pause_s:
            result = _result_path(self.path, now)
            result.parent.mkdir(parents=True, exist_ok=True)
            self._reads, self._began = now, time.monotonic()
            arguments = result, self.path.resolve(), long
            self._job = _READER.schedule(
                read_to, arguments, longest_s=READS_WITHIN_S, is_bounded=False
            )
            # An idle worker would keep TensorFlow's memory.
            self._job.add_done_callback(lambda _: _READER.shutdown(wait=False))

    def _end(self, job: Job[None]) -> None:
        self._job = None
        if job.exception() is not None or not self._load(self._reads):
            # Not tried again before the log changes.
            self._shown = self._reads
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
