"""The outcome of checks, for display and export: open and accepted findings."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import pandas as pd

from brainseg.checks import NOT_CHECKED, PASSED, RULES, Checked
from brainseg.checks.acceptances import Acceptance, Acceptances
from brainseg.checks.finding import COLUMNS, SEVERITIES, SHARED, Finding
from brainseg.checks.stored_findings import rows_of

MOST_EXAMPLES = 3
"""Findings of one kind listed in the terminal before the rest is counted."""

Reviewed = tuple[Finding, Acceptance | None]


@dataclass(frozen=True)
class Outcome:
    """The result of one round of checks, with the acceptances of its findings.

    Attributes:
        summary: see :class:`brainseg.checks.Checked`.
        findings: all of them, in the order found.
        acceptances: of each finding, or None, in the same order.
    """

    summary: pd.DataFrame
    findings: Sequence[Finding]
    acceptances: Sequence[Acceptance | None]

    def reviewed(self, number: int) -> Reviewed:
        """Return a finding, by its row in :attr:`rows`, with its acceptance, or None."""
        return self.findings[number], self.acceptances[number]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Return one row per finding: :func:`findings_rows` with the columns of its acceptance.

        Returns:
            See :meth:`table`; ``message`` is not among the columns, and ``fact`` is.
        """
        rows = rows_of(self.findings)
        given = {number: one for number, one in enumerate(self.acceptances) if one is not None}
        texts = {"reason": "reason", "accepted_at": "at"}
        return rows.assign(
            accepted=pd.Series(
                {number: _is_accepted(one) for number, one in given.items()}, dtype=bool
            ).reindex(rows.index, fill_value=False),
            **{
                name: pd.Series(
                    {number: getattr(one, value) for number, one in given.items()}, dtype="str"
                ).reindex(rows.index)
                for name, value in texts.items()
            },
        )

    @cached_property
    def open(self) -> Sequence[Finding]:
        """Return the findings that are not accepted, or whose slice changed since."""
        if not any(self.acceptances):
            return self.findings
        pairs = zip(self.findings, self.acceptances, strict=True)
        return [finding for finding, acceptance in pairs if not _is_accepted(acceptance)]

    @cached_property
    def accepted(self) -> list[Finding]:
        """Return the accepted findings."""
        numbers = (n for n, acceptance in enumerate(self.acceptances) if _is_accepted(acceptance))
        return [self.findings[number] for number in numbers]

    def open_of_case(self, case: str) -> list[Finding]:
        """Return the open findings about a case."""
        rows = self.rows
        mine = (rows["case"] == case).fillna(False) & ~rows["accepted"]
        return [self.findings[number] for number in rows.index[mine]]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Return the number of open findings by severity, including 0."""
        number = self.open_rows["severity"].value_counts()
        return {severity: int(number.get(severity, 0)) for severity in SEVERITIES}

    @property
    def open_rows(self) -> pd.DataFrame:
        """Return the rows of the open findings; see :attr:`rows`."""
        return self.rows[~self.rows["accepted"]]

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
        severity_of = dict(zip(self.summary["kind"], self.summary["severity"], strict=True))
        number: Counter[tuple[str, str]] = Counter()
        for kind, count in self.open_rows["kind"].value_counts().items():
            number[group_of[kind], severity_of[kind]] += int(count)
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
        """Return one row per finding: :func:`brainseg.checks.findings_table` with the acceptances.

        Returns:
            A finding's attributes; ``accepted`` (bool), ``reason`` and ``accepted_at`` (str, missing
            without an acceptance; a lapsed acceptance has them, with ``accepted`` False).
        """
        rows = self.rows.astype(dict.fromkeys(SHARED, "str"))
        rows["message"] = rows["fact"] + ": " + rows["remedy"]
        return rows[[*COLUMNS, "accepted", "reason", "accepted_at"]]

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
                for finding, acceptance in zip(self.findings, self.acceptances, strict=True)
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


def outcome_of(checked: Checked, acceptances: Acceptances | None) -> Outcome:
    """Return the outcome of checks with the current acceptances; None leaves all findings open.

    Raises:
        BrainsegError: the acceptances cannot be read.
    """
    findings = checked.findings
    given = acceptances.of(findings) if acceptances else [None] * len(findings)
    return Outcome(checked.summary, findings, given)


def kinds_table() -> pd.DataFrame:
    """Return one row per rule: ``kind``, ``group``, ``severity``, ``checks``, ``why``, ``remedy``."""
    rows = [
        (rule.name, rule.group, rule.severity, rule.rule, rule.why, rule.remedy)
        for rule in RULES.values()
    ]
    return pd.DataFrame(rows, columns=["kind", "group", "severity", "checks", "why", "remedy"])


def _is_accepted(acceptance: Acceptance | None) -> bool:
    return acceptance is not None and not acceptance.lapsed
