"""Checks of patients: one case each, and the table beside the cases."""

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind


@kind(
    "warning",
    checks="Each case has a row in data.csv.",
    why="What data.csv tells of the others is missing for this case.",
    remedy="add a row for the patient to data.csv",
    scope=coverage.cases_if_table,
)
def check_case_without_row(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose patient has no row in ``data.csv``."""
    if evidence.patients is None:
        return []
    cases = evidence.slices.drop_duplicates("case")
    rows = cases[~cases["patient_id"].isin(evidence.patients["patient_id"])]
    return [
        finding(
            "case_without_row",
            row.case,
            f"{row.case} has no row in data.csv for its patient {row.patient_id}",
        )
        for row in rows.itertuples()
    ]


@kind(
    "info",
    checks="Each row of data.csv has a case.",
    why="The patient is in no statistic here: the folder may be a part of the dataset.",
    remedy="nothing is to be done if the folder is a part of a dataset, otherwise copy the case",
    scope=coverage.rows_of_table,
)
def check_row_without_case(evidence: Evidence) -> list[Finding]:
    """Return a finding for each patient of ``data.csv`` without a case in the folder."""
    if evidence.patients is None:
        return []
    patients = evidence.patients["patient_id"].drop_duplicates()
    rows = patients[~patients.isin(evidence.slices["patient_id"].drop_duplicates())]
    return [
        finding("row_without_case", None, f"data.csv has a row for {patient}, who has no case here")
        for patient in rows
    ]


@kind(
    "info",
    checks="Each patient stands in one case.",
    why="Slices of one patient are alike: all cases of a patient belong into the same part of a split.",
    remedy="nothing is to be done, for folds are made by patient here; do so elsewhere too",
    scope=coverage.cases,
)
def check_patient_repeat(evidence: Evidence) -> list[Finding]:
    """Return a finding for each further case of a patient."""
    cases = evidence.slices.drop_duplicates("case")
    first = cases.groupby("patient_id")["case"].transform("first")
    rows = cases.assign(first=first)[cases["patient_id"].duplicated()]
    return [
        finding("patient_repeat", row.case, f"{row.case} is of the patient of {row.first}")
        for row in rows.itertuples()
    ]
