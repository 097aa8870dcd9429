"""Filters from selections in charts: a click or a box becomes conditions in the address."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd
import streamlit as st

from brainseg.cohort.filters import Condition, Filter
from brainseg.errors import FilterError
from dashboard.shared import keys, selection

_LAST_CASE_CHART = "_chart of the last choice of cases"


def digest() -> str:
    """Return a short hash of the current filter."""
    asked = st.query_params.get(keys.WHERE, "") + "\0" + st.query_params.get(keys.SEARCH, "")
    return hashlib.blake2b(asked.encode(), digest_size=4).hexdigest()


def follow(
    key: str,
    name: str,
    every: pd.DataFrame,
    read: Callable[[Mapping], Iterable[Condition]],
    columns: Sequence[str],
) -> None:
    """Update the filter after a selection in a chart; for its ``on_select``.

    Args:
        key: key of the chart.
        name: name of the chart, independent of the choice.
        every: the worklist of all cases.
        read: converts a selection to conditions.
        columns: the worklist's columns that the chart may filter.
    """
    now, _ = selection.current()
    wanted = list(read(st.session_state[key].selection))
    if wanted:
        same_chart = st.session_state.get(_LAST_CASE_CHART) == name
        selection.put(narrowed(now, wanted, columns, every, same_chart))
        if any(condition.column == "case" for condition in wanted):
            st.session_state[_LAST_CASE_CHART] = name


def narrowed(
    now: Filter,
    wanted: Sequence[Condition],
    columns: Sequence[str],
    every: pd.DataFrame,
    same_chart: bool,
) -> Filter:
    """Return a filter after a selection in a chart.

    Conditions of other charts stay, the previous selection of this chart is replaced, and selecting the
    same again removes it: a second click on a bar undoes the first.

    Args:
        now: the filter before.
        wanted: the conditions of the selection, at least one.
        columns: the columns that this chart may filter.
        every: the worklist of all cases.
        same_chart: whether the cases in the filter were chosen in this chart; if not, the new filter is
            the intersection.
    """
    after = now
    for column in columns:
        if column != "case" or same_chart:
            after = after.but(Condition(column))
    matching = _matching(after, every)
    conditions = []
    for condition in wanted:
        if condition.column == "case":
            both = tuple(name for name in condition.values if name in matching)
            condition = Condition("case", values=both or condition.values)
        conditions.append(condition)
    if all(now.of(condition.column) == condition for condition in conditions):
        return after.but(Condition("case")) if "case" in columns else after
    for condition in conditions:
        after = after.but(condition)
    # Without a common case only the new selection remains: an empty page would not help.
    return after if _matching(after, every) else Filter(tuple(conditions))


def _matching(asked: Filter, every: pd.DataFrame) -> set[str]:
    try:
        return set(every.loc[asked.rows(every), "case"])
    except FilterError:
        # The page explains the error and shows all cases.
        return set(every["case"])


def in_values(column: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of bars whose customdata is a value of a column, or None for missing."""

    def read(chosen: Mapping) -> list[Condition]:
        picked = [custom(point)[0] for point in chosen["points"]]
        values = tuple(dict.fromkeys(str(value) for value in picked if value is not None))
        return [Condition(column, values=values, missing=None in picked)] if picked else []

    return read


def in_ranges(column: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of the bins of a column: their ranges, both ends included."""

    def read(chosen: Mapping) -> list[Condition]:
        ranges = _joined(map(custom, chosen["points"]))
        return [Condition(column, ranges=ranges)] if ranges else []

    return read


def in_cases(chosen: Mapping) -> list[Condition]:
    """Return the condition for the cases in the customdata of the selected points."""
    return by_name(custom(point)[0] for point in chosen["points"])


def in_axes(**axes: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of points whose axes are numeric columns of the worklist (x=, y=).

    The result for one box is the range of its points, which is shorter than their names.
    """

    def read(chosen: Mapping) -> list[Condition]:
        points = chosen["points"]
        if not points or len(chosen.get("box", [])) != 1 or chosen.get("lasso"):
            return in_cases(chosen)
        spans = [(column, [point[axis] for point in points]) for axis, column in axes.items()]
        return [Condition(column, ranges=((min(of), max(of)),)) for column, of in spans]

    return read


def in_strips(rows: pd.DataFrame, group: str, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of points that are side by side by group.

    The result is some groups and a range if that selects the same cases: it is shorter than their names.

    Args:
        rows: the worklist of all cases.
        group: the column that separates the points.
        value: the column on the vertical axis.
    """

    def read(chosen: Mapping) -> list[Condition]:
        names = {custom(point)[0] for point in chosen["points"]}
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
        same = _matching(Filter(tuple(wanted)), rows) == names
        return wanted if same else by_name(picked["case"])

    return read


def in_bins_of(rows: pd.DataFrame, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of bins: the cases with at least one row in a selected bin.

    Args:
        rows: ``case`` and the value, several rows per case.
        value: the binned column; the customdata of a bin is its first and last value.
    """

    def read(chosen: Mapping) -> list[Condition]:
        inside = pd.Series(False, index=rows.index)
        for point in chosen["points"]:
            low, high = custom(point)[:2]
            inside |= rows[value].between(low, high).fillna(False).astype(bool)
        return by_name(rows.loc[inside, "case"])

    return read


def in_values_of(rows: pd.DataFrame, value: str) -> Callable[[Mapping], list[Condition]]:
    """Return a reader of bars: the cases with at least one row of a selected value."""

    def read(chosen: Mapping) -> list[Condition]:
        values = {custom(point)[0] for point in chosen["points"]}
        return by_name(rows.loc[rows[value].astype("str").isin(values), "case"])

    return read


def custom(point: Mapping) -> list:
    """Return the custom data of a selected point."""
    data = point.get("customdata", [])
    if isinstance(data, Mapping):  # plotly sends the entries of some traces by index
        return list(data.values())
    return list(data) if isinstance(data, list | tuple) else [data]


def by_name(names: Iterable[str]) -> list[Condition]:
    """Return the condition for some cases; an empty list for no names."""
    values = tuple(dict.fromkeys(names))
    return [Condition("case", values=values)] if values else []


def _joined(ranges: Iterable[list]) -> tuple[tuple[float, float], ...]:
    """Return sorted ranges, adjacent ones merged; consecutive whole numbers are adjacent."""
    pairs = sorted((one[0], one[1]) for one in ranges)
    step = 1 if all(float(limit).is_integer() for pair in pairs for limit in pair) else 0
    joined: list[tuple[float, float]] = []
    for low, high in pairs:
        if joined and low <= joined[-1][1] + step:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
