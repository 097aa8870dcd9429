"""Finding: what a check reports, and how findings are counted, tabled and written."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import pandas as pd

SEVERITIES = ("error", "warning", "info")
"""Errors cannot be used, warnings are used but converted or suspicious, infos need no action."""

SEVERITY_NAMES = {"error": "Error", "warning": "Warning", "info": "Note"}
"""Severities as people read them."""


SHARED = ("severity", "kind", "why", "remedy", "label")
"""The attributes that all findings of a rule share, if they are of one label."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of a rule.

    Attributes:
        severity: one of :data:`SEVERITIES`.
        kind: the name of the rule, a key of :data:`brainseg.checks.RULES`.
        case: the case's name, or None if the finding is about no case.
        slice_number: the slice, or None if the finding is about the whole case; for a gap between
            slices, the first missing one.
        file: relative to the cohort's folder, or None.
        message: the rule, the value and the remedy, one sentence.
        why: the consequence if nothing is done.
        remedy: what to do.
        sequence: the affected sequence, or None.
        label: the label whose masks were checked, if the finding is about a mask; None for the union.
    """

    severity: str
    kind: str
    case: str | None
    slice_number: int | None
    file: str | None
    message: str
    why: str
    remedy: str
    sequence: str | None = None
    label: str | None = None

    @property
    def id(self) -> str:
        """Return a short name of the finding for addresses, the same until it changes."""
        # The message names the label; links from before ranges had a dash stay valid.
        message = self.message.replace("–", "-")
        place = (self.kind, self.case, self.slice_number, self.sequence, self.file, message)
        return hashlib.blake2b(repr(place).encode(), digest_size=6).hexdigest()

    @property
    def fact(self) -> str:
        """Return the message without the remedy, which all findings of a rule share."""
        return self.message.removesuffix(f": {self.remedy}")


COLUMNS = [field.name for field in fields(Finding)]
"""The columns of :func:`findings_table`."""


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of findings by severity, including 0."""
    number = Counter(finding.severity for finding in findings)
    return {severity: number[severity] for severity in SEVERITIES}


def findings_rows(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return one row per finding, numbered from 0.

    Returns:
        The attributes of :class:`Finding` but ``message``, and ``fact``. What findings of a rule share,
        ``severity``, ``kind``, ``why``, ``remedy`` and ``label``, is categorical.
    """
    rows = findings_table(findings).assign(
        fact=pd.Series([finding.fact for finding in findings], dtype="str")
    )
    return rows.drop(columns="message").astype(dict.fromkeys(SHARED, "category"))


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding with the attributes of :class:`Finding`; slice_number is Int64."""
    findings = list(findings)
    table = pd.DataFrame({name: [getattr(one, name) for one in findings] for name in COLUMNS})
    return table.astype({c: "Int64" if c == "slice_number" else "str" for c in COLUMNS})
