"""Pairs of slices that show the same image: equal ones by pixel hash, others by fingerprint.

Fingerprints of one image (saved with loss, rescaled, slightly noisier, moved by a pixel) differ in few
of 256 bits, those of two heads in about 30 or more. Only fingerprints that agree in one of 16 bands of
bits are compared, so that the time does not grow with the square of the cohort. Every pair that differs
in fewer than 16 bits agrees in a band, and so do most that differ in up to :data:`NEAR_BITS`.

An image moved by some pixels or cropped by some percent differs in more bits, up to about 60, but is as
bright in all sequences. Slices of two cases that agree in that are a pair, too, unless a slice of a
third case is nearly as similar, as in a cohort of normalised or synthetic heads.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.checks.foreground import brightness, is_constant, shows_head
from brainseg.cohort.slice_features import FINGERPRINT_BITS, column_of
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

_BANDS = 16


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
    hashes = slices["image_hash"].to_numpy()[rows]
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    again = first[group] != np.arange(len(rows))
    return Pairs(rows[first[group]][again], rows[again])


def near_pairs(slices: pd.DataFrame) -> Pairs:
    """Return pairs of slices with nearly the same fingerprint and not the same pixels."""
    known = slices["fingerprint"].notna().to_numpy()
    rows = np.flatnonzero(known & ~slices["image_hash"].duplicated().to_numpy())
    bits = fingerprint_bits(slices["fingerprint"].iloc[rows])
    first, second = _candidates(bits)
    apart = _distance(bits, first, second)
    near = apart <= NEAR_BITS
    pairs, apart = Pairs(rows[first[near]], rows[second[near]]), apart[near]
    case = slices["case"].to_numpy()
    same = case[pairs.first] == case[pairs.second]
    usual = _usual_distance(slices, known)
    alike = ~same | (apart <= NEAR_SHARE * usual.reindex(case[pairs.second]).to_numpy())
    alone = np.flatnonzero(known & ~slices["image_hash"].duplicated(keep=False).to_numpy())
    return _united(pairs.among(alike), _moved_pairs(slices.iloc[alone], alone))


def _united(one: Pairs, other: Pairs) -> Pairs:
    """Return the pairs of both, each once, in the order of the index."""
    pairs = np.array([[*one.first, *other.first], [*one.second, *other.second]], int)
    return Pairs(*np.unique(pairs, axis=1))


def _moved_pairs(slices: pd.DataFrame, rows: np.ndarray) -> Pairs:
    """Return pairs of slices of two cases with similar fingerprints and equally bright sequences."""
    means = slices[[column_of("head_mean", sequence) for sequence in SEQUENCES]].to_numpy(float)
    means, size = np.log1p(means), np.log1p(slices["head_px"].to_numpy(float, na_value=np.nan))
    bits, case = fingerprint_bits(slices["fingerprint"]), slices["case"].to_numpy()
    order = np.argsort(means[:, 0], kind="stable")
    found = [np.empty((2, 0), int)]
    for step in range(1, len(order)):
        one, other = order[:-step], order[step:]
        close = means[other, 0] - means[one, 0] < SAME_MEAN
        if not close.any():
            break
        one, other = one[close], other[close]
        close = (np.abs(means[other] - means[one]) < SAME_MEAN).all(axis=1)
        close &= (np.abs(size[other] - size[one]) < SAME_SIZE) & (case[one] != case[other])
        found.append(np.stack([one[close], other[close]]))
    first, second = np.sort(np.concatenate(found, axis=1), axis=0)
    apart = _distance(bits, first, second)
    near = np.flatnonzero(apart <= MOVED_BITS)
    thirds = [_distance_to_a_third(bits, case, first[pair], second[pair]) for pair in near]
    alike = near[apart[near] <= NEARER_THAN_THIRD * np.array(thirds)]
    alike = alike[np.argsort(apart[alike], kind="stable")]
    # The neighbours of a copied slice are similar, too: only the closest slice of a case is a pair.
    sides = pd.DataFrame({"first": first, "second": second, "a": case[first], "b": case[second]})
    sides = sides.iloc[alike]
    alike = alike[~(sides.duplicated(["first", "b"]) | sides.duplicated(["second", "a"]))]
    return Pairs(rows[first[alike]], rows[second[alike]])


def _distance_to_a_third(bits: np.ndarray, case: np.ndarray, one: int, other: int) -> int:
    """Return the least distance of a slice to those of third cases; 0 without any."""
    third = np.flatnonzero((case != case[one]) & (case != case[other]))
    return int(_distance(bits, np.full(len(third), one), third).min(initial=10**6)) % 10**6


def repeated_cases(slices: pd.DataFrame, equal: Pairs, near: Pairs) -> pd.DataFrame:
    """Return the pairs of cases that show the same head, from the pairs of equal and near slices.

    Returns:
        ``earlier`` and ``later`` (cases, in the order of the index), ``shared`` (number of slices of the
        later one that the other has too) and ``slice_number``, the first of them.
    """
    case = slices["case"].to_numpy()
    table = pd.DataFrame(
        {
            "earlier": case[np.concatenate([equal.first, near.first])],
            "later": case[np.concatenate([equal.second, near.second])],
            "row": np.concatenate([equal.second, near.second]),
        }
    )
    table = table[table["earlier"] != table["later"]].drop_duplicates().sort_values("row")
    shared = table.groupby(["earlier", "later"], sort=False)["row"].agg(["size", "first"])
    shared = shared.reset_index().rename(columns={"size": "shared"})
    size = slices[shows_head(slices)].groupby("case").size()
    smaller = np.minimum(*(shared[side].map(size).fillna(0) for side in ("earlier", "later")))
    whole = shared[(shared["shared"] >= 2) & (shared["shared"] >= LEAST_SHARED * smaller)]
    numbers = slices["slice_number"].to_numpy()[whole["first"]]
    return whole.assign(slice_number=numbers).drop(columns="first").reset_index(drop=True)


def fingerprint_bits(fingerprints: pd.Series) -> np.ndarray:
    """Return (n, 32) uint8, the bytes of n fingerprints."""
    joined = bytes.fromhex("".join(fingerprints))
    return np.frombuffer(joined, np.uint8).reshape(-1, FINGERPRINT_BITS // 8)


def _candidates(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of rows, the first before the second, that agree in at least one band."""
    bands = np.ascontiguousarray(bits).view(np.uint16)
    found = []
    for band in range(_BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        # In the sorted band, rows that agree are adjacent.
        for step in range(1, len(order)):
            agree = values[step:] == values[:-step]
            if not agree.any():
                break
            found.append(np.stack([order[:-step][agree], order[step:][agree]]))
    if not found:
        return np.empty(0, int), np.empty(0, int)
    pairs = np.unique(np.concatenate(found, axis=1), axis=1)
    return pairs[0], pairs[1]


def _distance(bits: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the number of bits in which the fingerprints of pairs of rows differ."""
    return np.bitwise_count(bits[first] ^ bits[second]).sum(axis=1, dtype=np.int64)


def _usual_distance(slices: pd.DataFrame, known: np.ndarray) -> pd.Series:
    """Return, by case, the median distance of neighbouring slices; missing without neighbours."""
    rows = slices.loc[known, ["case", "slice_number", "fingerprint"]]
    bits = fingerprint_bits(rows["fingerprint"])
    before = np.arange(len(rows) - 1)
    apart = pd.Series(_distance(bits, before, before + 1), rows.index[1:])
    beside = (rows["slice_number"].diff() == 1) & (rows["case"] == rows["case"].shift())
    return apart.where(beside).groupby(rows["case"]).median()
