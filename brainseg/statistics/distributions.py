"""Distributions of values: over all rows, and over the chosen ones."""

import math

import numpy as np
import pandas as pd

from brainseg.statistics.cases import ratio


def histogram(
    values: pd.Series, chosen: pd.Series | None = None, most_bins: int = 40
) -> pd.DataFrame:
    """Return the number of values in bins of equal width, of all and of the chosen.

    Args:
        values: numbers; missing ones are in no bin.
        chosen: bool on the same rows; None for all.
        most_bins: the limit on bins, at least 1; their width is 1, 2 or 5 times a power of ten, and a
            whole number for whole numbers.

    Returns:
        ``from`` (included), ``to`` (excluded, except in the last bin), ``all`` and ``chosen`` (counts);
        empty without a value.
    """
    known = values[values.notna()].astype("float64")
    if known.empty:
        columns = {"from": float, "to": float, "all": "int64", "chosen": "int64"}
        return pd.DataFrame(columns=list(columns)).astype(columns)
    whole = pd.api.types.is_integer_dtype(values)
    width = _nice((known.max() - known.min()) / max(1, most_bins))
    width = max(1.0, width) if whole else width
    first = math.floor(known.min() / width)
    # Edges are multiples of the width: floating point must not move an edge past a value.
    index = np.floor(known / width - first).astype("int64")
    count = max(1, math.ceil(known.max() / width) - first)
    index = index.clip(upper=count - 1)
    picked = (
        index if chosen is None or chosen.all() else index[chosen.loc[index.index].astype(bool)]
    )
    edges = [round((first + step) * width, 10) for step in range(count + 1)]
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:]})
    table["all"] = np.bincount(index, minlength=count)
    table["chosen"] = np.bincount(picked, minlength=count)
    return table.astype({"from": "int64", "to": "int64"}) if whole else table


def category_counts(values: pd.Series, chosen: pd.Series | None = None) -> pd.DataFrame:
    """Return the frequency of each value, of all and of the chosen.

    Args:
        values: of any type.
        chosen: bool on the same rows; None for all.

    Returns:
        ``value`` (as text; missing in the last row, if some are), ``all`` and ``chosen`` (counts),
        sorted by value.
    """
    picked = values if chosen is None or chosen.all() else values[chosen.astype(bool)]
    every = values.value_counts().sort_index()
    table = pd.DataFrame(
        {
            "value": every.index.astype("str"),
            "all": every.to_numpy(),
            "chosen": picked.value_counts().reindex(every.index, fill_value=0).to_numpy(),
        }
    )
    if values.isna().any():
        gap = {"value": None, "all": values.isna().sum(), "chosen": picked.isna().sum()}
        table.loc[len(table)] = gap
    return table.astype({"value": "str", "all": "int64", "chosen": "int64"})


def along_the_case(
    measures: pd.DataFrame, chosen: pd.Series | None = None, parts: int = 10
) -> pd.DataFrame:
    """Return the share of slices with tumour by position along the case.

    Args:
        measures: one row per slice, from :func:`brainseg.statistics.slice_measures`.
        chosen: bool on the same rows; None for all.
        parts: number of equal parts of a case.

    Returns:
        One row per part: ``from`` and ``to`` (0..1 along the case), ``slices`` (with a usable mask),
        ``with_tumour``, ``share`` (Float64, 0..1, missing without a slice), and the same with the prefix
        ``chosen_``.
    """
    # Without the other columns, which would be copied.
    known = measures.loc[
        measures["tumour"].notna() & measures["position"].notna(), ["tumour", "position"]
    ]
    some = None if chosen is None or chosen.all() else chosen.loc[known.index].astype(bool)
    edges = np.arange(parts + 1) / parts
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:]})
    for prefix in ("", "chosen_"):
        if prefix and some is None:  # ten million slices are counted once
            names = ("slices", "with_tumour", "share")
            table = table.assign(**{f"{prefix}{name}": table[name] for name in names})
            continue
        rows = known if some is None or not prefix else known[some]
        part = (rows["position"].astype("float64") * parts).astype("int64").clip(upper=parts - 1)
        tumour = rows["tumour"].astype("bool")
        table[f"{prefix}slices"] = np.bincount(part, minlength=parts)
        table[f"{prefix}with_tumour"] = np.bincount(part[tumour], minlength=parts)
        table[f"{prefix}share"] = ratio(table[f"{prefix}with_tumour"], table[f"{prefix}slices"])
    return table


def _nice(width: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is no less than a width."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-12))
