"""The atlas of a cohort: measures that need every pixel, computed once and saved beside the index.

For each case: the tumour's position in the box of its own head, the brightness of voxels inside and
outside the tumour, and the number of separate parts of the tumour as a volume. Measures of single slices
are in the index; see :mod:`brainseg.cohort.index`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.cohort import Case, Cohort
from brainseg.cohort.head import head_box, head_masks, in_box
from brainseg.cohort.index import Progress
from brainseg.statistics.cases import case_table
from brainseg.statistics.measures import measure_volume
from brainseg.storage.cache import load_cached, load_or_compute, save_cached
from brainseg.volume import SEQUENCES, Volume

VERSION = 1
"""Raised when the same files give other numbers, so that a saved atlas is computed again."""

ROWS, COLUMNS = 60, 48
"""Cells of the head's box, in the proportions of a head seen from above."""

LEVELS = 64
"""Bins of the intensities 0..255, four grey levels each."""

OUTSIDE, INSIDE = "outside the tumour", "inside the tumour"
PLACES = (OUTSIDE, INSIDE)
"""Outside means within the head, on slices with a usable mask."""


@dataclass(frozen=True)
class Atlas:
    """The cases of a cohort in the same frame; n cases with a readable slice.

    Attributes:
        cases: (n,) str.
        tumours: (n, ROWS, COLUMNS) float32, 0..1: the tumour's share of each cell, on the slice where it
            is largest; all NaN for a case without a usable mask.
        heads: (n, ROWS, COLUMNS) float32, 0..1: share of the case's slices on which a cell is head.
        intensities: (n, sequences, 2, LEVELS) int64: voxels by intensity, regions as in :data:`PLACES`;
            all 0 for a sequence that only repeats FLAIR.
        components: (n,) int64, separate parts of the tumour as a volume; -1 without a usable mask.
        largest_share: (n,) float64, voxels of the largest part as a share of all, 0..1; NaN without
            tumour.
    """

    cases: np.ndarray
    tumours: np.ndarray
    heads: np.ndarray
    intensities: np.ndarray
    components: np.ndarray
    largest_share: np.ndarray

    def __len__(self) -> int:
        return len(self.cases)

    def rows_of(self, cases: Sequence[str]) -> np.ndarray:
        """Return the rows of some cases, in the order of the atlas; unknown names are ignored."""
        return np.flatnonzero(np.isin(self.cases, list(cases)))


def make_atlas(cohort: Cohort, progress: Progress | None = None) -> Atlas:
    """Return the atlas of a cohort; each file is read once.

    Args:
        cohort: the open cohort.
        progress: called with (slices read, slices to read).

    Raises:
        CohortError: a file has changed since the cohort was indexed.
    """
    cases = [case for case in map(cohort.case, cohort.cases) if len(case.readable)]
    copies = case_table(cohort.slices).set_index("case")["flair_copies"]
    total, done, rows = sum(len(case.readable) for case in cases), 0, []
    if progress:
        progress(0, total)
    with ThreadPoolExecutor() as pool:
        for case, row in zip(cases, pool.map(_of_case, cases), strict=True):
            absent = [name in copies[case.name] for name in SEQUENCES]
            row["intensities"][absent] = 0
            rows.append(row)
            done += len(case.readable)
            if progress:
                progress(done, total)
    shapes = {
        "tumours": ((ROWS, COLUMNS), np.float32),
        "heads": ((ROWS, COLUMNS), np.float32),
        "intensities": ((len(SEQUENCES), len(PLACES), LEVELS), np.int64),
        "components": ((), np.int64),
        "largest_share": ((), np.float64),
    }
    return Atlas(
        np.array([case.name for case in cases], dtype=str),
        **{
            name: np.array([row[name] for row in rows], dtype).reshape(len(rows), *shape)
            for name, (shape, dtype) in shapes.items()
        },
    )


def open_atlas(cohort: Cohort, progress: Progress | None = None) -> Atlas:
    """Return the atlas of a cohort; the first call computes it, and saves it if the folder is writable.

    Raises:
        CohortError: as for :func:`make_atlas`.
    """
    path, about = cohort.results_dir / "atlas.npz", {"version": VERSION}

    def load() -> Atlas | None:
        found = load_cached(path, about)
        return None if found is None else Atlas(**found[1])

    return load_or_compute(
        load,
        lambda: make_atlas(cohort, progress),
        lambda atlas: save_cached(path, about, **vars(atlas)),
    )


