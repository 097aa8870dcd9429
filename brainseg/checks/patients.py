"""Rules on patients: one case each, and one row in the table of patients."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import info, warning

_NONE = pd.DataFrame()


def _cases(evidence: Evidence) -> pd.DataFrame:
    return evidence.slices.drop_duplicates("case")[["case", "patient_id"]]


def _cases_without_row(evidence: Evidence) -> pd.DataFrame:
    if evidence.patients is None:
        return _NONE
    cases = _cases(evidence)
    return cases[~cases["patient_id"].isin(evidence.patients["patient_id"])]


def _rows_without_case(evidence: Evidence) -> pd.DataFrame:
    if evidence.patients is None:
        return _NONE
    patients = evidence.patients[["patient_id"]].drop_duplicates()
    return patients[~patients["patient_id"].isin(evidence.slices["patient_id"].drop_duplicates())]


def _further_cases(evidence: Evidence) -> pd.DataFrame:
    cases = _cases(evidence)
    first = cases.groupby("patient_id")["case"].transform("first")
    return cases.assign(first=first)[cases["patient_id"].duplicated()]


RULES = [
    warning(
        "case_without_row",
        rule="Each case has a row in data.csv.",
        why="The clinical data of this case are unknown.",
        remedy="add a row for the patient to data.csv",
        coverage=coverage.cases_if_table,
        rows=_cases_without_row,
        fact="{case} has no row in data.csv for its patient {patient_id}",
    ),
    info(
        "row_without_case",
        rule="Each row of data.csv has a case.",
        why="The patient is in no statistic here; the folder may contain only part of the dataset.",
        remedy="no action needed if the folder is only part of the dataset, otherwise copy the case",
        coverage=coverage.rows_of_table,
        rows=_rows_without_case,
        fact="data.csv has a row for {patient_id}, who has no case here",
    ),
    info(
        "patient_repeat",
        rule="Each patient has one case.",
        why="Slices of one patient are alike, so all cases of a patient belong in the same split.",
        remedy="no action needed here, where folds are made by patient; do the same elsewhere",
        coverage=coverage.cases,
        rows=_further_cases,
        fact="{case} and {first} are of the same patient",
    ),
]
