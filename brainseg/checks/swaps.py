"""Slices that have changed places: exchanging them makes neighbours more alike.

Fingerprints of neighbouring slices differ in fewer bits than those of slices further apart. Every
exchange of two slices of a case is tried, and reported if it shortens the distances between neighbours.
"""

from collections.abc import Iterator
from operator import itemgetter

import numpy as np
import pandas as pd

from brainseg.checks.fingerprints import fingerprint_bits

LEAST_CROSS_SECTION = 0.4
"""Slices are compared where the head has this share of its largest cross-section in the case: towards
its ends the head changes too much from slice to slice."""

LEAST_GAIN = 1.1
"""Least factor by which an exchange must shorten the distances to neighbours."""

LEAST_SLICES = 5

_AT_A_TIME = 1 << 16
"""Distances that are computed together."""


def comparable(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether its place in the stack can be checked."""
    largest = slices.groupby("case", sort=False)["head_px"].transform("max")
    large = slices["fingerprint"].notna() & (slices["head_px"] >= LEAST_CROSS_SECTION * largest)
    large = large.fillna(False).astype(bool)
    return large & (large.groupby(slices["case"], sort=False).transform("sum") >= LEAST_SLICES)


def swapped_slices(slices: pd.DataFrame, without: np.ndarray) -> pd.DataFrame:
    """Return ``case``, ``slice_number`` and ``other``: two slices that have probably changed places.

    Args:
        slices: the index.
        without: row numbers of slices of another head, which have no place in their stack.
    """
    compared = comparable(slices)
    compared.iloc[without] = False
    rows = slices.loc[compared, ["case", "slice_number", "fingerprint"]]
    found = []
    for starts, distances in _stacks(rows):
        best = _gains(distances).max(axis=(1, 2), initial=0)
        for stack in np.flatnonzero(best > LEAST_GAIN):
            found += [(starts[stack], *swap) for swap in _swaps(distances[stack])]
    found.sort(key=itemgetter(0))
    start, one, other = np.array(found, int).reshape(-1, 3).T
    numbers = rows["slice_number"].iloc[start + other].to_numpy()
    return rows[["case", "slice_number"]].iloc[start + one].assign(other=numbers)


def _stacks(rows: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield stacks of one size: their first rows, (m,), and the distances of their slices, (m, n, n)."""
    bits = fingerprint_bits(rows["fingerprint"])
    first = np.flatnonzero(rows["case"].ne(rows["case"].shift()))
    sizes = np.diff([*first, len(rows)])
    for size in np.unique(sizes):
        starts = first[sizes == size]
        for part in np.array_split(starts, -(-len(starts) * size * size // _AT_A_TIME)):
            stacks = bits[part[:, None] + np.arange(size)]
            apart = np.bitwise_count(stacks[:, :, None] ^ stacks[:, None])
            yield part, apart.sum(axis=3, dtype=np.int64)


def _swaps(distance: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the exchanges that shorten the distances most, each after undoing those before it."""
    order = np.arange(len(distance))
    for _ in range(len(distance) // 2):
        gain = _gains(distance[np.ix_(order, order)])
        i, j = np.unravel_index(gain.argmax(), gain.shape)
        if gain[i, j] <= LEAST_GAIN:
            return
        yield int(order[i]), int(order[j])
        order[[i, j]] = order[[j, i]]


def _gains(distance: np.ndarray) -> np.ndarray:
    """Return (…, n, n) float: by which factor exchanging two inner slices shortens the distances.

    It is 0 unless both places get a slice that is more like their neighbours.
    """
    size = distance.shape[-1]
    first, second = np.triu_indices(size, 1)
    inner = (first > 0) & (second < size - 1)
    first, second = first[inner], second[inner]

    def to_neighbours(slices: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the distance of slices to the neighbours of a place, except to each other."""
        sides = [
            np.where(at + step == slices, 0, distance[..., slices, at + step]) for step in (-1, 1)
        ]
        return np.add(*sides)

    beside = np.where(second - first == 1, distance[..., first, second], 0)
    before = [to_neighbours(one, one) - beside for one in (first, second)]
    after = [to_neighbours(*pair) for pair in ((second, first), (first, second))]
    closer = (after[0] < before[0]) & (after[1] < before[1])
    gains = np.zeros(distance.shape)
    shorter = np.add(*before) / np.maximum(np.add(*after), 1)
    gains[..., first, second] = np.where(closer, shorter, 0)
    return gains
