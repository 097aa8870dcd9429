"""Checks of masks: does each fit its image, and hold two values in one channel."""

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.finding import Finding
from brainseg.checks.registry import kind, on_slices
from brainseg.cohort.index import MOST_VALUES
from brainseg.io.masks import RIM_OF_INVERTED


@kind(
    "error",
    checks="Each mask has the height and width of its image.",
    why="The mask cannot be laid over its image, so the slice is left out of statistics and training.",
    remedy="restore the mask or remove the slice",
    scope=coverage.pairs,
)
def check_mask_shape(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask whose height or width is not its image's."""
    slices = evidence.slices
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
    checks="Each mask has one channel.",
    why="Which channel is the mask is unknown, so the slice is left out of statistics and training.",
    remedy="save the mask as one grey channel",
    scope=coverage.masks,
)
def check_mask_channels(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask with more than one channel."""
    rows = evidence.slices[(evidence.slices["mask_channels"] != 1).fillna(False)]
    return on_slices(
        "mask_channels", rows, "mask", lambda r: f"has {r.mask_channels} channels, expected 1"
    )


@kind(
    "error",
    checks="Each mask holds only 0 and 255, or only 0 and 1.",
    why="What the other values mean is unknown (labels, or a lossy copy), so the "
    "slice is left out of statistics and training.",
    remedy="save the mask with 0 outside and 255 inside",
    scope=coverage.masks,
)
def check_mask_values(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask whose values are neither {0, 255} nor {0, 1}."""
    slices = evidence.slices[evidence.slices["mask_values"].notna()]
    rows = slices[~slices["mask_values"].map(lambda v: _is_within(v, "255") or _is_within(v, "1"))]
    return on_slices(
        "mask_values",
        rows,
        "mask",
        lambda r: f"holds the values {_listed(r.mask_values)}, expected 0 and 255",
    )


@kind(
    "warning",
    checks="No mask covers more than half of the rim of its image.",
    why="The rim lies outside of the head: such a mask is probably inverted, with 0 in the tumour and "
    "255 around it, and all figures of the slice count the wrong pixels.",
    remedy="look at the slice, and save the mask with 0 outside and 255 inside",
    scope=coverage.masks,
)
def check_inverted_mask(evidence: Evidence) -> list[Finding]:
    """Return a finding for each usable mask that is not 0 on most of the rim of its image."""
    slices = evidence.slices
    covers = (slices["mask_rim_share"] > RIM_OF_INVERTED) & slices["area_px"].notna()
    share = (slices["area_px"] / (slices["height"] * slices["width"])).astype("float64")
    rows = slices.assign(share=share)[covers]
    return on_slices(
        "inverted_mask",
        rows,
        "mask",
        lambda r: (
            f"covers {r.share:.0%} of the slice and {r.mask_rim_share:.0%} of its rim: inverted?"
        ),
    )


@kind(
    "info",
    checks="Each mask holds 0 and 255.",
    why="It is read as a mask all the same; other programs show it as black.",
    remedy="nothing is to be done, or save it with 255 inside",
    scope=coverage.masks,
)
def check_mask_of_ones(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask whose values are {0, 1}."""
    slices = evidence.slices[evidence.slices["mask_values"].notna()]
    rows = slices[slices["mask_values"].map(lambda v: _is_within(v, "1") and v != "0")]
    return on_slices(
        "mask_of_ones", rows, "mask", lambda r: "holds the values 0 and 1, expected 0 and 255"
    )


@kind(
    "info",
    checks="Each mask is stored as uint8.",
    why="It is read as a mask all the same; other programs may not open it.",
    remedy="nothing is to be done, or save it as uint8",
    scope=coverage.masks,
)
def check_mask_dtype(evidence: Evidence) -> list[Finding]:
    """Return a finding for each mask that is not stored as uint8."""
    dtype = evidence.slices["mask_dtype"]
    rows = evidence.slices[dtype.notna() & (dtype != "uint8")]
    return on_slices(
        "mask_dtype", rows, "mask", lambda r: f"is stored as {r.mask_dtype}, expected uint8"
    )


def _listed(values: str) -> str:
    """Return the index's mask values for reading; it keeps only the first few."""
    several = values.split()
    return ", ".join(several) + (" and more" if len(several) == MOST_VALUES else "")


def _is_within(values: str, inside: str) -> bool:
    return set(values.split()) <= {"0", inside}
