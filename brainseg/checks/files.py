"""Checks of single files: can it be decoded, and is it the image or mask that the rest expects."""

from brainseg.checks import scopes
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.cohort import Cohort
from brainseg.findings import Finding
from brainseg.formats import MIN_SIDE_PX
from brainseg.index import MOST_VALUES
from brainseg.volume import SEQUENCES


@kind(
    "error",
    checks="Each image can be decoded.",
    why="The slice is shown nowhere and counts in no statistic.",
    remedy="copy the file again from its source",
    scope=scopes.image_files,
)
def check_unreadable_image(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image file that cannot be decoded."""
    slices = cohort.slices
    rows = slices[slices["image_path"].notna() & slices["height"].isna()]
    return on_slices(
        "unreadable_image", rows, "image", lambda r: f"is unreadable ({r.image_error})"
    )


@kind(
    "error",
    checks="Each mask has its image.",
    why="Nothing can be trained on or compared: the copy may be incomplete.",
    remedy="restore the image or remove the mask",
    scope=scopes.mask_files,
)
def check_orphan_mask(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask without its image."""
    rows = cohort.slices[cohort.slices["image_path"].isna()]
    return on_slices("orphan_mask", rows, "mask", lambda r: "has no image beside it")


@kind(
    "error",
    checks="Each image of a case with masks has its mask.",
    why="Nobody knows whether the slice shows a tumour, so it is left out of statistics and training.",
    remedy="restore the mask or remove the slice",
    scope=scopes.images_of_annotated_cases,
)
def check_missing_mask(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image without its mask, in the cases that have masks."""
    rows = cohort.slices[scopes.has_masks(cohort.slices) & cohort.slices["mask_path"].isna()]
    return on_slices("missing_mask", rows, "image", lambda r: "has no mask beside it")


@kind(
    "warning",
    checks="Each case has masks.",
    why="The case can be shown and predicted, but neither trained on nor scored.",
    remedy="add its masks as <stem>_mask.tif, or leave it as a case to predict",
    scope=scopes.cases,
)
def check_case_without_masks(cohort: Cohort) -> list[Finding]:
    """Return a finding for each case that has no mask at all."""
    slices = cohort.slices
    rows = slices[~scopes.has_masks(slices)].groupby("case", sort=False).size()
    return [
        finding("case_without_masks", case, f"{case} has {number} image(s) and no mask")
        for case, number in rows.items()
    ]


@kind(
    "error",
    checks="Each mask can be decoded.",
    why="The slice is left out of statistics and training.",
    remedy="copy the file again from its source",
    scope=scopes.mask_files,
)
def check_unreadable_mask(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask file that cannot be decoded."""
    slices = cohort.slices
    rows = slices[slices["mask_path"].notna() & slices["mask_height"].isna()]
    return on_slices("unreadable_mask", rows, "mask", lambda r: f"is unreadable ({r.mask_error})")


@kind(
    "error",
    checks="Each mask has the height and width of its image.",
    why="The mask cannot be laid over its image, so the slice is left out of statistics and training.",
    remedy="restore the mask or remove the slice",
    scope=scopes.pairs,
)
def check_mask_shape(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask whose height or width is not its image's."""
    slices = cohort.slices
    differs = (slices["height"] != slices["mask_height"]) | (
        slices["width"] != slices["mask_width"]
    )
    rows = slices[differs.fillna(False)]
    return on_slices(
        "mask_shape",
        rows,
        "mask",
        lambda r: f"is {r.mask_height}x{r.mask_width}, its image {r.height}x{r.width}",
    )


@kind(
    "error",
    checks="All images of a case have one height and width.",
    why="The slice cannot be stacked with the others, so it is left out of the volume.",
    remedy="export the slice again in the size of its case or remove it",
    scope=scopes.images,
)
def check_case_shape(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image whose size is not the one that most of its case have."""
    # The usual size is of the slices that can be used, as for Case.readable.
    slices = cohort.slices[cohort.slices["height"].notna()]
    slices = slices[slices["image_use_error"].isna()]
    sizes = slices.groupby(["case", "height", "width"]).size().rename("n").reset_index()
    usual = sizes.sort_values("n", ascending=False, kind="stable").drop_duplicates("case")
    rows = slices.merge(usual, on="case", suffixes=("", "_usual"), how="left")
    rows = rows[(rows["height"] != rows["height_usual"]) | (rows["width"] != rows["width_usual"])]
    return on_slices(
        "case_shape",
        rows,
        "image",
        lambda r: (
            f"is {r.height}x{r.width}, most slices of the case are {r.height_usual}x{r.width_usual}"
        ),
    )


@kind(
    "error",
    checks="Each image has at least 32 px a side.",
    why="The image is too small to segment, so the slice is left out of its case.",
    remedy="export the image in full size or remove it",
    scope=scopes.images,
)
def check_small_image(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image with a side below the smallest that a model takes."""
    slices = cohort.slices
    rows = slices[(slices[["height", "width"]].min(axis=1) < MIN_SIDE_PX).fillna(False)]
    return on_slices(
        "small_image",
        rows,
        "image",
        lambda r: f"is {r.height}x{r.width}, at least {MIN_SIDE_PX} px a side are needed",
    )


@kind(
    "error",
    checks="Each image has three channels, or one.",
    why="Which channel is which sequence is unknown, so the slice is left out of its case.",
    remedy="export the three sequences pre-contrast, FLAIR and post-contrast as one RGB image",
    scope=scopes.images,
)
def check_image_channels(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image with neither three channels nor one."""
    rows = cohort.slices[(~cohort.slices["channels"].isin([1, len(SEQUENCES)])).fillna(False)]
    rows = rows[rows["channels"].notna()]
    return on_slices(
        "image_channels", rows, "image", lambda r: f"has {r.channels} channels, expected 3"
    )


@kind(
    "error",
    checks="The pixels of each image are numbers.",
    why="The slice cannot be shown, and is left out of statistics and training.",
    remedy="export the image again without invalid pixels or remove it",
    scope=scopes.images,
)
def check_image_pixels(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image of good shape whose pixels cannot be used."""
    slices = cohort.slices
    good_shape = (slices[["height", "width"]].min(axis=1) >= MIN_SIDE_PX).fillna(False)
    good_shape &= slices["channels"].isin([1, len(SEQUENCES)])
    rows = slices[good_shape & slices["image_use_error"].notna()]
    return on_slices("image_pixels", rows, "image", lambda r: f"has {r.image_use_error}")


@kind(
    "warning",
    checks="Each image has the three sequences as channels.",
    why="The one channel stands in for all three sequences; a model that was "
    "trained on three sees something else.",
    remedy="export the three sequences as one RGB image, or read scores of this case with care",
    scope=scopes.images,
)
def check_grey_image(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image with one channel."""
    rows = cohort.slices[(cohort.slices["channels"] == 1).fillna(False)]
    return on_slices("grey_image", rows, "image", lambda r: "has 1 channel, expected 3")


@kind(
    "warning",
    checks="Each image is stored as uint8.",
    why="The image is rescaled from its own minimum and maximum, so its brightness "
    "cannot be compared between slices.",
    remedy="export it as uint8 with one scale for the whole case",
    scope=scopes.images,
)
def check_image_dtype(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image that is not stored as uint8."""
    dtype = cohort.slices["dtype"]
    rows = cohort.slices[dtype.notna() & (dtype != "uint8")]
    return on_slices(
        "image_dtype", rows, "image", lambda r: f"is stored as {r.dtype}, expected uint8"
    )


@kind(
    "warning",
    checks="Each image file holds one page.",
    why="Only the first page is read.",
    remedy="save each page as a slice of its own",
    scope=scopes.images,
)
def check_multipage(cohort: Cohort) -> list[Finding]:
    """Return a finding for each image file with more than one page."""
    rows = cohort.slices[(cohort.slices["pages"] > 1).fillna(False)]
    return on_slices("multipage", rows, "image", lambda r: f"holds {r.pages} pages, expected 1")


@kind(
    "error",
    checks="Each mask has one channel.",
    why="Which channel is the mask is unknown, so the slice is left out of statistics and training.",
    remedy="save the mask as one grey channel",
    scope=scopes.masks,
)
def check_mask_channels(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask with more than one channel."""
    rows = cohort.slices[(cohort.slices["mask_channels"] != 1).fillna(False)]
    return on_slices(
        "mask_channels", rows, "mask", lambda r: f"has {r.mask_channels} channels, expected 1"
    )


@kind(
    "error",
    checks="Each mask holds only 0 and 255, or only 0 and 1.",
    why="What the other values mean is unknown (labels, or a lossy copy), so the "
    "slice is left out of statistics and training.",
    remedy="save the mask with 0 outside and 255 inside",
    scope=scopes.masks,
)
def check_mask_values(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask whose values are neither {0, 255} nor {0, 1}."""
    slices = cohort.slices[cohort.slices["mask_values"].notna()]
    rows = slices[~slices["mask_values"].map(lambda v: _is_within(v, "255") or _is_within(v, "1"))]
    return on_slices(
        "mask_values",
        rows,
        "mask",
        lambda r: f"holds the values {_listed(r.mask_values)}, expected 0 and 255",
    )


@kind(
    "info",
    checks="Each mask holds 0 and 255.",
    why="It is read as a mask all the same; other programs show it as black.",
    remedy="nothing is to be done, or save it with 255 inside",
    scope=scopes.masks,
)
def check_mask_of_ones(cohort: Cohort) -> list[Finding]:
    """Return a finding for each mask whose values are {0, 1}."""
    slices = cohort.slices[cohort.slices["mask_values"].notna()]
    rows = slices[slices["mask_values"].map(lambda v: _is_within(v, "1") and v != "0")]
    return on_slices(
        "mask_of_ones", rows, "mask", lambda r: "holds the values 0 and 1, expected 0 and 255"
    )


def _listed(values: str) -> str:
    """Return the index's mask values for reading; it keeps only the first few."""
    several = values.split()
    return ", ".join(several) + (" and more" if len(several) == MOST_VALUES else "")


def _is_within(values: str, inside: str) -> bool:
    return set(values.split()) <= {"0", inside}
