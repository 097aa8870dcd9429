"""What the dataset's own table says of one patient: codes, with names only from a code book."""

import pandas as pd


def patient_facts(
    patients: pd.DataFrame, codebook: pd.DataFrame | None, patient_id: str
) -> pd.DataFrame:
    """Return the row of ``data.csv`` of one patient as a table, a row a column of the file.

    Args:
        patients: see :attr:`brainseg.cohort.Cohort.patients`.
        codebook: see :attr:`brainseg.cohort.Cohort.codebook`; without one, codes stay codes.
        patient_id: the patient; where the file holds it twice, the first row counts.

    Returns:
        ``column`` and ``code`` (str, missing where the file has a gap) and ``label`` (str, missing
        where no code book names the code); empty where the file does not hold the patient.
    """
    rows = patients[patients["patient_id"] == patient_id].drop(columns="patient_id")
    if rows.empty:
        return pd.DataFrame({"column": [], "code": [], "label": []}, dtype="str")
    codes = rows.iloc[0]
    labels = {} if codebook is None else code_labels(codebook)
    texts = [code_text(code) for code in codes]
    return pd.DataFrame(
        {
            "column": codes.index.astype("str"),
            "code": texts,
            "label": [
                labels.get((column, text)) for column, text in zip(codes.index, texts, strict=True)
            ],
        },
        dtype="str",
    )


def code_labels(codebook: pd.DataFrame) -> dict[tuple[str, str | None], str]:
    """Return the label of each (column, code) of a code book, codes as :func:`code_text` gives them."""
    columns = (codebook[name] for name in ("column", "code", "label"))
    return {
        (str(column), code_text(code)): str(label)
        for column, code, label in zip(*columns, strict=True)
    }


def code_text(code: object) -> str | None:
    """Return a code as it stands in the file: a gap elsewhere in its column made 2 a 2.0."""
    if pd.isna(code):
        return None
    return f"{code:.15g}" if isinstance(code, float) else str(code)
