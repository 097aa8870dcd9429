"""How large the tumours are: area on a slice, volume of a case."""

import pandas as pd

from brainseg.plotting import cohort_figures
from dashboard.shared import chart_selection, widgets
from dashboard.shared.dataset_context import ShownCases, chart, side_by_side


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    side_by_side(lambda: areas(chosen), lambda: volumes(chosen))


def areas(chosen: ShownCases) -> None:
    """Draw the tumour area on a slice."""
    slices = chosen.tumour_slices()
    areas_px = slices.loc[chosen.among(slices), "area_px"]
    chart(
        chosen,
        "How large is the tumour on a slice?",
        cohort_figures.tumour_area_px,
        _spread(areas_px, "px", "slice") or "No slice shows a tumour.",
        "Each bar counts slices of that area; slices without tumour are not counted. Click one to "
        "choose the cases with such a slice.",
        chart_selection.in_bins_of(slices, "area_px"),
    )


def volumes(chosen: ShownCases) -> None:
    """Draw the tumour volume of a case, by institution."""

    def finding(table: pd.DataFrame) -> str:
        volumes_vx = table.loc[chosen.among(table), "tumour_vx"].dropna()
        return _spread(volumes_vx, "voxels", "case") or "No case has a usable mask."

    chart(
        chosen,
        "How large is the tumour in a case?",
        cohort_figures.tumour_volume,
        finding,
        "Each point is a case, spread sideways so they do not overlap; the orange line is the median. "
        "Drag a box to choose cases. The unit is voxels, because the files contain no spacing: sizes "
        "are comparable only between similar scans.",
        chart_selection.in_strips(chosen.every, "institution", "tumour_vx"),
        ["case", "institution", "tumour_vx"],
    )


def _spread(values: pd.Series, unit: str, of: str) -> str:
    """Return median, count and maximum in words; empty without a value."""
    if values.empty:
        return ""
    over = widgets.counted(len(values), of)
    return f"Median {values.median():,.0f} {unit} over {over}, up to {values.max():,}."
