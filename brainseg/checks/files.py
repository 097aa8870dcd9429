"""Rules on files: each is present, intact, and a single page."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error, files_where, info, slices_where, warning
from brainseg.io.limits import DAMAGED

_PAGES = {"image": "pages", "mask": "mask_pages"}


def _is_empty(slices: pd.DataFrame, what: str) -> pd.Series:
    return (slices[f"{what}_bytes"] == 0).fillna(False).astype(bool)


def _is_damaged(slices: pd.DataFrame, what: str) -> pd.Series:
    return (slices[f"{what}_error"] == DAMAGED).fillna(False).astype(bool)


def _is_unreadable(slices: pd.DataFrame, what: str, height: str) -> pd.Series:
    """Return, by slice, whether an intact file cannot be decoded."""
    unread = slices[f"{what}_path"].notna() & slices[height].isna()
    if what == "mask":  # that of a volume has a rule of its own
        unread &= ~slices["case"].isin(slices["case"][slices["source"].notna()])
    return unread & ~_is_empty(slices, what) & ~_is_damaged(slices, what)


def _cases_without_masks(evidence: Evidence) -> pd.DataFrame:
    slices = evidence.slices[~coverage.has_masks(evidence.slices)]
    return slices.groupby("case", sort=False).size().reset_index(name="images")


RULES = [
    error(
        "empty_file",
        rule="No file is empty.",
        why="The copy was interrupted or the disk was full; other files may be damaged too.",
        remedy="copy the file again from its source",
        coverage=coverage.files,
        rows=files_where(_is_empty),
        fact="has 0 bytes",
    ),
    error(
        "damaged_file",
        rule="No file is truncated or damaged.",
        why="Some viewers would show it with invented pixels, so the whole file is refused.",
        remedy="copy the file again from its source",
        coverage=coverage.files,
        rows=files_where(_is_damaged),
        fact="is incomplete or damaged",
    ),
    error(
        "unreadable_image",
        rule="Each intact image file can be decoded.",
        why="The slice cannot be shown and is excluded from statistics and training.",
        remedy="copy the file again from its source",
        coverage=coverage.image_files,
        rows=slices_where("image", lambda slices: _is_unreadable(slices, "image", "height")),
        fact="is unreadable ({image_error})",
    ),
    error(
        "unreadable_mask",
        rule="Each intact mask file can be decoded.",
        why="The slice is excluded from statistics and training.",
        remedy="copy the file again from its source",
        coverage=coverage.mask_files,
        rows=slices_where("mask", lambda slices: _is_unreadable(slices, "mask", "mask_height")),
        fact="is unreadable ({mask_error})",
    ),
    error(
        "orphan_mask",
        rule="Each mask has its image.",
        why="A mask cannot be used without its image; the copy may be incomplete.",
        remedy="restore the image or remove the mask",
        coverage=coverage.mask_files,
        rows=slices_where("mask", lambda slices: slices["image_path"].isna()),
        fact="has no image next to it",
    ),
    error(
        "missing_mask",
        rule="Each image of a case with masks has its mask.",
        why="It is unknown whether the slice shows a tumour, so it is excluded from statistics and "
        "training.",
        remedy="restore the mask or remove the slice",
        coverage=coverage.images_of_annotated_cases,
        rows=slices_where(
            "image", lambda slices: coverage.has_masks(slices) & slices["mask_path"].isna()
        ),
        fact="has no mask next to it",
    ),
    warning(
        "case_without_masks",
        rule="Each case has masks.",
        why="The case can be shown and predicted, but not used for training or scoring.",
        remedy="add its masks, named with mask or seg, or use the case for prediction only",
        coverage=coverage.cases,
        rows=_cases_without_masks,
        fact="{case} has {images} image(s) and no mask",
    ),
    warning(
        "multipage",
        rule="Each image and mask file has one page.",
        why="Only the first page is read.",
        remedy="save each page as a separate slice",
        coverage=coverage.decoded_files,
        rows=files_where(lambda slices, what: slices[_PAGES[what]] > 1),
        fact=lambda row: f"has {row[_PAGES[row['what']]]} pages, expected 1",
    ),
    info(
        "converted_file",
        rule="Each image and mask is stored upright, as plain grey or RGB.",
        why="It is converted on reading; other programs may show it differently.",
        remedy="no action needed, or save it upright as 8-bit grey or RGB",
        coverage=coverage.decoded_files,
        rows=files_where(
            lambda slices, what: slices[f"{what}_notes"].notna() & (slices[f"{what}_notes"] != "")
        ),
        fact=lambda row: f"was converted: {row[row['what'] + '_notes'].replace(chr(10), '; ')}",
    ),
]
