"""A filter of cases that stands in an address: its text, and the rows of a table that it keeps.

The text of a filter is made of letters that an address shows as they are::

    tumour_vx~1000..5000~~institution~CS~DU~~dice~missing~..0.5

Between ``~~`` stand conditions, and all of them must hold. A condition is a column and, after ``~``,
one or several words, of which one must hold: ``1000..5000`` is a range with both ends included, either
of which may be left out; ``missing`` is a cell without a value, ``..`` one with a value; in a column of
lists ``none`` is an empty list; ``not.CS`` is a cell that holds no CS, and with more such words none
of those; anything else is a value. ``%7E`` and ``%25`` stand for ~ and % in a name, and ``%`` with two
hexadecimal digits for any letter.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

import pandas as pd

from brainseg.errors import FilterError

MISSING, NONE, NOT = "missing", "none", "not."

LONGEST = 60_000
"""Letters in a filter: 1,000 cases by name are 23,000, and Streamlit's server takes 65,536."""

REMEDY = "clear the filter, or choose again"

_RANGE = re.compile(r"([^.%]*(?:\.[^.%]+)?)\.\.([^.%]*(?:\.[^.%]+)?)")


@dataclass(frozen=True)
class Condition:
    """What one column must hold: any of these values, a number in any of these ranges, or nothing.

    Attributes:
        column: a column of the table.
        values: texts; in a column of numbers, each is read as one; in a column of lists, each is
            looked for in the list, and :data:`NONE` is the empty list.
        ranges: (lowest, highest), both included, None for no limit; (None, None) is any value.
        missing: whether a cell without a value fits.
        without: texts as ``values``; a cell that holds none of them fits, also one without a value.
    """

    column: str
    values: tuple[str, ...] = ()
    ranges: tuple[tuple[float | None, float | None], ...] = ()
    missing: bool = False
    without: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether it asks for anything."""
        return bool(self.values or self.ranges or self.missing or self.without)

    def __str__(self) -> str:
        """Return the condition as it stands in a filter's text."""
        ranges = [f"{number_text(low)}..{number_text(high)}" for low, high in self.ranges]
        words = [*map(_escaped_value, self.values), *ranges, *[MISSING] * self.missing]
        excluded = [f"{NOT}{_escaped(value)}" for value in self.without]
        return "~".join([_escaped(self.column), *words, *excluded])

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table fit, as bool on its index.

        Raises:
            FilterError: the table has no such column, or the column holds no numbers to compare.
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
                f"The column “{self.column[:60]}” holds no numbers, so "
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
                    f"The column “{self.column[:60]}” holds numbers, and “{wrong[:60]}” is none: "
                    f"{REMEDY} a number."
                )
            return cells.isin(numbers).fillna(False).astype(bool)
        if is_list(cells):
            wanted = set(values)
            return cells.map(
                lambda cell: _is_list(cell) and bool(wanted & (set(cell) or {NONE}))
            ).astype(bool)
        return cells.isin(values).fillna(False).astype(bool)


@dataclass(frozen=True)
class Filter:
    """Conditions on the rows of a table, all of which must hold; at most one for each column."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """Return the filter that a text in an address stands for; an empty one for an empty text.

        Raises:
            FilterError: the text is no filter; the sentence says where and what to do.
        """
        if len(text) > LONGEST:
            raise FilterError(
                f"The filter in the address is {len(text):,} letters long, more than {LONGEST:,}: "
                f"{REMEDY} fewer cases, or a range."
            )
        conditions = [_condition(part) for part in text.split("~~")] if text else []
        twice = _first_repeated(condition.column for condition in conditions)
        if twice is not None:
            raise FilterError(
                f"The filter names the column “{twice[:60]}” twice: join its words with ~ in one "
                "condition, or clear the filter."
            )
        return cls(tuple(conditions))

    def __bool__(self) -> bool:
        """Return whether it asks for anything."""
        return bool(self.conditions)

    def __str__(self) -> str:
        """Return the text that :meth:`parse` reads."""
        return "~~".join(map(str, self.conditions))

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table fit all conditions, as bool on its index.

        Raises:
            FilterError: see :meth:`Condition.rows`.
        """
        fits = pd.Series(True, index=table.index)
        for condition in self.conditions:
            fits &= condition.rows(table)
        return fits

    def of(self, column: str) -> Condition:
        """Return what is asked of a column, an empty condition where nothing is."""
        named = (c for c in self.conditions if c.column == column)
        return next(named, Condition(column))

    def but(self, condition: Condition) -> "Filter":
        """Return the filter with this condition in place of its column's; an empty one removes it."""
        others = [c for c in self.conditions if c.column != condition.column]
        places = [c.column for c in self.conditions]
        if condition and condition.column in places:
            others.insert(places.index(condition.column), condition)
        elif condition:
            others.append(condition)
        return Filter(tuple(others))


def sort_rows(table: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Return a table sorted by a column, ties in the order they had, cells without a value last.

    Args:
        table: any; a column of lists is sorted by what it holds, as text.
        sort: a column's name, with - in front for the highest first; empty for the order as it is.

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
    """Return which rows hold every word of a text, as bool on the table's index.

    Args:
        table: a row a case.
        text: words; each is part of a name, or a whole code, or ``column=code`` with part of the
            column's name; upper and lower case are the same.
        names: the columns to find part of a text in.
        codes: the columns to find a whole code in.
    """
    names, codes = list(names), list(codes)
    fits = pd.Series(True, index=table.index)
    for word in text.casefold().split():
        fits &= _holds(table, word, names, codes)
    return fits


def is_number(cells: pd.Series) -> bool:
    """Return whether a column can be filtered by a range: numbers, with or without gaps."""
    return pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)


def is_list(cells: pd.Series) -> bool:
    """Return whether the cells of a column are lists or tuples, missing ones aside."""
    return cells.dtype == object and bool(cells.map(_is_list).any())


def number_text(number: float | None) -> str:
    """Return a number as short as it can be read back, nothing for None."""
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _condition(text: str) -> Condition:
    column, *words = [unquote(word) if "%" in word else word for word in text.split("~")]
    raw = text.split("~")[1:]
    if not column or not words or "" in words:
        raise FilterError(
            f"“{text[:60]}” in the address is no filter: write a column, ~ and what it must hold, "
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
        return cells.map(lambda cell: ", ".join(cell) if _is_list(cell) else None).astype("str")
    return cells


def _holds(table: pd.DataFrame, word: str, names: list[str], codes: list[str]) -> pd.Series:
    fits = pd.Series(False, index=table.index)
    for name in names:
        held = table[name].astype("str").str.casefold().str.contains(word, regex=False)
        fits |= held.fillna(False).astype(bool)
    column, equals, code = word.partition("=")
    for name in codes:
        if equals and column not in name.casefold():
            continue
        held = table[name].astype("str").str.casefold() == (code if equals else word)
        fits |= held.fillna(False).astype(bool)
    return fits


def _first_repeated(names: Iterable[str]) -> str | None:
    seen = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
