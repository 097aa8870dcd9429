"""Scores by institution, tumour size, missing sequence and grade; each with n and interval."""

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.patients import code_labels, code_text
from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import FEWEST_CASES, bootstrap_interval
from brainseg.statistics import UNKNOWN, case_table, flair_copies
from brainseg.statistics.units import volume_column

INSTITUTION, SIZE, SEQUENCES, GRADE = "institution", "tumour size", "sequences", "grade"
SUBGROUPS = (INSTITUTION, SIZE, SEQUENCES, GRADE)
"""Traits that cases are grouped by; grade only if ``data.csv`` has such a column."""

ALL_SEQUENCES = "all three"
NO_TUMOUR = "no tumour"
SIZES = (NO_TUMOUR, "small", "medium", "large")
MISSING = "missing"


def subgroups(evaluation: Evaluation, cohort: Cohort) -> pd.DataFrame:
    """Return the groups of each scored case, one row per case in the order of the scores.

    Returns:
        ``case`` and a column (str) for each of :data:`SUBGROUPS` that the cohort has. A size is a third
        of the scored cases by tumour volume, named with its limits in the unit that compares the cases,
        see :mod:`brainseg.statistics.units`; a sequence that equals
        FLAIR is missing; a grade is a code, or its label from a code book.
    """
    scores = evaluation.scores
    table = pd.DataFrame(
        {
            "case": scores["case"],
            INSTITUTION: scores["institution"].fillna(UNKNOWN),
            SIZE: _sizes(*tumour_sizes(scores, cohort)),
            SEQUENCES: _sequences(scores["case"], cohort),
        }
    )
    grades = _grades(scores["patient_id"], cohort)
    return table if grades is None else table.assign(**{GRADE: grades.to_numpy()})


def by_group(evaluation: Evaluation, known: pd.DataFrame, metric: str = "dice") -> pd.DataFrame:
    """Return the mean of a metric in each group, one row per group.

    Args:
        evaluation: the scores.
        known: of :func:`subgroups`, for the same cases in the same order.
        metric: a numeric column of the scores.

    Returns:
        ``trait``, ``group``, ``cases`` (with a defined metric), ``mean``, ``low`` and
        ``high`` (95% bootstrap by patient; NaN for fewer than :data:`FEWEST_CASES` patients).
    """
    values, rows = evaluation.scores[metric], []
    for trait in (name for name in SUBGROUPS if name in known):
        for group in _in_order(known[trait]):
            of_group = ((known[trait] == group) & values.notna()).to_numpy()
            scores, patients = values.to_numpy()[of_group], evaluation.patients[of_group]
            if not len(scores):
                continue
            low = high = float("nan")
            if len(set(patients)) >= FEWEST_CASES:
                low, high = bootstrap_interval(scores, patients=patients)
            rows.append((trait, group, len(scores), float(scores.mean()), low, high))
    return pd.DataFrame(rows, columns=["trait", "group", "cases", "mean", "low", "high"])


def _in_order(groups: pd.Series) -> list[str]:
    """Return the groups by name, sizes from small to large, unknown and missing last."""
    ranks = {name: rank for rank, name in enumerate(SIZES)} | {UNKNOWN: 9, MISSING: 9}
    return sorted(set(groups), key=lambda group: (ranks.get(group.split(",")[0], 5), group))


def tumour_sizes(scores: pd.DataFrame, cohort: Cohort) -> tuple[pd.Series, str]:
    """Return the tumour's size in each scored case, float64, and its column in UNITS.

    Sizes are 0 without tumour, in the unit that compares all cases of the cohort.
    """
    cases = case_table(cohort.slices).set_index("case")
    column = volume_column(cases)
    if column == "tumour_vx":
        return scores["tumour_vx"].astype("float64"), column
    sizes = cases[column].reindex(scores["case"]).astype("float64").fillna(0)
    return pd.Series(sizes.to_numpy(), index=scores.index), column


def _sizes(sizes: pd.Series, column: str) -> pd.Series:
    """Return the third of each case by tumour volume; the limits are of the cases with a tumour."""
    with_tumour = sizes[sizes > 0]
    if with_tumour.empty:
        return pd.Series(NO_TUMOUR, index=sizes.index)
    unit, number = {
        "tumour_vx": ("vx", ",.0f"),
        "tumour_ml": ("ml", ",.1f"),
        "tumour_fraction": ("of the head", ".1%"),
    }[column]
    first, second = np.quantile(with_tumour, [1 / 3, 2 / 3])
    if column == "tumour_vx":
        first, second = int(first), int(second)
    limits = (f"up to {first:{number}}", f"up to {second:{number}}", f"above {second:{number}}")
    names = [f"{size}, {limit} {unit}" for size, limit in zip(SIZES[1:], limits, strict=True)]
    thirds = np.searchsorted([first, second], sizes, side="left")
    groups = pd.Series(np.array(names, object)[thirds], index=sizes.index)
    return groups.where(sizes > 0, NO_TUMOUR)


def _sequences(cases: pd.Series, cohort: Cohort) -> pd.Series:
    return cases.map(flair_copies(cohort.slices)).map(
        lambda text: UNKNOWN if pd.isna(text) else f"no {text}" if text else ALL_SEQUENCES
    )


def _grades(patients: pd.Series, cohort: Cohort) -> pd.Series | None:
    """Return each case's histologic grade, or None if the cohort has no such column."""
    if cohort.patients is None:
        return None
    columns = [name for name in cohort.patients.columns if "grade" in name.lower()]
    if not columns:
        return None
    labels = {} if cohort.codebook is None else code_labels(cohort.codebook)
    rows = cohort.patients.drop_duplicates("patient_id").set_index("patient_id")[columns[0]]

    def text_of(patient: str) -> str:
        code = code_text(rows.get(patient))
        return MISSING if code is None else labels.get((columns[0], code), f"code {code}")

    return patients.map(text_of)
