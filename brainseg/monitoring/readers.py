"""Followers of trainings that are being written: each look reads only what the files gained.

What is damaged leaves the last good state standing, and a sentence.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from brainseg.errors import RunError
from brainseg.monitoring.csv_rows import CsvRows
from brainseg.monitoring.log_tail import AppendedLines
from brainseg.monitoring.snapshot import CSV, EVENT_COLUMNS, RUN, Snapshot, new_version
from brainseg.monitoring.warnings import warnings_of
from brainseg.training.runs import (
    ACTIVE,
    DAMAGED,
    Run,
    case_scores_of,
    epoch_of,
    event_of,
    silent_for,
)

_AXES = {name: f"{name} (logged)" for name in ("epoch", "hours")}
"""What metrics are called that another program names as an axis is named here."""


class Columns:
    """A history that grows by rows and is kept by columns; an epoch that comes again counts anew."""

    def __init__(self) -> None:
        self._place: dict[int, int] = {}
        self._values: dict[str, list[float]] = {}
        self._invalid: dict[str, set[int]] = {}

    def add(self, epoch: int, values: Mapping[str, float | None]) -> None:
        """Add or replace one epoch; None is a value that is missing, NaN one that is no number."""
        rows = len(self._place)
        place = self._place.setdefault(epoch, rows)
        for name in [name for name in values if name not in self._values]:
            self._values[name] = [math.nan] * rows
        for name, column in self._values.items():
            value = values.get(name)
            number = math.nan if value is None else _as_float(value)
            if place == rows:
                column.append(number)
            else:
                column[place] = number
            self._mark(name, epoch, value is not None and not math.isfinite(number))

    def cut(self, epoch: int) -> None:
        """Forget the newest rows as far as they are of this epoch or a later one."""
        while self._place and (newest := next(reversed(self._place))) >= epoch:
            del self._place[newest]
            for column in self._values.values():
                column.pop()
            for epochs in self._invalid.values():
                epochs.discard(newest)

    def history(self, hours: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
        """Return a row an epoch, ascending; see :class:`brainseg.monitoring.snapshot.Snapshot`.

        Args:
            hours: what gives the hours of training from the other columns.
        """
        columns = {"epoch": np.fromiter(self._place, np.int64, len(self._place))}
        for name, column in self._values.items():
            columns[_AXES.get(name, name)] = np.array(column, np.float64)
        frame = pd.DataFrame(columns)
        if not frame["epoch"].is_monotonic_increasing:
            frame = frame.sort_values("epoch", ignore_index=True)
        frame.insert(1, "hours", hours(frame))
        return frame

    def invalid(self) -> dict[str, int]:
        """Return column -> the first epoch whose value was no number."""
        return {name: min(epochs) for name, epochs in self._invalid.items() if epochs}

    def _mark(self, name: str, epoch: int, is_invalid: bool) -> None:
        if is_invalid:
            self._invalid.setdefault(name, set()).add(epoch)
        elif name in self._invalid:
            self._invalid[name].discard(epoch)


class RunFollower:
    """Follows one run folder; any number of pages may ask it at once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = threading.Lock()
        self._files = {
            name: AppendedLines(run.path / name)
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
        """Return what is known now; reads what was appended, and the small files whole."""
        with self._lock:
            notes: list[str] = []
            grown = self._read_history(notes) | self._read_events(notes)
            state = self._read_state(notes)
            before = self._last
            if before is None or grown or (before.state, before.notes) != (state, tuple(notes)):
                self._last = self._fresh(state, tuple(notes))
            self._last = replace(
                self._last,
                status=self._status,
                config=self._config,
                silence_s=self._silence_s(state),
            )
            return self._last

    def case_scores(self) -> pd.DataFrame:
        """Return Dice by case after each epoch: a row a case, a column an epoch, NaN where missing.

        Shared by pages, so never to be changed.
        """
        with self._lock:
            lines, anew = self._new_lines("cases.jsonl", [])
            if anew:
                self._scores = {}
            for line in lines:
                row = case_scores_of(line)
                if row is not None and _is_epoch(row["epoch"]):
                    self._scores[row["epoch"]] = row["dice"]
            if lines or anew or self._score_table is None:
                self._score_table = _by_case_and_epoch(self._scores)
            return self._score_table

    def _fresh(self, state: str, notes: tuple[str, ...]) -> Snapshot:
        history, invalid = self._columns.history(_hours), self._columns.invalid()
        return Snapshot(
            name=self.run.name,
            kind=RUN,
            history=history,
            events=pd.DataFrame(self._events, columns=list(EVENT_COLUMNS)),
            state=state,
            notes=notes,
            invalid=invalid,
            version=new_version(),
            warnings=tuple(warnings_of(history, self._config, state in ACTIVE, invalid)),
        )

    def _read_history(self, notes: list[str]) -> bool:
        lines, anew = self._new_lines("history.jsonl", notes)
        if anew:
            self._columns = Columns()
        for line in lines:
            row = epoch_of(line)
            if row is None or not _is_epoch(row["epoch"]):
                self._pass_over("history.jsonl", line)
                continue
            numbers = {key: value for key, value in row.items() if _is_number(value)}
            self._columns.add(numbers.pop("epoch"), numbers)
        self._say_damage("history.jsonl", notes)
        return anew or bool(lines)

    def _read_events(self, notes: list[str]) -> bool:
        lines, anew = self._new_lines("events.jsonl", notes)
        if anew:
            self._events = []
        for line in lines:
            row = event_of(line)
            if row is None:
                self._pass_over("events.jsonl", line)
            else:
                self._events.append(row)
        self._say_damage("events.jsonl", notes)
        return anew or bool(lines)

    def _new_lines(self, name: str, notes: list[str]) -> tuple[list[str], bool]:
        try:
            lines, anew = self._files[name].read()
        except OSError as error:
            notes.append(
                f"{name} of run {self.run.name} cannot be read ({error.strerror}): what was read "
                "before is shown; give this user the right to read the file."
            )
            return [], False
        if anew:
            self._damaged[name] = 0
        return [line.decode("utf-8", errors="replace") for line in lines], anew

    def _pass_over(self, name: str, line: str) -> None:
        if line.strip():
            self._damaged[name] += 1

    def _say_damage(self, name: str, notes: list[str]) -> None:
        if count := self._damaged[name] + self._files[name].passed_over:
            notes.append(
                f"{lines_were(count)} passed over in {name} of run {self.run.name}, half written or "
                "damaged: a training that is killed can leave half a line, and repeats that epoch "
                "when it goes on."
            )

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

    def _silence_s(self, state: str) -> float | None:
        # Where the process is known to live, a slow epoch is no silence.
        if state not in ACTIVE or self.run.is_alive():
            return None
        seconds = self._last.history.get("seconds", pd.Series(dtype="float64")).fillna(0)
        silence = silent_for(self._status, pd.DataFrame({"seconds": seconds}))
        return None if silence is None else silence.total_seconds()


def _by_case_and_epoch(scores: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    epochs = sorted(scores)
    cases = sorted({case for of_epoch in scores.values() for case in of_epoch})
    table = np.full((len(cases), len(epochs)), np.nan)
    row_of = {case: row for row, case in enumerate(cases)}
    for column, epoch in enumerate(epochs):
        for case, dice in scores[epoch].items():
            table[row_of[case], column] = dice
    return pd.DataFrame(table, pd.Index(cases, name="case", dtype="str"), epochs)


class CsvFollower:
    """Follows a file of Keras's CSVLogger or the like, whose epochs count from 0; here from 1."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        self._file = AppendedLines(path)
        self._forget()
        self._last: Snapshot | None = None

    def read(self) -> Snapshot:
        """Return what is known now; reads what was appended."""
        with self._lock:
            before, notes = self._last, []
            try:
                lines, anew = self._file.read()
            except OSError as error:
                lines, anew = [], False
                notes.append(
                    f"{self.name} cannot be read ({error.strerror}): what was read before is shown."
                )
            if anew:
                self._forget()
            for line in lines:
                self._take(line.decode("utf-8", errors="replace").strip("\r\ufeff"))
            if damaged := self._rows.damaged + self._file.passed_over:
                notes.append(
                    f"{lines_were(damaged)} passed over in {self.name}: no row of this file."
                )
            if self._trainings > 1:
                notes.append(
                    f"{self.name} holds {self._trainings} trainings, one after the other: the last is "
                    "shown."
                )
            if before is None or lines or anew or before.notes != tuple(notes):
                self._last = self._fresh(tuple(notes))
            return self._last

    def _fresh(self, notes: tuple[str, ...]) -> Snapshot:
        history = self._columns.history(
            lambda rows: pd.Series(math.nan, rows.index, dtype="float64")
        )
        invalid = self._columns.invalid()
        return Snapshot(
            name=self.name,
            kind=CSV,
            history=history,
            notes=notes,
            invalid=invalid,
            version=new_version(),
            warnings=tuple(warnings_of(history, invalid=invalid)),
        )

    def _forget(self) -> None:
        self._columns, self._rows, self._trainings = Columns(), CsvRows(), 1

    def _take(self, line: str) -> None:
        row = self._rows.take(line)
        if row is None:
            return
        if row.begins:
            self._columns, self._trainings = Columns(), self._trainings + 1
        self._columns.cut(row.epoch + 1)
        self._columns.add(row.epoch + 1, row.values)


def lines_were(count: int) -> str:
    """Return "1 line was" or "3 lines were"."""
    return "1 line was" if count == 1 else f"{count} lines were"


def _hours(history: pd.DataFrame) -> pd.Series:
    """Return the hours of training up to the end of each epoch; pauses between two starts are out."""
    missing = pd.Series(math.nan, history.index, dtype="float64")
    took = history.get("epoch_seconds", missing).fillna(history.get("seconds", missing))
    return took.cumsum() / 3600


def _is_epoch(value: object) -> bool:
    return type(value) is int and 1 <= value < 2**53


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond all measure
        return math.inf
