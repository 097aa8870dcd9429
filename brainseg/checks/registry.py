"""The registry: each check function enters its kind of finding, with rule, reason and remedy."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from brainseg.checks.coverage import Scope
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding

Check = Callable[[Evidence], list[Finding]]


@dataclass(frozen=True)
class Kind:
    """What one kind of finding means, how it is looked for, and in how much of the cohort.

    Attributes:
        group: what it looks at: the name of the module of its check, such as "masks".
        severity: one of :data:`brainseg.checks.finding.SEVERITIES`.
        checks: the rule, as a sentence that is true where there is no finding.
        why: what goes wrong where it is broken.
        remedy: what to do then.
        check: returns the findings.
        scope: returns what was looked at.
    """

    group: str
    severity: str
    checks: str
    why: str
    remedy: str
    check: Check
    scope: Callable[[Evidence], Scope]


GROUP_OF_MODULE = {"slice_order": "stacks", "readme_counts": "claims"}
"""Groups that are not named as their module: saved results and exports use these names."""

KINDS: dict[str, Kind] = {}
"""Every kind of finding by name, in the order of their functions ``check_<name>``."""


def kind(
    severity: str, *, checks: str, why: str, remedy: str, scope: Callable[[Evidence], Scope]
) -> Callable[[Check], Check]:
    """Enter a check function into :data:`KINDS` under its own name; :class:`Kind` says what is what."""

    def enter(check: Check) -> Check:
        name = check.__name__.removeprefix("check_")
        module = check.__module__.rpartition(".")[2]
        group = GROUP_OF_MODULE.get(module, module)
        KINDS[name] = Kind(group, severity, checks, why, remedy, check, scope)
        return check

    return enter


def finding(
    kind: str,
    case: str | None,
    fact: str,
    slice_number: int | None = None,
    file: str | None = None,
    sequence: str | None = None,
) -> Finding:
    """Return a finding of a kind; ``fact`` is the rule and the value, without a full stop."""
    known = KINDS[kind]
    return Finding(
        known.severity,
        kind,
        case,
        slice_number,
        file,
        f"{fact}: {known.remedy}",
        known.why,
        known.remedy,
        sequence,
    )


def on_slices(kind: str, rows: pd.DataFrame, what: str, fact: Callable[..., str]) -> list[Finding]:
    """Return a finding a row of the index.

    Args:
        kind: of the findings.
        rows: of the index; where a column ``sequence`` was added, it is the sequence meant.
        what: the file meant, "image" or "mask".
        fact: what is said of a row after "image of CASE slice 3".
    """
    found: list[Finding] = []
    if rows.empty:  # a tuple of all the index's columns is slow to make
        return found
    for row in rows.itertuples():
        number = int(row.slice_number)
        path = row.mask_path if what == "mask" else row.image_path
        found.append(
            finding(
                kind,
                row.case,
                f"{what} of {row.case} slice {number} {fact(row)}",
                number,
                sequence=getattr(row, "sequence", None),
                file=None if pd.isna(path) else path,
            )
        )
    return found
