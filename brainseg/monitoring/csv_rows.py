"""Parse the lines of a CSV training log, one at a time.

Supports Keras's CSVLogger and similar files: headers in quotes or padded with blanks (Ultralytics),
several rows per epoch with gaps (Lightning), rows within an epoch (Hugging Face), a row per epoch and
phase, a history that pandas saved, several trainings in one file.
"""

import csv
import math
from dataclasses import dataclass

from brainseg.monitoring import curves

SEPARATORS = (",", ";", "\t", "|")
"""Column separators that a log may use."""

EPOCH, STEP = "epoch", "step"
_EPOCHS = (EPOCH, "epoch number", "epoch_number", "epoch_num")
_INDEX = ("", "index", "unnamed: 0")
"""Names that pandas gives the column of row numbers: the epochs, in a history that has no others."""

_PHASES = ("phase", "split", "stage", "mode", "set", "subset")
_OF_VALIDATION = ("val", "valid", "validation", "eval", "dev", "test")
_MOST_DIGITS = 12


@dataclass(frozen=True)
class EpochRow:
    """The values of one epoch logged so far.

    Attributes:
        epoch: number from 1.
        values: column -> value; None where a cell is empty or not a number.
        begins: True if another training starts with this row.
    """

    epoch: int
    values: dict[str, float | None]
    begins: bool


class CsvRows:
    """Parser for the lines of one file, in order.

    A repeated epoch is merged if its new cells were empty before, or if the step column increases.
    Otherwise the training was resumed there; at the first epoch or before, another training starts.
    Files that begin with epoch 1, or within the first epoch, count from 1, others from 0.

    Attributes:
        damaged: number of lines that are neither a header nor a row.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._names: list[str] = []
        self._separator = ","
        self._first = self._last = -1
        self._done = 0.0
        self._is_within = False
        self._step: float | None = None
        self._values: dict[str, float | None] = {}
        self._before_an_epoch: dict[str, float | None] = {}

    def parse(self, line: str) -> EpochRow | None:
        """Return all known values of a line's epoch, or None if the line is not a row."""
        if not line.strip() or (not self._names and is_preface(line)):
            return None
        if not self._names:
            self._separator = separator_of(line)
        cells = cells_of(line, self._separator)
        if not self._names or _place_of_epoch(cells, with_index=False) is not None:
            self._take_header(cells)
            return None
        if len(cells) != len(self._names):
            self.damaged += 1
            return None
        row = {name: cell for name, cell in zip(self._names, cells, strict=True) if name}
        done, is_blank = _epoch_in(row[EPOCH]), not row.pop(EPOCH)
        phases = [row.pop(name) for name in [*row] if name.lower() in _PHASES]
        values = {name: self._number_in(cell) for name, cell in row.items()}
        step = values.pop(STEP, None)
        if any(phase.lower() in _OF_VALIDATION for phase in phases):
            values = {f"{curves.VALIDATION}_{name}": value for name, value in values.items()}
        if self._first < 0 and done is not None:
            self._is_within = done % 1 > 0
        if done is not None and (self._is_within or done % 1 == 0):
            return self._row(done, step, values)
        if is_blank and step is not None:  # Lightning logs the learning rate by step alone
            self._before_an_epoch |= _known(values)
        else:
            self.damaged += 1
        return None

    def _take_header(self, cells: list[str]) -> None:
        lower, place = _in_lower_case(cells), _place_of_epoch(cells)
        named = [STEP if name == STEP else cells[n] for n, name in enumerate(lower)]
        if place is not None:
            named[place] = EPOCH
        known = curves.canonical([name for name in named if name not in (EPOCH, STEP, "")])
        self._names = [known.get(name, name) for name in named]

    def _row(self, done: float, step: float | None, values: dict[str, float | None]) -> EpochRow:
        values |= {k: v for k, v in self._before_an_epoch.items() if values.get(k) is None}
        self._before_an_epoch = {}
        epoch = math.ceil(done)
        is_later = self._is_within and done >= self._done
        is_same = epoch == self._last and (is_later or self._completes(step, values))
        begins = not is_same and epoch <= self._first
        if begins or self._first < 0:
            self._first = epoch
        self._values = self._values | _known(values) if is_same else values
        self._last, self._step, self._done = epoch, step, done
        return EpochRow(epoch + (self._first != 1), self._values, begins)

    def _completes(self, step: float | None, values: dict[str, float | None]) -> bool:
        if step is not None and self._step is not None and step >= self._step:
            return True
        return not _known(values).keys() & _known(self._values).keys()

    def _number_in(self, cell: str) -> float | None:
        if self._separator != ",":
            # A decimal comma, as European spreadsheets write it, with points between thousands.
            thousands = min(",.", key=cell.find)
            cell = (cell.replace(thousands, "") if {*",."} <= {*cell} else cell).replace(",", ".")
        try:
            return float(cell.removesuffix("%"))
        except ValueError:
            return None


def is_preface(line: str) -> bool:
    """Return whether a line in front of the header is a comment, or names the separator for Excel."""
    return line.startswith("#") or line.lower().startswith("sep=")


def separator_of(header: str) -> str:
    """Return the column separator of a file, from its first line."""
    return max(SEPARATORS, key=header.count)


def cells_of(line: str, separator: str) -> list[str]:
    """Return the cells of a line without quotes and padding; an empty list if it is not a row."""
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a NUL byte, or an oversized cell
        return []
    return [cell.strip() for cell in cells]


def is_csv_log(beginning: bytes, needs_a_row: bool = False) -> bool:
    """Return True if a file starts like a training log: a header with ``epoch`` and a metric.

    With ``needs_a_row``, for files without the suffix .csv, a row must follow.
    """
    text = beginning.decode("utf-8", errors="replace").strip("\ufeff")
    lines = [line.strip("\r") for line in text.split("\n")]
    while len(lines) > 1 and is_preface(lines[0]):
        del lines[0]
    separator = separator_of(lines[0])
    header, *rows = (cells_of(line, separator) for line in lines)
    column = _place_of_epoch(header)
    if column is None or len([*filter(None, header)]) < 2:
        return False
    needs_a_row = needs_a_row or column == _place_of_index(header)
    followed = (len(row) == len(header) and _epoch_in(row[column]) is not None for row in rows)
    return not needs_a_row or any(followed)


def _place_of_epoch(header: list[str], with_index: bool = True) -> int | None:
    lower = _in_lower_case(header)
    places = (lower.index(name) for name in _EPOCHS if name in lower)
    return next(places, _place_of_index(header) if with_index else None)


def _place_of_index(header: list[str]) -> int | None:
    """Return the place of row numbers beside a loss: other tables have them, too."""
    lower = _in_lower_case(header)
    is_history = not {*_EPOCHS} & {*lower} and any("loss" in name for name in lower)
    return 0 if is_history and lower[0] in _INDEX else None


def _in_lower_case(cells: list[str]) -> list[str]:
    return [cell.lower() for cell in cells]


def _known(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: value for name, value in values.items() if value is not None}


def _epoch_in(cell: str) -> float | None:
    """Return an epoch, also from a float such as 3.0 or 0.5; None for anything else."""
    whole, _, fraction = cell.partition(".")
    is_number = whole.isdecimal() and (not fraction or fraction.isdecimal())
    return float(cell) if is_number and len(whole) <= _MOST_DIGITS else None
