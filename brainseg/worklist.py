"""The worklist: one row per case with everything known about it, from the index to the reviews.

Unknown values are missing: volumes without a usable mask, findings before the checks have run, the
Dice of unscored cases, the state of cases without a review.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray

from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort
from brainseg.cohort.patients import code_labels, code_text
from brainseg.cohort.saved_index import MAPPED_FROM
from brainseg.reviews.table import MASK, PREDICTION, subject_words
from brainseg.statistics.labels import label_sizes
from brainseg.statistics.saved_tables import case_table, sequence_copies

FINDING_COLUMNS = {"error": "errors", "warning": "warnings", "info": "infos"}
"""The columns that count a case's findings, by severity."""

READERS_DIFFER = "readers differ"
"""Value of ``review`` if readers gave the mask different states."""

REVIEWS_DIFFER = "reviews differ"
"""Value of ``prediction_review`` if predictions of the case have different states."""

REVIEW_COLUMNS = {"review": READERS_DIFFER, "prediction_review": REVIEWS_DIFFER}
"""The columns of the readers' state, each with its value for several states."""

READER_COLUMNS = {"reviewed_by": MASK, "prediction_reviewed_by": PREDICTION}
"""The columns of the readers, each with the subject that they reviewed."""

OWN_COLUMNS = (
    *("case", "patient_id", "institution", "area_by_slice", "slices", "slices_with_tumour"),
    *("tumour_share", "tumour_vx", "tumour_ml", "tumour_fraction", "missing_sequences", "unusable"),
    *(
        *FINDING_COLUMNS.values(),
        "second_look",
        "dice",
        *REVIEW_COLUMNS,
        "readers",
        *READER_COLUMNS,
        "comments",
    ),
)
"""The columns of the worklist that do not come from ``data.csv``."""


LABEL = "label: "
"""The name of a column with the size of a label begins so."""


def case_rows(cohort: Cohort) -> pd.DataFrame:
    """Return the part of the worklist that comes from the files alone, one row per case.

    Returns:
        In the order of the cohort, with an index from 0: ``case``, ``patient_id``, ``institution``
        (str, missing if the name has none); ``area_by_slice`` (a list of the tumour's area in px, None
        for a slice without a usable mask); ``slices``, ``slices_with_tumour``, ``unusable`` (slices
        without a usable mask); ``tumour_share``, ``tumour_vx`` and ``tumour_fraction`` as
        in :func:`brainseg.statistics.case_table`, with ``tumour_ml`` if the files state a spacing;
        ``missing_sequences`` (a list of the sequences that only repeat FLAIR, missing if no slice can
        be compared); then the size of each label of the masks, if there are several (see
        :func:`brainseg.statistics.labels.label_sizes`), with names that begin with :data:`LABEL`; then
        the columns of ``data.csv``, joined by patient, whole numbers as Int64. A column of
        ``data.csv`` with a name in :data:`OWN_COLUMNS` gets the suffix " (data.csv)".
    """
    table = case_table(cohort)
    copies = sequence_copies(cohort)
    sequences = {
        text: [name for name in text.split(", ") if name]
        for text in copies.unique()
        if not pd.isna(text)
    }
    table = table.assign(
        area_by_slice=_areas(cohort.slices["area_px"], table["slices"]),
        missing_sequences=pd.Series(
            [sequences.get(text) for text in copies], table.index, dtype=object
        ),
    )
    if table["tumour_ml"].isna().all():
        table = table.drop(columns="tumour_ml")
    table = table[[name for name in OWN_COLUMNS if name in table]]
    if cohort.slices["label_px"].notna().any():  # else it would count the slices for nothing
        sizes, unit = label_sizes(cohort.slices)
        for name in sizes:
            column = f"{LABEL}{cohort.label_words(name)} ({unit})"
            table[column] = sizes[name].reindex(table["case"]).to_numpy()
    return table if cohort.patients is None else _with_codes(table, cohort.patients)


