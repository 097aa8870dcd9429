"""Pairs of slices that show the same image: equal ones by pixel hash, others by fingerprint.

Fingerprints of one image (saved with loss, rescaled, slightly noisier, moved by a pixel) differ in few
of 256 bits, those of two heads in about 30 or more. Only fingerprints that agree in one of 16 bands of
bits are compared, so that the time does not grow with the square of the cohort. Every pair that differs
in fewer than 16 bits agrees in a band, and so do most that differ in up to :data:`NEAR_BITS`. Bands
of a very large cohort have 30 bits, and the same is true; see :func:`.fingerprints.pairs_in_a_band`.

An image moved by some pixels or cropped by some percent differs in more bits, up to about 60, but is as
bright in all sequences. Slices of two cases that agree in that are a pair, too, unless a slice of a
third case is nearly as similar, as in a cohort of normalised or synthetic heads.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.checks.fingerprints import (
    bits_apart,
    equal_rows,
    fingerprint_bits,
    is_nearer_than_third,
    pairs_alike,
    pairs_in_a_band,
)
from brainseg.checks.foreground import brightness, is_constant, shows_head
from brainseg.checks.progress import part_of
from brainseg.cohort.index import Progress
from brainseg.cohort.slice_features import column_of
from brainseg.statistics.parts import parts_of
from brainseg.volume import SEQUENCES

NEAR_BITS = 20
"""Slices of two cases show the same image if they differ in at most this number of bits."""

MOVED_BITS, SAME_MEAN, SAME_SIZE = 60, 0.03, 0.08
"""So do slices of two cases that differ in at most this number of bits, if the natural logarithms of the
head's mean in each sequence and of its size differ by less than these."""

NEARER_THAN_THIRD = 0.7
"""And if that number is at most this share of the bits in which any slice of a third case differs."""

NEAR_SHARE = 0.15
"""Slices of one case are similar: they show the same image if they differ in at most this share of the
bits in which neighbours usually differ."""

LEAST_SHARED = 0.5
"""Two cases repeat each other if they share this part of the smaller one's slices, and at least two."""

_SIDES = ("first", "second")
_LOOKS = [*(column_of("head_mean", sequence) for sequence in SEQUENCES), "head_px"]


@dataclass(frozen=True)
class Pairs:
    """Pairs of slices that show the same image: rows of the index, the first before the second."""

    first: np.ndarray
    second: np.ndarray

    def among(self, chosen: np.ndarray) -> "Pairs":
        """Return some of the pairs; ``chosen`` is bool, or their numbers."""
        return Pairs(self.first[chosen], self.second[chosen])


def equal_pairs(slices: pd.DataFrame) -> Pairs:
    """Return each slice with the first one that has the same pixels; blank slices are not compared."""
    compared = slices["image_hash"].notna() & slices["height"].notna() & ~is_constant(slices)
    compared &= shows_head(slices) | brightness(slices).isna()
    rows = np.flatnonzero(compared)
    return Pairs(*equal_rows(slices["image_hash"], rows))


def near_pairs(slices: pd.DataFrame, progress: Progress | None = None) -> Pairs:
    """Return pairs of slices with nearly the same fingerprint and not the same pixels.

    Args:
        slices: the index of a cohort.
        progress: called with (steps done, steps to do).
    """
    compared = slices["fingerprint"].notna().to_numpy(copy=True)
    hashed = compared & slices["image_hash"].notna().to_numpy()
    equal, again = equal_rows(slices["image_hash"], np.flatnonzero(hashed))
    codes, names = pd.factorize(slices["case"])
    case = codes.astype(np.int32)
    del codes
    compared[again] = False
    first_half, second_half = part_of(progress, 0, 50, 100), part_of(progress, 50, 100, 100)
    banded = _pairs_in_a_band(slices, case, names, np.flatnonzero(compared), first_half)
    compared[equal] = False
    return _united(banded, _moved_pairs(slices, case, np.flatnonzero(compared), second_half))


