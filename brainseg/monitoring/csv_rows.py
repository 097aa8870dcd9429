"""Parse the lines of a CSV training log, one at a time.

Supports Keras's CSVLogger and similar files: headers in quotes or padded with blanks (Ultralytics),
several rows per epoch with gaps (Lightning), several trainings in one file.
"""

import csv
from dataclasses import dataclass

from brainseg.monitoring import curves

SEPARATORS = (",", ";", "\t")
"""Column separators that a log may use."""

EPOCH, STEP = "epoch", "step"
_MOST_DIGITS = 12


@dataclass(frozen=True)
class EpochRow:
    """The values of one epoch logged so far.

    Attributes:
        epoch: number in the file.
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

    Attributes:
        damaged: number of lines that are neither a header nor a row.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._names: list[str] = []
        self._separator = ","
        self._first = self._last = -1
        self._step: float | None = None
        self._values: dict[str, float | None] = {}
        self._before_an_epoch: dict[str, float | None] = {}

    def parse(self, line: str) -> EpochRow | None:
        """Return all known values of a line's epoch, or None if the line is not a row."""
        if not line.strip():
            return None
        if not self._names:
            self._separator = separator_of(line)
        cells = cells_of(line, self._separator)
        if not self._names or EPOCH in _in_lower_case(cells):
            self._take_header(cells)
            return None
        if len(cells) != len(self._names):
            self.damaged += 1
            return None
        row = {name: cell for name, cell in zip(self._names, cells, strict=True) if name}
        epoch, is_blank = _epoch_in(row[EPOCH]), not row.pop(EPOCH)
        values = {name: self._number_in(cell) for name, cell in row.items()}
        step = values.pop(STEP, None)
        if epoch is not None:
            return self._row(epoch, step, values)
        if is_blank and step is not None:  # Lightning logs the learning rate by step alone
            self._before_an_epoch |= _known(values)
        else:
            self.damaged += 1
        return None

    def _take_header(self, cells: list[str]) -> None:
        lower = _in_lower_case(cells)
        named = [name if name in (EPOCH, STEP) else cells[n] for n, name in enumerate(lower)]
        known = curves.canonical([name for name in named if name not in (EPOCH, STEP, "")])
        self._names = [known.get(name, name) for name in named]

    def _row(self, epoch: int, step: float | None, values: dict[str, float | None]) -> EpochRow:
        values |= {k: v for k, v in self._before_an_epoch.items() if values.get(k) is None}
        self._before_an_epoch = {}
        is_same = epoch == self._last and self._completes(step, values)
        begins = not is_same and epoch <= self._first
        if begins or self._first < 0:
            self._first = epoch
        self._values = self._values | _known(values) if is_same else values
        self._last, self._step = epoch, step
        return EpochRow(epoch, self._values, begins)

    def _completes(self, step: float | None, values: dict[str, float | None]) -> bool:
        if step is not None and self._step is not None and step >= self._step:
            return True
        return not _known(values).keys() & _known(self._values).keys()

    def _number_in(self, cell: str) -> float | None:
        if self._separator != ",":
            cell = cell.replace(",", ".")  # a decimal comma, as European spreadsheets write it
        try:
            return float(cell)
        except ValueError:
            return None


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
    lines = beginning.decode("utf-8", errors="replace").strip("\ufeff").splitlines()
    separator = separator_of(lines[0]) if lines else ","
    rows = [cells_of(line, separator) for line in lines]
    header = _in_lower_case(rows[0]) if rows else []
    if EPOCH not in header or len([*filter(None, header)]) < 2:
        return False
    column = header.index(EPOCH)
    followed = (len(row) == len(header) and _epoch_in(row[column]) is not None for row in rows[1:])
    return not needs_a_row or any(followed)


def _in_lower_case(cells: list[str]) -> list[str]:
    return [cell.lower() for cell in cells]


def _known(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: value for name, value in values.items() if value is not None}


def _epoch_in(cell: str) -> int | None:
    """Return an epoch, also from a whole float such as 3.0; None for anything else."""
    whole, _, fraction = cell.partition(".")
    is_epoch = whole.isdecimal() and len(whole) <= _MOST_DIGITS and not fraction.strip("0")
    return int(whole) if is_epoch else None
