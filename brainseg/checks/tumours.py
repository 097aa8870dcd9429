"""Checks of what the masks show: slips of the hand, and outlines that the next slice contradicts."""

import numpy as np
import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.cohort.slice_features import PINHOLE_PX, packed_cells

MOST_GAP = 2
"""More empty slices between two with tumour may well be two tumours."""

LEAST_OVERLAP, STRAYS_BELOW = 0.3, 0.6
"""Where the masks before and after share this part of the smaller one, the mask between them is away if
it shares less than this factor of it with each."""

AREA_FACTOR = 3
LEAST_AREA_PX = 100
"""A mask that is this much larger or smaller than both its neighbours stands out; of masks smaller than
this, a factor says little."""


@kind(
    "info",
    checks="Each case with masks shows a tumour.",
    why="Dice of such a case is 1 or 0 alone, by the rule for empty masks.",
    remedy="nothing is to be done if that is so, otherwise restore its masks",
    scope=coverage.cases_with_usable_masks,
)
def check_no_tumour(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose usable masks are all empty."""
    areas = evidence.slices.groupby("case", sort=False)["area_px"].agg(["max", "count"])
    rows = areas[(areas["max"] == 0).fillna(False)]
    return [
        finding(
            "no_tumour", case, f"{case} has no tumour on its {number} slices with a usable mask"
        )
        for case, number in rows["count"].items()
    ]


@kind(
    "warning",
    checks="No mask reaches out of the head.",
    why="The outline was moved, mirrored or drawn on another slice.",
    remedy="compare it with FLAIR and draw it again",
    scope=coverage.tumours_in_heads,
)
def check_mask_outside_head(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask with pixels outside of the head's convex outline."""
    slices = evidence.slices
    rows = slices[(slices["outside_head_px"] > 0).fillna(False)]
    return on_slices(
        "mask_outside_head",
        rows,
        "mask",
        lambda r: f"has {r.outside_head_px} of {r.area_px} px outside of the head",
    )


@kind(
    "warning",
    checks="No mask has a single pixel apart from the rest.",
    why="It is a slip of the hand, and counts as a lesion of its own where lesions are counted.",
    remedy="remove the pixel, or draw what it stands for",
    scope=coverage.tumours,
)
def check_mask_island(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask with a component of one pixel."""
    rows = evidence.slices[(evidence.slices["islands"] > 0).fillna(False)]
    return on_slices(
        "mask_island",
        rows,
        "mask",
        lambda r: f"has {_counted(r.islands, 'pixel')} apart from all others",
    )


@kind(
    "warning",
    checks=f"No mask has a hole of at most {PINHOLE_PX} px.",
    why="It is a slip of the hand: the outline was filled, but not everywhere.",
    remedy="fill the hole",
    scope=coverage.tumours,
)
def check_mask_pinhole(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask that encloses a few pixels without tumour."""
    rows = evidence.slices[(evidence.slices["pinholes"] > 0).fillna(False)]
    return on_slices(
        "mask_pinhole",
        rows,
        "mask",
        lambda r: f"has {_counted(r.pinholes, 'hole')} of at most {PINHOLE_PX} px",
    )


@kind(
    "info",
    checks="No mask has a larger hole.",
    why="It may be a cavity that was left out on purpose, or an outline that was not filled.",
    remedy="nothing is to be done if it is a cavity, otherwise fill it",
    scope=coverage.tumours,
)
def check_mask_hole(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask that encloses a region larger than a slip of the hand."""
    rows = evidence.slices[(evidence.slices["holes"] > evidence.slices["pinholes"]).fillna(False)]
    return on_slices(
        "mask_hole",
        rows,
        "mask",
        lambda r: f"has {_counted(r.holes, 'hole')} of {r.hole_px} px in all",
    )


@kind(
    "warning",
    checks="No empty mask, nor two, stands between masks that overlap.",
    why="A slice was forgotten: the tumour does not end and begin again at the same place.",
    remedy="draw the mask of the slice, or look why it is empty",
    scope=coverage.neighbouring_masks,
)
def check_mask_gap(evidence: Evidence) -> list[Finding]:
    """Return a finding for each short run of empty masks inside a tumour."""
    usable = evidence.slices[evidence.slices["area_px"].notna()]
    place = pd.Series(range(len(usable)), usable.index)
    tumour = usable[(usable["area_px"] > 0).to_numpy()]
    after = tumour[["case", "slice_number"]].shift(-1)
    empty = place[tumour.index].diff().shift(-1) - 1
    beside = after["slice_number"] - tumour["slice_number"] == empty + 1
    short = (empty > 0) & (empty <= MOST_GAP) & beside & (tumour["case"] == after["case"])
    found = short & (_overlap(tumour, 0, 1) > 0)
    rows = usable.iloc[place[tumour.index[found]].to_numpy() + 1]
    return on_slices(
        "mask_gap",
        rows.assign(left=after.loc[found, "slice_number"].to_numpy()),
        "mask",
        lambda r: (
            f"is empty, slices {r.slice_number - 1} and {int(r.left)} have tumour in one place"
        ),
    )


@kind(
    "warning",
    checks="Each mask lies where those of the slices beside it do.",
    why="The outline jumps: one of the two was moved, mirrored or drawn on another slice.",
    remedy="compare both slices with FLAIR and draw the wrong one again",
    scope=coverage.neighbouring_masks,
)
def check_mask_jump(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask far from that of the slice before, or away from both sides.

    It is away where the masks on its two sides overlap, and it with neither as they do.
    """
    rows = evidence.slices[(evidence.slices["area_px"] > 0).fillna(False)]
    where = rows[["case", "slice_number"]]
    before, after = where.shift(), where.shift(-1)
    has_before, has_after = _beside(before, rows), _beside(rows, after)
    to_before, to_after = _overlap(rows, 0, -1), _overlap(rows, 0, 1)
    sides = _overlap(rows, -1, 1)
    away = (sides >= LEAST_OVERLAP) & (np.maximum(to_before, to_after) < STRAYS_BELOW * sides)
    away |= (to_before == 0) & (to_after == 0)
    away &= has_before & has_after
    # Of two that do not overlap the later is named, unless the earlier is away from both its sides.
    named = away | (has_before & (to_before == 0) & ~away.shift(fill_value=False))
    return on_slices(
        "mask_jump",
        rows.assign(away=away)[named],
        "mask",
        lambda r: (
            f"lies apart from those of slices {r.slice_number - 1} and {r.slice_number + 1}"
            if r.away
            else f"does not overlap with that of slice {r.slice_number - 1}"
        ),
    )


@kind(
    "warning",
    checks="No mask is three times larger or smaller than both masks beside it.",
    why="A tumour grows and fades from slice to slice: part of it was forgotten, or too much filled.",
    remedy="compare it with the slices beside it and draw it again",
    scope=coverage.neighbouring_masks,
)
def check_mask_area(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask whose area stands out against both slices beside it."""
    rows = evidence.slices[(evidence.slices["area_px"] > 0).fillna(False)]
    where = rows[["case", "slice_number", "area_px"]]
    before, after = where.shift(), where.shift(-1)
    inside = _beside(before, rows) & _beside(rows, after)
    area = rows["area_px"].astype("float64")
    sides = pd.concat([before["area_px"], after["area_px"]], axis=1).astype("float64")
    larger = (area > AREA_FACTOR * sides.max(axis=1)) & (area >= LEAST_AREA_PX)
    smaller = (area < sides.min(axis=1) / AREA_FACTOR) & (sides.min(axis=1) >= LEAST_AREA_PX)
    stands_out = rows.assign(before=before["area_px"], after=after["area_px"])
    return on_slices(
        "mask_area",
        stands_out[inside & (larger | smaller)],
        "mask",
        lambda r: f"has {r.area_px} px, those beside it {r.before} and {r.after} px",
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _beside(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Return, row by row, whether the second is the next slice of the first's case."""
    next_number = after["slice_number"] - before["slice_number"] == 1
    return next_number & (before["case"] == after["case"])


def _overlap(tumour: pd.DataFrame, one: int, other: int) -> pd.Series:
    """Return which part of the smaller of two tumours' cells both have, 0..1.

    Args:
        tumour: rows with tumour.
        one: which row is meant, counted from each row: -1 is the one before it.
        other: likewise, after ``one`` or before it.

    Returns:
        A value a row, missing where there is no such other row.
    """
    cells = packed_cells(tumour["tumour_grid"])
    places = np.arange(len(tumour))
    first, second = places + one, places + other
    there = np.minimum(first, second) >= 0
    there &= np.maximum(first, second) < len(tumour)
    number = np.bitwise_count(cells).sum(axis=1, dtype=np.int64)
    first, second = first[there], second[there]
    common = np.bitwise_count(cells[first] & cells[second]).sum(axis=1, dtype=np.int64)
    shares = common / np.minimum(number[first], number[second])
    return pd.Series(shares, tumour.index[there]).reindex(tumour.index)
