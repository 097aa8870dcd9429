"""What a selection in a chart asks for, and what it leaves of the filter before."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd
import streamlit as st

from brainseg.cohort.filters import Condition, Filter
from brainseg.errors import FilterError
from dashboard.shared import keys, selection

_CASES_CHOSEN_IN = "_chart that the cases were chosen in"


def digest() -> str:
    """Return a few letters that differ from choice to choice."""
    asked = st.query_params.get(keys.WHERE, "") + "\0" + st.query_params.get(keys.SEARCH, "")
    return hashlib.blake2b(asked.encode(), digest_size=4).hexdigest()


def follow(
    key: str,
    name: str,
    every: pd.DataFrame,
    read: Callable[[Mapping], Iterable[Condition]],
    columns: Sequence[str],
) -> None:
    """Set the filter to what is selected in a chart; for its ``on_select``.

    Args:
        key: of the chart.
        name: of the chart, whatever is chosen.
        every: the worklist of all cases.
        read: what its selection asks for.
        columns: the worklist's columns that it may ask for.
    """
    now, _ = selection.current()
    wanted = list(read(st.session_state[key].selection))
    if wanted:
        same_chart = st.session_state.get(_CASES_CHOSEN_IN) == name
        selection.put(narrowed(now, wanted, columns, every, same_chart))
        if any(condition.column == "case" for condition in wanted):
            st.session_state[_CASES_CHOSEN_IN] = name


def narrowed(
    now: Filter,
    wanted: Sequence[Condition],
    columns: Sequence[str],
    every: pd.DataFrame,
    same_chart: bool,
) -> Filter:
    """Return a filter after a selection in a chart.

    What other charts asked for stays, what this chart asked for before gives way, and what it asked for
    already is taken back: a second click on a bar undoes the first.

    Args:
        now: the filter before.
        wanted: what the selection asks for, at least one condition.
        columns: the columns that this chart may ask for.
        every: the worklist of all cases.
        same_chart: whether the cases that are chosen by name were chosen in this chart; if not, only
            those that are in both stay.
    """
    after = now
    for column in columns:
        if column != "case" or same_chart:
            after = after.but(Condition(column))
    fitting = _fitting(after, every)
    conditions = []
    for condition in wanted:
        if condition.column == "case":
            both = tuple(name for name in condition.values if name in fitting)
            condition = Condition("case", values=both or condition.values)
        conditions.append(condition)
    if all(now.of(condition.column) == condition for condition in conditions):
        return after.but(Condition("case")) if "case" in columns else after
    for condition in conditions:
        after = after.but(condition)
    # Nothing in common leaves the new choice alone: an empty page would help nobody.
    return after if _fitting(after, every) else Filter(tuple(conditions))


def _fitting(asked: Filter, every: pd.DataFrame) -> set[str]:
    try:
        return set(every.loc[asked.rows(every), "case"])
    except FilterError:
        # The page says what is wrong with it, and shows all cases.
        return set(every["case"])


def in_values(column: str) -> Callable[[Mapping], list[Condition]]:
    """Return how a selection of bars reads whose customdata hold a value of a column, or None."""

    def read(chosen: Mapping) -> list[Condition]:
        held = [selection.custom(point)[0] for point in chosen["points"]]
        values = tuple(dict.fromkeys(str(value) for value in held if value is not None))
        return [Condition(column, values=values, missing=None in held)] if held else []

    return read


def in_ranges(column: str) -> Callable[[Mapping], Sequence[Condition]]:
    """Return how a selection of bins of a column reads."""
    return lambda chosen: selection.chosen(chosen, bins=column).conditions


def in_cases(chosen: Mapping) -> list[Condition]:
    """Return the cases that selected points name in their customdata."""
    return by_name(selection.custom(point)[0] for point in chosen["points"])


def in_axes(**axes: str) -> Callable[[Mapping], Sequence[Condition]]:
    """Return how a selection of points reads whose axes are columns of the worklist (x=, y=)."""
    return lambda chosen: selection.chosen(chosen, case="customdata", **axes).conditions


def in_strips(rows: pd.DataFrame, group: str, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return how a selection of points side by side by group reads.

    As some groups and a range where that says the same: it is shorter than the cases by name.

    Args:
        rows: the worklist of all cases.
        group: its column that the points stand apart by.
        value: its column on the vertical axis.
    """

    def read(chosen: Mapping) -> list[Condition]:
        names = {selection.custom(point)[0] for point in chosen["points"]}
        picked = rows[rows["case"].isin(names)]
        if picked.empty:
            return []
        groups = picked[group]
        known = tuple(groups.dropna().drop_duplicates().sort_values().astype("str"))
        ends = (picked[value].min(), picked[value].max())
        some = Condition(group, values=known, missing=bool(groups.isna().any()))
        wanted = [some, Condition(value, ranges=(ends,))]
        every_group = groups.nunique(dropna=False) == rows[group].nunique(dropna=False)
        wanted = wanted[1:] if every_group else wanted
        same = _fitting(Filter(tuple(wanted)), rows) == names
        return wanted if same else by_name(picked["case"])

    return read


def in_bins_of(rows: pd.DataFrame, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return how a selection of bins reads: the cases with at least one row in one of them.

    Args:
        rows: ``case`` and the value, several rows a case.
        value: the column that the bins count; a bin's customdata hold its first and last value.
    """

    def read(chosen: Mapping) -> list[Condition]:
        inside = pd.Series(False, index=rows.index)
        for point in chosen["points"]:
            low, high = selection.custom(point)[:2]
            inside |= rows[value].between(low, high).fillna(False).astype(bool)
        return by_name(rows.loc[inside, "case"])

    return read


def in_values_of(rows: pd.DataFrame, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return how a selection of bars reads: the cases with at least one row of one of their values."""

    def read(chosen: Mapping) -> list[Condition]:
        held = {selection.custom(point)[0] for point in chosen["points"]}
        return by_name(rows.loc[rows[value].astype("str").isin(held), "case"])

    return read


def by_name(names: Iterable[str]) -> list[Condition]:
    """Return the condition that asks for some cases, none where there is no name."""
    values = tuple(dict.fromkeys(names))
    return [Condition("case", values=values)] if values else []
