"""Filters of cases as text in an address, and the rows of a table that they select.

The text consists of characters that addresses show unchanged::

    tumour_vx~1000..5000~~institution~CS~DU~~dice~missing~..0.5

``~~`` separates conditions; a row must meet all of them. A condition is a column and, after ``~``, one
or more words; a cell must match one of them. ``1000..5000`` is a range that includes both ends, and
either end may be omitted; ``missing`` matches cells without a value and ``..`` cells with one; in a
column of lists ``none`` matches the empty list; ``not.CS`` matches cells without CS, and several such
words exclude all of theirs; any other word is a value. ``%7E`` and ``%25`` encode ~ and %, and ``%``
with two hexadecimal digits encodes any character.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import pandas as pd

from brainseg.errors import FilterError

MISSING, NONE, NOT = "missing", "none", "not."

LONGEST = 60_000
"""Most characters of a filter: 1,000 cases by name take 23,000; Streamlit's server accepts 65,536."""

REMEDY = "clear the filter, or choose again"

_RANGE = re.compile(r"([^.%]*(?:\.[^.%]+)?)\.\.([^.%]*(?:\.[^.%]+)?)")


@dataclass(frozen=True)
class Condition:
    """The words for one column; a cell matches if it matches any of them.

    Attributes:
        column: a column of the table.
        values: texts; converted in a column of numbers. A list matches if it contains one of them, and
            :data:`NONE` matches the empty list.
        ranges: (lowest, highest), both included, None for no limit; (None, None) is any value.
        missing: whether a cell without a value matches.
        without: texts like ``values``; a cell with none of them matches, also without a value.
    """

    column: str
    values: tuple[str, ...] = ()
    ranges: tuple[tuple[float | None, float | None], ...] = ()
    missing: bool = False
    without: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether it restricts the rows."""
        return bool(self.values or self.ranges or self.missing or self.without)

    def __str__(self) -> str:
        """Return the text of the condition in a filter."""
        ranges = [f"{number_text(low)}..{number_text(high)}" for low, high in self.ranges]
        words = [*map(_escaped_value, self.values), *ranges, *[MISSING] * self.missing]
        excluded = [f"{NOT}{_escaped(value)}" for value in self.without]
        return "~".join([_escaped(self.column), *words, *excluded])

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table match, as bool on its index.

        Raises:
            FilterError: the table has no such column, or a range or number meets a column of texts.
        """
        if self.column not in table:
            raise FilterError(
                f"There is no column “{self.column[:60]}” to filter by: {REMEDY} a column."
            )
        cells = table[self.column]
        fits = cells.isna() & self.missing
        for low, high in self.ranges:
            fits |= self._within(cells, low, high)
        if self.values:
            fits |= self._equal(cells, self.values)
        if self.without:
            fits |= ~self._equal(cells, self.without)
        return fits.astype(bool)

    def _within(self, cells: pd.Series, low: float | None, high: float | None) -> pd.Series:
        if low is None and high is None:
            return cells.notna()
        if not is_number(cells):
            raise FilterError(
                f"The column “{self.column[:60]}” contains no numbers, so "
                f"“{number_text(low)}..{number_text(high)}” finds nothing in it: {REMEDY} its values."
            )
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        return cells.between(low, high).fillna(False)

    def _equal(self, cells: pd.Series, values: tuple[str, ...]) -> pd.Series:
        if is_number(cells):
            numbers = [_number(value) for value in values]
            if None in numbers:
                wrong = values[numbers.index(None)]
                raise FilterError(
                    f"The column “{self.column[:60]}” contains numbers, and “{wrong[:60]}” is none: "
                    f"{REMEDY} a number."
                )
            return cells.isin(numbers).fillna(False).astype(bool)
        if is_list(cells):
            wanted = set(values)
            found = cells.map(lambda cell: _is_list(cell) and wanted & (set(cell) or {NONE}))
            return found.astype(bool)
        return cells.isin(values).fillna(False).astype(bool)


@dataclass(frozen=True)
class Filter:
    """Conditions on the rows of a table, at most one per column; a row must meet all of them."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """Return the filter of a text from an address; the empty text gives the empty filter.

        Raises:
            FilterError: the text is no filter.
        """
        if len(text) > LONGEST:
            raise FilterError(
                f"The filter in the address is {len(text):,} letters long, more than {LONGEST:,}: "
                f"{REMEDY} fewer cases, or a range."
            )
        conditions = [_condition(part) for part in text.split("~~")] if text else []
        counts = Counter(condition.column for condition in conditions)
        for column, count in counts.items():
            if count > 1:
                raise FilterError(
                    f"The filter names the column “{column[:60]}” twice: join its words with ~ in one "
                    "condition, or clear the filter."
                )
        return cls(tuple(conditions))

    def __bool__(self) -> bool:
        """Return whether it restricts the rows."""
        return bool(self.conditions)

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads."""
        return "~~".join(map(str, self.conditions))

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table meet all conditions, as bool on its index.

        Raises:
            FilterError: see :meth:`Condition.rows`.
        """
        fits = pd.Series(True, index=table.index)
        for condition in self.conditions:
            fits &= condition.rows(table)
        return fits

    def of(self, column: str) -> Condition:
        """Return the condition on a column, an empty one if there is none."""
        named = (c for c in self.conditions if c.column == column)
        return next(named, Condition(column))

    def but(self, condition: Condition) -> "Filter":
        """Return the filter with a column's condition replaced; an empty condition removes it."""
        by_column = {c.column: c for c in self.conditions} | {condition.column: condition}
        return Filter(tuple(filter(None, by_column.values())))


