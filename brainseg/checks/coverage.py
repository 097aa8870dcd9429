"""Coverages: how much of a cohort a check can decide on, so that nothing unread is called passed."""

from dataclasses import dataclass

import pandas as pd

from brainseg.checks.evidence import Evidence
from brainseg.checks.foreground import brightness
from brainseg.volume import SEQUENCES

NO_TABLE = "there is no data.csv that could be used"
NO_HEAD = "no slice is known to show a head"
NO_BACKGROUND = "have no dark background around the head"


@dataclass(frozen=True)
class Coverage:
    """How many items a check decided on, and how many it could not, with the reason.

    Attributes:
        items: what is counted, in the plural.
        checked: items decided on, count.
        undecided: items that could not be, count.
        reason: why not; empty where every item was checked.
    """

    items: str
    checked: int
    undecided: int = 0
    reason: str = ""


def slices(evidence: Evidence) -> Coverage:
    """Return all slices: what a check can tell from names alone."""
    return Coverage("slices", len(evidence.slices))


def cases(evidence: Evidence) -> Coverage:
    """Return all cases."""
    return Coverage("cases", evidence.slices["case"].nunique())


def image_files(evidence: Evidence) -> Coverage:
    """Return all image files, readable or not."""
    there = evidence.slices["image_path"].notna()
    return counted("images", there, there, "")


def mask_files(evidence: Evidence) -> Coverage:
    """Return all mask files, readable or not."""
    there = evidence.slices["mask_path"].notna()
    return counted("masks", there, there, "")


def files(evidence: Evidence) -> Coverage:
    """Return all image and mask files, readable or not."""
    number = int(evidence.slices[["image_path", "mask_path"]].notna().sum().sum())
    return Coverage("files", number)


def decoded_files(evidence: Evidence) -> Coverage:
    """Return the image and mask files that can be decoded, of all."""
    decoded = int(evidence.slices[["height", "mask_height"]].notna().sum().sum())
    left = files(evidence).checked - decoded
    reason = f"{left} of {decoded + left} files cannot be decoded" if left else ""
    return Coverage("files", decoded, left, reason)


def images_of_annotated_cases(evidence: Evidence) -> Coverage:
    """Return the images of the cases that have any mask, for the others are another finding."""
    there = evidence.slices["image_path"].notna() & has_masks(evidence.slices)
    return counted("images", there, there, "", "no case has a mask")


def images(evidence: Evidence) -> Coverage:
    """Return the images that can be decoded, of all image files."""
    readable = evidence.slices["height"].notna()
    return counted("images", readable, evidence.slices["image_path"].notna(), "cannot be decoded")


def masks(evidence: Evidence) -> Coverage:
    """Return the masks that can be decoded, of all mask files."""
    readable = evidence.slices["mask_height"].notna()
    return counted("masks", readable, evidence.slices["mask_path"].notna(), "cannot be decoded")


def pairs(evidence: Evidence) -> Coverage:
    """Return the pairs whose two files can be decoded, of all pairs."""
    there = evidence.slices[["image_path", "mask_path"]].notna().all(axis=1)
    readable = evidence.slices[["height", "mask_height"]].notna().all(axis=1)
    return counted("pairs", readable, there, "have a file that cannot be decoded")


def comparable_cases(evidence: Evidence) -> Coverage:
    """Return the cases with a readable image of three channels."""
    comparable = (evidence.slices["channels"] == len(SEQUENCES)).fillna(False)
    return _cases_with(evidence, comparable, "have no readable image of three channels")


def cases_with_usable_masks(evidence: Evidence) -> Coverage:
    """Return the cases with at least one mask that can be used."""
    return _cases_with(evidence, evidence.slices["area_px"].notna(), "have no usable mask")


def cases_if_table(evidence: Evidence) -> Coverage:
    """Return all cases, or none without ``data.csv``."""
    number = evidence.slices["case"].nunique()
    return Coverage("cases", 0, number, NO_TABLE) if evidence.patients is None else cases(evidence)


def rows_of_table(evidence: Evidence) -> Coverage:
    """Return the rows of ``data.csv``, where it is there."""
    if evidence.patients is None:
        return Coverage("rows", 0, 0, NO_TABLE)
    return Coverage("rows", len(evidence.patients))


def uint8_slices(evidence: Evidence) -> Coverage:
    """Return the slices whose brightness can be judged, of all image files."""
    there = evidence.slices["image_path"].notna()
    lacking = "cannot be used, or are not stored as uint8"
    return counted("slices", brightness(evidence.slices).notna(), there, lacking)


def heads(evidence: Evidence) -> Coverage:
    """Return the slices that show the head in full size, of those that show it at all."""
    shows = evidence.shows_head
    large = evidence.slices["fingerprint"].notna()
    return counted("slices", large, shows | large, "show too little of the head", NO_HEAD)


def tumours(evidence: Evidence) -> Coverage:
    """Return the slices with tumour: what is drawn, not how it is stored."""
    there = (evidence.slices["area_px"] > 0).fillna(False)
    return counted("slices with tumour", there, there, "")


def tumours_in_heads(evidence: Evidence) -> Coverage:
    """Return the slices with tumour whose head can be told from the air around it."""
    there = (evidence.slices["area_px"] > 0).fillna(False)
    told = evidence.slices["outside_head_px"].notna()
    return counted("slices with tumour", told, there, NO_BACKGROUND)


def neighbouring_masks(evidence: Evidence) -> Coverage:
    """Return the slices whose mask can be compared with that of a slice beside it."""
    there = evidence.slices["mask_path"].notna()
    lacking = "have no usable mask beside them, or none themselves"
    return counted("masks", has_neighbour(evidence.slices), there, lacking)


def has_neighbour(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether it has a usable mask and the slice before or after it has one."""
    usable = slices["area_px"].notna()
    number = slices["slice_number"].where(usable)
    by_case = number.groupby(slices["case"], sort=False)
    beside = (by_case.diff() == 1) | (by_case.diff(-1) == -1)
    return usable & beside


def has_masks(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether any slice of its case has a mask file."""
    return slices["mask_path"].notna().groupby(slices["case"]).transform("any")


def _cases_with(evidence: Evidence, decided: pd.Series, lacking: str) -> Coverage:
    """Return the cases for which at least one slice tells."""
    can_tell = decided.groupby(evidence.slices["case"]).any()
    return counted("cases", can_tell, pd.Series(True, can_tell.index), lacking)


def counted(
    items: str, decided: pd.Series, there: pd.Series, lacking: str, none: str = ""
) -> Coverage:
    """Return a scope from two bool columns over the same items.

    Args:
        items: what is counted, in the plural.
        decided: the items that can be decided on.
        there: the items there are.
        lacking: why the rest cannot be.
        none: why there is no item at all.
    """
    checked, total = int((decided & there).sum()), int(there.sum())
    if not total:
        return Coverage(items, 0, 0, none or f"there are no {items}")
    left = total - checked
    return Coverage(items, checked, left, f"{left} of {total} {items} {lacking}" if left else "")