def _pairs_in_a_band(
    slices: pd.DataFrame, case: np.ndarray, names: pd.Index, rows: np.ndarray, progress: Progress
) -> Pairs:
    """Return pairs of slices with nearly the same fingerprint; see :func:`pairs_in_a_band`."""
    bits = fingerprint_bits(slices["fingerprint"], rows)
    first, second, apart = pairs_in_a_band(bits, NEAR_BITS, progress)
    case_of_first, case_of_second = case[rows[first]], case[rows[second]]
    usual = _usual_distance(slices).reindex(names[case_of_second]).to_numpy()
    alike = (case_of_first != case_of_second) | (apart <= NEAR_SHARE * usual)
    return Pairs(rows[first], rows[second]).among(alike)


def _united(one: Pairs, other: Pairs) -> Pairs:
    """Return the pairs of both, each once, in the order of the index."""
    sides = [np.concatenate([getattr(pairs, side) for pairs in (one, other)]) for side in _SIDES]
    return Pairs(*np.unique(np.array(sides, int), axis=1))


def _moved_pairs(
    slices: pd.DataFrame, case: np.ndarray, rows: np.ndarray, progress: Progress
) -> Pairs:
    """Return pairs of slices of two cases with similar fingerprints and equally bright sequences."""
    looks = np.empty((len(rows), len(_LOOKS)), np.float32)
    for column, name in enumerate(_LOOKS):
        looks[:, column] = np.log1p(slices[name].to_numpy(float, na_value=np.nan)[rows])
    bits, case = fingerprint_bits(slices["fingerprint"], rows), case[rows]
    within = [*[SAME_MEAN] * len(SEQUENCES), SAME_SIZE]
    first, second, apart = pairs_alike(bits, looks, within, case, MOVED_BITS, progress)
    alone = [
        is_nearer_than_third(bits, case, *pair, NEARER_THAN_THIRD)
        for pair in zip(first, second, apart, strict=True)
    ]
    # The neighbours of a copied slice are similar, too: only the closest slice of a case is a pair.
    pairs = {"first": first, "second": second, "a": case[first], "b": case[second], "apart": apart}
    closest = pd.DataFrame(pairs)[np.array(alone, bool)].sort_values("apart", kind="stable")
    closest = closest[~(closest.duplicated(["first", "b"]) | closest.duplicated(["second", "a"]))]
    return Pairs(rows[closest["first"]], rows[closest["second"]])


def repeated_cases(slices: pd.DataFrame, equal: Pairs, near: Pairs) -> pd.DataFrame:
    """Return the pairs of cases that show the same head, from the pairs of equal and near slices.

    Returns:
        ``earlier`` and ``later`` (cases, in the order of the index), ``shared`` (number of slices of the
        later one that the other has too) and ``slice_number``, the first of them.
    """
    sides = [np.concatenate([getattr(one, of) for one in (equal, near)]) for of in _SIDES]
    earlier, later = (slices["case"].iloc[side].to_numpy() for side in sides)
    table = pd.DataFrame({"earlier": earlier, "later": later, "row": sides[1]})
    table = table[table["earlier"] != table["later"]].drop_duplicates().sort_values("row")
    shared = table.groupby(["earlier", "later"], sort=False)["row"].agg(["size", "first"])
    shared = shared.reset_index().rename(columns={"size": "shared"})
    size = slices["case"][shows_head(slices)].value_counts()
    smaller = np.minimum(*(shared[side].map(size).fillna(0) for side in ("earlier", "later")))
    whole = shared[(shared["shared"] >= 2) & (shared["shared"] >= LEAST_SHARED * smaller)]
    numbers = slices["slice_number"].to_numpy()[whole["first"]]
    return whole.assign(slice_number=numbers).drop(columns="first").reset_index(drop=True)


def _usual_distance(slices: pd.DataFrame) -> pd.Series:
    """Return, by case, the median distance of neighbouring slices; missing without neighbours."""
    columns = ["case", "slice_number", "fingerprint"]
    found = [_usual_distance_of(part) for part in parts_of(slices[columns])]
    return pd.concat(found) if found else _usual_distance_of(slices)


def _usual_distance_of(slices: pd.DataFrame) -> pd.Series:
    rows = slices[slices["fingerprint"].notna()]
    bits = fingerprint_bits(rows["fingerprint"])
    before = np.arange(max(0, len(rows) - 1))
    apart = pd.Series(bits_apart(bits, before, before + 1), rows.index[1:])
    beside = (rows["slice_number"].diff() == 1) & (rows["case"] == rows["case"].shift())
    return apart.where(beside).groupby(rows["case"]).median()
