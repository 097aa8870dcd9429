"""Rules on outlines: drawing slips, and masks that contradict the neighbouring slices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import info, marked, slices_where, warning
from brainseg.cohort.mask_edges import reach_px
from brainseg.cohort.slice_features import PINHOLE_PX, column_of, packed_cells
from brainseg.volume import FLAIR, SEQUENCES

MOST_GAP = 2
"""A longer run of empty slices between two with tumour may separate two tumours."""

LEAST_OVERLAP, STRAYS_BELOW = 0.3, 0.6
"""Where the masks before and after overlap by this share of the smaller one, the mask between them is
misplaced if its overlap with each is below this factor of theirs."""

LEAST_SHIFT_PX, MOST_CONTRAST_LEFT = 4, 0.96
"""A mask is shifted if its centroid is further from the middle of its neighbours' than they are from
each other, by this distance in an image 256 px wide, and its contrast in FLAIR is below this share of
theirs."""

LEAST_OUTLINES, SAME_MOVE_PX, LEAST_ALIKE, MOST_EDGE_LEFT = 3, 4, 0.7, 0.7
"""All masks of a case are shifted if this number of outlines, or more, fit the edges of FLAIR better
after a move, this share of them within this distance of the median, and if at most this share of the
contrast is left where they are. A move as far as it is tried may lead to another bright structure."""

LEAST_BRIGHT, LEAST_MORE_CONTRAST = 1.15, 1.1
"""Two sequences have changed places if the tumour is brighter than other tissue by this factor in one
that is not FLAIR, and more so than in FLAIR by this factor."""

AREA_FACTOR = 3
LEAST_AREA_PX = 100
"""A mask this much larger or smaller than both its neighbours is unusual; below this area, such a factor
means little."""


_PLACE, _GRID = ["case", "slice_number", "mask_path"], "tumour_grid"


def _tumours(evidence: Evidence, *columns: str) -> pd.DataFrame:
    """Return where the slices with tumour are, and some of their columns: all would be a large copy."""
    return evidence.slices.loc[coverage.has_tumour(evidence.slices), [*_PLACE, *columns]]


def _cases_without_tumour(evidence: Evidence) -> pd.DataFrame:
    areas = evidence.slices.groupby("case", sort=False)["area_px"].agg(["max", "count"])
    return areas[(areas["max"] == 0).fillna(False)].reset_index()


def _mask_gaps(evidence: Evidence) -> pd.DataFrame:
    """Return the first slice of each short run of empty masks inside a tumour."""
    usable = evidence.slices.loc[evidence.slices["area_px"].notna(), [*_PLACE, "area_px", _GRID]]
    index = pd.Series(range(len(usable)), usable.index)
    tumour = usable[coverage.has_tumour(usable)]
    after = tumour[["case", "slice_number"]].shift(-1)
    empty = index[tumour.index].diff().shift(-1) - 1
    adjacent = after["slice_number"] - tumour["slice_number"] == empty + 1
    short = (empty > 0) & (empty <= MOST_GAP) & adjacent & (tumour["case"] == after["case"])
    found = short & (_overlap(tumour, 0, 1) > 0)
    rows = usable.iloc[index[tumour.index[found]].to_numpy() + 1]
    before, after_gap = rows["slice_number"] - 1, after.loc[found, "slice_number"].astype(int)
    return marked(rows.assign(before=before, after=after_gap.to_numpy()), "mask")


def _jumps(evidence: Evidence) -> pd.DataFrame:
    return evidence.once(("mask jumps",), lambda: _mask_jumps(evidence))


def _mask_jumps(evidence: Evidence) -> pd.DataFrame:
    """Return each mask far from that of the slice before, or misplaced between both neighbours.

    It is misplaced where the masks on its two sides overlap, but not as much with it.
    """
    rows = _tumours(evidence, _GRID)
    keys = rows[["case", "slice_number"]]
    before, after = keys.shift(), keys.shift(-1)
    has_before, has_after = _adjacent(before, rows), _adjacent(rows, after)
    to_after, sides = _overlap(rows, 0, 1), _overlap(rows, -1, 1)
    to_before = to_after.shift()
    away = (sides >= LEAST_OVERLAP) & (np.maximum(to_before, to_after) < STRAYS_BELOW * sides)
    away |= (to_before == 0) & (to_after == 0)
    away &= has_before & has_after
    # Of two that do not overlap, the later is reported, unless the earlier is misplaced itself.
    named = away | (has_before & (to_before == 0) & ~away.shift(fill_value=False))
    return marked(rows.assign(away=away)[named], "mask")


def _jump(row: dict[str, Any]) -> str:
    before, after = row["slice_number"] - 1, row["slice_number"] + 1
    if row["away"]:
        return f"lies apart from those of slices {before} and {after}"
    return f"does not overlap with that of slice {before}"


def _shifted_masks(evidence: Evidence) -> pd.DataFrame:
    """Return each mask whose centroid and FLAIR both differ from those of its neighbours."""
    slices = evidence.slices
    rows = _tumours(evidence, "width", "tumour_row", "tumour_column")
    rows = rows.assign(contrast=contrast(slices))
    # Of images of several sizes, each is measured by its own width.
    centre = rows[["tumour_row", "tumour_column"]].astype(float).div(rows["width"] / 256, axis=0)
    before, after = rows.shift(), rows.shift(-1)
    middle = (centre.shift() + centre.shift(-1)) / 2
    shift, drift = (_length(one) for one in (centre - middle, centre.shift() - centre.shift(-1)))
    sides = np.minimum(before["contrast"], after["contrast"])
    away = (shift > LEAST_SHIFT_PX + drift) & (rows["contrast"] < MOST_CONTRAST_LEFT * sides)
    away &= _adjacent(before, rows) & _adjacent(rows, after)
    jumps = _jumps(evidence).index
    shown = rows.assign(shift=shift * rows["width"] / 256, left=rows["contrast"] / sides)
    return marked(shown[away.fillna(False) & ~rows.index.isin(jumps)], "mask")


def _length(vectors: pd.DataFrame) -> pd.Series:
    return np.sqrt((vectors**2).sum(axis=1, skipna=False))


def _unusual_areas(evidence: Evidence) -> pd.DataFrame:
    """Return each mask whose area differs strongly from both neighbours."""
    rows = _tumours(evidence, "area_px")
    keys = rows[["case", "slice_number", "area_px"]]
    before, after = keys.shift(), keys.shift(-1)
    inside = _adjacent(before, rows) & _adjacent(rows, after)
    area = rows["area_px"].astype("float64")
    sides = pd.concat([before["area_px"], after["area_px"]], axis=1).astype("float64")
    larger = (area > AREA_FACTOR * sides.max(axis=1)) & (area >= LEAST_AREA_PX)
    smaller = (area < sides.min(axis=1) / AREA_FACTOR) & (sides.min(axis=1) >= LEAST_AREA_PX)
    rows = rows.assign(before=before["area_px"], after=after["area_px"])
    return marked(rows[inside & (larger | smaller)], "mask")


def contrast(slices: pd.DataFrame, sequence: str = FLAIR) -> pd.Series:
    """Return, by slice with enough tumour, its mean in a sequence divided by that of other tissue."""
    tumour, head = (slices[column_of(name, sequence)] for name in ("tumour_mean", "head_mean"))
    return (tumour / head).where((slices["area_px"] >= LEAST_AREA_PX) & (head > 0) & (tumour > 0))


def cases_with_contrast(evidence: Evidence) -> coverage.Coverage:
    """Return the coverage of cases whose tumour is large enough for :func:`contrast`."""
    slices = evidence.union
    exist = coverage.has_tumour(slices).groupby(slices["case"]).any()
    decided = contrast(slices).notna().groupby(slices["case"]).any()
    return coverage.counted("cases", decided, exist, "have no tumour large enough to compare")


def _cases_without_contrast(evidence: Evidence) -> pd.DataFrame:
    """Return the cases whose tumour is darker in FLAIR than the rest of the head, on most slices."""
    # Parts of a tumour, such as its necrosis, may be dark.
    usual = contrast(evidence.union).groupby(evidence.union["case"], sort=False).median()
    usual = usual[(usual < 1).fillna(False) & ~usual.index.isin(_swapped(evidence)["case"])]
    return pd.DataFrame({"case": usual.index, "contrast": usual.to_numpy()})


def _moved_outlines(evidence: Evidence) -> pd.DataFrame:
    """Return the cases whose outlines all fit the edges of FLAIR better after the same move."""
    columns = ["edge_row", "edge_column"]
    rows = evidence.union.loc[evidence.union["edge_share"].notna(), [*columns, "edge_share"]]
    case = evidence.union.loc[rows.index, "case"]
    width = evidence.union.loc[rows.index, "width"].astype(float)
    by_case = rows.groupby(case, sort=False)
    moves = rows[columns] - by_case[columns].transform("median")
    alike = moves.abs().le(SAME_MOVE_PX * width / 256, axis=0).all(axis=1)
    usual, width = by_case.median(), width.groupby(case, sort=False).first()
    shift, left = np.hypot(usual["edge_row"], usual["edge_column"]), usual["edge_share"]
    found = (by_case.size() >= LEAST_OUTLINES) & (shift >= LEAST_SHIFT_PX * width / 256)
    found &= usual[columns].abs().max(axis=1) < width.map(reach_px)
    found &= (alike.groupby(case, sort=False).mean() >= LEAST_ALIKE) & (left <= MOST_EDGE_LEFT)
    return pd.DataFrame({"case": usual.index, "shift": shift.array, "left": left.array})[
        found.array
    ]


def _cases_with_outlines(evidence: Evidence) -> coverage.Coverage:
    slices = evidence.union
    exist = coverage.has_tumour(slices).groupby(slices["case"]).any()
    decided = slices["edge_share"].notna().groupby(slices["case"]).sum() >= LEAST_OUTLINES
    lacking = f"have fewer than {LEAST_OUTLINES} outlines on a dark background"
    return coverage.counted("cases", decided, exist, lacking)


def _swapped_sequences(evidence: Evidence) -> pd.DataFrame:
    """Return the sequences in which the tumour is bright, and more so than in FLAIR, by case."""
    cases = evidence.union["case"]
    logs = {name: np.log(contrast(evidence.union, name)) for name in SEQUENCES}
    found = []
    for name in SEQUENCES:
        own = logs[name].groupby(cases, sort=False).median()
        more = (logs[name] - logs[FLAIR]).groupby(cases, sort=False).median()
        is_swapped = (own > np.log(LEAST_BRIGHT)) & (more > np.log(LEAST_MORE_CONTRAST))
        found += [(case, name, times) for case, times in np.exp(more[is_swapped]).items()]
    return pd.DataFrame(found, columns=["case", "sequence", "times"])


def _swapped(evidence: Evidence) -> pd.DataFrame:
    return evidence.once(("swapped sequences",), lambda: _swapped_sequences(evidence))


def _count(column: str, noun: str, rest: str = "") -> Callable[[dict[str, Any]], str]:
    """Return a fact such as "has 2 holes of 30 px in total"."""
    return lambda row: (
        f"has {row[column]} {noun}{'' if row[column] == 1 else 's'}{rest.format_map(row)}"
    )


def _adjacent(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Return, row by row, whether the second is the next slice of the first's case."""
    next_number = after["slice_number"] - before["slice_number"] == 1
    return next_number & (before["case"] == after["case"])


