"""Search for similar fingerprints, without a comparison of all with all.

Only candidates are compared: fingerprints that agree in a band of bits, or slices that are equally
bright and large. They are compared part by part, so that memory does not grow with their number.
"""

import hashlib
from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from brainseg.cohort.slice_features import FINGERPRINT_BITS

_BANDS = 16
_CANDIDATES_AT_A_TIME = 1 << 20
_STEPS = 64
"""A range of values is searched in steps of this part of its width."""
_BLOCK = 1 << 12
_HASH_BYTES = 16
_NO_HASH = np.empty((0, _HASH_BYTES), np.uint8)

WIDE_FROM = 2_000_000
"""From this number of rows on, candidates agree in two narrower bands instead of one."""

_NARROW_BANDS, _NARROW_BITS = 17, 15

Apart = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pairs of rows, the first before the second, in their order, and the bits in which they differ."""


def fingerprint_bits(fingerprints: pd.Series, rows: np.ndarray | None = None) -> np.ndarray:
    """Return (n, 32) uint8, the bytes of the fingerprints, or of those in some rows."""
    return _bytes_of(fingerprints, rows, FINGERPRINT_BITS // 8)


def first_of_equal(hashes: pd.Series, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row with the same hash as each row, and the number of such rows.

    Args:
        hashes: text, such as ``image_hash``; missing ones are equal to each other.
        rows: (n,) int, in order; no other row counts.

    Returns:
        Positions in ``rows`` and counts, (n,) int each.
    """
    hashes = hashes.fillna("")
    try:
        joined = _bytes_of(hashes, rows, _HASH_BYTES)
    except ValueError:  # of another kind
        joined = np.stack([_digest(text) for text in hashes.iloc[rows]]) if len(rows) else _NO_HASH
    keys = np.ascontiguousarray(joined).view(np.uint64)
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal rows stay in order
    ordered = keys[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    sizes = np.diff([*starts, len(order)])
    first, number = np.empty(len(order), int), np.empty(len(order), int)
    first[order], number[order] = np.repeat(order[starts], sizes), np.repeat(sizes, sizes)
    return first, number


def _bytes_of(texts: pd.Series, rows: np.ndarray | None, size: int) -> np.ndarray:
    """Return (n, size) uint8, the bytes of hexadecimal texts; part by part, as texts take much more."""
    count = len(texts) if rows is None else len(rows)
    found = np.empty((count, size), np.uint8)
    for start in range(0, count, _BLOCK):
        part = slice(start, start + _BLOCK)
        some = texts.iloc[part] if rows is None else texts.iloc[rows[part]]
        found[part] = np.frombuffer(bytes.fromhex("".join(some)), np.uint8).reshape(len(some), size)
    return found


def _digest(text: str) -> np.ndarray:
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=_HASH_BYTES).digest(), np.uint8)


