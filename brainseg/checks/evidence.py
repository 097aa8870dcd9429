"""Evidence: a cohort, and what several checks need to know of it, each computed once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from brainseg.checks.foreground import is_constant, shows_head, shows_sequence
from brainseg.checks.near_duplicates import Pairs, equal_pairs, near_pairs, repeated_cases
from brainseg.checks.outliers import outlying_cases, outlying_slices
from brainseg.cohort import Cohort
from brainseg.cohort.slice_features import column_of
from brainseg.statistics import UNKNOWN, flair_copies
from brainseg.volume import FLAIR

T = TypeVar("T")

_ROUNDING = {"sharpness": 0.0, "noise": 0.5, "brightness": 1.0}
"""Added to each value, in its unit: half a grey level more or less is rounding, and makes no ratio."""

SLICE_FACTORS = {"sharpness": 2.0, "noise": 2.0, "brightness": 1.6}
"""By so much a slice differs from its neighbours: the head grows sharper or blurred along its stack, but
hardly brighter."""

CASE_FACTOR = 2.0


@dataclass(frozen=True)
class Evidence:
    """What checks look at; it lasts as long as one round of them.

    Attributes:
        cohort: an opened cohort; its files are not read again.
    """

    cohort: Cohort
    _cached: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def once(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """Return what ``compute`` gives, computed the first time that the key is asked for."""
        if key not in self._cached:
            self._cached[key] = compute()
        return self._cached[key]

    @property
    def slices(self) -> pd.DataFrame:
        """Return the index of the cohort."""
        return self.cohort.slices

    @property
    def patients(self) -> pd.DataFrame | None:
        """Return ``data.csv``, or None."""
        return self.cohort.patients

    @cached_property
    def shows_head(self) -> pd.Series:
        """Return, by slice, whether it shows the head; see :mod:`brainseg.checks.foreground`."""
        return shows_head(self.slices)

    @cached_property
    def is_constant(self) -> pd.Series:
        """Return, by slice, whether each sequence of it has one value alone."""
        return is_constant(self.slices)

    @cached_property
    def flair_copies(self) -> pd.Series:
        """Return, by case, the sequences that only repeat FLAIR; see :mod:`brainseg.statistics`."""
        return flair_copies(self.slices)

    @cached_property
    def equal_pairs(self) -> Pairs:
        """Return the slices that are equal; see :mod:`brainseg.checks.near_duplicates`."""
        return equal_pairs(self.slices)

    @cached_property
    def near_pairs(self) -> Pairs:
        """Return the slices that are nearly equal."""
        return near_pairs(self.slices)

    @cached_property
    def repeated_cases(self) -> pd.DataFrame:
        """Return the pairs of cases that show one head."""
        return repeated_cases(self.slices, self.equal_pairs, self.near_pairs)

    def slice_ratios(self, quantity: str, sequence: str) -> pd.Series:
        """Return how far each slice stands out; see :func:`brainseg.checks.outliers.outlying_slices`.

        Args:
            quantity: "sharpness", "noise" or "brightness", a column of the index for each sequence.
            sequence: one of :data:`brainseg.volume.SEQUENCES`.
        """

        def ratios() -> pd.Series:
            values = self._values(quantity, sequence)
            return outlying_slices(values, self.slices["case"], SLICE_FACTORS[quantity])

        return self.once(("slice", quantity, sequence), ratios)

    def case_ratios(self, quantity: str, sequence: str) -> pd.Series:
        """Return how far each case stands out; see :func:`brainseg.checks.outliers.outlying_cases`."""

        def ratios() -> pd.Series:
            by_case = self._values(quantity, sequence).groupby(self.slices["case"], sort=False)
            values = by_case.median()
            institutions = self.slices.drop_duplicates("case").set_index("case")["institution"]
            institutions = institutions[values.index].fillna(UNKNOWN)
            return outlying_cases(values, institutions, CASE_FACTOR)

        return self.once(("case", quantity, sequence), ratios)

    def _values(self, quantity: str, sequence: str) -> pd.Series:
        """Return a quantity of one sequence where the head is large and the sequence shows it."""
        known = self.once(("shown", sequence), lambda: self._shown_in_full(sequence))
        values = self.slices[column_of(quantity, sequence)].where(known) + _ROUNDING[quantity]
        return values.where(values > 0)

    def _shown_in_full(self, sequence: str) -> pd.Series:
        """Return, by slice, whether a sequence shows a large part of the head, and not as a copy."""
        slices = self.slices
        known = slices[column_of("sharpness", sequence)].notna()
        known &= shows_sequence(slices, self.shows_head, sequence)
        if sequence != FLAIR:
            # What only repeats FLAIR has nothing to add to what is said of FLAIR.
            known &= ~slices["flair_copies"].fillna("").str.contains(sequence, regex=False)
        return known
