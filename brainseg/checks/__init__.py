"""Checks of a cohort: each looks at the index and returns findings; the caller decides what to do.

No file is read again. What a check cannot decide is "not checked", never passed.
"""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

# Imported for what they enter into KINDS, in this order.
from brainseg.checks import files, cases  # noqa: F401 # isort: skip
from brainseg.checks.registry import KINDS, Kind
from brainseg.checks.scopes import Scope
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.findings import SEVERITIES, Finding, as_json, counts, findings_table

__all__ = [
    "FINDINGS",
    "KINDS",
    "NOT_CHECKED",
    "PASSED",
    "SEVERITIES",
    "Finding",
    "Kind",
    "Scope",
    "as_json",
    "counts",
    "findings_table",
    "run_checks",
    "summary",
]

PASSED, FINDINGS, NOT_CHECKED = "passed", "findings", "not checked"


def run_checks(cohort: Cohort, only: Iterable[str] | None = None) -> list[Finding]:
    """Return all findings in a cohort, errors first, then by kind, case and slice.

    Args:
        cohort: an opened cohort; its files are not read again.
        only: the kinds to look for, or None for all.

    Raises:
        BrainsegError: ``only`` names a kind that there is not.
    """
    kinds = _chosen(only)
    found = [finding for kind in kinds for finding in KINDS[kind].check(cohort)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def summary(
    cohort: Cohort, findings: Iterable[Finding], only: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return a row a kind: what was checked, on how much, and what came of it.

    Args:
        cohort: the cohort that was checked.
        findings: what :func:`run_checks` returned for it.
        only: the kinds that it was asked for, or None for all.

    Returns:
        ``kind``, ``severity``, ``checks`` (the rule), ``items`` (what is counted), ``checked`` and
        ``undecided`` (counts of them), ``findings`` (count), ``outcome`` ("passed", "findings" or
        "not checked") and ``reason`` (why items are undecided, or empty). Passed means: no finding
        on the items that were checked.
    """
    number = Counter(finding.kind for finding in findings)
    rows = []
    for name in _chosen(only):
        kind, scope = KINDS[name], KINDS[name].scope(cohort)
        outcome = FINDINGS if number[name] else PASSED if scope.checked else NOT_CHECKED
        rows.append(
            {
                "kind": name,
                "severity": kind.severity,
                "checks": kind.checks,
                "items": scope.items,
                "checked": scope.checked,
                "undecided": scope.undecided,
                "findings": number[name],
                "outcome": outcome,
                "reason": scope.reason,
            }
        )
    return pd.DataFrame(rows)


def _chosen(only: Iterable[str] | None) -> list[str]:
    if only is None:
        return list(KINDS)
    only = set(only)
    unknown = sorted(only - KINDS.keys())
    if unknown:
        raise BrainsegError(f"there is no check “{unknown[0]}”: choose among {', '.join(KINDS)}.")
    return [kind for kind in KINDS if kind in only]
