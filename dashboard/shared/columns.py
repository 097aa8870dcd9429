"""The columns of the worklist: labels, help texts, and how cells are drawn."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from brainseg.cohort.filters import MISSING, NONE, Condition, number_text
from brainseg.worklist import READER_COLUMNS, READERS_DIFFER, REVIEW_COLUMNS, REVIEWS_DIFFER

LABELS = {
    "case": "Case",
    "patient_id": "Patient",
    "institution": "Institution",
    "area_by_slice": "Tumour by slice",
    "slices": "Slices",
    "slices_with_tumour": "Slices with tumour",
    "tumour_share": "Share with tumour",
    "tumour_vx": "Tumour (voxels)",
    "tumour_ml": "Tumour (ml)",
    "tumour_fraction": "Share of head",
    "missing_sequences": "Missing sequences",
    "unusable": "Unusable slices",
    "errors": "Errors",
    "warnings": "Warnings",
    "infos": "Notes",
    "second_look": "Second look",
    "dice": "Dice",
    "review": "Mask review",
    "prediction_review": "Prediction review",
    "readers": "Readers",
    "reviewed_by": "Mask reviewed by",
    "prediction_reviewed_by": "Prediction reviewed by",
    "comments": "Comments",
}

HELP = {
    "area_by_slice": "Tumour area on each slice, first to last; each row has its own scale",
    "slices_with_tumour": "Number of slices whose mask shows tumour",
    "tumour_share": "Slices with tumour, as a share of those with a usable mask",
    "tumour_ml": "Volume of the manual mask, by the spacing in the files",
    "tumour_vx": (
        "Voxels of the manual mask on all slices with a usable mask. Do not compare cases by it: voxels "
        "differ in size, and 88 thin slices have more of them than 20 thick ones"
    ),
    "tumour_fraction": (
        "Volume of the manual mask as a share of the head’s. It does not depend on the distance of the "
        "slices, so cases of 20 and of 88 slices compare"
    ),
    "missing_sequences": "Missing sequences; their channels repeat FLAIR",
    "unusable": "Slices without a usable image and mask",
    "errors": "Findings that prevent the use of a file; accepted findings are not counted",
    "warnings": "Files that were converted or are suspicious; accepted findings are not counted",
    "infos": "Facts worth knowing; no action needed",
    "second_look": (
        "Places where networks that did not learn from the patient contradict the mask; accepted ones "
        "are not counted. The model may be wrong"
    ),
    "dice": "Dice of prediction and manual mask, for cases that the model was not trained on",
    "review": f"Verdict on the manual mask; “{READERS_DIFFER}” if readers disagree",
    "prediction_review": (
        "Verdict on the predictions of this case, of any model and threshold; "
        f"“{REVIEWS_DIFFER}” if there are different verdicts"
    ),
    "readers": "Number of readers who reviewed the mask or a prediction",
    "reviewed_by": "Initials of readers who reviewed the mask",
    "prediction_reviewed_by": "Initials of readers who reviewed a prediction",
    "comments": "Comments of all readers; those on predictions with model and threshold",
}

DEFAULT = (
    "case",
    "review",
    "institution",
    "area_by_slice",
    "tumour_ml",
    "tumour_fraction",
    "slices",
    "missing_sequences",
    "errors",
    "warnings",
    "dice",
    "second_look",
    "prediction_review",
    "readers",
)
"""The columns shown by default."""

MOST_NAMED = 3
LOCALIZED = ("slices", "slices_with_tumour", "tumour_vx", "unusable")


def label(column: str) -> str:
    """Return the label of a column; columns of ``data.csv`` keep their names."""
    return LABELS.get(column, column)


def words(condition: Condition) -> str:
    """Return a condition in words: “Tumour (voxels): 1,000 to 5,000”."""
    parts = [_range_words(low, high) for low, high in condition.ranges]
    values = [
        "none" if value == NONE and condition.column == "missing_sequences" else value
        for value in condition.values
    ]
    if len(values) > MOST_NAMED:
        parts.append(f"one of {len(values)} chosen")
    else:
        parts += values
    if condition.missing:
        parts.append(missing(condition.column))
    if condition.without:
        parts.append(f"not {', '.join(condition.without)}")
    return f"{label(condition.column)}: {' or '.join(parts)}"


def _range_words(low: float | None, high: float | None) -> str:
    if low is None:
        return "known" if high is None else f"at most {_figure(high)}"
    if high is None:
        return f"at least {_figure(low)}"
    return _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"


def _figure(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() else number_text(number)


def missing(column: str) -> str:
    """Return the word for a cell without a value."""
    if column in REVIEW_COLUMNS:
        return "not reviewed"
    return "not scored" if column == "dice" else MISSING


def configuration(names: Iterable[str], sort: str, open_key: str) -> dict[str, Any]:
    """Return how ``st.dataframe`` draws each column.

    Args:
        names: of the columns.
        sort: the order, as for :func:`brainseg.cohort.filters.sort_rows`; an arrow marks its column.
        open_key: the key of the click on a case's name.
    """
    arrows = {sort.removeprefix("-"): " ↓" if sort.startswith("-") else " ↑"} if sort else {}
    return {name: _drawn(name, label(name) + arrows.get(name, ""), open_key) for name in names}


def case_button(title: str, key: str) -> Any:
    """Return a column of case names; a click on one is reported under the key."""
    return st.column_config.ButtonColumn(
        title, type="tertiary", alignment="left", pinned=True, key=key
    )


def share(title: str, meaning: str | None = None) -> Any:
    """Return a column of shares, 0..1, as bars."""
    return st.column_config.ProgressColumn(
        title, help=meaning, format="percent", min_value=0, max_value=1
    )


FILES: dict[str, Any] = {
    "file": "File",
    "shape": st.column_config.TextColumn("Shape (px)", help="Height × width × channels."),
    "dtype": "Type",
    "values": "Values of masks",
    "files": st.column_config.NumberColumn("Files", format="localized"),
}
"""The columns of the table of files."""


def _drawn(name: str, title: str, open_key: str) -> Any:
    column, meaning = st.column_config, HELP.get(name)
    if name == "case":
        return case_button(title, open_key)
    if name == "area_by_slice":
        return column.AreaChartColumn(title, help=meaning, width=110, y_min=0)
    if name == "tumour_share":
        return share(title, meaning)
    if name == "tumour_fraction":
        return column.NumberColumn(title, help=meaning, format="percent")
    if name in ("missing_sequences", *READER_COLUMNS):
        return column.ListColumn(title, help=meaning, width=125)
    formats = {"dice": "%.3f", "tumour_ml": "%.1f"} | dict.fromkeys(LOCALIZED, "localized")
    if name in formats:
        return column.NumberColumn(title, help=meaning, format=formats[name])
    return column.Column(title, help=meaning)
