"""How large the tumours are: area on a slice, volume of a case."""

import pandas as pd

from brainseg.plotting import cohort_figures
from brainseg.statistics.units import UNITS, area_column, volume_column
from dashboard.shared import chart_selection, widgets
from dashboard.shared.dataset_context import ShownCases, chart, side_by_side

_WHY_UNIT = {
    "tumour_ml": "Volumes are in ml, by the spacing in the files.",
    "tumour_fraction": "Only some files state a spacing, so the unit is the share of the head.",
    "tumour_vx": "The unit is voxels, because the files contain no spacing: sizes are comparable only "
    "between similar scans.",
}


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    side_by_side(lambda: areas(chosen), lambda: volumes(chosen))


def areas(chosen: ShownCases) -> None:
    """Draw the tumour area on a slice."""
    slices = chosen.tumour_slices()
    column = area_column(slices)
    areas = slices.loc[chosen.among(slices), column]
    chart(
        chosen,
        "How large is the tumour on a slice?",
        cohort_figures.tumour_area,
        _spread(areas, UNITS[column], "slice") or "No slice shows a tumour.",
        "Each bar counts slices of that area; slices without tumour are not counted. Click one to "
        "choose the cases with such a slice.",
        chart_selection.in_bins_of(slices, column),
    )


def volumes(chosen: ShownCases) -> None:
    """Draw the tumour volume of a case, by institution."""

    column = volume_column(chosen.every)

    def finding(table: pd.DataFrame) -> str:
        known = table.loc[chosen.among(table), column].dropna()
        return _spread(known, UNITS[column], "case") or "No case has a usable mask."

    chart(
        chosen,
        "How large is the tumour in a case?",
        cohort_figures.tumour_volume,
        finding,
        "Each point is a case, spread sideways so they do not overlap; the orange line is the median. "
        f"Drag a box to choose cases. {_WHY_UNIT[column]}",
        chart_selection.in_strips(chosen.every, "institution", column),
        ["case", "institution", column],
    )


def _spread(values: pd.Series, unit: str, of: str) -> str:
    """Return median, count and maximum in words; empty without a value."""
    if values.empty:
        return ""
    over = widgets.counted(len(values), of)
    number = ",.0%" if unit.startswith("share") else ",.0f"
    unit = unit.removeprefix("share ")
    return f"Median {values.median():{number}} {unit} over {over}, up to {values.max():{number}}."
