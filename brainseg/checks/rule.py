"""Rule: what a check demands, why, and which rows of the cohort break it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from brainseg.checks.coverage import Coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import SEVERITIES, Finding

Rows = Callable[[Evidence], pd.DataFrame]

_KEYS = ("what", "case", "slice_number", "sequence", "file")


@dataclass(frozen=True)
class Rule:
    """A rule that a cohort should obey; each row that breaks it becomes one finding.

    Attributes:
        severity: one of :data:`brainseg.checks.finding.SEVERITIES`.
        name: also the ``kind`` of its findings.
        rule: a sentence that is true where there is no finding.
        why: the consequence of breaking it, one or more sentences.
        remedy: what to do, without capital letter and full stop.
        coverage: returns how much of the cohort could be checked.
        rows: returns one row per finding, with any of the columns ``case``, ``slice_number``,
            ``sequence`` and ``file``; ``what`` ("image" or "mask") marks rows of the index.
        fact: what is wrong, a format string over the columns or a function of the row. For rows with
            ``what``, it continues the sentence "image of CASE slice 3 …".
        group: the part of the cohort that it covers, such as "masks"; set by the registry.
        of_union: whether it is about the union of all labels, whichever label the cohort has.
        compares_cases: whether a finding depends on other cases, so that the cohort is not checked part
            by part; set by the registry for groups of such rules.
    """

    severity: str
    name: str
    rule: str
    why: str
    remedy: str
    coverage: Callable[[Evidence], Coverage]
    rows: Rows
    fact: str | Callable[[dict[str, Any]], str]
    group: str = ""
    of_union: bool = False
    compares_cases: bool = False

    @property
    def by_label(self) -> bool:
        """Return whether it is about the label that the cohort has, which its findings then name."""
        return self.group == "tumours" and not self.of_union

    def findings(self, evidence: Evidence) -> list[Finding]:
        """Return one finding per row that breaks the rule."""
        rows = self.rows(evidence)
        label = evidence.cohort.label if self.by_label else None
        words = None if label is None else evidence.cohort.label_words(label)
        return [] if rows.empty else [self._finding(row, words) for row in rows.to_dict("records")]

    def _finding(self, row: dict[Any, Any], label: str | None) -> Finding:
        fact = self.fact.format_map(row) if isinstance(self.fact, str) else self.fact(row)
        known = {key: row[key] for key in _KEYS if key in row and not pd.isna(row[key])}
        number = int(known["slice_number"]) if "slice_number" in known else None
        if "what" in known:
            of_label = "" if label is None else f" ({label})"
            fact = f"{known['what']}{of_label} of {known['case']} slice {number} {fact}"
        elif label is not None:
            fact = f"{label}: {fact}"
        return Finding(
            self.severity,
            self.name,
            known.get("case"),
            number,
            known.get("file"),
            f"{fact}: {self.remedy}",
            self.why,
            self.remedy,
            known.get("sequence"),
            label,
        )


error, warning, info = (partial(Rule, severity) for severity in SEVERITIES)


def marked(slices: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return rows of the index as findings about their "image" or "mask" file."""
    return slices.assign(what=what, file=slices[f"{what}_path"])


def slices_where(what: str, condition: Callable[[pd.DataFrame], pd.Series]) -> Rows:
    """Return a function that selects the rows of the index whose "image" or "mask" meets a condition.

    A missing value of the condition counts as False.
    """

    def rows(evidence: Evidence) -> pd.DataFrame:
        chosen = condition(evidence.slices).fillna(False).astype(bool)
        # Most rules select nothing: copying all columns would cost more than the check.
        return marked(evidence.slices[chosen], what) if chosen.any() else pd.DataFrame()

    return rows


def files_where(condition: Callable[[pd.DataFrame, str], pd.Series]) -> Rows:
    """Return a function that selects image files, then mask files, that meet a condition."""
    images = slices_where("image", lambda slices: condition(slices, "image"))
    masks = slices_where("mask", lambda slices: condition(slices, "mask"))
    return lambda evidence: pd.concat([images(evidence), masks(evidence)])
