"""Rules on masks: the size of the image, two values, one channel."""

import numpy as np
import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error, info, marked, slices_where, warning
from brainseg.cohort.slice_rows import MOST_VALUES
from brainseg.io.masks import INSIDE, RIM_OF_INVERTED


def _listed(values: str) -> str:
    """Return the index's mask values as text; the index contains only the first few."""
    several = values.split()
    return ", ".join(several) + (" and more" if len(several) == MOST_VALUES else "")


def _is_within(slices: pd.DataFrame, inside: str) -> pd.Series:
    """Return, by slice, whether a mask has no value except 0 and one other."""
    code, values = pd.factorize(slices["mask_values"])  # few masks differ in their values
    within = [*(set(one.split()) <= {"0", inside} for one in values), False]  # missing: -1
    return pd.Series(np.array(within)[code], slices.index)


def _has_other_values(slices: pd.DataFrame) -> pd.Series:
    known = slices["mask_values"].notna()
    known &= slices["label_px"].isna()
    return known & ~np.any([_is_within(slices, str(inside)) for inside in INSIDE], axis=0)


def _has_other_channels(slices: pd.DataFrame) -> pd.Series:
    return (slices["mask_channels"] != 1) & slices["label_px"].isna()


def _differs_in_size(slices: pd.DataFrame) -> pd.Series:
    return (slices["height"] != slices["mask_height"]) | (slices["width"] != slices["mask_width"])


def _inverted_masks(evidence: Evidence) -> pd.DataFrame:
    slices = evidence.slices
    covers = (slices["mask_rim_share"] > RIM_OF_INVERTED) & slices["area_px"].notna()
    share = (slices["area_px"] / (slices["height"] * slices["width"])).astype("float64")
    return marked(slices.assign(share=share)[covers], "mask")


RULES = [
    error(
        "mask_shape",
        rule="Each mask has the height and width of its image.",
        why="The mask cannot be overlaid on its image, so the slice is excluded from statistics and "
        "training.",
        remedy="restore the mask or remove the slice",
        coverage=coverage.pairs,
        rows=slices_where("mask", _differs_in_size),
        fact="is {mask_height}x{mask_width}, its image {height}x{width}",
    ),
    error(
        "mask_channels",
        rule="Each mask has one channel.",
        why="It is unknown which channel is the mask, so the slice is excluded from statistics and "
        "training.",
        remedy="save the mask as one grey channel",
        coverage=coverage.masks,
        rows=slices_where("mask", _has_other_channels),
        fact="has {mask_channels} channels, expected 1",
    ),
    error(
        "mask_values",
        rule="Each mask contains 0 and one other value, or labels as most masks of the cohort do.",
        why="The meaning of other values is unknown (labels, or a lossy copy), so the slice is "
        "excluded from statistics and training.",
        remedy="save the mask with 0 outside and 255 inside",
        coverage=coverage.masks,
        rows=slices_where("mask", _has_other_values),
        fact=lambda row: f"contains the values {_listed(row['mask_values'])}, expected 0 and 255",
    ),
    warning(
        "inverted_mask",
        rule="No mask covers more than half of the border of its image.",
        why="The border lies outside the head, so the mask is probably inverted (0 inside the tumour, "
        "255 around it) and all figures of the slice count the wrong pixels.",
        remedy="check the slice, and save the mask with 0 outside and 255 inside",
        coverage=coverage.masks,
        rows=_inverted_masks,
        fact="covers {share:.0%} of the slice and {mask_rim_share:.0%} of its rim: inverted?",
    ),
    info(
        "mask_of_ones",
        rule="Each mask contains 0 and 255.",
        why="It is read correctly, but other programs show it as black.",
        remedy="no action needed, or save it with 255 inside",
        coverage=coverage.masks,
        rows=slices_where(
            "mask", lambda slices: _is_within(slices, "1") & (slices["mask_values"] != "0")
        ),
        fact="contains the values 0 and 1, expected 0 and 255",
    ),
    info(
        "mask_dtype",
        rule="Each mask is stored as uint8.",
        why="It is read correctly, but other programs may not open it.",
        remedy="no action needed, or save it as uint8",
        coverage=coverage.masks,
        rows=slices_where(
            "mask", lambda slices: slices["mask_dtype"].notna() & (slices["mask_dtype"] != "uint8")
        ),
        fact="is stored as {mask_dtype}, expected uint8",
    ),
]
