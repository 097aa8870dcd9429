"""Evidence: a cohort, and the facts about it that several checks need, each computed once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from brainseg.checks.foreground import is_constant, shows_head, shows_sequence
from brainseg.checks.near_duplicates import Pairs, equal_pairs, near_pairs, repeated_cases
from brainseg.checks.outliers import outlying_cases, outlying_slices
from brainseg.cohort import Cohort
from brainseg.cohort.index import Progress
from brainseg.cohort.slice_features import column_of
from brainseg.statistics import UNKNOWN, flair_copies
from brainseg.volume import FLAIR, SEQUENCES

T = TypeVar("T")

_ROUNDING = {"sharpness": 0.0, "noise": 0.5, "brightness": 1.0}
"""Added to each value, in its unit: a difference of half a grey level is only rounding."""

SLICE_FACTORS = {"sharpness": 2.0, "noise": 2.0, "brightness": 1.6}
"""Least factor between a slice and its neighbours: sharpness varies along a stack, brightness hardly."""

CASE_FACTOR = 2.0


@dataclass(frozen=True)
class Evidence:
    """The facts for one round of checks, from an opened cohort; its files are not read again."""

    cohort: Cohort
    _cached: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def once(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """Return the result of ``compute``, which is called only for the first request of a key."""
        if key not in self._cached:
            self._cached[key] = compute()
        return self._cached[key]

    @property
    def slices(self) -> pd.DataFrame:
        """Return the index of the cohort."""
        return self.cohort.slices

    @property
    def union(self) -> pd.DataFrame:
        """Return the index with the union of all labels as mask, as FLAIR shows it."""
        return (self.cohort.whole or self.cohort).slices

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
        """Return, by slice, whether each of its sequences has a single value."""
        return is_constant(self.slices)

    @property
    def flair_copies(self) -> pd.Series:
        """Return, by case, the sequences that only repeat FLAIR; see :mod:`brainseg.statistics`."""
        return self.once(("flair copies",), lambda: flair_copies(self.slices))

    @cached_property
    def equal_pairs(self) -> Pairs:
        """Return the pairs of equal slices."""
        return equal_pairs(self.slices)

    @property
    def near_pairs(self) -> Pairs:
        """Return the pairs of nearly equal slices."""
        return self.search_pairs()

    def search_pairs(self, progress: Progress | None = None) -> Pairs:
        """Return :attr:`near_pairs`; a long search reports (steps done, steps to do)."""
        return self.once(("near pairs",), lambda: near_pairs(self.slices, progress))

    @cached_property
    def repeated_cases(self) -> pd.DataFrame:
        """Return the pairs of cases that show the same head."""
        return repeated_cases(self.slices, self.equal_pairs, self.near_pairs)

    def slice_ratios(self, quantity: str, sequence: str) -> pd.Series:
        """Return the ratios of :func:`brainseg.checks.outliers.outlying_slices`.

        Args:
            quantity: "sharpness", "noise" or "brightness".
            sequence: one of :data:`brainseg.volume.SEQUENCES`.
        """
        return self.once(
            ("slice", quantity, sequence),
            lambda: outlying_slices(
                self._values(quantity, sequence), self.slices["case"], SLICE_FACTORS[quantity]
            ),
        )

    def case_ratios(self, quantity: str, sequence: str) -> pd.Series:
        """Return the ratios of :func:`brainseg.checks.outliers.outlying_cases`."""

        def ratios() -> pd.Series:
            values = self.case_medians(quantity, sequence)
            named = self.slices[["case", "institution"]].drop_duplicates("case").set_index("case")
            institutions = named["institution"][values.index].fillna(UNKNOWN)
            return outlying_cases(values, institutions, CASE_FACTOR)

        return self.once(("case", quantity, sequence), ratios)

    def case_medians(self, quantity: str, sequence: str) -> pd.Series:
        """Return the median of a quantity by case, missing where no slice shows the sequence."""
        return self.once(
            ("median", quantity, sequence),
            lambda: (
                self._values(quantity, sequence).groupby(self.slices["case"], sort=False).median()
            ),
        )

    def by_case(self) -> dict[tuple[str, ...], pd.Series]:
        """Return the facts by case that rules over all cases need, under their keys."""
        found: dict[tuple[str, ...], pd.Series] = {("flair copies",): self.flair_copies}
        for quantity in _ROUNDING:
            for sequence in SEQUENCES:
                found["median", quantity, sequence] = self.case_medians(quantity, sequence)
        return found

    def _values(self, quantity: str, sequence: str) -> pd.Series:
        """Return a quantity of one sequence where the head is large and the sequence shows it."""
        known = self.once(("shown", sequence), lambda: self._shown_in_full(sequence))
        values = self.slices[column_of(quantity, sequence)].where(known) + _ROUNDING[quantity]
        return values.where(values > 0)

    def _shown_in_full(self, sequence: str) -> pd.Series:
        """Return, by slice, whether a sequence shows a large part of the head, not as a copy."""
        slices = self.slices
        known = slices[column_of("sharpness", sequence)].notna()
        known &= shows_sequence(slices, self.shows_head, sequence)
        if sequence != FLAIR:
            # A copy would only repeat the findings on FLAIR.
            known &= ~slices["flair_copies"].fillna("").str.contains(sequence, regex=False)
        return known
