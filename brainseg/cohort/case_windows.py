"""One window for each case and sequence, so that slices of more than 8 bits stay comparable.

The index finds the windows and saves them with each slice, for every later read of the slice.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from brainseg.cohort.slice_features import column_of
from brainseg.io import Decoded
from brainseg.io.window import Window, WindowFinder
from brainseg.volume import FLAIR, SEQUENCES

LOW_COLUMNS = tuple(column_of("window_low", sequence) for sequence in SEQUENCES)
HIGH_COLUMNS = tuple(column_of("window_high", sequence) for sequence in SEQUENCES)
"""The stored values that become 0 and 255, by sequence; a grey image has only those of FLAIR."""


def find_windows(
    paths: Iterable[str], decode: Callable[[str], Decoded | None]
) -> tuple[Window, ...]:
    """Return the window of each channel over all images of a case; one image is in memory at a time.

    Whole numbers within 0..255 are not changed.

    Args:
        paths: images with the same number of channels.
        decode: returns one of them, or None if it can no longer be used.

    Raises:
        DecodeError: the range exceeds that of a float.
    """
    finders: list[WindowFinder] = []
    for path in paths:
        decoded = decode(path)
        if decoded is None:
            continue
        planes = decoded.pixels.reshape(*decoded.pixels.shape[:2], -1)
        finders = finders or [WindowFinder() for _ in range(planes.shape[2])]
        for channel, finder in enumerate(finders):
            finder.add(planes[..., channel])
    if all(finder.fits_eight_bits for finder in finders):
        return (Window(0, 255),) * len(finders)
    return tuple(finder.window() for finder in finders)


def window_values(windows: tuple[Window, ...]) -> dict[str, float]:
    """Return the columns of the index for the windows of a slice."""
    row: dict[str, float] = {}
    for index, window in zip(_sequence_indices(len(windows)), windows, strict=True):
        row |= {LOW_COLUMNS[index]: window.low, HIGH_COLUMNS[index]: window.high}
    return row


def windows_of(row: Mapping[str, Any], channels: int) -> tuple[Window, ...]:
    """Return the windows of a slice of the index, empty if its pixels need none.

    Args:
        row: a row of the index.
        channels: of its image.
    """
    bounds = [
        (float(row[LOW_COLUMNS[index]]), float(row[HIGH_COLUMNS[index]]))
        for index in _sequence_indices(channels)
    ]
    return tuple(Window(*pair) for pair in bounds if not math.isnan(pair[0]))


def of_changed_windows(
    files: pd.DataFrame, previous: pd.DataFrame, found: np.ndarray
) -> np.ndarray:
    """Return which files belong to a case whose windows may change, because one of its files did.

    Args:
        files: one row per slice.
        previous: an earlier index of the same folder.
        found: (n,) int, the row of each file in ``previous``, or -1 if it has changed.

    Returns:
        (n,) bool.
    """
    with_window = previous["case"].where(previous[list(LOW_COLUMNS)].notna().any(axis=1))
    gone = np.ones(len(previous), bool)
    gone[found[found >= 0]] = False
    changed = set(with_window[gone].dropna())
    joined = set(files["case"][found < 0]) & set(with_window.dropna())
    return files["case"].isin(changed | joined).to_numpy()


def stacks_to_window(cases: pd.Series, rows: list[dict]) -> list[list[int]]:
    """Return the indices of the rows that need a window, one list per window.

    Args:
        cases: of each row.
        rows: as :func:`read_rows` returns them.
    """
    stacks = defaultdict(list)
    for index, (case, row) in enumerate(zip(cases, rows, strict=True)):
        if "height" in row and "constant" not in row and "image_use_error" not in row:
            stacks[case, row["dtype"], row["channels"]].append(index)
    return list(stacks.values())


def _sequence_indices(channels: int) -> tuple[int, ...]:
    return (SEQUENCES.index(FLAIR),) if channels == 1 else tuple(range(channels))
