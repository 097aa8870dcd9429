"""The outcome of checks, for display and export: open and accepted findings."""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from functools import cached_property

import pandas as pd

from brainseg.checks import NOT_CHECKED, PASSED, RULES, Checked
from brainseg.checks.acceptances import Acceptance, Acceptances
from brainseg.checks.finding import SEVERITIES, Finding, counts, findings_table

MOST_EXAMPLES = 3
"""Findings of one kind listed in the terminal before the rest is counted."""

Reviewed = tuple[Finding, Acceptance | None]


@dataclass(frozen=True)
class Outcome:
    """The result of one round of checks, with the acceptances of its findings.

    Attributes:
        summary: see :class:`brainseg.checks.Checked`.
        reviewed: each finding with its acceptance, or None, in the order found.
    """

    summary: pd.DataFrame
    reviewed: tuple[Reviewed, ...]

    @cached_property
    def open(self) -> list[Finding]:
        """Return the findings that are not accepted, or whose slice changed since."""
        return [finding for finding, acceptance in self.reviewed if not _is_accepted(acceptance)]

    @cached_property
    def accepted(self) -> list[Finding]:
        """Return the accepted findings."""
        return [finding for finding, acceptance in self.reviewed if _is_accepted(acceptance)]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Return the number of open findings by severity, including 0."""
        return counts(self.open)

    @property
    def not_checked(self) -> dict[str, str]:
        """Return, by kind, why nothing could be checked."""
        rows = self.summary[self.summary["outcome"] == NOT_CHECKED]
        return dict(zip(rows["kind"], rows["reason"], strict=True))

    def fails(self, severity: str) -> bool:
        """Return whether an open finding is at least as severe as one of :data:`SEVERITIES`."""
        return any(self.counts[level] for level in SEVERITIES[: SEVERITIES.index(severity) + 1])

    def groups(self) -> pd.DataFrame:
        """Return the results by group of checks, in their order.

        Returns:
            ``group``; the number of open findings by severity; ``accepted``, the number of accepted
            findings; ``passed`` and ``not_checked``, the numbers of rules with that outcome; ``rules``,
            the number of all rules.
        """
        return self._groups.copy(deep=False)

    @cached_property
    def _groups(self) -> pd.DataFrame:
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

    @cached_property
    def facts(self) -> list[str]:
        """Return the fact of each finding, in the order of :attr:`reviewed`."""
        return [finding.fact for finding, _ in self.reviewed]

    def table(self) -> pd.DataFrame:
        """Return one row per finding: :func:`findings_table` with the acceptances.

        Returns:
            A finding's attributes; ``accepted`` (bool), ``reason`` and ``accepted_at`` (str, missing
            without an acceptance; a lapsed acceptance has them, with ``accepted`` False).
        """
        return self._table.copy(deep=False)

    @cached_property
    def _table(self) -> pd.DataFrame:
        table = findings_table([finding for finding, _ in self.reviewed])
        acceptances = [acceptance for _, acceptance in self.reviewed]
        return table.assign(
            accepted=[_is_accepted(one) for one in acceptances],
            reason=pd.Series([one.reason if one else None for one in acceptances], dtype="str"),
            accepted_at=pd.Series([one.at if one else None for one in acceptances], dtype="str"),
        )

    def as_json(self) -> dict:
        """Return the outcome as values that JSON can represent.

        Returns:
            ``findings``, the open ones; ``counts`` of them by severity; ``accepted``, with ``reason``
            and ``accepted_at``; ``not_checked``, why by kind; ``checks``, the summary, one row per rule.
        """
        return {
            "findings": [asdict(finding) for finding in self.open],
            "counts": self.counts,
            "accepted": [
                asdict(finding) | {"reason": acceptance.reason, "accepted_at": acceptance.at}
                for finding, acceptance in self.reviewed
                if acceptance is not None and not acceptance.lapsed
            ],
            "not_checked": self.not_checked,
            "checks": self.summary.to_dict(orient="records"),
        }

    def grouped(self) -> dict[str, list[Finding]]:
        """Return the open findings by kind, errors first."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.open:
            kinds.setdefault(finding.kind, []).append(finding)
        return kinds

    def as_lines(self, every: bool = False) -> list[str]:
        """Return the lines for a terminal: one per kind of finding, one per reason why rules could not
        be checked, and the counts.

        A kind with several findings has one line with its count and the remedy. Below it, errors and
        warnings have a line for each of the first :data:`MOST_EXAMPLES`; ``every`` lists all, and notes.
        """
        lines: list[str] = []
        for kind, found in self.grouped().items():
            if len(found) == 1:
                lines.append(f"{found[0].severity}: {found[0].message}")
                continue
            first = found[0]
            lines.append(f"{first.severity}: {repeats(found)} of {kind}: {first.remedy}")
            shown = len(found) if every else 0 if first.severity == "info" else MOST_EXAMPLES
            lines += [f"  {finding.fact}" for finding in found[:shown]]
            if 0 < shown < len(found):
                lines.append(f"  and {len(found) - shown} more (--all lists them)")
        kinds = defaultdict(list)
        for kind, why in self.not_checked.items():
            kinds[why].append(kind)
        lines += [f"not checked: {', '.join(those)}: {why}" for why, those in kinds.items()]
        error, warning, info = (self.counts[level] for level in SEVERITIES)
        return [
            *lines,
            f"{error} error{'s' * (error != 1)}, {warning} warning{'s' * (warning != 1)}, {info} info, "
            f"{len(self.accepted)} accepted",
        ]


def repeats(found: list[Finding]) -> str:
    """Return the number of findings of one kind and of cases, such as "15 findings in 13 cases"."""
    cases = len({finding.case for finding in found if finding.case is not None})
    number = f"{len(found)} finding{'' if len(found) == 1 else 's'}"
    return f"{number} in {cases} case{'' if cases == 1 else 's'}" if cases else number


def outcome_of(checked: Checked, acceptances: Acceptances) -> Outcome:
    """Return the outcome of checks with the current acceptances.

    Raises:
        BrainsegError: the acceptances cannot be read.
    """
    reviewed = zip(checked.findings, acceptances.of(checked.findings), strict=True)
    return Outcome(checked.summary, tuple(reviewed))


def kinds_table() -> pd.DataFrame:
    """Return one row per rule: ``kind``, ``group``, ``severity``, ``checks``, ``why``, ``remedy``."""
    rows = [
        (rule.name, rule.group, rule.severity, rule.rule, rule.why, rule.remedy)
        for rule in RULES.values()
    ]
    return pd.DataFrame(rows, columns=["kind", "group", "severity", "checks", "why", "remedy"])


def _is_accepted(acceptance: Acceptance | None) -> bool:
    return acceptance is not None and not acceptance.lapsed
