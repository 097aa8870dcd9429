"""Rules on images: size, type, channels, and valid pixels."""

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error, info, marked, slices_where, warning
from brainseg.io.limits import MIN_SIDE_PX
from brainseg.volume import SEQUENCES

_CHANNELS = [1, len(SEQUENCES)]


def _usable(evidence: Evidence) -> pd.DataFrame:
    """Return the places and sizes of the slices whose image can be used; others report the rest."""
    slices = evidence.slices
    columns = ["case", "slice_number", "image_path", "height", "width"]
    return slices.loc[slices["height"].notna() & slices["image_use_error"].isna(), columns]


def _usual_sizes(usable: pd.DataFrame) -> pd.DataFrame:
    """Return ``case``, ``height`` and ``width``: the most common size of the case's slices."""
    sizes = usable.groupby(["case", "height", "width"], sort=False).size().rename("n").reset_index()
    most = sizes.sort_values("n", ascending=False, kind="stable").drop_duplicates("case")
    return most.drop(columns="n").sort_index()


def _slices_of_another_size(evidence: Evidence) -> pd.DataFrame:
    slices = _usable(evidence)
    rows = slices.merge(_usual_sizes(slices), on="case", suffixes=("", "_usual"), how="left")
    differs = (rows["height"] != rows["height_usual"]) | (rows["width"] != rows["width_usual"])
    return marked(rows[differs], "image")


def _cases_of_another_size(evidence: Evidence) -> pd.DataFrame:
    usual = _usual_sizes(_usable(evidence))
    sizes = usual.groupby(["height", "width"]).size()
    if len(sizes) < 2:
        return usual.head(0)
    height, width = sizes.idxmax()
    differs = (usual["height"] != height) | (usual["width"] != width)
    return usual[differs].assign(most=f"{height}x{width}")


def _is_small(slices: pd.DataFrame) -> pd.Series:
    return (slices[["height", "width"]].min(axis=1) < MIN_SIDE_PX).fillna(False)


def _has_bad_pixels(slices: pd.DataFrame) -> pd.Series:
    large = slices["height"].notna() & ~_is_small(slices)
    return large & slices["channels"].isin(_CHANNELS) & slices["image_use_error"].notna()


RULES = [
    error(
        "case_shape",
        rule="All images of a case have the same height and width.",
        why="The slice cannot be stacked with the others, so it is excluded from the volume.",
        remedy="export the slice again at the size of its case, or remove it",
        coverage=coverage.images,
        rows=_slices_of_another_size,
        fact="is {height}x{width}, most slices of the case are {height_usual}x{width_usual}",
    ),
    error(
        "small_image",
        rule=f"Each image is at least {MIN_SIDE_PX} px high and wide.",
        why="The image is too small to segment, so the slice is excluded from its case.",
        remedy="export the image at full size or remove it",
        coverage=coverage.images,
        rows=slices_where("image", _is_small),
        fact=f"is {{height}}x{{width}} px, the minimum is {MIN_SIDE_PX}x{MIN_SIDE_PX} px",
    ),
    error(
        "image_channels",
        rule="Each image has one or three channels.",
        why="It is unknown which channel is which sequence, so the slice is excluded from its case.",
        remedy="export pre-contrast, FLAIR and post-contrast as one RGB image",
        coverage=coverage.images,
        rows=slices_where(
            "image",
            lambda slices: slices["channels"].notna() & ~slices["channels"].isin(_CHANNELS),
        ),
        fact="has {channels} channels, expected 3",
    ),
    error(
        "image_pixels",
        rule="All pixels of an image are valid numbers.",
        why="The slice cannot be shown and is excluded from statistics and training.",
        remedy="export the image again without invalid pixels, or remove it",
        coverage=coverage.images,
        rows=slices_where("image", _has_bad_pixels),
        fact="has {image_use_error}",
    ),
    warning(
        "grey_image",
        rule="Each image has the three sequences as channels.",
        why="The single channel is used for all three sequences, which a model trained on three "
        "different ones has not seen.",
        remedy="export the three sequences as one RGB image, or treat scores of this case with caution",
        coverage=coverage.images,
        rows=slices_where("image", lambda slices: slices["channels"] == 1),
        fact="has 1 channel, expected 3",
    ),
    warning(
        "image_dtype",
        rule="Each image is stored as uint8.",
        why="The images of a case are rescaled with one window per sequence, so brightness cannot be "
        "compared between cases.",
        remedy="no action needed, or export all cases as uint8 with one scale",
        coverage=coverage.images,
        rows=slices_where(
            "image", lambda slices: slices["dtype"].notna() & (slices["dtype"] != "uint8")
        ),
        fact="is stored as {dtype}, expected uint8",
    ),
    info(
        "cohort_shape",
        rule="All cases of the cohort have images of the same height and width.",
        why="A model sees cases of another size rescaled, and areas in px cannot be compared.",
        remedy="no action needed if the source is like this, but do not compare areas across sizes",
        coverage=coverage.images,
        rows=_cases_of_another_size,
        fact="{case} has images of {height}x{width} px, most cases have {most} px",
    ),
]
