"""Checks against what the dataset says of itself: the counts in the README beside the cases."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.checks.coverage import Scope
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind
from brainseg.volume import POST_CONTRAST, PRE_CONTRAST

README = "README.md"
_MOST_CHARACTERS = 100_000
_MOST_FOLDERS = 100


@dataclass(frozen=True)
class Claim:
    """A count in a README, and the same counted here.

    Attributes:
        says: what is counted, after the number.
        claimed: in the README.
        counted: in the folder, or None where nothing can be.
        whole: whether a part of the dataset may hold less of it without contradiction.
    """

    says: str
    claimed: int
    counted: int | None
    whole: bool


def _patients(evidence: Evidence) -> int:
    return int(evidence.slices["patient_id"].nunique())


def _cases(evidence: Evidence) -> int:
    return int(evidence.slices["case"].nunique())


def _cases_without(sequence: str) -> Callable[[Evidence], int]:
    return lambda evidence: int(evidence.flair_copies.str.contains(sequence, regex=False).sum())


def _complete_cases(evidence: Evidence) -> int:
    return int((evidence.flair_copies == "").sum())


_KNOWN = {
    "# LGG Segmentation Dataset": (
        ("patients", r"correspond to (\d+) patients", _patients),
        ("case folders", r"organized into (\d+) folders", _cases),
        ("cases with three sequences", r"For (\d+) cases, 3 sequences", _complete_cases),
        (
            "cases without post-contrast",
            r"[Ff]or (\d+) cases, post-contrast sequence is missing",
            _cases_without(POST_CONTRAST),
        ),
        (
            "cases without pre-contrast",
            r"[Ff]or (\d+) cases, pre-contrast sequence is missing",
            _cases_without(PRE_CONTRAST),
        ),
    ),
    "# Synthetic sample cohort": (("patients", r"^(\d+) synthetic patients", _patients),),
}
"""By the heading of a README: what it counts, in which words, and how it is counted here."""


def claims_of(evidence: Evidence) -> list[Claim]:
    """Return the counts that a known README beside the cases claims; empty where there is none."""
    text = _readme_of(evidence)
    patterns = next((known for title, known in _KNOWN.items() if text.startswith(title)), ())
    claims = []
    for says, pattern, count in patterns:
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            claims.append((says, int(found[1]), count(evidence)))
    number = {says: (claimed, counted) for says, claimed, counted in claims}
    claimed, counted = number.get("patients", (0, 0))
    is_part = counted < claimed
    return [
        Claim(says, claimed, counted, whole=not is_part or says in ("patients", "case folders"))
        for says, claimed, counted in claims
    ]


def claims_table(evidence: Evidence) -> pd.DataFrame:
    """Return a row a count of the README: ``counts``, ``readme``, ``here`` and ``outcome``."""
    words = {True: "differs", False: "agrees", None: "a part of the dataset cannot tell"}
    rows = [
        (claim.says, claim.claimed, claim.counted, words[_differs(claim)])
        for claim in claims_of(evidence)
    ]
    return pd.DataFrame(rows, columns=["counts", "readme", "here", "outcome"])


def decided_claims(evidence: Evidence) -> Scope:
    """Return the README's counts that the folder can confirm or contradict."""
    claims = claims_of(evidence)
    if not claims:
        return Scope("counts", 0, reason="no README of a known dataset lies beside the cases")
    open_ones = [claim for claim in claims if _differs(claim) is None]
    reason = "this is a part of the dataset, whose rest may hold them" if open_ones else ""
    return Scope("counts", len(claims) - len(open_ones), len(open_ones), reason)


@kind(
    "info",
    checks="The folder holds what the dataset's README counts.",
    why="Cases are missing, or the README is wrong: numbers of others may not be comparable.",
    remedy="nothing is to be done if the folder is a part of the dataset, but say so with every number",
    scope=decided_claims,
)
def check_readme_count(evidence: Evidence) -> list[Finding]:
    """Return a finding for each count of the README that the folder contradicts."""
    return [
        finding(
            "readme_count",
            None,
            f"{README} counts {claim.claimed} {claim.says}, here are {claim.counted}",
        )
        for claim in claims_of(evidence)
        if _differs(claim)
    ]


def _differs(claim: Claim) -> bool | None:
    """Return whether a count contradicts, or None where a part of the dataset cannot tell."""
    if claim.whole or claim.counted > claim.claimed:
        return claim.counted != claim.claimed
    return None


def _readme_of(evidence: Evidence) -> str:
    """Return the README in the cases' folder or in one above it, "" where there is none to read."""
    paths = evidence.slices["image_path"].fillna(evidence.slices["mask_path"])
    below = {Path(path).parent for path in paths.groupby(evidence.slices["case"]).first()}
    folders = {folder for path in below for folder in (path, *path.parents)}
    nearest_root = sorted(folders, key=lambda folder: (len(folder.parts), str(folder)))
    for folder in nearest_root[:_MOST_FOLDERS]:
        path = evidence.cohort.root / folder / README
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(_MOST_CHARACTERS).lstrip("\ufeff \n")
        except OSError:
            continue
        if text.startswith(tuple(_KNOWN)):
            return text
    return ""
