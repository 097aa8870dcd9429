"""Rules on slices and cases that occur twice; see :mod:`brainseg.checks.near_duplicates`."""

import numpy as np
import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.near_duplicates import Pairs
from brainseg.checks.rule import marked, warning


def _later_slices(evidence: Evidence, pairs: Pairs) -> pd.DataFrame:
    """Return the later slice of each pair, once, except in pairs of cases that repeat each other."""
    case = evidence.slices["case"]
    repeated = set(
        evidence.repeated_cases[["earlier", "later"]].itertuples(index=False, name=None)
        if len(pairs.first)
        else ()
    )
    sides = zip(case.iloc[pairs.first], case.iloc[pairs.second], strict=True)
    pairs = pairs.among(np.array([side not in repeated for side in sides], bool))
    once = pairs.among(np.unique(pairs.second, return_index=True)[1])
    earlier = evidence.slices.iloc[once.first]
    rows = evidence.slices.iloc[once.second].assign(
        other_case=earlier["case"].to_numpy(), other_number=earlier["slice_number"].to_numpy()
    )
    return marked(rows, "image")


RULES = [
    warning(
        "equal_slice",
        rule="No two slices are identical, pixel by pixel.",
        why="The slice counts twice, and a model trained on one copy has seen the other.",
        remedy="find out which one is right and replace the other",
        coverage=coverage.images,
        rows=lambda evidence: _later_slices(evidence, evidence.equal_pairs),
        fact="equals {other_case} slice {other_number}",
    ),
    warning(
        "near_slice",
        rule="No two slices are the same image, saved differently, scaled, moved or cropped.",
        why="The slice counts twice, and a model trained on one copy has seen the other.",
        remedy="find out which one is right and replace the other",
        coverage=coverage.heads,
        rows=lambda evidence: _later_slices(evidence, evidence.near_pairs),
        fact="shows the same image as {other_case} slice {other_number}",
    ),
    warning(
        "repeated_case",
        rule="No case repeats the slices of another.",
        why="It is one patient under two names, who may be in training and test at the same time.",
        remedy="remove one of the two cases, or assign both to the same patient",
        coverage=coverage.cases,
        rows=lambda evidence: evidence.repeated_cases.rename(columns={"later": "case"}),
        fact="{case} shows the same images as {earlier} on {shared} of its slices, "
        "first on slice {slice_number}",
    ),
]
