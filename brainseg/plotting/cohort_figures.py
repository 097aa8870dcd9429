"""The figures and tables of a cohort: each one a function of the chosen cases.

A figure function returns the numbers and the figure. The dashboard draws it and shows its source.
"""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from brainseg import statistics
from brainseg.cohort.filters import is_number
from brainseg.plotting import counts, maps, measures
from brainseg.plotting.chosen_cases import ChosenCases
from brainseg.statistics import INSIDE, OUTSIDE, category_counts, histogram
from brainseg.statistics.atlas import intensity_table, overlap
from brainseg.statistics.embeddings import IMAGE
from brainseg.statistics.neighbours import neighbours
from brainseg.statistics.units import UNITS, area_column, volume_column

Figure = tuple[pd.DataFrame, go.Figure]

MEASURES = {
    "tumour_ml": "Tumour volume (ml)",
    "tumour_vx": "Tumour volume (voxels)",
    "tumour_fraction": "Tumour volume (share of the head)",
    "tumour_share": "Slices with tumour (share of the case)",
    "largest_area_mm2": "Largest tumour area on a slice (mm²)",
    "largest_area_px": "Largest tumour area on a slice (px)",
    "compactness": "Compactness (median over slices)",
    "components": "Parts of the tumour as a volume",
    "largest_share": "Largest part (share of the tumour)",
    "tumour_from": "First slice with tumour (position along the case)",
    "tumour_to": "Last slice with tumour (position along the case)",
    "slices": "Slices",
    "slices_with_tumour": "Slices with tumour",
    **{column: f"{name} inside the tumour (mean, 0–255)" for name, column in INSIDE.items()},
    **{column: f"{name} outside the tumour (mean, 0–255)" for name, column in OUTSIDE.items()},
}
"""The measures of a case and their axis titles; see :func:`brainseg.statistics.case_measures`."""

_SIZES = {
    "tumour_ml": ("tumour_ml", "largest_area_mm2"),
    "tumour_vx": ("tumour_vx", "largest_area_px"),
    "tumour_fraction": ("tumour_fraction",),
}
"""The measures of size in each unit."""

NEED_PARTS = ("components", "largest_share")
"""Measures that need every file to be read once."""

MAX_CODES = 12
"""A numeric column with more distinct values than this is binned: it is an age, not a code."""


def tumour_share(chosen: ChosenCases) -> Figure:
    """Draw the share of slices with tumour, without tumour and without a usable mask."""
    cases = chosen.counts()
    table = statistics.tumour_shares_of_cases(cases[chosen.among(cases)])
    return table, counts.tumour_share(table)


def institutions(chosen: ChosenCases) -> Figure:
    """Draw the number of cases per institution."""
    cases = chosen.worklist()
    table = category_counts(cases["institution"], chosen.among(cases))
    return table, counts.categories(table, "Institution", "cases", missing="unknown")


def slices_by_case(chosen: ChosenCases) -> Figure:
    """Draw the number of slices per case, with and without tumour."""
    table = chosen.counts()
    return table, counts.slices_by_case(table, chosen.among(table))


def offered_measures(cases: pd.DataFrame) -> list[str]:
    """Return the measures of some cases, their sizes in the unit that compares them."""
    own = _SIZES[volume_column(cases)]
    others = {name for names in _SIZES.values() for name in names} - {*own}
    return [name for name in MEASURES if name not in others]


def tumour_area(chosen: ChosenCases) -> Figure:
    """Draw a histogram of the tumour area per slice."""
    slices = chosen.tumour_slices()
    column = area_column(slices)
    table = histogram(slices[column], chosen.among(slices))
    title = f"Tumour area on the slice ({UNITS[column]})"
    return table, counts.bins(table, title, "slices", tumour=True)


def tumour_volume(chosen: ChosenCases) -> Figure:
    """Draw the tumour volume of each case, by institution."""
    cases = chosen.cases()
    column = volume_column(cases)
    among = chosen.among(cases)
    figure = measures.strips(cases, column, cases["institution"], among, MEASURES[column])
    return cases[["case", "institution", column]], figure


def tumour_map(chosen: ChosenCases, regions: Sequence[maps.Region] = ()) -> Figure:
    """Draw where in the head the tumours are, as a heat map; some regions are outlined."""
    found = overlap(chosen.atlas(), chosen.names)
    return maps.overlap_table(found), maps.overlap_map(found, regions)


def along_the_case(chosen: ChosenCases) -> Figure:
    """Draw the share of slices with tumour, from the first slice of a case to the last."""
    slices = chosen.slices()
    table = statistics.along_the_case(slices, chosen.among(slices))
    return table, counts.along(table)


def pieces(chosen: ChosenCases) -> Figure:
    """Draw the number of tumour pieces per slice."""
    slices = chosen.tumour_slices()
    table = category_counts(slices["components"], chosen.among(slices))
    return table, counts.categories(table, "Pieces on the slice", "slices", tumour=True)


def compactness(chosen: ChosenCases) -> Figure:
    """Draw a histogram of the compactness of the tumour on a slice."""
    slices = chosen.tumour_slices()
    table = histogram(slices["compactness"], chosen.among(slices))
    return table, counts.bins(table, "Compactness (a disc is 1)", "slices", tumour=True)


