"""The atlas of a cohort: what needs every pixel, read once and saved beside the index.

For each case: where its tumour lies in the box of its own head, how bright the voxels are inside and
outside of the tumour, and of how many parts the tumour consists as a volume. What one slice alone tells
stands in the index; see :mod:`brainseg.cohort.index`.
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
"""Changes when the same files give other numbers, so that a saved atlas is computed again."""

ROWS, COLUMNS = 60, 48
"""Cells of the head's box, in the proportion of a head seen from above."""

LEVELS = 64
"""Bins of the intensities 0..255, four grey levels each."""

OUTSIDE, INSIDE = "outside the tumour", "inside the tumour"
PLACES = (OUTSIDE, INSIDE)
"""Outside means: within the head, on slices with a usable mask."""


@dataclass(frozen=True)
class Atlas:
    """The cases of a cohort in the same frame; n cases with a slice that can be read.

    Attributes:
        cases: (n,) str.
        tumours: (n, ROWS, COLUMNS) float32, 0..1: how much of a cell the tumour covers on the slice
            where it covers most; all NaN for a case without a usable mask.
        heads: (n, ROWS, COLUMNS) float32, 0..1: on how many of its slices a cell is head.
        intensities: (n, sequences, 2, LEVELS) int64: voxels by intensity, places as in :data:`PLACES`;
            all 0 for a sequence that only repeats FLAIR, for it is not there.
        components: (n,) int64, parts of the tumour that do not touch as a volume; -1 without a usable
            mask.
        largest_share: (n,) float64, the largest part's voxels of all, 0..1; NaN without tumour.
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
        """Return the rows of some cases, in the order of the atlas; others are passed over."""
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
    return Atlas(
        cases=np.array([case.name for case in cases], dtype=str),
        tumours=_stack(rows, "tumours", (ROWS, COLUMNS), np.float32),
        heads=_stack(rows, "heads", (ROWS, COLUMNS), np.float32),
        intensities=_stack(rows, "intensities", (len(SEQUENCES), len(PLACES), LEVELS), np.int64),
        components=_stack(rows, "components", (), np.int64),
        largest_share=_stack(rows, "largest_share", (), np.float64),
    )


def save_atlas(atlas: Atlas, cohort: Cohort) -> None:
    """Save an atlas beside the cohort's index.

    Raises:
        BrainsegError: the file cannot be written.
    """
    save_cached(cohort.state_dir / "atlas.npz", {"version": VERSION}, **vars(atlas))


def load_atlas(cohort: Cohort) -> Atlas | None:
    """Return the saved atlas of a cohort, or None if there is no usable one."""
    found = load_cached(cohort.state_dir / "atlas.npz", {"version": VERSION})
    return None if found is None else Atlas(**found[1])


def open_atlas(cohort: Cohort, progress: Progress | None = None) -> Atlas:
    """Return the atlas of a cohort; the first call computes and saves it.

    Raises:
        CohortError: as for :func:`make_atlas`.
    """
    return load_or_compute(
        lambda: load_atlas(cohort),
        lambda: make_atlas(cohort, progress),
        lambda atlas: save_atlas(atlas, cohort),
    )


@dataclass(frozen=True)
class Overlap:
    """How many cases have tumour in which place of the head.

    Attributes:
        share: (ROWS, COLUMNS) float64, 0..1: the cases whose tumour covers at least half of the cell on
            at least one slice; all 0 without a case.
        head: (ROWS, COLUMNS) float64, 0..1: how often the cell is head, on average.
        cases: how many cases are in it: those with tumour.
        without_tumour: cases whose usable masks are all empty.
        without_mask: cases without a usable mask.
    """

    share: np.ndarray
    head: np.ndarray
    cases: int
    without_tumour: int
    without_mask: int


def overlap(atlas: Atlas, cases: Sequence[str]) -> Overlap:
    """Return where the tumours of some cases lie; each case counts the same, however large.

    Args:
        atlas: of the cohort.
        cases: names; those that are not in the atlas are passed over.
    """
    rows = atlas.rows_of(cases)
    with_mask = rows[atlas.components[rows] >= 0]
    with_tumour = with_mask[atlas.components[with_mask] > 0]
    covered = _covered(atlas)[with_tumour]
    return Overlap(
        share=covered.mean(axis=0) if len(covered) else np.zeros((ROWS, COLUMNS)),
        head=atlas.heads[rows].mean(axis=0, dtype=float)
        if len(rows)
        else np.zeros((ROWS, COLUMNS)),
        cases=len(with_tumour),
        without_tumour=len(with_mask) - len(with_tumour),
        without_mask=len(rows) - len(with_mask),
    )


def cases_with_tumour_in(
    atlas: Atlas, rows: tuple[float, float], columns: tuple[float, float]
) -> list[str]:
    """Return the cases whose tumour covers at least half of some cell in a rectangle.

    Args:
        atlas: of the cohort.
        rows: from and to, in shares of the head's box from its top.
        columns: from and to, in shares of the head's box from its left.
    """
    inside = np.outer(_between(ROWS, *rows), _between(COLUMNS, *columns))
    return atlas.cases[_covered(atlas)[:, inside].any(axis=1)].tolist()


def intensity_table(atlas: Atlas, cases: Sequence[str]) -> pd.DataFrame:
    """Return how bright the voxels of some cases are, inside and outside of the tumour.

    Returns:
        A row a sequence, place and bin: ``sequence``, ``place`` (of :data:`PLACES`), ``from_level``
        and ``to_level`` (0..255, both included), ``voxels``, ``share`` (of the voxels of that sequence
        and place, 0..1, missing where there are none) and ``cases`` (that have the sequence).
    """
    counts = atlas.intensities[atlas.rows_of(cases)]
    there = (counts.sum(axis=(2, 3)) > 0).sum(axis=0)
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
                "cases": int(there[s]),
            }
        )
        for s, name in enumerate(SEQUENCES)
        for p, place in enumerate(PLACES)
    ]
    return pd.concat(parts, ignore_index=True)


def _of_case(case: Case) -> dict:
    volume = case.volume()
    masks, there = case.masks()
    heads = head_masks(volume)
    box = head_box(heads)
    row = {
        "tumours": np.full((ROWS, COLUMNS), np.nan, np.float32),
        "heads": in_box(heads, box, ROWS, COLUMNS).mean(axis=0),
        "intensities": _intensities(volume, masks, heads & there[:, np.newaxis, np.newaxis]),
        "components": -1,
        "largest_share": np.nan,
    }
    if there.any():
        measured = measure_volume(masks, there)
        row["tumours"] = in_box(masks[there], box, ROWS, COLUMNS).max(axis=0)
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
    # A case without a mask is NaN, which is no more than any number.
    return atlas.tumours >= 0.5


def _between(cells: int, low: float, high: float) -> np.ndarray:
    """Return which of some cells side by side lie, with their middle, between two shares of all."""
    middle = (np.arange(cells) + 0.5) / cells
    return (middle >= low) & (middle <= high)


def _stack(rows: list[dict], name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    stacked: np.ndarray = np.array([row[name] for row in rows], dtype)
    return stacked.reshape(len(rows), *shape)
