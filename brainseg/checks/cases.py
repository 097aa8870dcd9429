"""Checks of whole cases: numbering, sequences, tumour, and the table of patients beside them."""

from brainseg.checks import scopes
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.cohort import Cohort
from brainseg.findings import Finding
from brainseg.statistics import flair_copies


@kind(
    "warning",
    checks="The slice numbers of a case have no gap.",
    why="The volume lacks slices: tumour volume is too small, "
    "and slices stand side by side that are not neighbours.",
    remedy="copy the missing slices again from their source",
    scope=scopes.cases,
)
def check_slice_gap(cohort: Cohort) -> list[Finding]:
    """Return a finding for each run of slice numbers that a case lacks."""
    numbers = cohort.slices[["case", "slice_number"]].drop_duplicates()
    before = numbers.groupby("case", sort=False)["slice_number"].shift()
    # Numbers may start at 0 or at 1; a case that starts later lacks its first slices.
    before = before.where(before.notna(), numbers["slice_number"].clip(upper=1) - 1)
    missing = numbers["slice_number"] - before - 1
    rows = numbers.assign(first=before + 1, last=numbers["slice_number"] - 1)[missing > 0]
    found = []
    for row in rows.itertuples():
        first, last = int(row.first), int(row.last)
        lacks = f"slice {first}" if first == last else f"slices {first} to {last}"
        found.append(
            finding("slice_gap", row.case, f"{row.case} has no {lacks}", slice_number=first)
        )
    return found


@kind(
    "error",
    checks="Each slice number stands once in a case.",
    why="Which file is the slice is unknown, and only the first is shown by its number.",
    remedy="remove or renumber one of the two files",
    scope=scopes.slices,
)
def check_slice_repeat(cohort: Cohort) -> list[Finding]:
    """Return a finding for each file that has the number of another slice of its case."""
    slices = cohort.slices
    file = slices["image_path"].fillna(slices["mask_path"])
    first = file.groupby([slices["case"], slices["slice_number"]]).transform("first")
    repeated = slices.duplicated(["case", "slice_number"])
    rows = slices.assign(first_file=first)[repeated]
    return on_slices("slice_repeat", rows, "image", lambda r: f"has the number of {r.first_file}")


@kind(
    "info",
    checks="The other sequences of a case differ from FLAIR.",
    why="The sequence was missing and FLAIR stands in its place: the case has less to tell a model.",
    remedy="nothing is to be done, but read scores of this case with it in mind",
    scope=scopes.comparable_cases,
)
def check_flair_copy(cohort: Cohort) -> list[Finding]:
    """Return a finding for each sequence that equals FLAIR on every slice of a case."""
    copies = flair_copies(cohort.slices)
    return [
        finding("flair_copy", case, f"{sequence} of {case} equals FLAIR on every readable slice")
        for case, sequences in copies[copies != ""].items()
        for sequence in sequences.split(", ")
    ]


@kind(
    "info",
    checks="Each case with masks shows a tumour.",
    why="Dice of such a case is 1 or 0 alone, by the rule for empty masks.",
    remedy="nothing is to be done if that is so, otherwise restore its masks",
    scope=scopes.cases_with_usable_masks,
)
def check_no_tumour(cohort: Cohort) -> list[Finding]:
    """Return a finding for each case whose usable masks are all empty."""
    areas = cohort.slices.groupby("case", sort=False)["area_px"].agg(["max", "count"])
    rows = areas[(areas["max"] == 0).fillna(False)]
    return [
        finding(
            "no_tumour", case, f"{case} has no tumour on its {number} slices with a usable mask"
        )
        for case, number in rows["count"].items()
    ]


@kind(
    "warning",
    checks="Each case has a row in data.csv.",
    why="What data.csv tells of the others is missing for this case.",
    remedy="add a row for the patient to data.csv",
    scope=scopes.cases_if_table,
)
def check_case_without_row(cohort: Cohort) -> list[Finding]:
    """Return a finding for each case whose patient has no row in ``data.csv``."""
    if cohort.patients is None:
        return []
    cases = cohort.slices.drop_duplicates("case")
    rows = cases[~cases["patient_id"].isin(cohort.patients["patient_id"])]
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
    scope=scopes.rows_of_table,
)
def check_row_without_case(cohort: Cohort) -> list[Finding]:
    """Return a finding for each patient of ``data.csv`` without a case in the folder."""
    if cohort.patients is None:
        return []
    patients = cohort.patients["patient_id"].drop_duplicates()
    rows = patients[~patients.isin(cohort.slices["patient_id"])]
    return [
        finding("row_without_case", None, f"data.csv has a row for {patient}, who has no case here")
        for patient in rows
    ]
