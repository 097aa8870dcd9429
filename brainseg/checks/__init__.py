"""Checks of a cohort: rules over its index that report findings; the caller decides what to do.

No file is read again. A check that cannot decide anything is "not checked", never passed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pandas as pd

from brainseg.checks.coverage import Coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import SEVERITIES, Finding, counts, findings_table
from brainseg.checks.large_cohorts import in_parts
from brainseg.checks.registry import RULES
from brainseg.checks.rule import Rule
from brainseg.checks.stored_findings import joined
from brainseg.cohort import Cohort
from brainseg.cohort.index import Progress
from brainseg.cohort.saved_index import MAPPED_FROM
from brainseg.errors import BrainsegError, nearest
from brainseg.notebook import Shown

__all__ = [
    "FINDINGS",
    "NOT_CHECKED",
    "PASSED",
    "RULES",
    "SEVERITIES",
    "Checked",
    "Coverage",
    "Finding",
    "Rule",
    "check_cohort",
    "counts",
    "findings_table",
    "run_checks",
]

PASSED, FINDINGS, NOT_CHECKED = "passed", "findings", "not checked"


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """The result of one round of checks.

    Attributes:
        findings: errors first, then by rule, in the order of :data:`RULES`, then by case and slice;
            those of a large cohort stay on disk.
        summary: one row per rule: ``kind`` (its name), ``group``, ``severity``, ``checks`` (the rule),
            ``items`` (the noun for what is counted), ``checked`` and ``undecided`` (counts of them),
            ``findings`` (count), ``outcome`` (:data:`PASSED`, :data:`FINDINGS` or :data:`NOT_CHECKED`)
            and ``reason`` (why items are undecided, or empty). A rule passed if there is no finding on
            the items that could be checked.
    """

    findings: Sequence[Finding]
    summary: pd.DataFrame

    def _facts(self) -> dict[str, object]:
        outcomes = self.summary["outcome"].value_counts()
        return {
            **{f"{severity}s": number for severity, number in counts(self.findings).items()},
            **{f"checks {outcome}": int(number) for outcome, number in outcomes.items()},
        }


def check_cohort(
    cohort: Cohort, only: Iterable[str] | None = None, progress: Progress | None = None
) -> Checked:
    """Check a cohort and return the findings, with how much could be checked.

    Args:
        cohort: an opened cohort; its files are not read again.
        only: names of the rules to check, or None for all.
        progress: called with (rules done, rules to do).

    Raises:
        BrainsegError: ``only`` names an unknown rule.
    """
    names = set(RULES if only is None else only)
    if unknown := sorted(names - RULES.keys()):
        meant = nearest(unknown[0], RULES)
        raise BrainsegError(
            f"there is no check “{unknown[0]}”{meant}: choose among {', '.join(RULES)}."
        )
    chosen = [RULES[name] for name in RULES if name in names]
    by_rule = in_parts if len(cohort.slices) >= MAPPED_FROM else _at_once
    found: dict[str, list[Sequence[Finding]]] = {severity: [] for severity in SEVERITIES}
    rows = []
    for rule, findings, coverage in by_rule(cohort, chosen, progress):
        outcome = FINDINGS if findings else PASSED if coverage.checked else NOT_CHECKED
        found[rule.severity].append(findings)
        rows.append(
            {
                "kind": rule.name,
                "group": rule.group,
                "severity": rule.severity,
                "checks": rule.rule,
                "items": coverage.items,
                "checked": coverage.checked,
                "undecided": coverage.undecided,
                "findings": len(findings),
                "outcome": outcome,
                "reason": coverage.reason,
            }
        )
    return Checked(joined(chain(*found.values())), pd.DataFrame(rows))


def _at_once(
    cohort: Cohort, rules: list[Rule], progress: Progress | None
) -> Iterator[tuple[Rule, Sequence[Finding], Coverage]]:
    evidence = Evidence(cohort)
    for done, rule in enumerate(rules, start=1):
        yield rule, rule.findings(evidence), rule.coverage(evidence)
        if progress:
            progress(done, len(rules))


def run_checks(cohort: Cohort, only: Iterable[str] | None = None) -> list[Finding]:
    """Return the findings of :func:`check_cohort` alone."""
    return [*check_cohort(cohort, only).findings]