def code_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns of a worklist that came from ``data.csv``, in its order."""
    return [
        name for name in table.columns if not name.startswith(LABEL) and name not in OWN_COLUMNS
    ]


def with_findings(table: pd.DataFrame, findings: pd.DataFrame | None) -> pd.DataFrame:
    """Return the worklist with the number of findings of each case, by severity.

    Args:
        table: one row per case.
        findings: of the whole cohort, with ``case`` and ``severity``, such as
            :func:`brainseg.checks.findings_table`; None, before the checks have run, gives missing
            values.

    Returns:
        The table with ``errors``, ``warnings`` and ``infos`` (Int64).
    """
    if findings is None:
        return table.assign(**_missing(table, FINDING_COLUMNS.values(), "Int64"))
    rows = pd.Index(table["case"])
    columns = {
        column: _counted(rows, findings.loc[findings["severity"] == severity, "case"])
        for severity, column in FINDING_COLUMNS.items()
    }
    return table.assign(**columns)


def with_second_look(
    table: pd.DataFrame, compared: Iterable[str], still_open: Iterable[Finding]
) -> pd.DataFrame:
    """Return the worklist with the number of places in which networks contradict the mask of a case.

    Args:
        table: one row per case.
        compared: cases whose masks were compared.
        still_open: the findings that were not accepted; see :mod:`brainseg.checks.contradictions`.

    Returns:
        The table with ``second_look`` (Int64, missing where not compared).
    """
    rows = pd.Index(table["case"])
    number = pd.Series(_counted(rows, [finding.case for finding in still_open]), table.index)
    return table.assign(second_look=number.where(table["case"].isin([*compared])))


def with_scores(table: pd.DataFrame, scores: pd.DataFrame | None) -> pd.DataFrame:
    """Return the worklist with ``dice`` of each case (0..1, Float64, missing where not scored).

    Args:
        table: one row per case.
        scores: one row per scored case with ``case`` and ``dice``, or None.
    """
    if scores is None:
        return table.assign(**_missing(table, ["dice"], "Float64"))
    by_case = scores.drop_duplicates("case").set_index("case")["dice"].astype("Float64")
    return table.assign(dice=by_case.reindex(table["case"]).array)


def with_reviews(table: pd.DataFrame, reviews: pd.DataFrame | None) -> pd.DataFrame:
    """Return the worklist with the reviews of each case's mask and predictions.

    Args:
        table: one row per case.
        reviews: see :func:`brainseg.reviews.table.as_table`; None, if they cannot be read, gives missing
            values.

    Returns:
        The table with ``review`` and ``prediction_review`` (str: the state of the mask, or of the
        predictions; see :data:`REVIEW_COLUMNS` for several; missing without a review), ``readers``
        (Int64: the number of readers of either), ``reviewed_by`` and ``prediction_reviewed_by`` (lists
        of their initials), and ``comments`` (str: "reader: comment", for a prediction with its
        subject, separated by " | "; missing without any).
    """
    if reviews is None:
        unknown = _missing(table, [*REVIEW_COLUMNS, "comments"], "str")
        unknown |= _missing(table, ["readers"], "Int64")
        return table.assign(**unknown, **_missing(table, READER_COLUMNS, "object"))
    # Loops, because grouping the table with pandas is ten times slower.
    given: dict[str, list] = {}
    for review in reviews.sort_values("reader", kind="stable").itertuples():
        given.setdefault(review.case, []).append(review)
    # Those without a review share their cells: a large cohort has few others.
    places = np.flatnonzero(table["case"].isin([*given]))
    found = [_of_reviews(given[case]) for case in table["case"].iloc[places]]
    dtypes = {"readers": "Int64", **dict.fromkeys(READER_COLUMNS, "object")}
    columns = {}
    for name, cell in _of_reviews([]).items():
        cells = np.empty(len(table), object)
        cells.fill(cell)
        for place, row in zip(places, found, strict=True):
            cells[place] = row[name]
        columns[name] = pd.Series(cells, table.index, dtype=dtypes.get(name, "str"))
    return table.assign(**columns)


def _of_reviews(of_case: list) -> dict[str, Any]:
    """Return the cells of :func:`with_reviews` of a case."""
    cells: dict[str, Any] = {}
    for (column, several), (by, subject) in zip(
        REVIEW_COLUMNS.items(), READER_COLUMNS.items(), strict=True
    ):
        of_subject = [one for one in of_case if one.subject == subject]
        states = {one.state for one in of_subject}
        cells[column] = several if len(states) > 1 else next(iter(states), None)
        cells[by] = _readers(of_subject)
    comments = " | ".join(_comment(one) for one in of_case if one.comment)
    return {**cells, "readers": len(_readers(of_case)), "comments": comments or None}


def with_labels(table: pd.DataFrame, codebook: pd.DataFrame | None) -> pd.DataFrame:
    """Return the worklist with readable codes, such as “2 grade III” if a code has a name.

    Args:
        table: one row per case.
        codebook: see :attr:`brainseg.cohort.Cohort.codebook`; None changes nothing.

    Returns:
        The table, with the columns that the code book names as str.
    """
    labels = {} if codebook is None else code_labels(codebook)
    texts = {}
    for column in {column for column, _ in labels} & set(code_columns(table)):
        codes = table[column].map(code_text)
        named = [f"{code} {labels.get((column, code), '')}".rstrip() for code in codes]
        texts[column] = pd.Series(named, table.index, dtype="str").where(codes.notna())
    return table.assign(**texts)


def for_export(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worklist for a file: lists as text, without the areas of each slice."""
    table = table.drop(columns="area_by_slice")
    lists = ["missing_sequences", *READER_COLUMNS]
    return table.assign(**{name: table[name].map(_listed).astype("str") for name in lists})


