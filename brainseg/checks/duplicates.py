"""Checks for slices and cases that stand in a cohort twice; see brainseg/checks/near_duplicates.py."""

import numpy as np

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.near_duplicates import Pairs
from brainseg.checks.registry import finding, kind, on_slices


@kind(
    "warning",
    checks="No two slices are equal pixel by pixel.",
    why="It counts twice, and a model that trained on one has seen the other.",
    remedy="look which of the two belongs there and replace the other",
    scope=coverage.images,
)
def check_equal_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice that equals an earlier one, but for whole cases that do."""
    pairs = _without_repeated_cases(evidence, evidence.equal_pairs)
    return _on_pairs("equal_slice", evidence, pairs, "equals")


@kind(
    "warning",
    checks="No two slices are one picture, saved or scaled in two ways.",
    why="It counts twice, and a model that trained on one has seen the other.",
    remedy="look which of the two belongs there and replace the other",
    scope=coverage.heads,
)
def check_near_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice that nearly equals an earlier one, but for whole cases that do."""
    pairs = _without_repeated_cases(evidence, evidence.near_pairs)
    return _on_pairs("near_slice", evidence, pairs, "shows the same picture as")


@kind(
    "warning",
    checks="No case repeats the slices of another.",
    why="It is one patient under two names, who may stand in training and in the test at once.",
    remedy="remove one of the two cases, or give both the same patient",
    scope=coverage.cases,
)
def check_repeated_case(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case of which half or more shows the same pictures as another case."""
    return [
        finding(
            "repeated_case",
            pair.later,
            f"{pair.later} shows the same picture as {pair.earlier} on {pair.shared} of its slices, the "
            f"first is slice {pair.slice_number}",
            slice_number=pair.slice_number,
        )
        for pair in evidence.repeated_cases.itertuples()
    ]


def _without_repeated_cases(evidence: Evidence, pairs: Pairs) -> Pairs:
    if not len(pairs.first):
        return pairs
    case = evidence.slices["case"].to_numpy()
    repeated = evidence.repeated_cases[["earlier", "later"]]
    told = set(repeated.itertuples(index=False, name=None))
    sides = zip(case[pairs.first], case[pairs.second], strict=True)
    return pairs.among(np.array([side not in told for side in sides], bool))


def _on_pairs(kind: str, evidence: Evidence, pairs: Pairs, verb: str) -> list[Finding]:
    """Return a finding for the later slice of each pair, once a slice."""
    once = pairs.among(np.unique(pairs.second, return_index=True)[1])
    earlier = evidence.slices.iloc[once.first]
    rows = evidence.slices.iloc[once.second].assign(
        other_case=earlier["case"].to_numpy(), other_number=earlier["slice_number"].to_numpy()
    )
    return on_slices(kind, rows, "image", lambda r: f"{verb} {r.other_case} slice {r.other_number}")
