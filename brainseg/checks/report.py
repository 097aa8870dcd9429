"""The outcome of checks as a one-page PDF."""

from datetime import date

import pandas as pd

from brainseg.checks.finding import SEVERITIES, SEVERITY_NAMES
from brainseg.checks.outcome import Outcome
from brainseg.checks.registry import RULES
from brainseg.exports.report.page import Page

_MOST = ((20, 28, 14), (18, 18, 14), (14, 10, 8), (10, 6, 4), (6, 3, 0))
"""Rows by kind, of findings and of unchecked rules; the first that fit on one page are used."""


def checks_report(outcome: Outcome, cohort: str, made_on: date | None = None) -> bytes:
    """Return the findings and the rules that were not checked, on one A4 page.

    ``cohort`` is the line below the title, such as name and size of the cohort.
    """
    for kinds, findings, not_checked in _MOST:
        page = _page(outcome, cohort, made_on, kinds, findings, not_checked)
        content = page.as_bytes()
        if page.pages == 1:
            break
    return content


def _page(
    outcome: Outcome, cohort: str, made_on: date | None, kinds: int, findings: int, not_checked: int
) -> Page:
    page = Page("Checks", cohort, made_on)
    number = outcome.counts
    rules = outcome.groups()[["passed", "not_checked", "rules"]].sum()
    left, right = page.columns(0.5, 0.5)
    left.facts(
        {
            "Open errors": number["error"],
            "Open warnings": number["warning"],
            "Open notes": number["info"],
            "Accepted": len(outcome.accepted),
        }
    )
    right.facts(
        {
            "Checks": int(rules["rules"]),
            "Passed": int(rules["passed"]),
            "With findings": int(rules["rules"] - rules["passed"] - rules["not_checked"]),
            "Not checked": int(rules["not_checked"]),
        }
    )
    page.heading("Open findings by kind")
    _first_rows(page, _by_kind(outcome), kinds, "kinds")
    worst = [finding for finding in outcome.open if finding.severity != "info"]
    if worst:
        page.heading("The first open errors and warnings")
        table = pd.DataFrame({"Finding": [finding.fact for finding in worst]})
        _first_rows(page, table, findings, "errors and warnings, in the CSV and JSON files")
    if outcome.not_checked:
        page.heading("Not checked")
        rows = [(RULES[kind].rule, why) for kind, why in outcome.not_checked.items()]
        table = pd.DataFrame(rows, columns=["Rule", "Why it was not checked"])
        _first_rows(page, table, not_checked, "rules that were not checked")
    return page


def _by_kind(outcome: Outcome) -> pd.DataFrame:
    """Return one row per kind with open findings, errors first."""
    rows = []
    for severity in SEVERITIES:
        of_severity = [finding for finding in outcome.open if finding.severity == severity]
        for kind in dict.fromkeys(finding.kind for finding in of_severity):
            of_kind = [finding for finding in of_severity if finding.kind == kind]
            cases = len({finding.case for finding in of_kind if finding.case is not None})
            rows.append((SEVERITY_NAMES[severity], RULES[kind].rule, len(of_kind), cases))
    return pd.DataFrame(rows, columns=["Severity", "Rule", "Findings", "Cases"])


def _first_rows(page: Page, table: pd.DataFrame, most: int, what: str) -> None:
    if table.empty:
        page.text("None.", muted=True)
        return
    if most:
        page.table(table.head(most))
    if len(table) > most:
        page.text(f"{len(table) - most:,} more {what}.", muted=True)
