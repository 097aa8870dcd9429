"""Checks of images: shape, type and channels, and pixels that are numbers."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import finding, kind, on_slices
from brainseg.io import MIN_SIDE_PX
from brainseg.volume import SEQUENCES


@kind(
    "error",
    checks="All images of a case have one height and width.",
    why="The slice cannot be stacked with the others, so it is left out of the volume.",
    remedy="export the slice again in the size of its case or remove it",
    scope=coverage.images,
)
def check_case_shape(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image whose size is not the one that most of its case have."""
    # Slices that cannot be used at all are another finding.
    slices = evidence.slices[evidence.slices["height"].notna()]
    slices = slices[slices["image_use_error"].isna()]
    rows = slices.merge(_usual_sizes(slices), on="case", suffixes=("", "_usual"), how="left")
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
    scope=coverage.images,
)
def check_small_image(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image with a side below the smallest that a model takes."""
    slices = evidence.slices
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
    scope=coverage.images,
)
def check_image_channels(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image with neither three channels nor one."""
    rows = evidence.slices[(~evidence.slices["channels"].isin([1, len(SEQUENCES)])).fillna(False)]
    rows = rows[rows["channels"].notna()]
    return on_slices(
        "image_channels", rows, "image", lambda r: f"has {r.channels} channels, expected 3"
    )


@kind(
    "error",
    checks="The pixels of each image are numbers.",
    why="The slice cannot be shown, and is left out of statistics and training.",
    remedy="export the image again without invalid pixels or remove it",
    scope=coverage.images,
)
def check_image_pixels(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image of good shape whose pixels cannot be used."""
    slices = evidence.slices
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
    scope=coverage.images,
)
def check_grey_image(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image with one channel."""
    rows = evidence.slices[(evidence.slices["channels"] == 1).fillna(False)]
    return on_slices("grey_image", rows, "image", lambda r: "has 1 channel, expected 3")


@kind(
    "warning",
    checks="Each image is stored as uint8.",
    why="The images of a case are rescaled by one window for each sequence, so their brightness "
    "cannot be compared between cases.",
    remedy="nothing is to be done, or export all cases as uint8 with one scale",
    scope=coverage.images,
)
def check_image_dtype(evidence: Evidence) -> list[Finding]:
    """Return a finding for each image that is not stored as uint8."""
    dtype = evidence.slices["dtype"]
    rows = evidence.slices[dtype.notna() & (dtype != "uint8")]
    return on_slices(
        "image_dtype", rows, "image", lambda r: f"is stored as {r.dtype}, expected uint8"
    )


@kind(
    "info",
    checks="All cases of the cohort have images of one height and width.",
    why="A model sees the cases of another size scaled, and areas in px cannot be compared with theirs.",
    remedy="nothing is to be done if the source was so, but do not compare areas across sizes",
    scope=coverage.images,
)
def check_cohort_shape(evidence: Evidence) -> list[Finding]:
    """Return a finding for each case whose size is not the one that most cases have."""
    usual = _usual_sizes(evidence.slices)
    sizes = usual.groupby(["height", "width"]).size()
    if len(sizes) < 2:
        return []
    height, width = sizes.idxmax()
    rows = usual[(usual["height"] != height) | (usual["width"] != width)]
    return [
        finding(
            "cohort_shape",
            row.case,
            f"{row.case} is of {row.height}x{row.width} px, most cases are of {height}x{width} px",
        )
        for row in rows.itertuples()
    ]


def _usual_sizes(slices: pd.DataFrame) -> pd.DataFrame:
    """Return ``case``, ``height`` and ``width``, the size most of its slices that can be used have."""
    usable = slices[slices["height"].notna() & slices["image_use_error"].isna()]
    sizes = usable.groupby(["case", "height", "width"], sort=False).size().rename("n").reset_index()
    most = sizes.sort_values("n", ascending=False, kind="stable").drop_duplicates("case")
    return most.drop(columns="n").sort_index()
