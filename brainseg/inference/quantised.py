"""Probabilities in two bytes: whole units of 1/40,000, rounded down.

A probability reaches a threshold exactly if its units do, for each threshold that is a multiple of
1/40,000: those of manifests have four decimals, the viewer's are multiples of 0.005, and calibration
counts in steps of 0.01. So masks and scores are those of the float32 probability.
"""

import numpy as np

UNITS = 40_000

_VALUES = (np.arange(UNITS + 2) / UNITS).astype(np.float32)


def quantise(values: np.ndarray) -> np.ndarray:
    """Return values, float32 0..1, in units, uint16 0..:data:`UNITS`."""
    units = (values * np.float32(UNITS)).astype(np.uint16)
    # The product may be rounded to the other side of a unit.
    units += values >= _VALUES[units + 1]
    units -= values < _VALUES[units]
    return units


def restore(units: np.ndarray) -> np.ndarray:
    """Return the float32 values, 0..1, of units; at most 1/40,000 below those quantised."""
    return _VALUES[units]


def units_from(threshold: float) -> int:
    """Return the least units whose value reaches a threshold."""
    return int(np.searchsorted(_VALUES, np.float32(threshold)))
