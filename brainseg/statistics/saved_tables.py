"""Tables of a large cohort: made once, by part, saved beside its index and mapped from disk.

The tables of a cohort whose index is in memory are made at each call: that takes less than a second.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.index import Progress
from brainseg.cohort.mapped_table import map_table, write_table, write_table_of_parts
from brainseg.cohort.saved_index import ABOUT
from brainseg.errors import BrainsegError
from brainseg.statistics import cases, tumours
from brainseg.statistics.parts import parts_of

if TYPE_CHECKING:
    from brainseg.statistics.atlas import Atlas

VERSION = 1
"""Of the tables: to be raised when a value or column changes."""

COMPARABLE, IMAGES, MASKS = "comparable", "image_files", "mask_files"
"""Further columns of the saved table by case: whether any slice has three channels, numbers of files."""

OF_INDEX = ["case", "patient_id", "institution", "slice_number", "area_px", "largest_component_px"]
"""Columns of the measures by slice that are those of the index, and not saved again."""

_CASES, _SLICES, _TUMOURS = "cases", "slices", "tumours"
_NAMES = (_CASES, _SLICES, _TUMOURS)


def save_tables(cohort: Cohort, progress: Progress | None = None) -> None:
    """Make and save the tables of a large cohort, unless they are saved already.

    Does nothing for a cohort whose index is in memory, or if the tables cannot be saved: they are then
    made at each call.

    Args:
        cohort: an opened cohort.
        progress: called with (slices counted, slices to count).
    """
    about = _about(cohort)
    if about is None or all(_mapped(cohort, name) is not None for name in _NAMES):
        return
    of_cases: list[pd.DataFrame] = []

    def by_slice() -> Iterator[pd.DataFrame]:
        done = 0
        for part in parts_of(cohort.slices):
            measures = tumours.slice_measures(part)
            by_case = tumours.measures_by_case(part, measures)
            copies = cases.flair_copies(part).reindex(by_case["case"])
            comparable = {COMPARABLE: copies.notna().to_numpy()}
            of_cases.append(by_case.assign(**comparable, **_files(part)))
            done += len(part)
            yield measures.drop(columns=OF_INDEX)
            if progress:
                progress(done, len(cohort.slices))

    with suppress(BrainsegError):
        write_table_of_parts(_path(cohort, _SLICES), by_slice(), about)
        table = pd.concat(of_cases, ignore_index=True)
        write_table(_path(cohort, _CASES), _columns(table), about)
        measures = slice_measures(cohort)
        rows = measures["tumour"].fillna(False).to_numpy(bool)
        tumour = ((name, values[rows]) for name, values in _columns(measures))
        write_table(_path(cohort, _TUMOURS), tumour, about)


def case_table(cohort: Cohort) -> pd.DataFrame:
    """Return :func:`brainseg.statistics.case_table` of a cohort; values cannot be changed in place."""
    found = _mapped(cohort, _CASES)
    return cases.case_table(cohort.slices) if found is None else found[cases.COLUMNS]


def sequence_copies(cohort: Cohort) -> pd.Series:
    """Return :func:`brainseg.statistics.flair_copies` by case, missing for a case without a comparison.

    In the order of :func:`case_table`, with an index from 0.
    """
    found = _mapped(cohort, _CASES)
    if found is not None:
        return found["flair_copies"].where(found[COMPARABLE])
    names = cohort.slices["case"].drop_duplicates()
    return cases.flair_copies(cohort.slices).reindex(names).reset_index(drop=True)


def case_measures(cohort: Cohort, atlas: "Atlas | None" = None) -> pd.DataFrame:
    """Return :func:`brainseg.statistics.case_measures` of a cohort, as :func:`case_table` does."""
    found = _mapped(cohort, _CASES)
    if found is None:
        return tumours.case_measures(cohort.slices, atlas)
    return tumours.with_parts(found.drop(columns=[COMPARABLE, IMAGES, MASKS]), atlas)


def slice_measures(cohort: Cohort) -> pd.DataFrame:
    """Return :func:`brainseg.statistics.slice_measures` of a cohort, as :func:`case_table` does."""
    found = _mapped(cohort, _SLICES)
    if found is None:
        return tumours.slice_measures(cohort.slices)
    columns = {**{name: cohort.slices[name].array for name in OF_INDEX}, **found}
    return pd.DataFrame({name: columns[name] for name in tumours.SLICE_COLUMNS}, copy=False)


def tumour_slices(cohort: Cohort, measures: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of :func:`slice_measures` with tumour, of a large cohort numbered from 0."""
    found = _mapped(cohort, _TUMOURS)
    if found is not None:
        return found
    return measures[measures["tumour"].fillna(False)]


def file_counts(cohort: Cohort) -> pd.DataFrame:
    """Return ``case`` and its numbers of files, as :data:`IMAGES` and :data:`MASKS`, by case."""
    found = _mapped(cohort, _CASES)
    if found is not None:
        return found[["case", IMAGES, MASKS]]
    names = cohort.slices["case"].drop_duplicates().reset_index(drop=True)
    return pd.DataFrame({"case": names, **_files(cohort.slices)})


def _files(slices: pd.DataFrame) -> dict[str, pd.Series]:
    exist = slices[["image_path", "mask_path"]].notna()
    found = exist.groupby(pd.factorize(slices["case"])[0]).sum()
    return {IMAGES: found["image_path"], MASKS: found["mask_path"]}


def _columns(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    return ((str(name), values) for name, values in table.items())


def _about(cohort: Cohort) -> str | None:
    """Return what the tables of a cohort are made from; None if its index is in memory."""
    index = cohort.slices.attrs.get(ABOUT)
    return index and f"tables {VERSION} of {len(cohort.slices)} slices of {index}, {cohort.label}"


def _mapped(cohort: Cohort, name: str) -> pd.DataFrame | None:
    about = _about(cohort)
    return None if about is None else map_table(_path(cohort, name), about)


def _path(cohort: Cohort, name: str) -> Path:
    return cohort.results_dir / "tables" / f"{name}.arrow"