def bits_apart(bits: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the number of bits in which the fingerprints of pairs of rows differ.

    Args:
        bits: (n, bytes) uint8, one fingerprint per row.
        first: (pairs,) row of one slice of each pair.
        second: (pairs,) row of the other slice.

    Returns:
        (pairs,) int64, 0..8 times the number of bytes.
    """
    return np.bitwise_count(bits[first] ^ bits[second]).sum(axis=1, dtype=np.int64)


def pairs_in_a_band(bits: np.ndarray, most: int) -> Apart:
    """Return the pairs of rows that agree in at least one band and differ in at most ``most`` bits.

    A band has 16 of the 256 bits. From :data:`WIDE_FROM` rows on, it consists of two of 17 groups of 15
    bits, as too many rows would agree in 16: each pair that differs in up to 15 bits agrees in both
    kinds of bands.
    """
    found, words = [], _words(bits)
    for values in _band_values(words):
        order = np.argsort(values, kind="stable")
        values = values[order]
        # In the sorted band, rows that agree are adjacent.
        rows, step = np.flatnonzero(values[1:] == values[:-1]), 0
        while len(rows):
            step += 1
            rows = rows[: np.searchsorted(rows, len(order) - step)]
            rows = rows[values[rows] == values[rows + step]]
            for some in np.array_split(rows, len(rows) // _CANDIDATES_AT_A_TIME + 1):
                near, apart = _near(words, order[some], order[some + step], most)
                found.append(np.stack([order[some[near]], order[some[near] + step], apart]))
    return _in_order(found)


def _band_values(words: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the value of each row in each band, (n,) unsigned; see :func:`pairs_in_a_band`."""
    if words.shape[1] < WIDE_FROM:
        for band in range(_BANDS):
            word, shift = divmod(16 * band, 64)
            yield (words[word] >> np.uint64(shift)).astype(np.uint16)
        return
    narrow = []
    for group in range(_NARROW_BANDS):
        word, shift = divmod(_NARROW_BITS * group, 64)
        value = words[word] >> np.uint64(shift)
        if shift + _NARROW_BITS > 64:
            value = value | (words[word + 1] << np.uint64(64 - shift))
        narrow.append((value & np.uint64((1 << _NARROW_BITS) - 1)).astype(np.uint16))
    for one, other in combinations(narrow, 2):
        yield one.astype(np.uint32) << np.uint32(_NARROW_BITS) | other


def pairs_alike(
    bits: np.ndarray, values: np.ndarray, within: list[float], group: np.ndarray, most: int
) -> Apart:
    """Return the pairs of rows of two groups that have similar values and fingerprints.

    Args:
        bits: (n, 32), see :func:`fingerprint_bits`.
        values: (n, k) float; rows with a missing value are in no pair.
        within: the values of a pair differ by less than these.
        group: (n,) int, such as the number of the case.
        most: the fingerprints of a pair differ in at most this number of bits.
    """
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    places, offsets, width = _places(values[rows], np.array(within))
    rows = rows[np.argsort(places, kind="stable")]
    places = np.sort(places)
    values, group, words = values[rows], group[rows], _words(bits[rows])
    found = []
    for offset in offsets:
        first = np.searchsorted(places, places + offset - width)
        if not offset:  # within a cell, each pair once
            first = np.arange(1, len(places) + 1)
        last = np.searchsorted(places, places + offset + width, side="right")
        for one, other in _expanded(first, last):
            differ = group[one] != group[other]
            one, other = one[differ], other[differ]
            for of_one, most_apart in zip(values.T, within, strict=True):
                close = np.abs(of_one[other] - of_one[one]) < most_apart
                one, other = one[close], other[close]
            near, apart = _near(words, one, other, most)
            sides = np.sort([rows[one[near]], rows[other[near]]], axis=0)
            found.append(np.stack([*sides, apart]))
    return _in_order(found)


def is_nearer_than_third(
    bits: np.ndarray, group: np.ndarray, one: int, other: int, apart: int, share: float
) -> bool:
    """Return whether a pair differs in at most a share of the bits in which a third row differs.

    Args:
        bits: (n, 32), see :func:`fingerprint_bits`.
        group: (n,) int; rows in the groups of the pair are no third.
        one: the row that is compared with each third.
        other: the other row of the pair.
        apart: the bits in which both differ.
        share: see above. Without any third, only equal rows are near enough.
    """
    start, size, least = 0, _BLOCK, FINGERPRINT_BITS + 1
    while start < len(bits) and apart <= share * least:
        block = slice(start, start + size)
        third = bits[block][(group[block] != group[one]) & (group[block] != group[other])]
        distances = np.bitwise_count(third ^ bits[one]).sum(axis=1, dtype=np.int64)
        least = min(least, int(distances.min(initial=least)))
        start, size = start + size, 4 * size
    return bool(apart <= share * least) if least <= FINGERPRINT_BITS else apart == 0


def _words(bits: np.ndarray) -> np.ndarray:
    """Return (4, n) uint64, each a quarter of the fingerprints."""
    return np.ascontiguousarray(np.ascontiguousarray(bits).view(np.uint64).T)


def _near(
    words: np.ndarray, first: np.ndarray, second: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the pairs that differ in at most ``most`` bits, and their bits."""
    near = np.arange(len(first))
    apart = np.zeros(len(first), np.uint8)
    for word in words:  # most pairs differ in more bits in the first words already
        apart = apart + np.bitwise_count(word[first[near]] ^ word[second[near]])
        few = apart <= most
        near, apart = near[few], apart[few]
    return near, apart


def _in_order(found: list[np.ndarray]) -> Apart:
    pairs = np.concatenate([np.empty((3, 0), int), *found], axis=1).astype(int)
    first, second, apart = np.unique(pairs, axis=1)
    return first, second, apart


def _places(values: np.ndarray, within: np.ndarray) -> tuple[np.ndarray, list[int], int]:
    """Return where rows lie in a grid, as one number each, and where rows of similar values are.

    Returns:
        The place of each row; the offsets to its own cell and to one of each two opposite neighbours;
        and the width of the range around an offset that contains all rows of similar values.
    """
    if not len(values):
        return np.empty(0, int), [], 0
    # Slightly wider, as rounding may move a value to the next cell.
    steps = np.floor((values - values.min(axis=0)) / (1.001 * within) * _STEPS).astype(np.int64)
    cells = steps[:, 1:] // _STEPS + 1
    unit = int(steps[:, 0].max()) + 4 * _STEPS
    places, offsets = steps[:, 0] + 2 * _STEPS, [0]
    for column in cells.T[::-1]:
        places = places + unit * column
        offsets = [offset + unit * step for step in (-1, 0, 1) for offset in offsets]
        unit *= int(column.max()) + 2
    return places, [offset for offset in offsets if offset >= 0], _STEPS + 1


def _expanded(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each number with all numbers of its range, from first to before last, part by part."""
    number = np.maximum(last - first, 0)
    starts = np.cumsum(number) - number
    bounds = np.searchsorted(starts, np.arange(0, number.sum(), _CANDIDATES_AT_A_TIME))
    for start, stop in pairwise([*bounds, len(number)]):
        size = number[start:stop]
        within = np.arange(size.sum()) - np.repeat(starts[start:stop] - starts[start], size)
        yield np.repeat(np.arange(start, stop), size), np.repeat(first[start:stop], size) + within
