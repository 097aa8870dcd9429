"""Size, position, shape and brightness of the tumour: per slice, per case and per group.

Positions along a case are shares of its slices: 0 is the first, 1 the last. The files do not say which
end is the neck.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainseg.cohort.slice_features import column_of
from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.statistics.cases import UNKNOWN, case_table, flair_copies, ratio
from brainseg.statistics.parts import by_part
from brainseg.volume import SEQUENCES

if TYPE_CHECKING:
    from brainseg.statistics.atlas import Atlas

INSIDE = {name: column_of("tumour_mean", name) for name in SEQUENCES}
"""By sequence, the column of the mean intensity inside the tumour."""

OUTSIDE = {name: column_of("head_mean", name) for name in SEQUENCES}
"""By sequence, the column of the mean intensity in the head without the tumour."""

SLICE_COLUMNS = (
    *("case", "patient_id", "institution", "slice_number", "position", "tumour", "area_px"),
    *("area_mm2", "tumour_fraction", "components", "largest_component_px", "compactness"),
    *("tumour_row", "tumour_column"),
    *(column for name in SEQUENCES for column in (INSIDE[name], OUTSIDE[name])),
)
"""The columns of :func:`slice_measures`."""

_COLOURS = [column for name in SEQUENCES for column in (INSIDE[name], OUTSIDE[name])]

LEAST_COMPACT_PX = 20
"""Smaller tumours have no compactness: a single pixel would be rounder than a disc."""


def slice_measures(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the measures of each slice, one row per slice of the index.

    Args:
        slices: the index of a cohort; see :mod:`brainseg.cohort.index`.

    Returns:
        ``case``, ``patient_id``, ``institution`` (str); ``slice_number``; ``position`` (Float64, 0..1
        along the case, missing in a case of one slice); ``tumour`` (boolean); ``area_px`` (Int64);
        ``area_mm2`` (Float64, missing without a spacing); ``tumour_fraction`` (Float64, of the head's
        area on this slice, missing without a head);
        ``components`` and ``largest_component_px`` (Int64, see :mod:`brainseg.statistics.measures`);
        ``compactness`` (Float64, see :func:`compactness`); ``tumour_row`` and ``tumour_column``
        (Float64, px of the image, the tumour's centroid); then by sequence :data:`INSIDE` and
        :data:`OUTSIDE` (Float64, 0..255, as stored). Measures of the tumour are missing without a usable
        mask, its shape and position also without a tumour, and intensities if the sequence equals FLAIR
        in the whole case.
    """
    last = slices.groupby("case")["slice_index"].transform("max")
    tumour = slices["area_px"] > 0
    columns = ["case", "patient_id", "institution", "slice_number"]
    table = slices[columns].assign(
        position=ratio(slices["slice_index"], last),
        tumour=tumour.astype("boolean"),
        area_px=slices["area_px"],
        area_mm2=slices["area_px"].astype("Float64") * _pixel_mm2(slices),
        tumour_fraction=ratio(slices["area_px"], slices["head_px"]),
        components=slices["components"].where(tumour).astype("Int64"),
        largest_component_px=slices["largest_component_px"],
        compactness=compactness(slices["area_px"], slices["perimeter_px"]),
        tumour_row=slices["tumour_row"].astype("Float64"),
        tumour_column=slices["tumour_column"].astype("Float64"),
    )
    copies = slices["case"].map(flair_copies(slices)).fillna("")
    for name in SEQUENCES:
        has_sequence = ~copies.str.contains(name, regex=False)
        for column in (INSIDE[name], OUTSIDE[name]):
            table[column] = slices[column].astype("Float64").where(has_sequence)
    return table


def _pixel_mm2(slices: pd.DataFrame) -> pd.Series:
    _, *of_pixel = SPACING_COLUMNS
    return slices[of_pixel].prod(axis=1, min_count=len(of_pixel)).astype("Float64")


def compactness(area_px: pd.Series, perimeter_px: pd.Series) -> pd.Series:
    """Return the compactness of masks: 4 pi area / perimeter squared (Cox 1927), 1 for a disc.

    Several pieces, holes and a ragged outline all lower it. E. P. Cox defined it for grains of sand
    (Journal of Paleontology 1, 179-183). With the perimeter of
    :func:`brainseg.cohort.slice_features.perimeter` it is right to about a tenth: discs of pixels get
    0.83 to 1, and a square, whose sides follow the grid, gets 0.89 instead of 0.79.

    Args:
        area_px: of the mask.
        perimeter_px: of all its outlines.

    Returns:
        Float64, 0..1; missing if the area is below :data:`LEAST_COMPACT_PX` or unknown.
    """
    large = (area_px >= LEAST_COMPACT_PX).fillna(False).astype(bool)
    area, length = area_px.astype("Float64").where(large), perimeter_px.astype("Float64")
    return (4 * np.pi * area / length**2).clip(upper=1)


