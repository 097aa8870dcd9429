"""Scopes: how much of a cohort a check can decide on, so that nothing unread is called passed."""

from dataclasses import dataclass

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.volume import SEQUENCES

NO_TABLE = "there is no data.csv that could be used"


@dataclass(frozen=True)
class Scope:
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


def slices(cohort: Cohort) -> Scope:
    """Return all slices: what a check can tell from names alone."""
    return Scope("slices", len(cohort.slices))


def cases(cohort: Cohort) -> Scope:
    """Return all cases."""
    return Scope("cases", cohort.slices["case"].nunique())


def image_files(cohort: Cohort) -> Scope:
    """Return all image files, readable or not."""
    there = cohort.slices["image_path"].notna()
    return _scope("images", there, there, "")


def mask_files(cohort: Cohort) -> Scope:
    """Return all mask files, readable or not."""
    there = cohort.slices["mask_path"].notna()
    return _scope("masks", there, there, "")


def images_of_annotated_cases(cohort: Cohort) -> Scope:
    """Return the images of the cases that have any mask, for the others are another finding."""
    there = cohort.slices["image_path"].notna() & has_masks(cohort.slices)
    return _scope("images", there, there, "", "no case has a mask")


def images(cohort: Cohort) -> Scope:
    """Return the images that can be decoded, of all image files."""
    readable = cohort.slices["height"].notna()
    return _scope("images", readable, cohort.slices["image_path"].notna(), "cannot be decoded")


def masks(cohort: Cohort) -> Scope:
    """Return the masks that can be decoded, of all mask files."""
    readable = cohort.slices["mask_height"].notna()
    return _scope("masks", readable, cohort.slices["mask_path"].notna(), "cannot be decoded")


def pairs(cohort: Cohort) -> Scope:
    """Return the pairs whose two files can be decoded, of all pairs."""
    there = cohort.slices[["image_path", "mask_path"]].notna().all(axis=1)
    readable = cohort.slices[["height", "mask_height"]].notna().all(axis=1)
    return _scope("pairs", readable, there, "have a file that cannot be decoded")


def comparable_cases(cohort: Cohort) -> Scope:
    """Return the cases with a readable image of three channels."""
    comparable = (cohort.slices["channels"] == len(SEQUENCES)).fillna(False)
    return _cases_with(cohort, comparable, "have no readable image of three channels")


def cases_with_usable_masks(cohort: Cohort) -> Scope:
    """Return the cases with at least one mask that can be used."""
    return _cases_with(cohort, cohort.slices["area_px"].notna(), "have no usable mask")


def cases_if_table(cohort: Cohort) -> Scope:
    """Return all cases, or none without ``data.csv``."""
    number = cohort.slices["case"].nunique()
    return Scope("cases", 0, number, NO_TABLE) if cohort.patients is None else cases(cohort)


def rows_of_table(cohort: Cohort) -> Scope:
    """Return the rows of ``data.csv``, where it is there."""
    if cohort.patients is None:
        return Scope("rows", 0, 0, NO_TABLE)
    return Scope("rows", len(cohort.patients))


def has_masks(slices: pd.DataFrame) -> pd.Series:
    """Return, by slice, whether any slice of its case has a mask file."""
    return slices["mask_path"].notna().groupby(slices["case"]).transform("any")


def _cases_with(cohort: Cohort, decided: pd.Series, lacking: str) -> Scope:
    """Return the cases for which at least one slice tells."""
    can_tell = decided.groupby(cohort.slices["case"]).any()
    return _scope("cases", can_tell, pd.Series(True, can_tell.index), lacking)


def _scope(items: str, decided: pd.Series, there: pd.Series, lacking: str, none: str = "") -> Scope:
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
        return Scope(items, 0, 0, none or f"there are no {items}")
    left = total - checked
    return Scope(items, checked, left, f"{left} of {total} {items} {lacking}" if left else "")
