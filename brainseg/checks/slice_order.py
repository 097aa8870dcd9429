"""Rules on the slices of a case: their numbers, and the position of the head in the stack."""

from typing import Any

import numpy as np
import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.foreground import brightness, within_head
from brainseg.checks.rule import error, info, marked, warning
from brainseg.checks.swaps import comparable, swapped_slices

LEAST_BLANK, LEAST_BLANK_SHARE = 3, 0.1
"""Dark slices at one end of a stack are reported from this count and this share of its slices."""

OF_ANOTHER_CASE = ("of another case",)
"""Key of the rows of :func:`of_another_case` in the evidence."""


def numbered(first: int, last: int) -> str:
    """Return "slice 3" or "slices 3–5"."""
    return f"slice {first:.0f}" if first == last else f"slices {first:.0f}–{last:.0f}"


def _swapped(evidence: Evidence) -> pd.DataFrame:
    without = evidence.once(OF_ANOTHER_CASE, lambda: of_another_case(evidence))
    return swapped_slices(evidence.slices, without)


def of_another_case(evidence: Evidence) -> np.ndarray:
    """Return the rows of slices that also occur in another case, but do not make both cases alike."""
    pairs = [evidence.equal_pairs, evidence.near_pairs]
    first, second = (
        np.concatenate([getattr(one, of) for one in pairs]) for of in ("first", "second")
    )
    cases = evidence.slices["case"]
    differ = cases.iloc[first].to_numpy() != cases.iloc[second].to_numpy()
    return np.unique(np.concatenate([first[differ], second[differ]]))


def _gaps(evidence: Evidence) -> pd.DataFrame:
    """Return one row per run of slice numbers that a case lacks."""
    numbers = evidence.slices[["case", "slice_number"]].drop_duplicates()
    before = numbers.groupby("case", sort=False)["slice_number"].shift()
    # Numbers may start at 0 or at 1; a case that starts later lacks its first slices.
    before = before.where(before.notna(), numbers["slice_number"].clip(upper=1) - 1)
    rows = numbers.assign(last=numbers["slice_number"] - 1, slice_number=before + 1)
    return rows[rows["last"] >= rows["slice_number"]]


def _repeated_numbers(evidence: Evidence) -> pd.DataFrame:
    """Return the slices that have the number of an earlier slice of their case."""
    slices = evidence.slices
    file = slices["image_path"].fillna(slices["mask_path"])
    first = file.groupby([slices["case"], slices["slice_number"]]).transform("first")
    repeated = slices.duplicated(["case", "slice_number"])
    return marked(slices.assign(first_file=first)[repeated], "image")


def _dark_slices(evidence: Evidence) -> pd.DataFrame:
    """Return the dark slices inside the head, then the cases without any head."""
    slices = evidence.slices.assign(brightness=brightness(evidence.slices))
    shows, measured = evidence.shows_head, slices["brightness"].notna()
    dark = measured & ~shows & ~evidence.is_constant & within_head(slices, shows)
    by_case = pd.DataFrame({"measured": measured, "shows": shows}).groupby(
        slices["case"], sort=False
    )
    never = by_case["measured"].any() & ~by_case["shows"].any()
    rows = marked(slices[dark], "image")
    columns = ["case", "slice_number", "what", "file", "brightness"]
    return pd.concat([rows[columns], pd.DataFrame({"case": never.index[never]})])


def _darkness(row: dict[str, Any]) -> str:
    if pd.isna(row["slice_number"]):
        return f"{row['case']} shows a head on none of its slices"
    return (
        f"is almost black ({row['brightness']:.0f} of 255), unlike the slices before and after it"
    )


def _constant_slices(evidence: Evidence) -> pd.DataFrame:
    slices = evidence.slices
    return marked(slices[evidence.is_constant & within_head(slices, evidence.shows_head)], "image")


def _blank_ends(evidence: Evidence) -> pd.DataFrame:
    """Return one row per end of a case with many dark slices."""
    slices = evidence.slices
    measured = brightness(slices).notna().groupby(slices["case"], sort=False).transform("all")
    shows = evidence.shows_head.groupby(slices["case"], sort=False)
    before, number = shows.cumsum(), shows.transform("sum")
    rows = slices[["case", "slice_number"]].assign(slices=shows.transform("size"))
    found = []
    for end in (before == 0, (before == number) & ~evidence.shows_head):
        of_end = rows[end & measured & (number > 0)]
        by_case = of_end.groupby("case", sort=False)["slice_number"]
        of_end = of_end.assign(last=by_case.transform("last"), blank=by_case.transform("size"))
        found.append(of_end.drop_duplicates("case"))
    ends = pd.concat(found).sort_index(kind="stable")
    return ends[ends["blank"] >= (LEAST_BLANK_SHARE * ends["slices"]).clip(lower=LEAST_BLANK)]


def _cases_with_comparable_slices(evidence: Evidence) -> coverage.Coverage:
    by_case = comparable(evidence.slices).groupby(evidence.slices["case"]).any()
    lacking = "show too few large cross-sections of the head"
    return coverage.counted("cases", by_case, pd.Series(True, by_case.index), lacking)


RULES = [
    warning(
        "slice_gap",
        rule="The slice numbers of a case have no gaps.",
        why="The volume lacks slices: tumour volume is too small, and slices that are not neighbours "
        "appear side by side.",
        remedy="copy the missing slices again from their source",
        coverage=coverage.cases,
        rows=_gaps,
        fact=lambda row: f"{row['case']} has no {numbered(row['slice_number'], row['last'])}",
    ),
    error(
        "slice_repeat",
        rule="Each slice number occurs once in a case.",
        why="It is unknown which file is the slice, and only the first is shown under this number.",
        remedy="remove or renumber one of the two files",
        coverage=coverage.slices,
        rows=_repeated_numbers,
        fact="has the same number as {first_file}",
    ),
    warning(
        "swapped_slices",
        rule="No two slices of a case have changed places.",
        why="Slices that are not neighbours appear side by side: volume, surface and reformatted views "
        "of the case are wrong.",
        remedy="compare both slices with their neighbours and renumber them",
        coverage=_cases_with_comparable_slices,
        rows=_swapped,
        fact="slices {slice_number} and {other} of {case} resemble the neighbours of each other",
    ),
    warning(
        "black_slice",
        rule="No slice inside the stack is almost black.",
        why="The image is lost there: a model sees nothing, and a mask on it cannot be verified.",
        remedy="export the slice again from its source",
        coverage=coverage.uint8_slices,
        rows=_dark_slices,
        fact=_darkness,
    ),
    warning(
        "constant_slice",
        rule="No slice inside the stack has a single value throughout.",
        why="The image is lost there: a model sees nothing, and a mask on it cannot be verified.",
        remedy="export the slice again from its source",
        coverage=coverage.uint8_slices,
        rows=_constant_slices,
        fact="has a single value in each sequence",
    ),
    info(
        "blank_end",
        rule="A stack does not extend far beyond the head.",
        why="Empty slices at the ends count as slices without tumour and lower the tumour's share.",
        remedy="no action needed, or exclude them where slices are counted",
        coverage=coverage.uint8_slices,
        rows=_blank_ends,
        fact=lambda row: (
            f"{row['case']} shows no head on {row['blank']} of {row['slices']} slices "
            f"({numbered(row['slice_number'], row['last'])})"
        ),
    ),
]