def case_measures(slices: pd.DataFrame, atlas: "Atlas | None" = None) -> pd.DataFrame:
    """Return the measures of each case, one row per case in the order of the index.

    Args:
        slices: the index of a cohort.
        atlas: of the same cohort; without it, ``components`` and ``largest_share`` are missing.

    Returns:
        The columns of :func:`brainseg.statistics.case_table`; ``largest_area_px`` (Int64) and
        ``largest_area_mm2`` (Float64, missing without a spacing);
        ``tumour_from`` and ``tumour_to`` (Float64, 0..1 along the case: the first and the last slice
        with tumour); ``compactness`` (Float64: median over the slices that have one); ``components``
        (Int64) and ``largest_share`` (Float64, 0..1) of the tumour as a volume; then :data:`INSIDE` and
        :data:`OUTSIDE` (Float64, 0..255), means over the voxels of the slices with a usable mask.
    """
    return with_parts(by_part(_case_measures, slices), atlas)


def with_parts(table: pd.DataFrame, atlas: "Atlas | None") -> pd.DataFrame:
    """Return the measures of :func:`measures_by_case` with the parts of the tumours as volumes."""
    names, components, shares = (
        ([], [], []) if atlas is None else (atlas.cases, atlas.components, atlas.largest_share)
    )
    parts = pd.Series(components, names).reindex(table["case"]).astype("Int64")
    largest = pd.Series(shares, names).reindex(table["case"]).astype("Float64")
    table = table.assign(components=parts.where(parts >= 0).array, largest_share=largest.array)
    return table[[name for name in table if name not in _COLOURS] + _COLOURS]


def _case_measures(slices: pd.DataFrame) -> pd.DataFrame:
    return measures_by_case(slices, slice_measures(slices))


def measures_by_case(slices: pd.DataFrame, by_slice: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`case_measures` without the parts of the tumours as volumes.

    Args:
        slices: the index of a cohort, or all slices of some of its cases.
        by_slice: the measures of these slices, from :func:`slice_measures`.
    """
    with_tumour = by_slice[(by_slice["area_px"] > 0).fillna(False)]
    groups = with_tumour.groupby("case", sort=False)
    table = case_table(slices).set_index("case")
    table["largest_area_px"] = groups["area_px"].max().astype("Int64")
    table["largest_area_mm2"] = groups["area_mm2"].max().astype("Float64")
    table["tumour_from"] = groups["position"].min().astype("Float64")
    table["tumour_to"] = groups["position"].max().astype("Float64")
    table["compactness"] = groups["compactness"].median().astype("Float64")
    outside_px = (slices["head_px"] - slices["area_px"]).clip(lower=0)
    for name in SEQUENCES:
        for column, weight in ((INSIDE[name], slices["area_px"]), (OUTSIDE[name], outside_px)):
            table[column] = _mean_by_case(by_slice, column, weight)
    return table.reset_index()


def group_table(cases: pd.DataFrame, group: pd.Series, measures: list[str]) -> pd.DataFrame:
    """Return the number of cases per group, and the median of each measure with its n.

    Args:
        cases: one row per case, such as from :func:`case_measures`.
        group: of the same rows: an institution, or a code; missing ones are a group of their own.
        measures: numeric columns of ``cases``.

    Returns:
        One row per group, sorted, the missing one last as :data:`brainseg.statistics.UNKNOWN`: ``group``
        (str), ``cases``, then for each measure its name (Float64, the median, missing without a value)
        and its name plus " n" (int64, the cases that have one).
    """
    names = group.astype("str").fillna(UNKNOWN)
    by_group = cases.groupby(names, sort=True)
    columns: dict[str, pd.Series] = {"cases": by_group.size()}
    for measure in measures:
        columns[measure] = by_group[measure].median().astype("Float64")
        columns[f"{measure} n"] = by_group[measure].count()
    table = pd.DataFrame(columns).rename_axis("group").reset_index()
    is_unknown = (table["group"] == UNKNOWN) & bool(group.isna().any())
    return pd.concat([table[~is_unknown], table[is_unknown]], ignore_index=True)


def _mean_by_case(table: pd.DataFrame, column: str, weight: pd.Series) -> pd.Series:
    weight = weight.astype("Float64").where(table[column].notna())
    sums = pd.DataFrame({"value": table[column] * weight, "weight": weight})
    of_case = sums.groupby(table["case"], sort=False).sum(min_count=1)
    return ratio(of_case["value"], of_case["weight"])
