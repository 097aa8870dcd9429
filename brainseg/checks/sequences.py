"""Checks of sequences: is each there, and a picture of its own."""

from dataclasses import dataclass

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.foreground import shows_sequence
from brainseg.checks.registry import finding, kind
from brainseg.cohort.slice_features import column_of
from brainseg.volume import SEQUENCES

MOST_AT_END, MOST_SHARE_AT_END = 2, 0.1
"""A sequence that lacks so many slices at an end of the head, or this share of them, is only shorter."""


@kind(
    "info",
    checks="The other sequences of a case differ from FLAIR.",
    why="The sequence was missing and FLAIR stands in its place: the case has less to tell a model.",
    remedy="nothing is to be done, but read scores of this case with it in mind",
    scope=coverage.comparable_cases,
)
def check_flair_copy(evidence: Evidence) -> list[Finding]:
    """Return a finding for each sequence that equals FLAIR on every slice of a case."""
    copies = evidence.flair_copies
    return [
        finding(
            "flair_copy",
            case,
            f"{sequence} of {case} equals FLAIR on every readable slice",
            sequence=sequence,
        )
        for case, sequences in copies[copies != ""].items()
        for sequence in sequences.split(", ")
    ]


@kind(
    "info",
    checks="Pre-contrast and post-contrast differ.",
    why="One of them was missing and the other stands in its place: enhancement cannot be seen.",
    remedy="nothing is to be done, but read scores of this case with it in mind",
    scope=coverage.comparable_cases,
)
def check_contrast_copy(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose pre- and post-contrast are equal, and no copy of FLAIR."""
    slices = evidence.slices[evidence.slices["contrast_copy"].notna()]
    always = slices.groupby("case", sort=False)["contrast_copy"].all()
    copies = evidence.flair_copies.reindex(always.index)
    return [
        finding(
            "contrast_copy", case, f"pre-contrast of {case} equals post-contrast on every slice"
        )
        for case in always.index[always & (copies == "")]
    ]


@kind(
    "warning",
    checks="Each sequence shows the head wherever another one does, but for the ends of the stack.",
    why="The sequence is missing there: a model sees air in it, and masks are drawn on FLAIR.",
    remedy="export the sequence again, or leave the slices out of training",
    scope=coverage.uint8_slices,
)
def check_empty_sequence(evidence: Evidence) -> list[Finding]:
    """Return a finding for each run of slices on which a sequence is black or has one value alone."""
    return [
        finding(
            "empty_sequence",
            run.case,
            f"{run.sequence} of {run.case} shows next to nothing on {run.where}, other than the rest",
            run.first,
            sequence=run.sequence,
        )
        for run in evidence.once(("empty runs",), lambda: _empty_runs(evidence))
        if not run.at_end
    ]


@kind(
    "info",
    checks="Each sequence covers the head as far as the others do.",
    why="It was acquired over less of the head: its first or last slices show air in it.",
    remedy="nothing is to be done, but know that nothing can be drawn or found there on this sequence",
    scope=coverage.uint8_slices,
)
def check_short_sequence(evidence: Evidence) -> list[Finding]:
    """Return a finding for each sequence that lacks a few of the first or last slices of the head."""
    return [
        finding(
            "short_sequence",
            run.case,
            f"{run.sequence} of {run.case} shows next to nothing on {run.where}, where the head ends",
            run.first,
            sequence=run.sequence,
        )
        for run in evidence.once(("empty runs",), lambda: _empty_runs(evidence))
        if run.at_end
    ]


@dataclass(frozen=True)
class _Run:
    """Slices one after another on which a sequence is empty, though another one shows the head.

    Attributes:
        at_end: whether they are few, and the first or the last that show the head in their case.
    """

    case: str
    sequence: str
    first: int
    last: int
    whole: bool
    at_end: bool

    @property
    def where(self) -> str:
        if self.whole:
            return "every slice"
        return (
            f"slice {self.first}"
            if self.first == self.last
            else f"slices {self.first} to {self.last}"
        )


def _empty_runs(evidence: Evidence) -> list[_Run]:
    columns = [column_of("brightness", sequence) for sequence in SEQUENCES]
    columns += ["case", "slice_number", "constant"]
    slices = evidence.slices.loc[evidence.shows_head, columns]
    place = slices.groupby("case", sort=False).cumcount()
    size = place.groupby(slices["case"], sort=False).transform("size")
    runs = []
    for sequence in SEQUENCES:
        known = slices[column_of("brightness", sequence)].notna()
        empty = known & ~shows_sequence(slices, known, sequence)
        rows = slices.loc[empty, ["case", "slice_number"]].assign(
            place=place[empty], size=size[empty]
        )
        new = (rows["place"].diff() != 1) | (rows["case"] != rows["case"].shift())
        for _, run in rows.groupby(new.cumsum()):
            first, last, size_of_case = (
                run["place"].iloc[0],
                run["place"].iloc[-1],
                run["size"].iloc[0],
            )
            few = len(run) <= max(MOST_AT_END, MOST_SHARE_AT_END * size_of_case)
            runs.append(
                _Run(
                    run["case"].iloc[0],
                    sequence,
                    int(run["slice_number"].iloc[0]),
                    int(run["slice_number"].iloc[-1]),
                    whole=len(run) == size_of_case,
                    at_end=bool(few and (first == 0 or last == size_of_case - 1)),
                )
            )
    return runs
