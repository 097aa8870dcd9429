"""Checks of the picture itself: blur, noise and brightness that stand out."""

from collections.abc import Callable

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.coverage import Scope
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.outliers import LEAST_CASES
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.volume import SEQUENCES


def slices_beside(evidence: Evidence) -> Scope:
    """Return the slices that can be compared with those on both sides, of those that show the head."""
    decided = pd.Series(False, evidence.slices.index)
    for sequence in SEQUENCES:
        decided |= evidence.slice_ratios("sharpness", sequence).notna()
    lacking = "show too little of the head, or stand at an end of it"
    there = evidence.shows_head | decided
    return coverage.counted("slices", decided, there, lacking, coverage.NO_HEAD)


def cases_of_institutions(evidence: Evidence) -> Scope:
    """Return the cases of institutions with enough cases to tell what is usual."""
    decided = pd.Series(False, evidence.slices["case"].drop_duplicates())
    for sequence in SEQUENCES:
        decided |= (
            evidence.case_ratios("sharpness", sequence)
            .notna()
            .reindex(decided.index, fill_value=False)
        )
    lacking = f"are of an institution with fewer than {LEAST_CASES} cases that show the head"
    return coverage.counted("cases", decided, pd.Series(True, decided.index), lacking)


@kind(
    "warning",
    checks="No slice is blurred beside its neighbours.",
    why="Edges are lost there, those of the tumour too: the head moved, or the slice was resampled.",
    remedy="look at the slice, and export it again or leave it out",
    scope=slices_beside,
)
def check_blurred_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice with less than half the sharpness of those on both sides."""
    return _slice_findings(
        "blurred_slice",
        evidence,
        "sharpness",
        lambda ratios: ratios < 1,
        lambda r: (
            f"is blurred: {r.sequence} has {r.ratio:.2f} times the sharpness of its neighbours"
        ),
    )


@kind(
    "warning",
    checks="No slice is noisy beside its neighbours.",
    why="Small contrasts are lost there, and a model may take noise for tissue.",
    remedy="look at the slice, and export it again or leave it out",
    scope=slices_beside,
)
def check_noisy_slice(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice with more than twice the noise of those on both sides."""
    return _slice_findings(
        "noisy_slice",
        evidence,
        "noise",
        lambda ratios: ratios > 1,
        lambda r: f"is noisy: {r.sequence} has {r.ratio:.1f} times the noise of its neighbours",
    )


@kind(
    "warning",
    checks="No slice is far brighter or darker than its neighbours.",
    why="The slice was scaled on its own: its tissue looks like another tissue.",
    remedy="export the slice again with one scale for the whole case",
    scope=slices_beside,
)
def check_slice_brightness(evidence: Evidence) -> list[Finding]:
    """Return a finding for each slice whose head is 1.6 times brighter or darker than on both sides."""
    return _slice_findings(
        "slice_brightness",
        evidence,
        "brightness",
        lambda ratios: ratios != 1,
        lambda r: f"stands out: {r.sequence} is {r.ratio:.2f} times as bright as on its neighbours",
    )


@kind(
    "warning",
    checks="No case is blurred beside the others of its institution.",
    why="It was resampled, or the head moved: edges are lost, those of the tumour too.",
    remedy="look at the case, and read its scores with care",
    scope=cases_of_institutions,
)
def check_blurred_case(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case with less than half the sharpness usual at its institution."""
    return _case_findings(
        "blurred_case", evidence, "sharpness", lambda r: r < 1, "{:.2f} times the usual sharpness"
    )


@kind(
    "warning",
    checks="No case is noisy beside the others of its institution.",
    why="Small contrasts are lost, and a model may take noise for tissue.",
    remedy="look at the case, and read its scores with care",
    scope=cases_of_institutions,
)
def check_noisy_case(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case with more than twice the noise usual at its institution."""
    return _case_findings(
        "noisy_case", evidence, "noise", lambda r: r > 1, "{:.1f} times the usual noise"
    )


@kind(
    "warning",
    checks="No case is brighter or darker than others of its institution by a factor of two.",
    why="It was scaled in another way: what is learned from brightness does not hold for it.",
    remedy="look at the case; scale it like the others, or normalise each case by itself",
    scope=cases_of_institutions,
)
def check_case_brightness(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose head is far brighter or darker than usual there."""
    return _case_findings(
        "case_brightness",
        evidence,
        "brightness",
        lambda r: r != 1,
        "{:.2f} times the usual brightness",
    )


@kind(
    "warning",
    checks="The background around the head is dark.",
    why="Head and air cannot be told apart by brightness, which normalising a case relies on.",
    remedy="subtract the background's grey, or crop less tightly where the head fills the image",
    scope=coverage.uint8_slices,
)
def check_bright_background(evidence: Evidence) -> list[Finding]:
    """Return a finding for each sequence without dark background on most slices of the head.

    Where no sequence is to blame, it is the case: the head fills the images.
    """
    columns = ["case", "head_px", "grey_background"]
    slices = evidence.slices.loc[evidence.shows_head, columns]
    grey = slices["grey_background"].fillna("")
    bright: dict[str | None, pd.Series] = {
        sequence: grey.str.contains(sequence, regex=False) for sequence in SEQUENCES
    }
    bright[None] = slices["head_px"].isna() & (grey == "")
    found = []
    for sequence, on_slices_of in bright.items():
        by_case = on_slices_of.groupby(slices["case"], sort=False).agg(["sum", "size"])
        for case, number, size in by_case.itertuples(name=None):
            if number > size / 2:
                what = f"{sequence} of {case}" if sequence else case
                fact = f"{what} has no dark background on {number} of {size} slices of the head"
                found.append(finding("bright_background", case, fact, sequence=sequence))
    return found


def _slice_findings(
    kind: str,
    evidence: Evidence,
    quantity: str,
    counts: Callable[[pd.Series], pd.Series],
    fact: Callable[..., str],
) -> list[Finding]:
    """Return a finding a slice, of the sequence that stands out most."""
    slices = evidence.slices
    found = []
    for sequence in SEQUENCES:
        ratios = evidence.slice_ratios(quantity, sequence).dropna()
        ratios = ratios[counts(ratios) & (ratios != 1)]
        if ratios.empty:
            continue
        found.append(slices.loc[ratios.index].assign(sequence=sequence, ratio=ratios))
    if not found:
        return []
    rows = pd.concat(found)
    most = rows.assign(far=(rows["ratio"].where(rows["ratio"] > 1, 1 / rows["ratio"])))
    most = most.sort_values("far", ascending=False, kind="stable")
    most = most[~most.index.duplicated()].sort_index()
    return on_slices(kind, most, "image", fact)


def _case_findings(
    kind: str,
    evidence: Evidence,
    quantity: str,
    counts: Callable[[pd.Series], pd.Series],
    fact: str,
) -> list[Finding]:
    found = []
    copies = evidence.flair_copies
    for sequence in SEQUENCES:
        ratios = evidence.case_ratios(quantity, sequence).dropna()
        for case, ratio in ratios[counts(ratios) & (ratios != 1)].items():
            if sequence not in copies.get(case, ""):
                told = f"{sequence} of {case} has {fact.format(ratio)} at its institution"
                found.append(finding(kind, case, told, sequence=sequence))
    return found
