"""Rules on sequences: each is present, and an image of its own."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.foreground import shows_sequence
from brainseg.checks.rule import info, warning
from brainseg.checks.slice_order import numbered
from brainseg.cohort.slice_features import column_of
from brainseg.volume import SEQUENCES

MOST_AT_END, MOST_SHARE_AT_END = 2, 0.1
"""A sequence that is empty on at most this count or share of slices, at one end, is only shorter."""


def _flair_copies(evidence: Evidence) -> pd.DataFrame:
    copies = evidence.flair_copies
    rows = [
        (case, sequence)
        for case, sequences in copies[copies != ""].items()
        for sequence in sequences.split(", ")
    ]
    return pd.DataFrame(rows, columns=["case", "sequence"])


def _contrast_copies(evidence: Evidence) -> pd.DataFrame:
    """Return the cases whose pre- and post-contrast are equal, unless both copy FLAIR."""
    slices = evidence.slices[evidence.slices["contrast_copy"].notna()]
    always = slices.groupby("case", sort=False)["contrast_copy"].all()
    copies = evidence.flair_copies.reindex(always.index)
    return pd.DataFrame({"case": always.index[always & (copies == "")]})


def _empty_runs(evidence: Evidence) -> pd.DataFrame:
    """Return one row per run of slices on which a sequence is empty though another shows the head.

    ``at_end`` is True where the slices are few, and the first or last of their case with the head.
    """
    columns = [column_of("brightness", sequence) for sequence in SEQUENCES]
    columns += ["case", "slice_number", "constant"]
    slices = evidence.slices.loc[evidence.shows_head, columns]
    index = slices.groupby("case", sort=False).cumcount()
    size = index.groupby(slices["case"], sort=False).transform("size")
    runs = []
    for sequence in SEQUENCES:
        known = slices[column_of("brightness", sequence)].notna()
        empty = known & ~shows_sequence(slices, known, sequence)
        rows = slices.assign(index=index, size=size)[empty]
        new = (rows["index"].diff() != 1) | (rows["case"] != rows["case"].shift())
        for _, run in rows.groupby(new.cumsum()):
            first, last, shown = run.iloc[0], run.iloc[-1], run["size"].iloc[0]
            few = len(run) <= max(MOST_AT_END, MOST_SHARE_AT_END * shown)
            at_end = few and (first["index"] == 0 or last["index"] == shown - 1)
            where = numbered(first["slice_number"], last["slice_number"])
            where = "every slice" if len(run) == shown else where
            runs.append((first["case"], sequence, first["slice_number"], bool(at_end), where))
    return pd.DataFrame(runs, columns=["case", "sequence", "slice_number", "at_end", "where"])


def _runs(evidence: Evidence, at_end: bool) -> pd.DataFrame:
    runs = evidence.once(("empty runs",), lambda: _empty_runs(evidence))
    return runs[runs["at_end"] == at_end]


RULES = [
    info(
        "flair_copy",
        rule="The other sequences of a case differ from FLAIR.",
        why="The sequence is missing and its channel repeats FLAIR, so a model has less information.",
        remedy="no action needed, but keep it in mind when reading scores of this case",
        coverage=coverage.comparable_cases,
        rows=_flair_copies,
        fact="{sequence} of {case} equals FLAIR on every readable slice",
    ),
    info(
        "contrast_copy",
        rule="Pre-contrast and post-contrast differ.",
        why="One of them is missing and its channel repeats the other, so enhancement is not visible.",
        remedy="no action needed, but keep it in mind when reading scores of this case",
        coverage=coverage.comparable_cases,
        rows=_contrast_copies,
        fact="pre-contrast of {case} equals post-contrast on every slice",
    ),
    warning(
        "empty_sequence",
        rule="Each sequence shows the head wherever another does, except at the ends of the stack.",
        why="The sequence is missing there: a model sees only air in this channel.",
        remedy="export the sequence again, or exclude the slices from training",
        coverage=coverage.uint8_slices,
        rows=lambda evidence: _runs(evidence, at_end=False),
        fact="{sequence} of {case} is almost empty on {where}, unlike the other sequences",
    ),
    info(
        "short_sequence",
        rule="Each sequence covers the head as far as the others do.",
        why="It was acquired over less of the head, so its first or last slices show only air.",
        remedy="no action needed; this sequence has no signal there",
        coverage=coverage.uint8_slices,
        rows=lambda evidence: _runs(evidence, at_end=True),
        fact="{sequence} of {case} is almost empty on {where}, unlike the other sequences",
    ),
]
