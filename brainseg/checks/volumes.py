"""Rules on volumes of NIfTI and DICOM files: grids, labels and spacing."""

import json

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error, info, warning
from brainseg.cohort.slice_rows import SPACING_COLUMNS

_MOST_TIMES = 2.0
"""Ratio of voxel sizes from which a case is unlike the others."""


def _cases(evidence: Evidence) -> pd.DataFrame:
    """Return the first row of each case of volume files."""
    return evidence.slices[evidence.slices["source"].notna()]


def _unused_masks(evidence: Evidence) -> pd.DataFrame:
    rows = _cases(evidence)
    rows = rows[rows["mask_path"].notna() & rows["mask_height"].isna() & rows["height"].notna()]
    return rows[["case", "mask_path", "mask_error"]].rename(columns={"mask_path": "file"})


def _unnamed_labels(evidence: Evidence) -> pd.DataFrame:
    """Return the cases with a label that nothing names, though others have names."""
    named = {row.case for row in _cases(evidence).itertuples() if json.loads(row.source)["labels"]}
    slices = evidence.slices
    slices = slices[slices["label_px"].notna() & slices["case"].isin(named)]
    unnamed = slices["label_px"].map(
        lambda text: [name for name in json.loads(text) if name.isdecimal()]
    )
    found = unnamed.explode().dropna().groupby(slices["case"], sort=False)
    labels = found.agg(lambda names: ", ".join(sorted(set(names), key=int)))
    return labels.rename("labels").reset_index()


def _unlike_spacings(evidence: Evidence) -> pd.DataFrame:
    rows = _cases(evidence).dropna(subset=[*SPACING_COLUMNS])
    sizes = rows[[*SPACING_COLUMNS]].prod(axis=1)
    times = sizes / sizes.quantile(0.5, interpolation="lower")
    unlike = (times > _MOST_TIMES) | (times < 1 / _MOST_TIMES)
    texts = [" x ".join(f"{mm:g}" for mm in row) for row in rows[[*SPACING_COLUMNS]].to_numpy()]
    return rows.assign(spacing=texts, times=times)[unlike][["case", "spacing", "times"]]


RULES = [
    error(
        "volume_mask",
        rule="Each mask of a volume is a label map on the grid of its image, or can be laid on it.",
        why="One of the two headers is wrong, or the file is no label map: the case is excluded from "
        "statistics and training.",
        remedy="save the mask again with the header of its image",
        coverage=coverage.volumes,
        rows=_unused_masks,
        fact="the mask of {case} is not used ({mask_error})",
    ),
    warning(
        "unnamed_label",
        rule="Each value in a mask is among the named labels, as those of a dataset.json.",
        why="It counts as tumour, but may be a mistake of drawing or of another program.",
        remedy="correct the mask, or add the label to dataset.json",
        coverage=coverage.volumes,
        rows=_unnamed_labels,
        fact="the mask of {case} has labels without a name ({labels})",
    ),
    info(
        "unlike_spacing",
        rule="The voxels of all volumes have similar sizes.",
        why="Numbers of voxels and slices are not comparable between the cases, and a network sees "
        "other details.",
        remedy="compare in ml, or resample the volumes to one spacing",
        coverage=coverage.volumes,
        rows=_unlike_spacings,
        fact="{case} has voxels of {spacing} mm, {times:.2g} times the usual size",
    ),
]
