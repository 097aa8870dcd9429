"""A cohort, the cases that are chosen in it, and the tables that figures are made from."""

from collections.abc import Iterable
from functools import cached_property

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.filters import Filter
from brainseg.errors import CohortError
from brainseg.models import open_model
from brainseg.statistics import embeddings, saved_tables
from brainseg.statistics.atlas import Atlas, open_atlas
from brainseg.statistics.embeddings import IMAGE, Features
from brainseg.worklist import case_rows


class ChosenCases:
    """A cohort and some of its cases. Each method returns a table of the whole cohort.

    Attributes:
        cohort: the open cohort.
        names: the chosen cases.
    """

    def __init__(self, cohort: Cohort, names: Iterable[str] | None = None) -> None:
        self.cohort = cohort
        self.names = tuple(cohort.cases if names is None else names)

    @cached_property
    def has_all(self) -> bool:
        """Return whether all cases of the cohort are chosen."""
        return {*self.cohort.cases} <= {*self.names}

    @classmethod
    def where(cls, cohort: Cohort, filter_text: str) -> "ChosenCases":
        """Choose the cases that match a filter, such as ``"institution~CS"``.

        Args:
            cohort: the open cohort.
            filter_text: see :mod:`brainseg.cohort.filters`; only columns of :meth:`worklist`.

        Raises:
            FilterError: the text is not a filter, or names an unknown column.
        """
        rows = case_rows(cohort)
        return cls(cohort, rows.loc[Filter.parse(filter_text).rows(rows), "case"])

    def among(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table belong to a chosen case (bool)."""
        if self.has_all:
            return pd.Series(True, table.index)  # ten million names take seconds to look up
        return table["case"].isin(self.names)

    def slices(self) -> pd.DataFrame:
        """Return one row per slice; see :func:`brainseg.statistics.slice_measures`."""
        return saved_tables.slice_measures(self.cohort)

    def tumour_slices(self) -> pd.DataFrame:
        """Return the rows of :meth:`slices` with tumour."""
        return saved_tables.tumour_slices(self.cohort, self.slices())

    def cases(self, with_parts: bool = False) -> pd.DataFrame:
        """Return one row per case; see :func:`brainseg.statistics.case_measures`.

        Args:
            with_parts: also count the parts of each tumour; the first time, this reads every file.
        """
        return saved_tables.case_measures(self.cohort, self.atlas() if with_parts else None)

    def counts(self) -> pd.DataFrame:
        """Return one row per case; see :func:`brainseg.statistics.case_table`."""
        return saved_tables.case_table(self.cohort)

    def worklist(self) -> pd.DataFrame:
        """Return one row per case with the columns of ``data.csv``, in the order of :meth:`cases`."""
        return case_rows(self.cohort)

    def atlas(self) -> Atlas:
        """Return the heads and tumours of all cases; the first time, this reads every file."""
        return open_atlas(self.cohort)

    def features(self, source: str = IMAGE) -> Features:
        """Return the features of every slice.

        Args:
            source: "image", or the name of a model.

        Raises:
            CohortError: the features of the model have not been computed.
        """
        model = None if source == IMAGE else open_model(source)
        found = embeddings.load_features(self.cohort, model)
        if found is None and model is not None:
            raise CohortError(
                f"the features of {source} have not been computed for this cohort: run "
                f'`brainseg features "{self.cohort.place}" --model {source}`.'
            )
        return found or embeddings.describe_images(self.cohort)
