"""Rules on volumes of NIfTI and DICOM files: grids, labels and spacing."""

import json

import pandas as pd

from brainseg.checks import coverage
from brainseg.checks.evidence import Evidence
from brainseg.checks.rule import error, info, warning
from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.io.orientation import AXIAL

_FEWEST_ALIKE, _USUAL_SHARE = 3, 2 / 3
"""Cases, and their share, that show what is usual in a cohort."""

_FEWEST_LEVELS = 32
_MOST_AT_MAXIMUM = 0.02

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


def _facts(evidence: Evidence) -> pd.DataFrame:
    """Return ``case`` and the facts of each volume; see :mod:`brainseg.cohort.volume_facts`."""

    def read() -> pd.DataFrame:
        rows = evidence.slices[evidence.slices["volume_facts"].notna()]
        facts = pd.DataFrame([json.loads(text) for text in rows["volume_facts"]])
        return facts.assign(case=rows["case"].to_numpy())

    return evidence.once(("volume facts",), read)


def _usual(values: pd.Series) -> str | None:
    """Return the value that most cases have, None if too few agree."""
    counts = values.value_counts()
    is_usual = len(counts) and counts.iloc[0] >= max(_FEWEST_ALIKE, _USUAL_SHARE * len(values))
    return str(counts.index[0]) if is_usual else None


def _other_axes(evidence: Evidence) -> pd.DataFrame:
    facts = _facts(evidence)
    usual = _usual(facts["axes"]) if len(facts) else None
    if not usual:
        return pd.DataFrame()
    return facts[facts["axes"] != usual].assign(usual=usual)


def _other_planes(evidence: Evidence) -> pd.DataFrame:
    facts = _facts(evidence)
    usual = _usual(facts["plane"]) if len(facts) else None
    if usual is None:
        return pd.DataFrame()
    # Thick axial slices are what the model learned: among thin ones, only their spacing is unlike.
    unlike = (facts["plane"] != usual) & (facts["plane"] != "")
    unlike &= bool(usual) | (facts["plane"] != AXIAL)
    words = f"in {usual} slices" if usual else "with voxels as wide as deep"
    return facts[unlike].assign(usual=words)


def _by_sequence(evidence: Evidence, fact: str) -> pd.DataFrame:
    """Return ``case``, ``sequence`` and ``value`` of each volume and its sequences, copies once."""
    rows = [
        (case, sequence, value)
        for case, values in zip(*map(_facts(evidence).get, ("case", fact)), strict=True)
        for sequence, value in values.items()
        if sequence not in evidence.flair_copies.get(case, "").split(", ")
    ]
    return pd.DataFrame(rows, columns=["case", "sequence", "value"])


def _few_levels(evidence: Evidence) -> pd.DataFrame:
    if _facts(evidence).empty:
        return pd.DataFrame()
    rows = _by_sequence(evidence, "levels")
    return rows[rows["value"].between(1, _FEWEST_LEVELS - 1)]


def _cut_levels(evidence: Evidence) -> pd.DataFrame:
    if _facts(evidence).empty:
        return pd.DataFrame()
    rows, few = _by_sequence(evidence, "at_maximum"), _few_levels(evidence)
    rows = rows[rows["value"] >= _MOST_AT_MAXIMUM]
    return rows[~rows.set_index(["case", "sequence"]).index.isin(_places(few))]


def _places(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return [] if rows.empty else list(zip(rows["case"], rows["sequence"], strict=True))


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
    info(
        "other_axes",
        rule="All volumes are stored along the same axes.",
        why="It is shown upright by its header; programs that ignore headers turn or mirror it. If its "
        "header is wrong, left and right are exchanged here.",
        remedy="no action needed if its pictures are upright and on the right side, otherwise correct "
        "its header",
        coverage=coverage.volumes,
        rows=_other_axes,
        fact=lambda row: (
            f"{row['case']} is stored along {row['axes']}, most others along {row['usual']}"
            if row["axes"]
            else f"{row['case']} states no orientation, most others do"
        ),
    ),
    warning(
        "other_plane",
        rule="All volumes were acquired in the same plane.",
        why="Its axial pictures are narrow or blurred between thick slices: readers see less, and a "
        "model was trained on other pictures.",
        remedy="use an axial series of the patient, or exclude the case",
        coverage=coverage.volumes,
        rows=_other_planes,
        fact="{case} was acquired in {plane} slices, most others {usual}",
    ),
    warning(
        "few_levels",
        rule=f"Each sequence of a volume has at least {_FEWEST_LEVELS} grey levels.",
        why="Its values were rounded, or use a tiny part of the range that they were scaled to: tissues "
        "that differ look alike, to a model as well.",
        remedy="export the sequence again with its own values",
        coverage=coverage.volumes,
        rows=_few_levels,
        fact="{sequence} of {case} has only {value} grey levels",
    ),
    warning(
        "cut_levels",
        rule=f"At most {_MOST_AT_MAXIMUM:.0%} of the head has the largest value of its sequence.",
        why="Brighter tissue was cut to that value, as by a conversion to 8 bits: in it, nothing can be "
        "distinguished, such as enhancement or the core of a tumour.",
        remedy="export the sequence again with its whole range",
        coverage=coverage.volumes,
        rows=_cut_levels,
        fact="{sequence} of {case} has its largest value in {value:.0%} of the head",
    ),
]
