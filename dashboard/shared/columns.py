"""The columns of the worklist as a person reads them: label, help, and how a cell is drawn."""

from collections.abc import Iterable

import streamlit as st

from brainseg.cohort.filters import MISSING, NONE, Condition, number_text
from brainseg.worklist import READER_COLUMNS, READERS_DIFFER, REVIEW_COLUMNS, REVIEWS_DIFFER

LABELS = {
    "case": "Case",
    "patient_id": "Patient",
    "institution": "Institution",
    "area_by_slice": "Tumour by slice",
    "slices": "Slices",
    "slices_with_tumour": "With tumour",
    "tumour_share": "Share with tumour",
    "tumour_vx": "Tumour (voxels)",
    "missing_sequences": "Missing sequences",
    "unusable": "Slices left out",
    "errors": "Errors",
    "warnings": "Warnings",
    "infos": "Infos",
    "dice": "Dice",
    "review": "Mask review",
    "prediction_review": "Prediction review",
    "readers": "Readers",
    "reviewed_by": "Mask reviewed by",
    "prediction_reviewed_by": "Prediction reviewed by",
    "comments": "Comments",
}

HELP = {
    "area_by_slice": "The tumour's area on each slice, first to last; each row to its own height",
    "slices_with_tumour": "Slices with tumour",
    "tumour_share": "Slices with tumour of those with a usable mask",
    "tumour_vx": "Voxels of the manual mask, over all slices with a usable one",
    "missing_sequences": "Sequences that are not there: on every slice they repeat FLAIR",
    "unusable": "Slices without an image and a mask that can be used",
    "errors": "Findings that keep a file from being used as it stands; not those that were accepted",
    "warnings": "Used, but converted or suspicious; not the findings that were accepted",
    "infos": "Facts to know",
    "dice": "Of the model's prediction with the manual mask, for cases that it never saw",
    "review": f"Verdict on the manual mask; “{READERS_DIFFER}” where readers disagree",
    "prediction_review": (
        "Verdict on the predictions of this case, of any model and threshold; "
        f"“{REVIEWS_DIFFER}” where there are several verdicts"
    ),
    "readers": "Number of readers who reviewed the mask or a prediction",
    "reviewed_by": "Initials of the readers of the mask",
    "prediction_reviewed_by": "Initials of the readers of a prediction",
    "comments": "Each reader's comment; of a prediction with model and threshold",
}

DEFAULT = (
    "case",
    *REVIEW_COLUMNS,
    "institution",
    "area_by_slice",
    "tumour_vx",
    "slices",
    "slices_with_tumour",
    "missing_sequences",
    "errors",
    "warnings",
    "dice",
    "readers",
)
"""The columns that are shown without a choice."""

MOST_NAMED = 3


def label(column: str) -> str:
    """Return what a column is called; one of ``data.csv`` as it stands there."""
    return LABELS.get(column, column)


def words(condition: Condition) -> str:
    """Return a condition as a person says it: “Tumour (voxels) 1,000 to 5,000”."""
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
    if low is None and high is None:
        return "known"
    if low is None:
        return f"at most {_figure(high)}"
    if high is None:
        return f"at least {_figure(low)}"
    return _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"


def _figure(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() else number_text(number)


def missing(column: str) -> str:
    """Return what a cell without a value is called."""
    if column in REVIEW_COLUMNS:
        return "not reviewed"
    return "not scored" if column == "dice" else MISSING


def configuration(names: Iterable[str], sort: str, open_key: str) -> dict[str, object]:
    """Return how ``st.dataframe`` draws each column.

    Args:
        names: of the columns.
        sort: the order, as :func:`brainseg.cohort.filters.sort_rows` takes it; its column's label
            shows it.
        open_key: the key of the click on a case's name.
    """
    arrows = {sort.removeprefix("-"): " ↓" if sort.startswith("-") else " ↑"} if sort else {}
    return {name: _drawn(name, arrows.get(name, ""), open_key) for name in names}


def _drawn(name: str, arrow: str, open_key: str) -> object:
    named = {"label": label(name) + arrow, "help": HELP.get(name)}
    column = st.column_config
    if name == "case":
        # A click opens the case; so does Enter on the cell.
        return column.ButtonColumn(
            **named, type="tertiary", alignment="left", pinned=True, key=open_key
        )
    if name == "area_by_slice":
        return column.AreaChartColumn(**named, width=110, y_min=0)
    if name == "tumour_share":
        return column.ProgressColumn(**named, format="percent", min_value=0, max_value=1)
    if name in ("missing_sequences", *READER_COLUMNS):
        return column.ListColumn(**named, width=125)
    if name == "dice":
        return column.NumberColumn(**named, format="%.3f")
    if name in ("slices", "slices_with_tumour", "tumour_vx", "unusable"):
        return column.NumberColumn(**named, format="localized")
    return column.Column(**named)
