"""Search for similar fingerprints: the pairs equal those of a comparison of all with all."""

import numpy as np
import pytest

from brainseg.checks.fingerprints import (
    bits_apart,
    is_nearer_than_third,
    pairs_alike,
    pairs_in_a_band,
)

ROWS, MOST = 300, 40


@pytest.fixture(scope="module")
def bits() -> np.ndarray:
    """Return random fingerprints, every third of them like the one before but for up to 60 bits."""
    random = np.random.default_rng(0)
    found = random.integers(0, 256, (ROWS, 32), np.uint8)
    for row in range(1, ROWS, 3):
        flipped = np.zeros(256, np.uint8)
        flipped[random.choice(256, random.integers(0, 60), replace=False)] = 1
        found[row] = found[row - 1] ^ np.packbits(flipped)
    return found


def _all_pairs(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second = np.triu_indices(len(bits), 1)
    return first, second, bits_apart(bits, first, second)


def _as_tuples(pairs: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[tuple[int, int, int]]:
    return list(zip(*(side.tolist() for side in pairs), strict=True))


def test_pairs_in_a_band_are_those_of_all_with_all(bits: np.ndarray) -> None:
    bits[10:20, :2] = 7  # many rows that agree in one band
    first, second, apart = _all_pairs(bits)
    bands = bits.view(np.uint16)
    chosen = (apart <= MOST) & (bands[first] == bands[second]).any(axis=1)
    expected = _as_tuples((first[chosen], second[chosen], apart[chosen]))
    assert expected
    assert _as_tuples(pairs_in_a_band(bits, MOST)) == expected


@pytest.mark.parametrize("at_a_time", [7, 1 << 20])
def test_alike_pairs_are_those_of_all_with_all(
    monkeypatch: pytest.MonkeyPatch, bits: np.ndarray, at_a_time: int
) -> None:
    monkeypatch.setattr("brainseg.checks.fingerprints._CANDIDATES_AT_A_TIME", at_a_time)
    random = np.random.default_rng(1)
    values = random.normal(0, 0.2, (ROWS, 3))
    values[1::3] = values[::3] + random.normal(0, 0.06, values[::3].shape)
    values[5, 1] = np.nan
    group, within = random.integers(0, 9, ROWS), [0.1, 0.05, 0.2]
    first, second, apart = _all_pairs(bits)
    close = (np.abs(values[first] - values[second]) < within).all(axis=1)
    chosen = close & (group[first] != group[second]) & (apart <= MOST)
    expected = _as_tuples((first[chosen], second[chosen], apart[chosen]))
    assert expected
    assert _as_tuples(pairs_alike(bits, values, within, group, MOST)) == expected


def test_no_rows_give_no_pairs() -> None:
    none = np.empty((0, 32), np.uint8)
    assert not len(pairs_in_a_band(none, MOST)[0])
    assert not len(pairs_alike(none, np.empty((0, 2)), [1, 1], np.empty(0, int), MOST)[0])


def test_a_pair_is_nearest_only_if_each_third_differs_more(bits: np.ndarray) -> None:
    group = np.arange(ROWS)
    third = bits_apart(bits, np.zeros(ROWS - 2, int), np.arange(2, ROWS)).min()
    assert is_nearer_than_third(bits, group, 0, 1, int(0.7 * third), 0.7)
    assert not is_nearer_than_third(bits, group, 0, 1, int(0.7 * third) + 1, 0.7)
    group[:] = 0
    assert is_nearer_than_third(bits, group, 0, 1, 0, 0.7)
    assert not is_nearer_than_third(bits, group, 0, 1, 1, 0.7)