def parts(chosen: ChosenCases) -> Figure:
    """Draw the number of separate parts of each tumour as a volume."""
    cases = chosen.cases(with_parts=True)
    table = category_counts(cases["components"], chosen.among(cases))
    return table, counts.categories(table, "Parts of the volume", "cases", tumour=True)


def intensities(chosen: ChosenCases) -> Figure:
    """Draw the distribution of intensities inside and outside the tumour, one panel per sequence."""
    table = intensity_table(chosen.atlas(), chosen.names)
    return table, measures.intensities(table)


def inside_and_outside(chosen: ChosenCases, sequence: str) -> Figure:
    """Draw the mean intensity inside the tumour against the mean outside, one point per case."""
    cases = chosen.cases()
    inside, outside = INSIDE[sequence], OUTSIDE[sequence]
    group = cases["institution"]
    figure = measures.inside_and_outside(cases, inside, outside, chosen.among(cases), group)
    return cases[["case", "institution", inside, outside]], figure


def codes(chosen: ChosenCases, column: str) -> Figure:
    """Draw the number of cases per value of a column of ``data.csv``; many numbers are binned."""
    cases = chosen.worklist()
    values, among = cases[column], chosen.among(cases)
    if is_scale(values):
        table = histogram(values, among)
        return table, counts.bins(table, column, "cases")
    table = statistics.code_counts(values, among, chosen.cohort.codebook)
    return table, counts.categories(table, column, "cases")


def measured(chosen: ChosenCases, column: str, measure: str) -> Figure:
    """Draw a measure of each case by its value in a column of ``data.csv``."""
    cases, rows = chosen.cases(with_parts=measure in NEED_PARTS), chosen.worklist()
    table = cases[["case", measure]].assign(**{column: rows[column]})
    among, title = chosen.among(table), MEASURES[measure]
    if is_scale(rows[column]):
        axes = (column, column), (measure, title)
        return table, measures.scatter(table, *axes, among, rows["institution"])
    return table, measures.strips(table, measure, rows[column], among, title)


def compared(chosen: ChosenCases, x: str, y: str, group: str) -> Figure:
    """Draw two measures of each case against each other, coloured by a column of the worklist."""
    cases = chosen.cases(with_parts=x in NEED_PARTS or y in NEED_PARTS)
    axes = (x, MEASURES[x]), (y, MEASURES[y])
    figure = measures.scatter(cases, *axes, chosen.among(cases), chosen.worklist()[group])
    return cases[["case", "institution", *dict.fromkeys((x, y))]], figure


def slice_map(
    chosen: ChosenCases,
    source: str = IMAGE,
    colour: str = "tumour",
    mark: tuple[str, int] | None = None,
    drag: str = "pan",
) -> Figure:
    """Draw a map of all slices, on which similar slices are close together.

    ``source`` and ``colour`` name the features and a column; ``mark`` is a case and slice number.
    """
    table = chosen.features(source).table().merge(chosen.slices(), on=["case", "slice_number"])
    colours = maps.slice_colour(table, chosen.worklist(), colour)
    figure = maps.slice_map(table, colours, chosen.among(table), mark, drag)
    return table[["case", "slice_number", "x", "y"]].assign(**{colour: colours}), figure


def similar_slices(
    chosen: ChosenCases,
    source: str,
    case: str,
    slice_number: int,
    most: int,
    other_cases: bool,
    one_a_case: bool,
) -> pd.DataFrame:
    """Return the slices most similar to one slice, the nearest first."""
    features = chosen.features(source)
    return neighbours(features, case, slice_number, most, other_cases, one_a_case)


def slice_rows(chosen: ChosenCases) -> pd.DataFrame:
    """Return one row per slice of the chosen cases, with its measures."""
    slices = chosen.slices()
    return slices if chosen.has_all else slices[chosen.among(slices)]


def case_rows(chosen: ChosenCases, with_parts: bool = True) -> pd.DataFrame:
    """Return one row per chosen case, with its measures."""
    cases = chosen.cases(with_parts)
    return cases[chosen.among(cases)]


def group_rows(chosen: ChosenCases, column: str, with_parts: bool = True) -> pd.DataFrame:
    """Return one row per institution or code: the median and n of each measure."""
    cases = chosen.cases(with_parts)
    among = chosen.among(cases)
    return statistics.group_table(
        cases[among], chosen.worklist().loc[among, column], offered_measures(cases)
    )


def file_rows(chosen: ChosenCases) -> pd.DataFrame:
    """Return the shapes, types and mask values of all files of the cohort, and how often each occurs."""
    return statistics.file_table(chosen.cohort.slices)


def patient_columns(chosen: ChosenCases) -> pd.DataFrame:
    """Return the number of patients of the cohort with a value in each column of ``data.csv``."""
    return statistics.patient_columns(chosen.cohort.slices, chosen.cohort.patients)


def is_scale(values: pd.Series) -> bool:
    """Return whether a column has too many different numbers for one bar each."""
    return is_number(values) and values.nunique() > MAX_CODES