@dataclass(frozen=True)
class Overlap:
    """The share of cases with tumour at each position in the head.

    Attributes:
        share: (ROWS, COLUMNS) float64, 0..1: cases whose tumour covers at least half of the cell on at
            least one slice; all 0 without a case.
        head: (ROWS, COLUMNS) float64, 0..1: share of slices on which the cell is head, on average.
        cases: number of cases with tumour.
        without_tumour: cases whose usable masks are all empty.
        without_mask: cases without a usable mask.
    """

    share: np.ndarray
    head: np.ndarray
    cases: int
    without_tumour: int
    without_mask: int


def overlap(atlas: Atlas, cases: Sequence[str]) -> Overlap:
    """Return the positions of the tumours of some cases; each case counts the same.

    Args:
        atlas: of the cohort.
        cases: names; those that are not in the atlas are ignored.
    """
    rows = atlas.rows_of(cases)
    with_mask = rows[atlas.components[rows] >= 0]
    with_tumour = with_mask[atlas.components[with_mask] > 0]
    covered = _covered(atlas)[with_tumour]
    nowhere = np.zeros((ROWS, COLUMNS))
    return Overlap(
        share=covered.mean(axis=0) if len(covered) else nowhere,
        head=atlas.heads[rows].mean(axis=0, dtype=float) if len(rows) else nowhere,
        cases=len(with_tumour),
        without_tumour=len(with_mask) - len(with_tumour),
        without_mask=len(rows) - len(with_mask),
    )


def cases_with_tumour_in(
    atlas: Atlas, rows: tuple[float, float], columns: tuple[float, float]
) -> list[str]:
    """Return the cases whose tumour covers at least half of a cell in a rectangle.

    Args:
        atlas: of the cohort.
        rows, columns: from and to, in shares of the head's box from its top and left.
    """

    def between(cells: int, low: float, high: float) -> np.ndarray:
        middle = (np.arange(cells) + 0.5) / cells
        return (middle >= low) & (middle <= high)

    inside = np.outer(between(ROWS, *rows), between(COLUMNS, *columns))
    return atlas.cases[_covered(atlas)[:, inside].any(axis=1)].tolist()


def intensity_table(atlas: Atlas, cases: Sequence[str]) -> pd.DataFrame:
    """Return the brightness of the voxels of some cases, inside and outside the tumour.

    Returns:
        One row per sequence, region and bin: ``sequence``, ``place`` (of :data:`PLACES`), ``from_level``
        and ``to_level`` (0..255, both included), ``voxels``, ``share`` (of the voxels of that sequence
        and region, 0..1, missing if there are none) and ``cases`` (that have the sequence).
    """
    counts = atlas.intensities[atlas.rows_of(cases)]
    with_sequence = (counts.sum(axis=(2, 3)) > 0).sum(axis=0)
    voxels = counts.sum(axis=0)
    width = 256 // LEVELS
    parts = [
        pd.DataFrame(
            {
                "sequence": name,
                "place": place,
                "from_level": np.arange(0, 256, width),
                "to_level": np.arange(width - 1, 256, width),
                "voxels": voxels[s, p],
                "share": voxels[s, p] / voxels[s, p].sum() if voxels[s, p].any() else np.nan,
                "cases": int(with_sequence[s]),
            }
        )
        for s, name in enumerate(SEQUENCES)
        for p, place in enumerate(PLACES)
    ]
    return pd.concat(parts, ignore_index=True)


def _of_case(case: Case) -> dict:
    volume = case.volume()
    masks, has_mask = case.masks()
    heads = head_masks(volume)
    box = head_box(heads)
    row = {
        "tumours": np.full((ROWS, COLUMNS), np.nan, np.float32),
        "heads": in_box(heads, box, ROWS, COLUMNS).mean(axis=0),
        "intensities": _intensities(volume, masks, heads & has_mask[:, np.newaxis, np.newaxis]),
        "components": -1,
        "largest_share": np.nan,
    }
    if has_mask.any():
        measured = measure_volume(masks, has_mask)
        row["tumours"] = in_box(masks[has_mask], box, ROWS, COLUMNS).max(axis=0)
        row["components"] = measured.components
        if measured.largest_share is not None:
            row["largest_share"] = measured.largest_share
    return row


def _intensities(volume: Volume, masks: np.ndarray, heads: np.ndarray) -> np.ndarray:
    width = 256 // LEVELS
    counts = np.zeros((len(SEQUENCES), len(PLACES), LEVELS), np.int64)
    for s, name in enumerate(SEQUENCES):
        pixels = volume.sequence(name)
        for p, place in enumerate((heads & ~masks, masks)):
            counts[s, p] = np.bincount(pixels[place] // width, minlength=LEVELS)
    return counts


def _covered(atlas: Atlas) -> np.ndarray:
    # NaN, for a case without a mask, is never at least 0.5.
    return atlas.tumours >= 0.5
