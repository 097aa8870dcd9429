"""The codes of ``data.csv`` for the patients of a cohort, with names only from a code book."""

import pandas as pd

from brainseg.cohort.patients import code_labels, code_text
from brainseg.statistics.distributions import category_counts


def patient_columns(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return one row per column of ``data.csv``, counted over the patients of this cohort.

    Args:
        slices: the index of a cohort.
        patients: its ``data.csv``; see :attr:`brainseg.cohort.Cohort.patients`. Only the first row of
            a patient counts.

    Returns:
        ``column``, ``known`` and ``missing`` (patients with and without a value; a patient without a row
        counts as missing), ``distinct`` (different values).
    """
    own = slices[["patient_id"]].drop_duplicates()
    joined = own.merge(patients.drop_duplicates("patient_id"), on="patient_id", how="left")
    joined = joined.drop(columns="patient_id")
    known = joined.notna().sum()
    return pd.DataFrame(
        {
            "column": joined.columns.astype("str"),
            "known": known.to_numpy(),
            "missing": (len(joined) - known).to_numpy(),
            "distinct": joined.nunique().to_numpy(),
        }
    )


def code_counts(
    codes: pd.Series, chosen: pd.Series | None = None, codebook: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the number of cases per code, of all and of the chosen.

    Args:
        codes: a column of ``data.csv``, one row per case; its name is the column's.
        chosen: bool on the same rows; None for all.
        codebook: ``column``, ``code``, ``label``, or None.

    Returns:
        As :func:`brainseg.statistics.category_counts`, with ``label`` (str, missing if the code book has
        none) after ``value``; codes as from :func:`brainseg.cohort.patients.code_text`.
    """
    # Sorted as numbers: as text, 10 would come before 2.
    table = category_counts(codes, chosen)
    known = codes[codes.notna()].value_counts().sort_index().index
    texts = [code_text(code) for code in known]
    table["value"] = pd.Series([*texts, *[None] * (len(table) - len(texts))], dtype="str")
    named = {} if codebook is None else code_labels(codebook)
    labels = {code: label for (owner, code), label in named.items() if owner == codes.name}
    table.insert(1, "label", table["value"].map(labels).astype("str"))
    return table
