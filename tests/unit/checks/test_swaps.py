"""Slices that have changed places, from a table of fingerprints alone."""

import numpy as np
import pandas as pd

from brainseg.checks.swaps import swapped_slices


def _stack(case: str, slices: int, swapped: tuple[int, int] | None) -> pd.DataFrame:
    """Return a stack whose neighbours differ in 8 bits, two of its slices exchanged."""
    bits = np.tri(slices, 32, k=0, dtype=np.uint8) * 255
    if swapped:
        bits[[*swapped]] = bits[[*reversed(swapped)]]
    columns = {
        "slice_number": range(1, slices + 1),
        "fingerprint": [row.tobytes().hex() for row in bits],
    }
    return pd.DataFrame(columns).assign(case=case, head_px=1000)


def test_exchanged_slices_are_found_in_stacks_of_any_size_in_the_order_of_the_cases() -> None:
    stacks = [
        _stack("long", 20, (4, 9)),
        _stack("short", 9, (3, 5)),
        _stack("straight", 20, None),
        _stack("longer", 20, (7, 12)),
    ]
    slices = pd.concat(stacks, ignore_index=True)
    found = swapped_slices(slices, np.empty(0, int))
    assert found[["case", "slice_number", "other"]].to_numpy().tolist() == [
        ["long", 5, 10],
        ["short", 4, 6],
        ["longer", 8, 13],
    ]


def test_a_slice_of_another_head_has_no_place_in_its_stack() -> None:
    slices = _stack("one", 20, (4, 9))
    assert swapped_slices(slices, np.array([4])).empty
