"""Checks of a cohort: each looks at the index and returns findings; the caller decides what to do.

No file is read again. What a check cannot decide is "not checked", never passed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

# Imported for what they enter into KINDS, in this order.
from brainseg.checks import files, images, masks, slice_order, sequences  # noqa: F401 # isort: skip
from brainseg.checks import pixels, tumours, duplicates  # noqa: F401 # isort: skip
from brainseg.checks import patients, folds, readme_counts  # noqa: F401 # isort: skip
from brainseg.checks.coverage import Scope
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import SEVERITIES, Finding, counts, findings_table
from brainseg.checks.registry import KINDS, Kind
from brainseg.cohort import Cohort
from brainseg.cohort.index import Progress
from brainseg.errors import BrainsegError
from brainseg.notebook import Shown

__all__ = [
    "FINDINGS",
    "KINDS",
    "NOT_CHECKED",
    "PASSED",
    "SEVERITIES",
    "Checked",
    "Finding",
    "Kind",
    "Scope",
    "check_cohort",
    "counts",
    "findings_table",
    "run_checks",
]

PASSED, FINDINGS, NOT_CHECKED = "passed", "findings", "not checked"


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """What came of one round of checks.

    Attributes:
        findings: errors first, then by kind, in the order of :data:`KINDS`, then by case and slice.
        summary: a row a kind: ``kind``, ``group``, ``severity``, ``checks`` (the rule), ``items`` (what
            is counted), ``checked`` and ``undecided`` (counts of them), ``findings`` (count),
            ``outcome`` (:data:`PASSED`, :data:`FINDINGS` or :data:`NOT_CHECKED`) and ``reason`` (why
            items are undecided, or empty). Passed means: no finding on the items that were checked.
    """

    findings: list[Finding]
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
    """Return all findings in a cohort, and what was looked at.

    Args:
        cohort: an opened cohort; its files are not read again.
        only: the kinds to look for, or None for all.
        progress: called with (kinds done, kinds to do).

    Raises:
        BrainsegError: ``only`` names a kind that there is not.
    """
    chosen, evidence = _chosen(only), Evidence(cohort)
    found, rows = [], []
    for done, name in enumerate(chosen, start=1):
        kind = KINDS[name]
        of_kind, scope = kind.check(evidence), kind.scope(evidence)
        outcome = FINDINGS if of_kind else PASSED if scope.checked else NOT_CHECKED
        found += of_kind
        rows.append(
            {
                "kind": name,
                "group": kind.group,
                "severity": kind.severity,
                "checks": kind.checks,
                "items": scope.items,
                "checked": scope.checked,
                "undecided": scope.undecided,
                "findings": len(of_kind),
                "outcome": outcome,
                "reason": scope.reason,
            }
        )
        if progress:
            progress(done, len(chosen))
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Checked(found, pd.DataFrame(rows))


def run_checks(cohort: Cohort, only: Iterable[str] | None = None) -> list[Finding]:
    """Return the findings of :func:`check_cohort` alone."""
    return check_cohort(cohort, only).findings


def _chosen(only: Iterable[str] | None) -> list[str]:
    if only is None:
        return list(KINDS)
    only = set(only)
    unknown = sorted(only - KINDS.keys())
    if unknown:
        raise BrainsegError(f"there is no check “{unknown[0]}”: choose among {', '.join(KINDS)}.")
    return [kind for kind in KINDS if kind in only]
