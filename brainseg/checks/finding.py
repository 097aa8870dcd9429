"""Finding: what a check reports, and how findings are counted, tabled and written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

SEVERITIES = ("error", "warning", "info")
"""An error cannot be used as it stands, a warning is used but converted or suspicious, an info is a
fact to know."""


@dataclass(frozen=True)
class Finding:
    """What one check found in one place.

    Attributes:
        severity: one of :data:`SEVERITIES`.
        kind: a key of :data:`brainseg.checks.KINDS`.
        case: the case's name, or None where no case is meant.
        slice_number: the slice, or None where the whole case is meant; where slices are missing
            between two others, the first missing one.
        file: relative to the cohort's folder, or None.
        message: the rule, the value and the remedy, one sentence.
        why: what goes wrong if nothing is done.
        remedy: what to do.
        sequence: the sequence that is meant, or None.
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

    @property
    def fact(self) -> str:
        """Return the message without the remedy, which is the same for all of a kind."""
        return self.message.removesuffix(f": {self.remedy}")


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity, 0 included."""
    number = Counter(finding.severity for finding in findings)
    return {severity: number[severity] for severity in SEVERITIES}


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return a row a finding with the attributes of :class:`Finding`; slice_number is Int64."""
    columns = list(Finding.__dataclass_fields__)
    table = pd.DataFrame([asdict(finding) for finding in findings], columns=columns)
    return table.astype({c: "Int64" if c == "slice_number" else "str" for c in columns})
