"""Readers of trainings in progress: each call reads only what was appended.

After damage the last valid state is returned, with a note.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainseg.errors import RunError
from brainseg.monitoring.csv_rows import CsvRows
from brainseg.monitoring.log_tail import LogTail
from brainseg.monitoring.nnunet_rows import NnunetRows
from brainseg.monitoring.snapshot import CSV, EVENT_COLUMNS, NNUNET, RUN, Snapshot
from brainseg.monitoring.warnings import find_warnings
from brainseg.training.run_files import is_number, read_line
from brainseg.training.runs import ACTIVE, DAMAGED, Run, silent_for

_AXES = {name: f"{name} (logged)" for name in ("epoch", "hours")}
"""New names of logged metrics that would collide with the axes."""


class Columns:
    """A history stored by columns; a repeated epoch replaces the earlier one."""

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._values: dict[str, list[float]] = {}
        self._invalid: dict[str, set[int]] = {}

    def add(self, epoch: int, values: Mapping[str, float | None]) -> None:
        """Add or replace one epoch; None is a missing value, NaN an invalid one."""
        rows = len(self._row_of)
        row = self._row_of.setdefault(epoch, rows)
        for name in [name for name in values if name not in self._values]:
            self._values[name] = [math.nan] * rows
        for name, column in self._values.items():
            value = values.get(name)
            number = math.nan if value is None else _as_float(value)
            if row == rows:
                column.append(number)
            else:
                column[row] = number
            self._mark(name, epoch, value is not None and not math.isfinite(number))

    def cut(self, epoch: int) -> None:
        """Remove the newest rows of this epoch or later ones."""
        while self._row_of and (newest := next(reversed(self._row_of))) >= epoch:
            del self._row_of[newest]
            for column in self._values.values():
                column.pop()
            for epochs in self._invalid.values():
                epochs.discard(newest)

    def history(self, hours: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
        """Return one row per epoch, ascending; see :class:`brainseg.monitoring.snapshot.Snapshot`.

        ``hours`` computes the hours of training from the other columns.
        """
        columns = {"epoch": np.fromiter(self._row_of, np.int64, len(self._row_of))}
        for name, column in self._values.items():
            columns[_AXES.get(name, name)] = np.array(column, np.float64)
        frame = pd.DataFrame(columns)
        if not frame["epoch"].is_monotonic_increasing:
            frame = frame.sort_values("epoch", ignore_index=True)
        frame.insert(1, "hours", hours(frame))
        return frame

    def invalid(self) -> dict[str, int]:
        """Return column -> first epoch with an invalid value."""
        return {name: min(epochs) for name, epochs in self._invalid.items() if epochs}

    def snapshot(
        self,
        name: str,
        kind: str,
        hours: Callable[[pd.DataFrame], pd.Series],
        config: Mapping[str, Any] | None = None,
        is_active: bool = True,
        **more: Any,
    ) -> Snapshot:
        """Return a snapshot of the history with its warnings; ``more`` are its other attributes."""
        history, invalid = self.history(hours), self.invalid()
        warnings = tuple(find_warnings(history, config, is_active, invalid))
        return Snapshot(name, kind, history, invalid=invalid, warnings=warnings, **more)

    def _mark(self, name: str, epoch: int, is_invalid: bool) -> None:
        if is_invalid:
            self._invalid.setdefault(name, set()).add(epoch)
        elif name in self._invalid:
            self._invalid[name].discard(epoch)


class RunReader:
    """Reads one run folder; safe for several pages at once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._files = {
            name: LogTail(run.path / name)
            for name in ("history.jsonl", "events.jsonl", "cases.jsonl")
        }
        self._damaged = dict.fromkeys(self._files, 0)
        self._columns = Columns()
        self._events: list[dict] = []
        self._scores: dict[int, dict[str, float]] = {}
        self._score_table: pd.DataFrame | None = None
        self._status: dict = {}
        self._config: dict = {}
        self._last: Snapshot | None = None

    def read(self) -> Snapshot:
        """Return the current snapshot; reads appended lines, and the small files entirely."""
        with self._lock:
            notes: list[str] = []
            epochs, replaced, grown = self._new_rows("history.jsonl", notes)
            if replaced:
                self._columns = Columns()
            for row in epochs:
                numbers = {key: value for key, value in row.items() if is_number(value)}
                self._columns.add(numbers.pop("epoch"), numbers)
            events, replaced, more = self._new_rows("events.jsonl", notes)
            self._events = [*([] if replaced else self._events), *events]
            state = self._read_state(notes)
            last = self._last
            if last is None or grown or more or (last.state, last.notes) != (state, tuple(notes)):
                last = self._columns.snapshot(
                    self.run.name,
                    RUN,
                    _hours,
                    self._config,
                    state in ACTIVE,
                    events=pd.DataFrame(self._events, columns=list(EVENT_COLUMNS)),
                    state=state,
                    notes=tuple(notes),
                )
            silence_s = self._silence_s(state, last.history)
            self._last = replace(
                last, status=self._status, config=self._config, silence_s=silence_s
            )
            return self._last

    def case_scores(self) -> pd.DataFrame:
        """Return Dice by case and epoch: one row per case, one column per epoch, NaN where missing.

        The table is shared between pages: do not modify it.
        """
        with self._lock:
            rows, replaced, grown = self._new_rows("cases.jsonl", [])
            if replaced:
                self._scores = {}
            self._scores |= {row["epoch"]: row["dice"] for row in rows}
            if grown or self._score_table is None:
                table = (
                    pd.DataFrame(self._scores, dtype="float64")
                    .sort_index(axis=0)
                    .sort_index(axis=1)
                )
                self._score_table = table.rename_axis(index="case")
            return self._score_table

    def _new_rows(self, name: str, notes: list[str]) -> tuple[list[dict], bool, bool]:
        """Return the valid new rows of a file, whether it was replaced, and whether it has changed."""
        file = self._files[name]
        try:
            lines, replaced = file.read()
        except OSError as error:
            notes.append(
                f"{name} of run {self.run.name} cannot be read ({error.strerror}): earlier "
                "values are shown; give this user permission to read the file."
            )
            lines, replaced = [], False
        if replaced:
            self._damaged[name] = 0
        texts = [line.decode("utf-8", errors="replace") for line in lines]
        parsed = [read_line(name, text) for text in texts if text.strip()]
        self._damaged[name] += parsed.count(None)
        if count := self._damaged[name] + file.skipped:
            notes.append(
                f"{_lines_were(count)} skipped in {name} of run {self.run.name}, incomplete or damaged: "
                "a killed training can leave half a line, and repeats that epoch when it is resumed."
            )
        return [row for row in parsed if row is not None], replaced, replaced or bool(lines)

    def _read_state(self, notes: list[str]) -> str:
        try:
            self._config = self.run.config()
        except RunError as error:
            notes.append(str(error))
        try:
            self._status = self.run.status()
            return self.run.state()
        except RunError as error:
            notes.append(str(error))
            return DAMAGED

    def _silence_s(self, state: str, history: pd.DataFrame) -> float | None:
        # If the process is known to run, a slow epoch is not suspicious.
        if state not in ACTIVE or self.run.is_alive():
            return None
        seconds = history.get("seconds", pd.Series(dtype="float64")).fillna(0)
        silence = silent_for(self._status, pd.DataFrame({"seconds": seconds}))
        return None if silence is None else silence.total_seconds()


