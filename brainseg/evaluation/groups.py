"""Scores by group: institution, tumour size, missing sequence, grade; each with n and interval."""

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.patients import code_labels, code_text
from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import FEWEST_CASES, bootstrap_interval
from brainseg.statistics import UNKNOWN, flair_copies

INSTITUTION, SIZE, SEQUENCES, GRADE = "institution", "tumour size", "sequences", "grade"
SUBGROUPS = (INSTITUTION, SIZE, SEQUENCES, GRADE)
"""What cases are grouped by. There is no grade where ``data.csv`` has no column of one."""

ALL_SEQUENCES = "all three"
NO_TUMOUR = "no tumour"
SIZES = (NO_TUMOUR, "small", "medium", "large")
MISSING = "missing"


def subgroups(evaluation: Evaluation, cohort: Cohort) -> pd.DataFrame:
    """Return what each scored case is grouped by, a row a case in the order of the scores.

    Returns:
        ``case`` and a column (str) for each of :data:`SUBGROUPS` that is known of the cohort. A size is
        a third of the scored cases by tumour volume, named with its limits in voxels; a sequence
        that is a copy of FLAIR is missing; a grade is a code, or its label where a code book has it.
    """
    scores = evaluation.scores
    table = pd.DataFrame(
        {
            "case": scores["case"],
            INSTITUTION: scores["institution"].fillna(UNKNOWN),
            SIZE: _sizes(scores["tumour_vx"]),
            SEQUENCES: _sequences(scores["case"], cohort),
        }
    )
    grades = _grades(scores["patient_id"], cohort)
    return table if grades is None else table.assign(**{GRADE: grades.to_numpy()})


def by_group(evaluation: Evaluation, known: pd.DataFrame, metric: str = "dice") -> pd.DataFrame:
    """Return the mean of a metric in each group, a row a group.

    Args:
        evaluation: the scores.
        known: of :func:`subgroups`, for the same cases in the same order.
        metric: a column of the scores that a mean can be taken of.

    Returns:
        ``trait``, ``group``, ``cases`` (those that the metric is defined for), ``mean``, ``low`` and
        ``high`` (95 % bootstrap by patient; NaN for fewer than :data:`FEWEST_CASES` patients).
    """
    values = evaluation.scores[metric]
    rows = []
    for trait in (name for name in SUBGROUPS if name in known):
        for group in _in_order(known[trait]):
            of_group = ((known[trait] == group) & values.notna()).to_numpy()
            if of_group.any():
                rows.append(_row(trait, group, values.to_numpy()[of_group], evaluation, of_group))
    return pd.DataFrame(rows, columns=["trait", "group", "cases", "mean", "low", "high"])


def _row(
    trait: str, group: str, values: np.ndarray, evaluation: Evaluation, of_group: np.ndarray
) -> dict:
    patients = evaluation.patients[of_group]
    low = high = float("nan")
    if len(set(patients)) >= FEWEST_CASES:
        low, high = bootstrap_interval(values, patients=patients)
    return {
        "trait": trait,
        "group": group,
        "cases": len(values),
        "mean": float(values.mean()),
        "low": low,
        "high": high,
    }


def _in_order(groups: pd.Series) -> list[str]:
    """Return the groups by name, sizes from small to large, what is not known last."""
    ranks = {name: rank for rank, name in enumerate(SIZES)} | {UNKNOWN: 9, MISSING: 9}
    return sorted(set(groups), key=lambda group: (ranks.get(group.split(",")[0], 5), group))


def _sizes(tumour_vx: pd.Series) -> pd.Series:
    """Return the third that each case falls in; the limits are of the cases with a tumour."""
    with_tumour = tumour_vx[tumour_vx > 0]
    if with_tumour.empty:
        return pd.Series(NO_TUMOUR, index=tumour_vx.index)
    first, second = np.quantile(with_tumour, [1 / 3, 2 / 3]).astype(int)
    limits = (f"up to {first:,} vx", f"up to {second:,} vx", f"above {second:,} vx")
    names = [f"{size}, {limit}" for size, limit in zip(SIZES[1:], limits, strict=True)]
    thirds = np.searchsorted([first, second], tumour_vx, side="left")
    return pd.Series(
        [
            names[third] if volume else NO_TUMOUR
            for third, volume in zip(thirds, tumour_vx, strict=True)
        ],
        index=tumour_vx.index,
    )


def _sequences(cases: pd.Series, cohort: Cohort) -> pd.Series:
    copies = flair_copies(cohort.slices)
    texts = cases.map(copies)
    return texts.map(
        lambda text: UNKNOWN if pd.isna(text) else f"no {text}" if text else ALL_SEQUENCES
    )


def _grades(patients: pd.Series, cohort: Cohort) -> pd.Series | None:
    """Return each case's histologic grade, or None where the cohort has no such column."""
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
