"""Checks of files: is each there, whole, and one page of an image or of its mask."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.io import DAMAGED


@kind(
    "error",
    checks="No file is empty.",
    why="The copy was broken off, or the disk was full: other files of it may be damaged too.",
    remedy="copy the file again from its source",
    scope=coverage.files,
)
def check_empty_file(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image or mask file of 0 bytes."""
    return [
        found
        for what in ("image", "mask")
        for found in on_slices(
            "empty_file",
            evidence.slices[_is_empty(evidence.slices, what)],
            what,
            lambda r: "has 0 bytes",
        )
    ]


@kind(
    "error",
    checks="No file is cut short or damaged inside.",
    why="A viewer may show it all the same, with pixels that nobody stored, so it is refused whole.",
    remedy="copy the file again from its source",
    scope=coverage.files,
)
def check_damaged_file(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image or mask file that is not whole."""
    return [
        found
        for what in ("image", "mask")
        for found in on_slices(
            "damaged_file",
            evidence.slices[_is_damaged(evidence.slices, what)],
            what,
            lambda r: "is incomplete or damaged",
        )
    ]


@kind(
    "error",
    checks="Each image file that is whole can be decoded.",
    why="The slice is shown nowhere and counts in no statistic.",
    remedy="copy the file again from its source",
    scope=coverage.image_files,
)
def check_unreadable_image(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image file that cannot be decoded and is neither empty nor cut."""
    slices = evidence.slices
    rows = slices[slices["image_path"].notna() & slices["height"].isna()]
    rows = rows[~_is_empty(rows, "image") & ~_is_damaged(rows, "image")]
    return on_slices(
        "unreadable_image", rows, "image", lambda r: f"is unreadable ({r.image_error})"
    )


@kind(
    "error",
    checks="Each mask file that is whole can be decoded.",
    why="The slice is left out of statistics and training.",
    remedy="copy the file again from its source",
    scope=coverage.mask_files,
)
def check_unreadable_mask(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask file that cannot be decoded and is neither empty nor cut."""
    slices = evidence.slices
    rows = slices[slices["mask_path"].notna() & slices["mask_height"].isna()]
    rows = rows[~_is_empty(rows, "mask") & ~_is_damaged(rows, "mask")]
    return on_slices("unreadable_mask", rows, "mask", lambda r: f"is unreadable ({r.mask_error})")


@kind(
    "error",
    checks="Each mask has its image.",
    why="Nothing can be trained on or compared: the copy may be incomplete.",
    remedy="restore the image or remove the mask",
    scope=coverage.mask_files,
)
def check_orphan_mask(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask without its image."""
    rows = evidence.slices[evidence.slices["image_path"].isna()]
    return on_slices("orphan_mask", rows, "mask", lambda r: "has no image beside it")


@kind(
    "error",
    checks="Each image of a case with masks has its mask.",
    why="Nobody knows whether the slice shows a tumour, so it is left out of statistics and training.",
    remedy="restore the mask or remove the slice",
    scope=coverage.images_of_annotated_cases,
)
def check_missing_mask(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image without its mask, in the cases that have masks."""
    rows = evidence.slices[
        coverage.has_masks(evidence.slices) & evidence.slices["mask_path"].isna()
    ]
    return on_slices("missing_mask", rows, "image", lambda r: "has no mask beside it")


@kind(
    "warning",
    checks="Each case has masks.",
    why="The case can be shown and predicted, but neither trained on nor scored.",
    remedy="add its masks as <stem>_mask.tif, or leave it as a case to predict",
    scope=coverage.cases,
)
def check_case_without_masks(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case that has no mask at all."""
    slices = evidence.slices
    rows = slices[~coverage.has_masks(slices)].groupby("case", sort=False).size()
    return [
        finding("case_without_masks", case, f"{case} has {number} image(s) and no mask")
        for case, number in rows.items()
    ]


@kind(
    "warning",
    checks="Each image and mask file holds one page.",
    why="Only the first page is read.",
    remedy="save each page as a slice of its own",
    scope=coverage.decoded_files,
)
def check_multipage(evidence: Evidence) -> list[Finding]:
    """Return a finding for each file with more than one page."""
    slices = evidence.slices
    images = slices[(slices["pages"] > 1).fillna(False)]
    masks = slices[(slices["mask_pages"] > 1).fillna(False)]
    return [
        *on_slices("multipage", images, "image", lambda r: f"holds {r.pages} pages, expected 1"),
        *on_slices("multipage", masks, "mask", lambda r: f"holds {r.mask_pages} pages, expected 1"),
    ]


@kind(
    "info",
    checks="Each image and mask is stored upright, as plain grey or RGB.",
    why="It is converted on reading; other programs may show it in another way.",
    remedy="nothing is to be done, or save it upright as 8-bit grey or RGB",
    scope=coverage.decoded_files,
)
def check_converted_file(evidence: Evidence) -> list[Finding]:
    """Return a finding for each file whose colours or orientation were converted."""
    found = []
    for what in ("image", "mask"):
        notes = evidence.slices[f"{what}_notes"]
        rows = evidence.slices[notes.notna() & (notes != "")]
        rows = rows.assign(notes=rows[f"{what}_notes"].str.replace("\n", "; "))
        found += on_slices("converted_file", rows, what, lambda r: f"was converted: {r.notes}")
    return found


def _is_empty(slices: pd.DataFrame, what: str) -> pd.Series:
    return (slices[f"{what}_bytes"] == 0).fillna(False).astype(bool)


def _is_damaged(slices: pd.DataFrame, what: str) -> pd.Series:
    return (slices[f"{what}_error"] == DAMAGED).fillna(False).astype(bool)
