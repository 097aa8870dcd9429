"""Rules on sequences: each is present, and an image of its own."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.foreground import shows_sequence
from brainseg.checks.outliers import outlying_slices
from brainseg.checks.rule import info, marked, warning
from brainseg.checks.slice_order import numbered
from brainseg.cohort.slice_features import column_of
from brainseg.io.masks import RIM_OF_INVERTED
from brainseg.volume import SEQUENCES

MOST_AT_END, MOST_SHARE_AT_END = 2, 0.1
"""A sequence that is empty on at most this count or share of slices, at one end, is only shorter."""

SMALL_CROSS_SECTION = 0.5
"""The head ends where its cross-section is below this share of the largest of the case."""

CUT_FACTOR = 1.15
"""A sequence is cut off where it is darker than on the neighbouring slices by this factor, compared with
the other sequences."""


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


_OF_RUN = {
    "case": ("case", "first"),
    "first": ("slice_number", "first"),
    "last": ("slice_number", "last"),
    "start": ("index", "first"),
    "end": ("index", "last"),
    "shown": ("number", "first"),
    "size": ("index", "size"),
    "share": ("share", "max"),
}


def _empty_runs(evidence: Evidence) -> pd.DataFrame:
    """Return one row per run of slices on which a sequence is empty though another shows the head.

    ``at_end`` is True where the slices are few, and the first or last of their case with the head;
    ``size`` is the largest cross-section of the head on them, as a share of the largest of the case.
    """
    columns = [column_of("brightness", sequence) for sequence in SEQUENCES]
    columns += ["case", "slice_number", "constant", "head_px"]
    slices = evidence.slices.loc[evidence.shows_head, columns]
    by_case = slices.groupby("case", sort=False)
    # A head as large as its image has no size.
    share = (slices["head_px"] / by_case["head_px"].transform("max")).astype(float).fillna(1)
    index, number = by_case.cumcount(), by_case["case"].transform("size")
    runs = []
    for sequence in SEQUENCES:
        known = slices[column_of("brightness", sequence)].notna()
        empty = known & ~shows_sequence(slices, known, sequence)
        rows = slices.assign(index=index, number=number, share=share)[empty]
        new = (rows["index"].diff() != 1) | (rows["case"] != rows["case"].shift())
        of_run = rows.groupby(new.cumsum()).agg(**_OF_RUN)
        for case, first, last, start, end, shown, size, most in of_run.itertuples(False, None):
            few = size <= max(MOST_AT_END, MOST_SHARE_AT_END * shown)
            at_end = few and (start == 0 or end == shown - 1)
            where = "every slice" if size == shown else numbered(first, last)
            runs.append((case, sequence, first, at_end, where, most))
    columns = ["case", "sequence", "slice_number", "at_end", "where", "size"]
    return pd.DataFrame(runs, columns=columns)


def _runs(evidence: Evidence, at_end: bool, small: bool | None = None) -> pd.DataFrame:
    runs = evidence.once(("empty runs",), lambda: _empty_runs(evidence))
    chosen = runs["at_end"] == at_end
    if small is not None:
        chosen &= (runs["size"] < SMALL_CROSS_SECTION) == small
    return runs[chosen]


def _cut_sequences(evidence: Evidence) -> pd.DataFrame:
    """Return the slices on which a sequence lacks part of the head, with the share that is left."""
    slices = evidence.slices
    largest = slices.groupby("case", sort=False)["head_px"].transform("max")
    large = evidence.shows_head & (slices["head_px"] >= SMALL_CROSS_SECTION * largest)
    # The mean of the head leaves out the mask, which must not be all of it.
    large &= ~(slices["mask_rim_share"] > RIM_OF_INVERTED).fillna(False)
    means = slices[[column_of("head_mean", sequence) for sequence in SEQUENCES]].astype(float)
    found = []
    for sequence in SEQUENCES:
        own = column_of("head_mean", sequence)
        shown = large.fillna(False) & shows_sequence(slices, evidence.shows_head, sequence)
        ratio = means[own] / means.drop(columns=own).max(axis=1)
        ratios = outlying_slices(ratio.where(shown & (ratio > 0)), slices["case"], CUT_FACTOR)
        cut = ratios[ratios < 1]
        found.append(slices.loc[cut.index].assign(sequence=sequence, left=cut))
    rows = pd.concat(found).sort_values("left", kind="stable")
    return marked(rows[~rows.index.duplicated()].sort_index(), "image")


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
    warning(
        "cut_sequence",
        rule="No sequence lacks part of the head on a slice.",
        why="Part of the sequence is missing or dark there, so a model sees air in place of tissue.",
        remedy="check the slice, and export the sequence again or exclude the slice",
        coverage=coverage.uint8_slices,
        rows=_cut_sequences,
        fact="lacks signal: {sequence} has {left:.0%} of the brightness that its neighbours and the "
        "other sequences suggest",
    ),
    info(
        "uncovered_end",
        rule="Each sequence covers the first and last large cross-sections of the head.",
        why="The sequence has no signal there, although the others show much of the head: it was "
        "acquired over less of it, or slices are lost.",
        remedy="check whether the source has these slices, and treat figures on them with caution",
        coverage=coverage.uint8_slices,
        rows=lambda evidence: _runs(evidence, at_end=True, small=False),
        fact="{sequence} of {case} is almost empty on {where}, where the other sequences show "
        "{size:.0%} of the largest cross-section",
    ),
    info(
        "short_sequence",
        rule="Each sequence covers the head to its end.",
        why="It was acquired over slightly less of the head, and shows only air where the head ends.",
        remedy="no action needed; this sequence has no signal there",
        coverage=coverage.uint8_slices,
        rows=lambda evidence: _runs(evidence, at_end=True, small=True),
        fact="{sequence} of {case} is almost empty on {where}, where the head ends",
    ),
]