def sort_rows(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Return a table sorted by a column; ties keep their order, cells without a value are last.

    Args:
        table: any table; lists are compared as text.
        sort: the name of a column, after - for the highest first; empty for the present order.

    Raises:
        FilterError: the table has no such column.
    """
    if not sort:
        return table
    column = sort.removeprefix("-")
    if column not in table:
        raise FilterError(
            f"There is no column “{column[:60]}” to sort by: choose another order above the table."
        )
    return table.sort_values(
        column, ascending=not sort.startswith("-"), kind="stable", na_position="last", key=_sortable
    )


def found(table: pd.DataFrame, text: str, names: Iterable[str], codes: Iterable[str]) -> pd.Series:
    """Return which rows contain every word of a text, as bool on the table's index.

    Args:
        table: one row per case.
        text: words of any case; each is part of a name, a whole code, or ``column=code`` with part of
            a column's name.
        names: the columns searched for parts of a text.
        codes: the columns searched for whole codes.
    """
    names, codes = list(names), list(codes)
    fits = pd.Series(True, index=table.index)
    for word in text.casefold().split():
        column, equals, code = word.partition("=")
        matches = [_plain(table[name]).str.contains(word, regex=False) for name in names]
        matches += [
            _plain(table[name]) == (code if equals else word)
            for name in codes
            if not equals or column in name.casefold()
        ]
        fits &= pd.concat(matches, axis=1).any(axis=1) if matches else False
    return fits


def _plain(cells: pd.Series) -> pd.Series:
    return cells.astype("str").str.casefold().fillna(" ")  # no word equals or contains a space


def is_number(cells: pd.Series) -> bool:
    """Return whether a column can be filtered by a range: numbers, with or without gaps."""
    return pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)


def is_list(cells: pd.Series) -> bool:
    """Return whether a column contains lists or tuples."""
    if isinstance(cells.dtype, pd.ArrowDtype):
        return True  # the areas by slice of a large cohort
    return cells.dtype == object and any(map(_is_list, cells))


def number_text(number: float | None) -> str:
    """Return the shortest text that reads back as the number, empty for None."""
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _condition(text: str) -> Condition:
    column, *words = [unquote(word) if "%" in word else word for word in text.split("~")]
    raw = text.split("~")[1:]
    if not column or not words or "" in words:
        raise FilterError(
            f"“{text[:60]}” in the address is no filter: write a column, ~ and a value, "
            "such as tumour_vx~1000..5000, or clear the filter."
        )
    values, ranges, without = [], [], []
    for word, written in zip(words, raw, strict=True):
        if written.startswith(NOT):
            without.append(word.removeprefix(NOT))
        elif limits := _RANGE.fullmatch(written):
            ranges.append(_limits(limits[1], limits[2], column))
        elif written != MISSING:
            values.append(word)
    return Condition(column, tuple(values), tuple(ranges), MISSING in raw, tuple(without))


def _limits(low: str, high: str, column: str) -> tuple[float | None, float | None]:
    lowest, highest = (_number(text) if text else None for text in (low, high))
    unreadable = (low and lowest is None) or (high and highest is None)
    if unreadable or (lowest is not None and highest is not None and lowest > highest):
        raise FilterError(
            f"“{low[:30]}..{high[:30]}” is no range for the column “{column[:60]}”: write the lowest "
            "and the highest number with .. between them, or clear the filter."
        )
    return lowest, highest


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("~", "%7E")


def _escaped_value(text: str) -> str:
    text = _escaped(text)
    if text == MISSING or text.startswith(NOT) or _RANGE.fullmatch(text):
        return f"%{ord(text[0]):02X}{text[1:]}"
    return text


def _is_list(cell: object) -> bool:
    return isinstance(cell, list | tuple)


def _sortable(cells: pd.Series) -> pd.Series:
    if is_list(cells):
        return cells.map(lambda cell: ", ".join(map(str, cell)) if _is_list(cell) else None).astype(
            "str"
        )
    return cells
