"""Coverages: how much of a cohort a check can decide on, so that nothing unread is called passed."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from brainseg.checks.evidence import Evidence
from brainseg.checks.foreground import brightness
from brainseg.volume import SEQUENCES

NO_TABLE = "there is no data.csv that could be used"
NO_HEAD = "no slice is known to show a head"
NO_BACKGROUND = "have no dark background around the head"

Mask = Callable[[pd.DataFrame], pd.Series]
"""From the index to bool by slice."""


@dataclass(frozen=True)
class Coverage:
    """The number of items that a check decided on and of those it could not, with the reason.

    Attributes:
        items: what is counted, in the plural.
        checked: number of items decided on.
        undecided: number of the other items.
        reason: why they are undecided; empty where every item was checked.
    """

    items: str
    checked: int
    undecided: int = 0
    reason: str = ""


def added(parts: list[Coverage]) -> Coverage:
    """Return the coverage of a cohort from those of its parts, at least one."""
    items, checked = parts[0].items, sum(part.checked for part in parts)
    undecided = sum(part.undecided for part in parts)
    reasons = [part.reason for part in parts if part.undecided or not checked + undecided]
    if not any(reasons):
        return Coverage(items, checked, undecided)
    first = next(part for part in parts if part.reason and part.reason in reasons)
    counts = f"{first.undecided} of {first.checked + first.undecided} {items} "
    if not undecided or not first.reason.startswith(counts):
        return Coverage(items, checked, undecided, first.reason)
    lacking = first.reason.removeprefix(counts)
    total = f"{undecided} of {checked + undecided} {items}"
    return Coverage(items, checked, undecided, f"{total} {lacking}")


Scope = Callable[[Evidence], Coverage]


def counted(
    items: str, decided: pd.Series, exist: pd.Series, lacking: str = "", none: str = ""
) -> Coverage:
    """Return a coverage from two bool columns over the same items.

    Args:
        items: what is counted, in the plural.
        decided: the items that can be decided on.
        exist: the items that exist.
        lacking: why the rest cannot be decided on, continuing "3 of 9 slices".
        none: why no item exists.
    """
    checked, total = int((decided & exist).sum()), int(exist.sum())
    if not total:
        return Coverage(items, 0, 0, none or f"there are no {items}")
    left = total - checked
    return Coverage(items, checked, left, f"{left} of {total} {items} {lacking}" if left else "")


def _rows(
    items: str, exist: Mask, decided: Mask | None = None, lacking: str = "", none: str = ""
) -> Scope:
    """Return a function that counts rows of the index; without ``decided``, each can be decided on."""

    def scope(evidence: Evidence) -> Coverage:
        slices = evidence.slices
        return counted(items, (decided or exist)(slices), exist(slices), lacking, none)

    return scope


def _cases(decided: Mask, lacking: str) -> Scope:
    """Return a function that counts the cases with at least one slice that decides."""

    def scope(evidence: Evidence) -> Coverage:
        by_case = decided(evidence.slices).groupby(evidence.slices["case"]).any()
        return counted("cases", by_case, pd.Series(True, by_case.index), lacking)

    return scope


def _has(*columns: str) -> Mask:
    return lambda slices: slices[list(columns)].notna().all(axis=1)


def has_tumour(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether its mask can be used and shows tumour."""
    return (slices["area_px"] > 0).fillna(False)


def has_masks(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether any slice of its case has a mask file."""
    return slices["mask_path"].notna().groupby(slices["case"]).transform("any")


def _has_neighbour(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether it has a usable mask and the slice before or after it has one."""
    usable = slices["area_px"].notna()
    number = slices["slice_number"].where(usable).groupby(slices["case"], sort=False)
    return usable & ((number.diff() == 1) | (number.diff(-1) == -1))


slices = _rows("slices", _has("case"))
cases = _cases(_has("case"), "")
image_files = _rows("images", _has("image_path"))
mask_files = _rows("masks", _has("mask_path"))
images = _rows("images", _has("image_path"), _has("height"), "cannot be decoded")
masks = _rows("masks", _has("mask_path"), _has("mask_height"), "cannot be decoded")
pairs = _rows(
    "pairs",
    _has("image_path", "mask_path"),
    _has("height", "mask_height"),
    "have a file that cannot be decoded",
)
images_of_annotated_cases = _rows(
    "images",
    lambda slices: slices["image_path"].notna() & has_masks(slices),
    none="no case has a mask",
)
uint8_slices = _rows(
    "slices",
    _has("image_path"),
    lambda slices: brightness(slices).notna(),
    "cannot be used, or are not stored as uint8",
)
tumours = _rows("slices with tumour", has_tumour)
tumours_in_heads = _rows("slices with tumour", has_tumour, _has("outside_head_px"), NO_BACKGROUND)
neighbouring_masks = _rows(
    "masks",
    _has("mask_path"),
    _has_neighbour,
    "have no usable mask beside them, or none themselves",
)
comparable_cases = _cases(
    lambda slices: (slices["channels"] == len(SEQUENCES)).fillna(False),
    "have no readable image of three channels",
)
cases_with_usable_masks = _cases(_has("area_px"), "have no usable mask")


def files(evidence: Evidence) -> Coverage:
    """Return all image and mask files, readable or not."""
    exist = evidence.slices[["image_path", "mask_path"]].notna().stack()
    return counted("files", exist, exist)


def decoded_files(evidence: Evidence) -> Coverage:
    """Return the image and mask files that can be decoded, of all."""
    exist, decoded = (
        pd.concat([evidence.slices[column].notna() for column in columns], ignore_index=True)
        for columns in (("image_path", "mask_path"), ("height", "mask_height"))
    )
    return counted("files", decoded, exist, "cannot be decoded")


def volumes(evidence: Evidence) -> Coverage:
    """Return the cases of NIfTI and DICOM files."""
    number = int(evidence.slices["source"].notna().sum())
    return Coverage("volumes", number, 0, "" if number else "there are no volumes")


def cases_if_table(evidence: Evidence) -> Coverage:
    """Return all cases; none of them is checked without ``data.csv``."""
    number = cases(evidence).checked
    return Coverage("cases", 0, number, NO_TABLE) if evidence.patients is None else cases(evidence)


def rows_of_table(evidence: Evidence) -> Coverage:
    """Return the rows of ``data.csv``."""
    if evidence.patients is None:
        return Coverage("rows", 0, 0, NO_TABLE)
    return Coverage("rows", len(evidence.patients))


def heads(evidence: Evidence) -> Coverage:
    """Return the slices that show the head in full size, of those that show it at all."""
    large = evidence.slices["fingerprint"].notna()
    exist = evidence.shows_head | large
    return counted("slices", large, exist, "show too little of the head", NO_HEAD)
