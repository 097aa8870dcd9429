"""Rules on image quality: unusual blur, noise and brightness."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.coverage import Coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.outliers import LEAST_CASES
from brainseg.checks.rule import Rows, marked, warning
from brainseg.volume import SEQUENCES

Unusual = Callable[[Any], Any]


def comparable_slices(evidence: Evidence) -> Coverage:
    """Return the slices with neighbours to compare with on both sides, of those that show the head."""
    decided = _in_any_sequence(evidence.slice_ratios)
    lacking = "show too little of the head, or are at an end of it"
    exist = evidence.shows_head | decided
    return coverage.counted("slices", decided, exist, lacking, coverage.NO_HEAD)


def comparable_cases(evidence: Evidence) -> Coverage:
    """Return the cases of institutions with enough cases to compare with."""
    decided = _in_any_sequence(evidence.case_ratios)
    lacking = f"are of an institution with fewer than {LEAST_CASES} cases that show the head"
    return coverage.counted("cases", decided, pd.Series(True, decided.index), lacking)


def _in_any_sequence(ratios: Callable[[str, str], pd.Series]) -> pd.Series:
    """Return, by slice or case, whether the sharpness of any sequence could be compared."""
    every = [ratios("sharpness", sequence) for sequence in SEQUENCES]
    return pd.concat(every, axis=1).notna().any(axis=1)


def _unusual_slices(quantity: str, unusual: Unusual) -> Rows:
    """Return a function that selects slices, each with the sequence that differs most."""

    def rows(evidence: Evidence) -> pd.DataFrame:
        found = []
        for sequence in SEQUENCES:
            ratios = evidence.slice_ratios(quantity, sequence).dropna()
            ratios = ratios[unusual(ratios)]
            found.append(evidence.slices.loc[ratios.index].assign(sequence=sequence, ratio=ratios))
        rows = pd.concat(found)
        factor = rows["ratio"].where(rows["ratio"] > 1, 1 / rows["ratio"])
        most = rows.assign(factor=factor).sort_values("factor", ascending=False, kind="stable")
        return marked(most[~most.index.duplicated()].sort_index(), "image")

    return rows


def _unusual_cases(quantity: str, unusual: Unusual) -> Rows:
    """Return a function that selects sequences of cases; copies of FLAIR are left out."""

    def rows(evidence: Evidence) -> pd.DataFrame:
        copies = evidence.flair_copies
        found = [
            (case, sequence, ratio)
            for sequence in SEQUENCES
            for case, ratio in evidence.case_ratios(quantity, sequence).dropna().items()
            if unusual(ratio) and sequence not in copies.get(case, "")
        ]
        return pd.DataFrame(found, columns=["case", "sequence", "ratio"])

    return rows


def _bright_backgrounds(evidence: Evidence) -> pd.DataFrame:
    """Return the sequences without dark background on most slices of the head.

    A case has no sequence in its row where the head fills the images.
    """
    slices = evidence.slices.loc[evidence.shows_head, ["case", "head_px", "grey_background"]]
    grey = slices["grey_background"].fillna("")
    bright: dict[str | None, pd.Series] = {
        sequence: grey.str.contains(sequence, regex=False) for sequence in SEQUENCES
    }
    bright[None] = slices["head_px"].isna() & (grey == "")
    found = []
    for sequence, is_bright in bright.items():
        by_case = is_bright.groupby(slices["case"], sort=False).agg(["sum", "size"])
        for case, number, size in by_case.itertuples(name=None):
            if number > size / 2:
                subject = f"{sequence} of {case}" if sequence else case
                found.append((case, sequence, subject, number, size))
    return pd.DataFrame(found, columns=["case", "sequence", "subject", "bright", "slices"])


RULES = [
    warning(
        "blurred_slice",
        rule="No slice is blurred compared with its neighbours.",
        why="Edges are lost there, including those of the tumour: the head moved, or the slice was "
        "resampled.",
        remedy="check the slice, and export it again or exclude it",
        coverage=comparable_slices,
        rows=_unusual_slices("sharpness", lambda ratio: ratio < 1),
        fact="is blurred: {sequence} has {ratio:.2f} times the sharpness of its neighbours",
    ),
    warning(
        "noisy_slice",
        rule="No slice is noisy compared with its neighbours.",
        why="Small contrasts are lost there, and a model may mistake noise for tissue.",
        remedy="check the slice, and export it again or exclude it",
        coverage=comparable_slices,
        rows=_unusual_slices("noise", lambda ratio: ratio > 1),
        fact="is noisy: {sequence} has {ratio:.1f} times the noise of its neighbours",
    ),
    warning(
        "slice_brightness",
        rule="No slice is much brighter or darker than its neighbours.",
        why="The slice was scaled separately, so its tissue resembles another tissue.",
        remedy="export the slice again with one scale for the whole case",
        coverage=comparable_slices,
        rows=_unusual_slices("brightness", lambda ratio: ratio != 1),
        fact="differs: {sequence} is {ratio:.2f} times as bright as on its neighbours",
    ),
    warning(
        "blurred_case",
        rule="No case is blurred compared with the others of its institution.",
        why="It was resampled, or the head moved; edges are lost, including those of the tumour.",
        remedy="check the case, and treat its scores with caution",
        coverage=comparable_cases,
        compares_cases=True,
        rows=_unusual_cases("sharpness", lambda ratio: ratio < 1),
        fact="{sequence} of {case} has {ratio:.2f} times the usual sharpness at its institution",
    ),
    warning(
        "noisy_case",
        rule="No case is noisy compared with the others of its institution.",
        why="Small contrasts are lost, and a model may mistake noise for tissue.",
        remedy="check the case, and treat its scores with caution",
        coverage=comparable_cases,
        compares_cases=True,
        rows=_unusual_cases("noise", lambda ratio: ratio > 1),
        fact="{sequence} of {case} has {ratio:.1f} times the usual noise at its institution",
    ),
    warning(
        "case_brightness",
        rule="No case is more than twice or less than half as bright as usual at its institution.",
        why="It was scaled differently, so what a model learns from brightness does not apply to it.",
        remedy="check the case; scale it like the others, or normalise each case separately",
        coverage=comparable_cases,
        compares_cases=True,
        rows=_unusual_cases("brightness", lambda ratio: ratio != 1),
        fact="{sequence} of {case} has {ratio:.2f} times the usual brightness at its institution",
    ),
    warning(
        "bright_background",
        rule="The background around the head is dark.",
        why="Head and air cannot be separated by brightness, which normalising a case relies on.",
        remedy="subtract the grey background, or crop less tightly where the head fills the image",
        coverage=coverage.uint8_slices,
        rows=_bright_backgrounds,
        fact="{subject} has no dark background on {bright} of {slices} slices of the head",
    ),
]
