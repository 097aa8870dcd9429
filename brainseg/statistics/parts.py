"""Tables of a large index, made from a part of its cases at a time, so that memory stays bounded."""

from collections.abc import Callable, Iterator

import pandas as pd

PART_SLICES = 250_000
"""A part has about this many slices: with fewer, pandas takes longer for the same cases."""


def by_part(make: Callable[[pd.DataFrame], pd.DataFrame], slices: pd.DataFrame) -> pd.DataFrame:
    """Return the table that a function makes of an index, from parts of whole cases.

    Args:
        make: returns rows of the cases in the part of the index that it gets, in their order, numbered
            from 0; the rows of a case do not depend on other cases.
        slices: the index of a cohort; the slices of a case are adjacent.
    """
    if len(slices) <= PART_SLICES:
        return make(slices)
    return pd.concat([make(part) for part in parts_of(slices)], ignore_index=True)


def parts_of(slices: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield an index in parts of whole cases, each with about :data:`PART_SLICES` slices."""
    names, start = slices["case"], 0
    while start < len(names):
        end = min(start + PART_SLICES, len(names))
        while end < len(names) and names.iat[end] == names.iat[end - 1]:
            end += 1
        yield slices.iloc[start:end]
        start = end