def _counted(rows: pd.Index, cases: Iterable[str | None]) -> ExtensionArray:
    """Return how often each case of a table is named, Int64; names that are no case are left out."""
    found = rows.get_indexer(pd.Index(cases, dtype="str"))
    return pd.array(np.bincount(found[found >= 0], minlength=len(rows)), dtype="Int64")


def _areas(area_px: pd.Series, slices: pd.Series) -> pd.Series:
    """Return the areas of each case as a list; the slices of a case are adjacent."""
    if len(area_px) >= MAPPED_FROM:  # one array instead of an object per slice
        values = pa.array(area_px.array._data, mask=area_px.array._mask, from_pandas=False)
        starts = np.concatenate([[0], np.cumsum(slices)])
        lists = pa.LargeListArray.from_arrays(starts, values)
        return pd.Series(pd.arrays.ArrowExtensionArray(lists), slices.index)
    areas, ends = area_px.array.to_numpy(object, na_value=None), slices.cumsum()
    # Slices of one array: grouping the table with pandas takes five times as long.
    of_case = [areas[end - number : end].tolist() for end, number in zip(ends, slices, strict=True)]
    return pd.Series(of_case, index=slices.index, dtype=object)


def _with_codes(table: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    codes = patients.set_index("patient_id").reindex(table["patient_id"]).rename(columns=str)
    names = {name: name for name in codes.columns}
    for name in names.keys() & set(OWN_COLUMNS):
        while names[name] in {*codes.columns, *OWN_COLUMNS}:
            names[name] += " (data.csv)"
    codes = codes.rename(columns=names)
    codes.index = table.index
    return table.join(codes.apply(_whole_numbers))


def _readers(reviews: list) -> list[str]:
    return list(dict.fromkeys(review.reader for review in reviews))


def _comment(review: Any) -> str:
    of = "" if review.subject == MASK else f" ({subject_words(review)})"
    return f"{review.reader}{of}: {review.comment}"


def _listed(cell: object) -> str | None:
    return ", ".join(cell) if isinstance(cell, list) else None


def _whole_numbers(codes: pd.Series) -> pd.Series:
    """Return a column of codes as Int64 if a gap made its whole numbers floats."""
    if pd.api.types.is_float_dtype(codes) and (codes.dropna() % 1 == 0).all():
        return codes.astype("Int64")
    return codes


def _missing(table: pd.DataFrame, names: Iterable[str], dtype: str) -> dict[str, pd.Series]:
    return {name: pd.Series(pd.NA, index=table.index, dtype=dtype) for name in names}