def _overlap(tumour: pd.DataFrame, one: int, other: int) -> pd.Series:
    """Return the share of the smaller of two tumours' grid cells that both cover, 0..1.

    Args:
        tumour: rows with tumour.
        one: the first row, relative to each row: -1 is the one before it.
        other: the second row, likewise.

    Returns:
        One value per row, missing where one of the two rows does not exist.
    """
    cells = packed_cells(tumour[_GRID])
    index = np.arange(len(tumour))
    first, second = index + one, index + other
    exists = np.minimum(first, second) >= 0
    exists &= np.maximum(first, second) < len(tumour)
    number = np.bitwise_count(cells).sum(axis=1, dtype=np.int64)
    first, second = first[exists], second[exists]
    shared = np.bitwise_count(cells[first] & cells[second]).sum(axis=1, dtype=np.int64)
    shares = shared / np.minimum(number[first], number[second])
    return pd.Series(shares, tumour.index[exists]).reindex(tumour.index)


RULES = [
    info(
        "no_tumour",
        rule="Each case with masks shows a tumour.",
        why="By the rule for empty masks, Dice of such a case is either 1 or 0.",
        remedy="no action needed if this is correct, otherwise restore its masks",
        coverage=coverage.cases_with_usable_masks,
        rows=_cases_without_tumour,
        fact="{case} has no tumour on its {count} slices with a usable mask",
    ),
    warning(
        "mask_outside_head",
        rule="No mask extends outside the head.",
        why="The outline was moved, mirrored or drawn on another slice.",
        remedy="compare it with FLAIR and redraw it",
        coverage=coverage.tumours_in_heads,
        rows=slices_where("mask", lambda slices: slices["outside_head_px"] > 0),
        fact="has {outside_head_px} of {area_px} px outside the head",
    ),
    warning(
        "mask_island",
        rule="No mask has an isolated pixel.",
        why="Probably a drawing slip; it counts as a separate lesion where lesions are counted.",
        remedy="remove the pixel, or draw the lesion that it marks",
        coverage=coverage.tumours,
        rows=slices_where("mask", lambda slices: slices["islands"] > 0),
        fact=_count("islands", "isolated pixel"),
    ),
    warning(
        "mask_pinhole",
        rule=f"No mask has a hole of at most {PINHOLE_PX} px.",
        why="Probably a drawing slip: the outline was not filled completely.",
        remedy="fill the hole",
        coverage=coverage.tumours,
        rows=slices_where("mask", lambda slices: slices["pinholes"] > 0),
        fact=_count("pinholes", "hole", f" of at most {PINHOLE_PX} px"),
    ),
    info(
        "mask_hole",
        rule="No mask has a larger hole.",
        why="It may be a cavity that was excluded on purpose, or an outline that was not filled.",
        remedy="no action needed if it is a cavity, otherwise fill it",
        coverage=coverage.tumours,
        rows=slices_where("mask", lambda slices: slices["holes"] > slices["pinholes"]),
        fact=_count("holes", "hole", " of {hole_px} px in total"),
    ),
    warning(
        "mask_contrast",
        rule="The tumour of a case is brighter in FLAIR than the rest of its head.",
        why="The masks were mirrored, moved, or belong to another case; or the lesion is dark in FLAIR.",
        remedy="compare the masks with FLAIR and restore the right ones",
        coverage=cases_with_contrast,
        rows=_cases_without_contrast,
        fact="the masks of {case} cover tissue of {contrast:.2f} times the FLAIR brightness of its head",
        of_union=True,
    ),
    warning(
        "swapped_sequence",
        rule="The tumour of a case is at least as bright, against its head, in FLAIR as in the others.",
        why="Two sequences were probably exchanged: a model sees one in place of the other.",
        remedy="check which sequence is which, and rename the files or exchange the channels",
        coverage=cases_with_contrast,
        rows=_swapped,
        fact="the tumour of {case} has more contrast in {sequence} than in FLAIR ({times:.2g} times)",
        of_union=True,
    ),
    warning(
        "case_shift",
        rule="The outlines of a case lie on the edges of its FLAIR abnormality.",
        why="All masks of the case were probably moved by the same distance, or belong to an image on "
        "another grid.",
        remedy="compare the masks with FLAIR and restore or move them",
        coverage=_cases_with_outlines,
        rows=_moved_outlines,
        fact="the masks of {case} fit FLAIR better when moved by {shift:.0f} px: now {left:.0%} of that "
        "contrast is left",
        of_union=True,
    ),
    warning(
        "mask_gap",
        rule=f"No run of 1-{MOST_GAP} empty masks lies between masks that overlap.",
        why="A slice was probably forgotten: a tumour does not end and start again in one place.",
        remedy="draw the mask of the slice, or check why it is empty",
        coverage=coverage.neighbouring_masks,
        rows=_mask_gaps,
        fact="is empty, but slices {before} and {after} have tumour in the same place",
    ),
    warning(
        "mask_jump",
        rule="Each mask overlaps with those of the neighbouring slices.",
        why="The outline jumps: one of the masks was moved, mirrored or drawn on another slice.",
        remedy="compare the slices with FLAIR and redraw the wrong mask",
        coverage=coverage.neighbouring_masks,
        rows=_jumps,
        fact=_jump,
    ),
    warning(
        "mask_shift",
        rule="No mask is shifted from its neighbours onto darker tissue.",
        why="The outline was probably moved by some pixels, or drawn on another slice.",
        remedy="compare it with FLAIR and move or redraw it",
        coverage=coverage.neighbouring_masks,
        rows=_shifted_masks,
        fact="lies {shift:.0f} px from the middle of its neighbours, with {left:.0%} of their contrast "
        "in FLAIR",
    ),
    warning(
        "mask_area",
        rule=f"No mask is {AREA_FACTOR} times larger or smaller than both neighbouring masks.",
        why="A tumour changes gradually from slice to slice: part of it was forgotten, or too much was "
        "filled.",
        remedy="compare it with the neighbouring slices and redraw it",
        coverage=coverage.neighbouring_masks,
        rows=_unusual_areas,
        fact="has {area_px} px, the neighbouring masks {before} and {after} px",
    ),
]
