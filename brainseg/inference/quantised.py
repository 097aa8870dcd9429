"""Probabilities in two bytes: whole units of 1/40,000, rounded down.

A probability reaches a threshold exactly if its units do, for each threshold that is a multiple of
1/40,000: those of manifests have four decimals, the viewer's are multiples of 0.005, and calibration
counts in steps of 0.01. So masks and scores are those of the float32 probability.
"""

from math import prod
from typing import NamedTuple

import numpy as np

UNITS = 40_000

_VALUES = (np.arange(UNITS + 2) / UNITS).astype(np.float32)


def quantise(values: np.ndarray) -> np.ndarray:
    """Return values, float32 0..1 of any shape, in units, uint16 0..:data:`UNITS` of the same shape."""
    units = (values * np.float32(UNITS)).astype(np.uint16)
    # The product may be rounded to the other side of a unit.
    units += values >= _VALUES[units + 1]
    units -= values < _VALUES[units]
    return units


def restore(units: np.ndarray) -> np.ndarray:
    """Return the float32 values, 0..1, of units of any shape; at most 1/40,000 below those quantised."""
    return _VALUES[units]


def units_from(threshold: float) -> int:
    """Return the least units whose value reaches a threshold."""
    return int(np.searchsorted(_VALUES, np.float32(threshold)))


class PackedUnits(NamedTuple):
    """Units as zstandard packs them, and their shape."""

    data: bytes
    shape: tuple[int, ...]


class Compressed:
    """An attribute that takes units, or float32 values 0..1, and stores them as :class:`PackedUnits`.

    It takes packed units, too. Most of a prediction is 0, so that it takes a twentieth of the memory:
    3 MiB are packed in 6 ms and unpacked in 1 ms. Each access returns a new array, which is read-only.
    """

    def __init__(self, name: str) -> None:
        self._name = f"_{name}"

    def __set__(self, owner: object, array: np.ndarray | PackedUnits | None) -> None:
        import pyarrow as pa  # here, because workers do not need it

        if isinstance(array, np.ndarray):
            if array.dtype != np.uint16:
                array = quantise(array.astype(np.float32, copy=False))
            packed = pa.compress(np.ascontiguousarray(array), "zstd", asbytes=True)
            array = PackedUnits(packed, array.shape)
        vars(owner)[self._name] = array

    def __get__(self, owner: object, of: type) -> np.ndarray | None:
        import pyarrow as pa

        packed: PackedUnits | None = vars(owner)[self._name]
        if packed is None:
            return None
        units = np.frombuffer(pa.decompress(packed.data, 2 * prod(packed.shape), "zstd"), np.uint16)
        return units.reshape(packed.shape)
