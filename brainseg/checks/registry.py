"""The registry: each check function enters its kind of finding, with rule, reason and remedy."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from brainseg.checks.scopes import Scope
from brainseg.cohort import Cohort
from brainseg.findings import Finding

Check = Callable[[Cohort], list[Finding]]


@dataclass(frozen=True)
class Kind:
    """What one kind of finding means, how it is looked for, and in how much of the cohort.

    Attributes:
        severity: one of :data:`brainseg.findings.SEVERITIES`.
        checks: the rule, as a sentence that is true where there is no finding.
        why: what goes wrong where it is broken.
        remedy: what to do then.
        check: returns the findings.
        scope: returns what was looked at.
    """

    severity: str
    checks: str
    why: str
    remedy: str
    check: Check
    scope: Callable[[Cohort], Scope]


KINDS: dict[str, Kind] = {}
"""Every kind of finding by name, in the order of their functions ``check_<name>``."""


def kind(
    severity: str, *, checks: str, why: str, remedy: str, scope: Callable[[Cohort], Scope]
) -> Callable[[Check], Check]:
    """Enter a check function into :data:`KINDS` under its own name; :class:`Kind` says what is what."""

    def enter(check: Check) -> Check:
        name = check.__name__.removeprefix("check_")
        KINDS[name] = Kind(severity, checks, why, remedy, check, scope)
        return check

    return enter


def finding(
    kind: str,
    case: str | None,
    fact: str,
    slice_number: int | None = None,
    file: str | None = None,
) -> Finding:
    """Return a finding of a kind; ``fact`` is the rule and the value, without a full stop."""
    known = KINDS[kind]
    message = f"{fact}: {known.remedy}"
    return Finding(known.severity, kind, case, slice_number, file, message, known.why, known.remedy)


def on_slices(kind: str, rows: pd.DataFrame, what: str, fact: Callable[..., str]) -> list[Finding]:
    """Return a finding a row of the index; ``what`` is the file meant, "image" or "mask"."""
    found = []
    for row in rows.itertuples():
        number = int(row.slice_number)
        path = row.mask_path if what == "mask" else row.image_path
        place = f"{what} of {row.case} slice {number}"
        found.append(
            finding(kind, row.case, f"{place} {fact(row)}", number, None if pd.isna(path) else path)
        )
    return found
