"""The size of each label of the masks, by case."""

import pandas as pd

from brainseg.cohort.labels import label_areas
from brainseg.cohort.slice_rows import SPACING_COLUMNS

ML, VOXELS = "ml", "voxels"


def label_sizes(slices: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the size of each label in each case, and the unit: ml if all files state a spacing.

    A region that consists of several labels is a label of its own.

    Args:
        slices: the index of a cohort.

    Returns:
        Float64, a row per case in the order of the index, a column per label in order of name; missing
        for a case without usable masks. Without columns if the masks have fewer than two labels.
    """
    areas = label_areas(slices)
    known = slices.loc[areas.index]
    voxel_ml = slices[[*SPACING_COLUMNS]].prod(axis=1, min_count=3) / 1000
    unit = ML if voxel_ml[known.index].notna().all() else VOXELS
    table = pd.DataFrame([*areas], index=known.index, dtype="float64").fillna(0)
    if unit == ML:
        table = table.mul(voxel_ml[known.index], axis=0)
    cases = slices["case"].drop_duplicates()
    if len(table.columns) < 2:
        return pd.DataFrame(index=cases), unit
    sums = table.groupby(known["case"], sort=False).sum().reindex(cases)
    has_mask = slices["area_px"].notna().groupby(slices["case"], sort=False).any()[cases]
    sums = sums[sorted(sums)].fillna(0).astype("Float64")
    sums.loc[~has_mask.to_numpy()] = pd.NA
    return sums, unit
