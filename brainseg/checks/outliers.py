"""Outliers: slices that differ from their neighbours, and cases that differ from their institution.

The head changes along its stack, and every case has its own brightness. A slice is therefore compared
with its neighbours: it must differ from both sides, in the same direction, by a factor and by
:data:`SPREADS` times the usual step between slices of its case. A case must differ as much from the
median of its institution, in median absolute deviations. Outliers hardly change a median.
"""

import numpy as np
import pandas as pd

SPREADS = 5.0

LEAST_CASES = 5
"""Fewer cases do not show what is usual."""

_SIDE = 3  # slices on each side, so that two bad ones side by side do not hide each other
_DEVIATION_OF_MEDIAN = 1.4826  # standard deviations in a median absolute deviation, if normal
_LEAST_SPREAD = 0.05


def outlying_slices(values: pd.Series, cases: pd.Series, factor: float) -> pd.Series:
    """Return, by slice, its value divided by that of its neighbours if it is an outlier, otherwise 1.

    The neighbours' value is that of the nearer side. Slices without a value, or without a neighbour with
    one on both sides, are missing.

    Args:
        values: greater than 0, in the order of the stack within each case, missing where unknown.
        cases: the case of each slice.
        factor: least difference of an outlier.
    """
    known = np.log(values.dropna())
    group = pd.factorize(cases[known.index])[0]
    before, after = (_median_of_side(known.to_numpy(), group, sign) for sign in (1, -1))
    apart = np.stack([known - before, known - after])
    least = np.abs(apart).min(axis=0) * np.sign(apart[0])
    steps = known.diff().where(pd.Series(group, known.index).diff() == 0).abs()
    usual_step = steps.groupby(group, sort=False).transform("median").to_numpy()
    is_outlier = (np.sign(apart[0]) == np.sign(apart[1])) & _is_far(least, usual_step, factor)
    ratio = np.where(is_outlier, np.exp(least), 1.0)
    ratio[np.isnan(apart).any(axis=0)] = np.nan
    return pd.Series(ratio, known.index).reindex(values.index)


def _median_of_side(values: np.ndarray, group: np.ndarray, sign: int) -> np.ndarray:
    """Return, for each value, the median of up to three before it (1) or after it (-1) in its group."""
    side = np.full((_SIDE, len(values)), np.nan)
    for step in range(1, min(_SIDE, len(values) - 1) + 1):
        here, there = slice(step, None), slice(None, -step)
        if sign < 0:
            here, there = there, here
        same = group[here] == group[there]
        side[step - 1, here] = np.where(same, values[there], np.nan)
    side.sort(axis=0)  # missing values come last
    number = np.isfinite(side).sum(axis=0)
    lower, upper = (np.clip(middle, 0, None) for middle in ((number - 1) // 2, number // 2))
    place = np.arange(len(values))
    return (side[lower, place] + side[np.minimum(upper, _SIDE - 1), place]) / 2


def outlying_cases(values: pd.Series, institutions: pd.Series, factor: float) -> pd.Series:
    """Return, by case, its value divided by its institution's median if it is an outlier, otherwise 1.

    Cases without a value, or of an institution with fewer than :data:`LEAST_CASES` values, are missing.

    Args:
        values: greater than 0, one per case, missing where unknown.
        institutions: of the same cases, none missing.
        factor: least difference of an outlier.
    """
    logs = np.log(values)
    by_institution = logs.groupby(institutions)
    apart = logs - by_institution.transform("median")
    spread = apart.abs().groupby(institutions).transform("median")
    ratio = np.exp(apart).where(_is_far(apart, spread, factor), 1.0)
    return ratio.where(logs.notna() & (by_institution.transform("count") >= LEAST_CASES))


def _is_far(apart: np.ndarray, median_deviation: np.ndarray, factor: float) -> np.ndarray:
    """Return which differences of logarithms are large, and larger than usual.

    None is where the usual deviation is unknown, as in a stack of one slice.
    """
    spread = np.maximum(_DEVIATION_OF_MEDIAN * median_deviation, _LEAST_SPREAD)
    return np.abs(apart) > np.maximum(SPREADS * spread, np.log(factor))
