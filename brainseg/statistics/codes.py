"""What ``data.csv`` says of the cohort's patients: codes, with names only from a code book."""

import pandas as pd

from brainseg.cohort.patients import code_labels, code_text
from brainseg.statistics.distributions import category_counts


def patient_columns(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return what ``data.csv`` says of this cohort's patients, a row a column of the file.

    Args:
        slices: the index of a cohort.
        patients: its ``data.csv``; see :attr:`brainseg.cohort.Cohort.patients`.

    Returns:
        ``column``, ``known`` and ``missing`` (patients of the cohort with and without a value, those
        without a row included in ``missing``), ``distinct`` (values among them).
    """
    joined = join_patients(slices, patients).drop(columns="patient_id")
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
    """Return how many cases have which code, of all and of the chosen.

    Args:
        codes: a column of ``data.csv``, a row a case; its name is the column's.
        chosen: bool on the same rows; all where it is None.
        codebook: ``column``, ``code``, ``label``, or None: codes then stay codes.

    Returns:
        As :func:`brainseg.statistics.category_counts`, with ``label`` (str, missing where the code book
        has none) behind ``value``; codes as :func:`brainseg.cohort.patients.code_text` gives them.
    """
    # As numbers first: sorted as text, 10 would come before 2.
    table = category_counts(codes, chosen)
    known = codes[codes.notna()].value_counts().sort_index().index
    texts = [code_text(code) for code in known]
    table["value"] = pd.Series([*texts, *[None] * (len(table) - len(texts))], dtype="str")
    labels = {}
    if codebook is not None:
        named = code_labels(codebook)
        labels = {code: label for (owner, code), label in named.items() if owner == codes.name}
    table.insert(1, "label", table["value"].map(labels).astype("str"))
    return table


def join_patients(slices: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return a row a patient of the cohort with the columns of ``data.csv``, missing where it has none.

    Where the file holds a patient twice, the first row counts.
    """
    own = slices[["patient_id"]].drop_duplicates(ignore_index=True)
    return own.merge(patients.drop_duplicates("patient_id"), on="patient_id", how="left")