class CsvReader:
    """Reads a log of text lines, a CSV file or a log of nnU-Net; epochs are numbered from 1."""

    def __init__(
        self, path: Path, name: str, rows: type[CsvRows] | type[NnunetRows] = CsvRows
    ) -> None:
        self.path, self.name = path, name
        self._rows_of = rows
        self._lock = threading.Lock()
        self._file = LogTail(path)
        self._forget()
        self._last: Snapshot | None = None

    def read(self) -> Snapshot:
        """Return the current snapshot; reads appended lines."""
        with self._lock:
            last, notes = self._last, list[str]()
            try:
                lines, replaced = self._file.read()
            except OSError as error:
                lines, replaced = [], False
                notes.append(
                    f"{self.name} cannot be read ({error.strerror}): earlier values are shown."
                )
            if replaced:
                self._forget()
            for line in lines:
                self._parse(line.decode("utf-8", errors="replace").strip("\r\ufeff"))
            if damaged := self._rows.damaged + self._file.skipped:
                notes.append(f"{_lines_were(damaged)} skipped in {self.name}: not a valid row.")
            if self._trainings > 1:
                notes.append(
                    f"{self.name} contains {self._trainings} trainings in sequence: the last is shown."
                )
            if last is None or lines or replaced or last.notes != tuple(notes):
                kind = CSV if self._rows_of is CsvRows else NNUNET
                last = self._columns.snapshot(self.name, kind, _no_hours, notes=tuple(notes))
                self._last = last
            return last

    def _forget(self) -> None:
        self._columns, self._rows, self._trainings = Columns(), self._rows_of(), 1

    def _parse(self, line: str) -> None:
        row = self._rows.parse(line)
        if row is None:
            return
        if row.begins:
            self._columns, self._trainings = Columns(), self._trainings + 1
        self._columns.cut(row.epoch)
        self._columns.add(row.epoch, row.values)


def _lines_were(count: int) -> str:
    return "1 line was" if count == 1 else f"{count} lines were"


def _no_hours(history: pd.DataFrame) -> pd.Series:
    return pd.Series(math.nan, history.index, dtype="float64")


def _hours(history: pd.DataFrame) -> pd.Series:
    """Return the hours of training up to the end of each epoch, without pauses."""
    missing = _no_hours(history)
    durations = history.get("epoch_seconds", missing).fillna(history.get("seconds", missing))
    return durations.cumsum() / 3600


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer too large for a float
        return math.inf
