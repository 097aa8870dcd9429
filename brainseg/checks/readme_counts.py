"""Rule on the dataset's README: the counts that it states are the actual counts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from brainseg.checks.coverage import Coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import info
from brainseg.io.files import open_file
from brainseg.volume import POST_CONTRAST, PRE_CONTRAST

README = "README.md"
_MOST_BYTES = 100_000
_MOST_FOLDERS = 100


@dataclass(frozen=True)
class ReadmeCount:
    """A count stated in a README, next to the actual count.

    Attributes:
        noun: what is counted.
        stated: the count in the README.
        actual: the count in the folder.
        whole: whether the two must be equal; False where the folder is only part of the dataset.
    """

    noun: str
    stated: int
    actual: int
    whole: bool


def _number_of(column: str) -> Callable[[Evidence], int]:
    return lambda evidence: int(evidence.slices[column].nunique())


def _cases_without(sequence: str) -> Callable[[Evidence], int]:
    return lambda evidence: int(evidence.flair_copies.str.contains(sequence, regex=False).sum())


_KNOWN = {
    "# LGG Segmentation Dataset": (
        ("patients", r"correspond to (\d+) patients", _number_of("patient_id")),
        ("case folders", r"organized into (\d+) folders", _number_of("case")),
        (
            "cases with three sequences",
            r"For (\d+) cases, 3 sequences",
            lambda evidence: int((evidence.flair_copies == "").sum()),
        ),
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
    "# Synthetic sample cohort": (
        ("patients", r"^(\d+) synthetic patients", _number_of("patient_id")),
    ),
}
"""By the heading of a README: the noun, the pattern and the function of each count."""


def readme_counts(evidence: Evidence) -> list[ReadmeCount]:
    """Return the counts that the README of a known dataset states; empty without such a README."""
    text = _readme_of(evidence)
    patterns = next((known for title, known in _KNOWN.items() if text.startswith(title)), ())
    counts: dict[str, tuple[int, int]] = {}
    for noun, pattern, count in patterns:
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            counts[noun] = int(found[1]), count(evidence)
    stated, actual = counts.get("patients", (0, 0))
    is_part = actual < stated
    return [
        ReadmeCount(noun, stated, actual, not is_part or noun in ("patients", "case folders"))
        for noun, (stated, actual) in counts.items()
    ]


def readme_counts_table(evidence: Evidence) -> pd.DataFrame:
    """Return one row per count of the README: ``counts``, ``readme``, ``here`` and ``outcome``."""
    words = {True: "differs", False: "agrees", None: "unknown: this is part of the dataset"}
    rows = [
        (count.noun, count.stated, count.actual, words[_differs(count)])
        for count in readme_counts(evidence)
    ]
    return pd.DataFrame(rows, columns=["counts", "readme", "here", "outcome"])


def decided_counts(evidence: Evidence) -> Coverage:
    """Return the README's counts that the folder can confirm or contradict."""
    counts = readme_counts(evidence)
    if not counts:
        return Coverage("counts", 0, reason="no README of a known dataset lies beside the cases")
    unknown = sum(_differs(count) is None for count in counts)
    reason = "this is only part of the dataset; the rest may account for them" if unknown else ""
    return Coverage("counts", len(counts) - unknown, unknown, reason)


def _contradicted_counts(evidence: Evidence) -> pd.DataFrame:
    return pd.DataFrame([count for count in readme_counts(evidence) if _differs(count)])


def _differs(count: ReadmeCount) -> bool | None:
    """Return whether a count is wrong, or None where part of a dataset cannot decide it."""
    if count.whole or count.actual > count.stated:
        return count.actual != count.stated
    return None


def _readme_of(evidence: Evidence) -> str:
    """Return the README in the cases' folder or one above it, or "" if none can be read."""
    paths = evidence.slices["image_path"].fillna(evidence.slices["mask_path"])
    below = {Path(path).parent for path in paths.groupby(evidence.slices["case"]).first()}
    folders = {folder for path in below for folder in (path, *path.parents)}
    nearest_root = sorted(folders, key=lambda folder: (len(folder.parts), str(folder)))
    for folder in nearest_root[:_MOST_FOLDERS]:
        path = evidence.cohort.root / folder / README
        try:
            with open_file(path) as file:
                content = file.read(_MOST_BYTES).decode(errors="replace")
        except OSError:
            continue
        text = content.replace("\r\n", "\n").lstrip("\ufeff \n")
        if text.startswith(tuple(_KNOWN)):
            return text
    return ""


RULES = [
    info(
        "readme_count",
        rule="The folder contains what the dataset's README counts.",
        why="Cases are missing, or the README is wrong; published numbers may not be comparable.",
        remedy="no action needed if the folder is part of the dataset, but say so with every number",
        coverage=decided_counts,
        rows=_contradicted_counts,
        fact=f"{README} counts {{stated}} {{noun}}, this folder has {{actual}}",
    )
]
