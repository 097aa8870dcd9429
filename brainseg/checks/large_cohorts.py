"""Checks of a large cohort, a part of its cases at a time, so that memory stays bounded.

Findings of a rule are in the order of the parts. The search for similar slices comes first, when memory
has no findings yet, and is counted as half of the work. Rules that compare cases come last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from brainseg.checks.coverage import Coverage, added
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.progress import part_of
from brainseg.checks.rule import Rule
from brainseg.checks.slice_order import OF_ANOTHER_CASE, of_another_case
from brainseg.checks.stored_findings import FindingsFile
from brainseg.cohort import Cohort
from brainseg.cohort.index import Progress
from brainseg.statistics.parts import parts_of

_NEEDS_PAIRS = "swapped_slices"
"""The rule about one case at a time that leaves out slices of other cases."""

_SEARCH_PAIRS = ("duplicates", "folds")
"""The groups of other rules that need the pairs of similar slices."""


def in_parts(
    cohort: Cohort, rules: list[Rule], progress: Progress | None
) -> Iterator[tuple[Rule, Sequence[Finding], Coverage]]:
    """Yield each rule with its findings and its coverage; see :func:`brainseg.checks.check_cohort`."""
    every = Evidence(cohort)
    by_part = [rule for rule in rules if not rule.compares_cases and rule.name != _NEEDS_PAIRS]
    compare = [rule for rule in rules if rule.compares_cases]
    late = [rule for rule in rules if rule.name == _NEEDS_PAIRS]
    findings = FindingsFile(cohort.results_dir)
    coverages: dict[str, list[Coverage]] = {rule.name: [] for rule in rules}

    def check(evidence: Evidence, some: list[Rule]) -> None:
        for rule in some:
            findings.add(rule.findings(evidence))
            coverages[rule.name].append(rule.coverage(evidence))

    before = 0
    if late or any(rule.group in _SEARCH_PAIRS for rule in compare):
        before = len(rules)
        every.search_pairs(part_of(progress, 0, before, 2 * before))
    report = part_of(progress, before, before + len(rules), before + len(rules))
    facts: dict[tuple[str, ...], list[pd.Series]] = {}
    for rows, part in _cohorts(cohort):
        evidence = Evidence(part)
        check(evidence, by_part)
        if compare:
            for key, values in evidence.by_case().items():
                facts.setdefault(key, []).append(values)
        report(len(by_part) * rows.stop // len(cohort.slices), len(rules))
    for key, of_parts in facts.items():
        every.once(key, lambda of_parts=of_parts: pd.concat(of_parts))  # type: ignore[misc]
    for done, rule in enumerate(compare, start=len(by_part) + 1):
        check(every, [rule])
        report(done, len(rules))
    if late:
        others = of_another_case(every)
        for rows, part in _cohorts(cohort):
            first, last = np.searchsorted(others, (rows.start, rows.stop))
            evidence = Evidence(part)
            evidence.once(OF_ANOTHER_CASE, lambda own=others[first:last] - rows.start: own)  # type: ignore[misc]
            check(evidence, late)
        report(len(rules), len(rules))
    of_rule = findings.by_kind()
    for rule in rules:
        yield rule, of_rule.get(rule.name, []), added(coverages[rule.name])


def _cohorts(cohort: Cohort) -> Iterator[tuple[slice, Cohort]]:
    """Yield the rows of each part of a cohort, and the cohort of its cases alone."""
    start = 0
    for part in parts_of(cohort.slices):
        rows = slice(start, start + len(part))
        whole = cohort.whole
        if whole is not None:
            whole = replace(whole, slices=whole.slices.iloc[rows].reset_index(drop=True))
        yield rows, replace(cohort, slices=part.reset_index(drop=True), whole=whole)
        start = rows.stop
