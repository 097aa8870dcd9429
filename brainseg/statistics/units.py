"""The unit in which sizes of several cases can be compared: ml and mm², if the files state a spacing.

Without any spacing, voxels are compared, as between scans of one protocol. Where only some files state
one, only the share of the head is comparable.
"""

import pandas as pd

UNITS = {
    "tumour_ml": "ml",
    "tumour_vx": "voxels",
    "area_mm2": "mm²",
    "area_px": "px",
    "tumour_fraction": "share of the head",
}
"""The columns of sizes, each with its unit."""


def volume_column(cases: pd.DataFrame) -> str:
    """Return the column of the tumour's volume that compares the cases of a table.

    Args:
        cases: of :func:`brainseg.statistics.case_table`; a missing column ``tumour_ml`` has no values.
    """
    return _comparable(cases, "tumour_vx", "tumour_ml")


def area_column(slices: pd.DataFrame) -> str:
    """Return the column of the tumour's area that compares the slices of a table.

    Args:
        slices: of :func:`brainseg.statistics.slice_measures`.
    """
    return _comparable(slices, "area_px", "area_mm2")


def _comparable(table: pd.DataFrame, counted: str, measured: str) -> str:
    known = table[table[counted].notna()]
    if measured not in table or known[measured].isna().all():
        return counted
    return measured if known[measured].notna().all() else "tumour_fraction"


def area_in_words(area_px: int, spacing_mm: tuple[float | None, float, float] | None) -> str:
    """Return an area of one slice in mm² where its file states a spacing, else in px.

    Args:
        area_px: number of pixels.
        spacing_mm: (slice, row, column), or None.
    """
    if spacing_mm is None:
        return f"{area_px:,} px"
    return f"{area_px * spacing_mm[1] * spacing_mm[2]:,.0f} mm²"
