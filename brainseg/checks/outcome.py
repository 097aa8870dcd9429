"""The outcome of checks, for people and programs: which findings are open, and which are let stand."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

from brainseg.checks import KINDS, NOT_CHECKED, PASSED, Checked
from brainseg.checks.acceptances import Acceptance, Acceptances
from brainseg.checks.finding import SEVERITIES, Finding, counts, findings_table

Judged = tuple[Finding, Acceptance | None]


@dataclass(frozen=True)
class Outcome:
    """What came of one round of checks, with what a person made of it.

    Attributes:
        summary: see :class:`brainseg.checks.Checked`.
        judged: each finding with its acceptance, None where there is none, in the order found.
    """

    summary: pd.DataFrame
    judged: tuple[Judged, ...]

    @property
    def open(self) -> list[Finding]:
        """Return the findings that nobody accepted, or whose slice changed since."""
        return [finding for finding, acceptance in self.judged if not _stands(acceptance)]

    @property
    def accepted(self) -> list[Finding]:
        """Return the findings that are let stand."""
        return [finding for finding, acceptance in self.judged if _stands(acceptance)]

    @property
    def counts(self) -> dict[str, int]:
        """Return how many findings are open of each severity, 0 included."""
        return counts(self.open)

    @property
    def open_kinds(self) -> dict[str, int]:
        """Return how many findings are open by kind, errors first; kinds without any are left out."""
        return dict(Counter(finding.kind for finding in self.open))

    @property
    def not_checked(self) -> dict[str, str]:
        """Return why, by kind, nothing could be decided."""
        rows = self.summary[self.summary["outcome"] == NOT_CHECKED]
        return dict(zip(rows["kind"], rows["reason"], strict=True))

    def fails(self, severity: str) -> bool:
        """Return whether an open finding is at least as severe as one of :data:`SEVERITIES`."""
        return any(self.counts[level] for level in SEVERITIES[: SEVERITIES.index(severity) + 1])

    def groups(self) -> pd.DataFrame:
        """Return what came of each group of checks, in their order.

        Returns:
            ``group``; by severity the number of open findings; ``accepted``, findings let stand;
            ``passed``, rules without any finding on what could be decided; ``not_checked``, rules of
            which nothing could be; ``rules``, all of them.
        """
        group_of = dict(zip(self.summary["kind"], self.summary["group"], strict=True))
        number = Counter((group_of[found.kind], found.severity) for found in self.open)
        accepted = Counter(group_of[found.kind] for found in self.accepted)
        rows = [
            {
                "group": group,
                **{severity: number[group, severity] for severity in SEVERITIES},
                "accepted": accepted[group],
                "passed": int((rules["outcome"] == PASSED).sum()),
                "not_checked": int((rules["outcome"] == NOT_CHECKED).sum()),
                "rules": len(rules),
            }
            for group, rules in self.summary.groupby("group", sort=False)
        ]
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """Return a row a finding: :func:`findings_table` and what was made of it.

        Returns:
            A finding's attributes; ``accepted`` (bool), ``reason`` and ``accepted_at`` (str, missing
            where there is none; of an acceptance that lapsed they stand with ``accepted`` False).
        """
        table = findings_table([finding for finding, _ in self.judged])
        acceptances = [acceptance for _, acceptance in self.judged]
        return table.assign(
            accepted=[_stands(one) for one in acceptances],
            reason=pd.Series([one and one.reason for one in acceptances], dtype="str"),
            accepted_at=pd.Series([one and one.at for one in acceptances], dtype="str"),
        )

    def as_json(self) -> dict:
        """Return what JSON can carry.

        Returns:
            ``findings``, the open ones; ``counts`` of them by severity; ``accepted``, with ``reason``
            and ``accepted_at``; ``not_checked``, why by kind; ``checks``, the summary, a row a kind.
        """
        return {
            "findings": [asdict(finding) for finding in self.open],
            "counts": self.counts,
            "accepted": [
                asdict(finding) | {"reason": acceptance.reason, "accepted_at": acceptance.at}
                for finding, acceptance in self.judged
                if _stands(acceptance)
            ],
            "not_checked": self.not_checked,
            "checks": self.summary.to_dict(orient="records"),
        }

    def as_lines(self) -> list[str]:
        """Return what a terminal shows: a line a finding, what was not checked, and the counts."""
        number = ", ".join(f"{level} {count}" for level, count in self.counts.items())
        return [
            *(f"{finding.severity}: {finding.message}" for finding in self.open),
            *(f"not checked: {kind}: {why}" for kind, why in self.not_checked.items()),
            f"{number}, accepted {len(self.accepted)}",
        ]


def outcome_of(checked: Checked, acceptances: Acceptances) -> Outcome:
    """Return what came of checks, with what was accepted of it until now.

    Raises:
        BrainsegError: the acceptances cannot be read.
    """
    judged = zip(checked.findings, acceptances.of(checked.findings), strict=True)
    return Outcome(checked.summary, tuple(judged))


def kinds_table(kinds: Iterable[str] = tuple(KINDS)) -> pd.DataFrame:
    """Return ``kind``, ``group``, ``severity``, ``checks``, ``why`` and ``remedy``, a row a kind."""
    columns = ["group", "severity", "checks", "why", "remedy"]
    rows = [
        {"kind": kind} | {column: getattr(KINDS[kind], column) for column in columns}
        for kind in kinds
    ]
    return pd.DataFrame(rows, columns=["kind", *columns])


def _stands(acceptance: Acceptance | None) -> bool:
    return acceptance is not None and not acceptance.lapsed
