"""Random slices drawn with a seed, so that an address can reopen them."""

from typing import Literal

import numpy as np
import pandas as pd

Tumour = Literal["any", "with", "without"]


def random_slices(
    slices: pd.DataFrame, count: int, seed: int, tumour: Tumour = "any", case: str | None = None
) -> pd.DataFrame:
    """Return randomly drawn rows of the index, none twice, in the order in which they were drawn.

    A smaller count with the same seed is the beginning of a larger one. Slices that cannot be read
    are never drawn, and slices without a usable mask only where tumour is "any".

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.
        count: number of slices; fewer are returned if there are fewer.
        seed: 0 or more; the same seed and slices give the same draw, in any order of the slices.
        tumour: draw from all slices, or only those whose mask shows a tumour, or shows none.
        case: draw from this case alone.

    Returns:
        Rows of ``slices`` with an index from 0.
    """
    order, columns = ["case", "slice_number"], ["case", "slice_number", "image_path", "area_px"]
    candidates = slices.loc[slices["height"].notna() & slices["image_use_error"].isna(), columns]
    if case is not None:
        candidates = candidates[candidates["case"] == case]
    if tumour == "with":
        candidates = candidates[(candidates["area_px"] > 0).fillna(False)]
    elif tumour == "without":
        candidates = candidates[(candidates["area_px"] == 0).fillna(False)]
    candidates = candidates.assign(case=pd.factorize(candidates["case"], sort=True)[0])
    # Of a million slices, sorting their paths, too, would take seconds.
    order += ["image_path"] * bool(candidates.duplicated(order).any())
    drawn = np.random.default_rng(seed).permutation(len(candidates))[:count]
    return slices.loc[candidates.sort_values(order).index[drawn]].reset_index(drop=True)
