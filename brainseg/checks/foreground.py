"""Whether a slice shows the head, and each sequence of it.

A stack begins and ends in air, so a dark slice is suspicious only between two slices that show the head,
and brightness is compared within a case.
"""

import pandas as pd

from brainseg.cohort.slice_features import column_of
from brainseg.volume import SEQUENCES

LEAST_SHARE = 0.2
"""A slice shows the head if it is brighter than this share of the usual brightness of its case."""

LEAST_BRIGHTNESS = 10.0
"""And brighter than this, in grey levels of 0..255."""

LEAST_SEQUENCE_SHARE = 0.1
"""The share for a single sequence, whose contrast may change along the stack."""

LEAST_SEQUENCE_BRIGHTNESS = 5.0

_USUAL = 0.9  # quantile for the usual brightness: most slices of a case may be dark


def brightness(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, the brightness of its brightest sequence, 0..255.

    It is missing where the image cannot be used or is not stored as uint8.
    """
    return slices[[column_of("brightness", sequence) for sequence in SEQUENCES]].max(axis=1)


def is_constant(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether each of its sequences has a single value."""
    constant = slices["constant"].fillna("")
    number = constant.str.count(" ").where(constant != "", -1) + 1
    return ((number > 0) & (number == slices["channels"])).fillna(False).astype(bool)


def shows_head(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether it shows the head; False also where this is unknown."""
    bright = brightness(slices)
    usual = bright.groupby(slices["case"], sort=False).transform("quantile", _USUAL)
    return (bright > (LEAST_SHARE * usual).clip(lower=LEAST_BRIGHTNESS)) & ~is_constant(slices)


def within_head(slices: pd.DataFrame, shows: pd.Series) -> pd.Series:
    """Return, by slice, whether slices before it and after it in its case show the head."""
    by_case = shows.groupby(slices["case"], sort=False)
    before = by_case.cumsum()
    return (before > 0) & (before < by_case.transform("sum"))


def shows_sequence(slices: pd.DataFrame, shows: pd.Series, sequence: str) -> pd.Series:
    """Return, by slice, whether it shows the head in this sequence."""
    bright = slices[column_of("brightness", sequence)].where(shows)
    usual = bright.groupby(slices["case"], sort=False).transform("quantile", _USUAL)
    least = (LEAST_SEQUENCE_SHARE * usual).clip(lower=LEAST_SEQUENCE_BRIGHTNESS)
    return (bright > least) & ~slices["constant"].fillna("").str.contains(sequence, regex=False)
