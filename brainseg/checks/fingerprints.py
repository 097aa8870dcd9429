"""Search for similar fingerprints, without a comparison of all with all.

Only candidates are compared: fingerprints that agree in a band of bits, or slices that are equally
bright and large. They are compared part by part, so that memory does not grow with their number.
"""

import hashlib
from collections.abc import Iterator
from itertools import combinations, pairwise, product
from math import comb

import numpy as np
import pandas as pd

from brainseg.cohort.index import Progress
from brainseg.cohort.slice_features import FINGERPRINT_BITS

_BANDS = 16
_CANDIDATES_AT_A_TIME = 1 << 20
_STEPS = 64
"""A range of values is searched in steps of this part of its width."""
_BLOCK = 1 << 12
_ROW_BITS, _ROW_MASK = np.uint64(32), np.uint64((1 << 32) - 1)
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


def equal_rows(hashes: pd.Series, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row that has the hash of an earlier one, behind the first such row.

    Args:
        hashes: text, such as ``image_hash``; known in ``rows``.
        rows: (n,) int, in order; no other row counts.

    Returns:
        First rows and later ones, (m,) int each, the later ones in order.
    """
    try:
        joined = _bytes_of(hashes, rows, _HASH_BYTES)
    except ValueError:  # of another kind
        joined = np.stack([_digest(text) for text in hashes.iloc[rows]]) if len(rows) else _NO_HASH
    keys = np.ascontiguousarray(joined).view(np.uint64)
    # Hardly any row shares its first half, so that only few are sorted by both, with their numbers.
    halves = np.sort(keys[:, 0])
    shared = np.unique(halves[1:][halves[1:] == halves[:-1]])
    del halves
    if not len(shared):
        return rows[:0], rows[:0]
    place = np.minimum(np.searchsorted(shared, keys[:, 0]), len(shared) - 1)
    among = np.flatnonzero(shared[place] == keys[:, 0])
    keys, rows = keys[among], rows[among]
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal rows stay in order
    ordered = keys[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = order[np.flatnonzero(new)[np.cumsum(new) - 1]][~new]
    later = order[~new]
    by_row = np.argsort(later)
    return rows[first[by_row]], rows[later[by_row]]


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


def pairs_in_a_band(bits: np.ndarray, most: int, progress: Progress | None = None) -> Apart:
    """Return the pairs of rows that agree in at least one band and differ in at most ``most`` bits.

    A band has 16 of the 256 bits. From :data:`WIDE_FROM` rows on, it consists of two of 17 groups of 15
    bits, as too many rows would agree in 16: each pair that differs in up to 15 bits agrees in both
    kinds of bands. ``progress`` is called with (bands compared, bands to compare).
    """
    words, rows = _words(bits), len(bits)
    found = np.empty(0, np.int64)  # first row * rows + second row; a pair may agree in many bands
    is_wide = rows >= WIDE_FROM
    bands = comb(_NARROW_BANDS, 2) if is_wide else _BANDS
    for done, values in enumerate(_wide_bands(words) if is_wide else _bands(words), start=1):
        order, values = _agreeing(values)
        ordered, of_band = np.ascontiguousarray(words[:, order]), [found]
        for first, second in _adjacent_pairs(values):
            near, _ = _near(ordered, first, second, most)
            of_band.append(order[first[near]] * rows + order[second[near]])
        found = np.unique(np.concatenate(of_band))
        if progress:
            progress(done, bands)
    first, second = np.divmod(found, max(1, rows))
    return first, second, bits_apart(bits, first, second)


def _agreeing(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose value another row has, by value and then row, and their values."""
    # One number of value and row sorts faster than the order of the values, and takes less memory.
    both = np.sort(values << _ROW_BITS | np.arange(len(values), dtype=np.uint64))
    agree = np.append(both[1:] >> _ROW_BITS == both[:-1] >> _ROW_BITS, False)[: len(both)]
    agree[1:] |= agree[:-1]
    both = both[agree]
    return (both & _ROW_MASK).astype(np.int64), both >> _ROW_BITS


def _adjacent_pairs(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of places that have the same value, the first before the second, part by part."""
    places, step = np.arange(len(values)), 0
    while len(places):
        step += 1
        places = places[: np.searchsorted(places, len(values) - step)]
        places = places[values[places] == values[places + step]]
        for some in np.array_split(places, len(places) // _CANDIDATES_AT_A_TIME + 1):
            yield some, some + step


def _bands(words: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the value of each row in each band, (n,) uint64."""
    for band in range(_BANDS):
        yield _bits_of(words, 16 * band, 16)


def _wide_bands(words: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the value of each row in each two narrow bands, (n,) uint64."""
    for one, other in combinations(range(_NARROW_BANDS), 2):
        high = _bits_of(words, _NARROW_BITS * one, _NARROW_BITS) << np.uint64(_NARROW_BITS)
        yield high | _bits_of(words, _NARROW_BITS * other, _NARROW_BITS)


def _bits_of(words: np.ndarray, start: int, size: int) -> np.ndarray:
    """Return ``size`` bits of each row from ``start`` on, (n,) uint64."""
    word, shift = divmod(start, 64)
    value = words[word] >> np.uint64(shift)
    if shift + size > 64:
        value |= words[word + 1] << np.uint64(64 - shift)
    return value & np.uint64((1 << size) - 1)


def pairs_alike(
    bits: np.ndarray,
    values: np.ndarray,
    within: list[float],
    group: np.ndarray,
    most: int,
    progress: Progress | None = None,
) -> Apart:
    """Return the pairs of rows of two groups that have similar values and fingerprints.

    Args:
        bits: (n, 32), see :func:`fingerprint_bits`.
        values: (n, k) float; rows with a missing value are in no pair.
        within: the values of a pair differ by less than these.
        group: (n,) int, such as the number of the case.
        most: the fingerprints of a pair differ in at most this number of bits.
        progress: called with (rows compared, rows to compare).
    """
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    places, offsets, width = _places(values, rows, within)
    order = np.argsort(places, kind="stable")
    places, rows, words = places[order], rows[order], _words(bits)
    del order
    found = []
    for block, offset in product(range(0, len(rows), _CANDIDATES_AT_A_TIME), offsets):
        part = places[block : block + _CANDIDATES_AT_A_TIME]
        first = np.searchsorted(places, part + (offset - width))
        if not offset:  # within a cell, each pair once
            first = np.arange(block + 1, block + len(part) + 1)
        last = np.searchsorted(places, part + (offset + width), side="right")
        for one, other in _expanded(first, last):
            one, other = rows[block + one], rows[other]
            differ = group[one] != group[other]
            one, other = one[differ], other[differ]
            for of_one, most_apart in zip(values.T, within, strict=True):
                close = np.abs(of_one[other] - of_one[one]) < most_apart
                one, other = one[close], other[close]
            near, apart = _near(words, one, other, most)
            found.append(np.stack([*np.sort([one[near], other[near]], axis=0), apart]))
        if progress and offset == offsets[-1]:
            progress(block + len(part), len(rows))
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
    """Return (4, n) uint64, each a quarter of the fingerprints; a view, row by row in memory."""
    return np.ascontiguousarray(bits).view(np.uint64).reshape(-1, 4).T


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


def _places(
    values: np.ndarray, rows: np.ndarray, within: list[float]
) -> tuple[np.ndarray, list[int], int]:
    """Return where rows lie in a grid, as one number each, and where rows of similar values are.

    Returns:
        The place of each row; the offsets to its own cell and to one of each two opposite neighbours;
        and the width of the range around an offset that contains all rows of similar values.
    """
    if not len(rows):
        return np.empty(0, int), [], 0

    def steps_of(column: int) -> np.ndarray:
        own = values[rows, column].astype(float)
        own -= own.min()
        own *= _STEPS / (1.001 * within[column])  # slightly wider: rounding may move a value
        return np.floor(own, out=own).astype(np.int64)

    places, offsets = steps_of(0) + 2 * _STEPS, [0]
    unit = int(places.max()) + 2 * _STEPS
    for column in reversed(range(1, len(within))):
        cells = steps_of(column) // _STEPS + 1
        places += unit * cells
        offsets = [offset + unit * step for step in (-1, 0, 1) for offset in offsets]
        unit *= int(cells.max()) + 2
    return places, [offset for offset in offsets if offset >= 0], _STEPS + 1


def _expanded(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each number with all numbers of its range, from first to before last, part by part."""
    number = np.maximum(last - first, 0)
    starts = np.cumsum(number) - number
    bounds = np.searchsorted(starts, np.arange(0, number.sum(), _CANDIDATES_AT_A_TIME))
    for start, stop in pairwise(np.unique([*bounds, len(number)])):
        size = number[start:stop]
        within = np.arange(size.sum()) - np.repeat(starts[start:stop] - starts[start], size)
        yield np.repeat(np.arange(start, stop), size), np.repeat(first[start:stop], size) + within
