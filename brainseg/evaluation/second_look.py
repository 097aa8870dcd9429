"""Masks worth a second look: where networks that did not learn from a patient contradict the mask.

A place counts if all passes agree there (mean probability less or plus one standard deviation over the
passes), away from the outline of the other region, where readers and networks differ anyway. A
contradiction is a suggestion to look: the model may be wrong, and no mask is changed. ``docs/checks.md``
has the share of planted defects that the rule finds, and of untouched cases that it lists.
"""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.slice_rows import SPACING_COLUMNS
from brainseg.metrics.labelling import label_components

if TYPE_CHECKING:
    from brainseg.evaluation.scores import Evaluation

MISSED, UNSUPPORTED = "missed by the mask", "mask without support"
"""Every pass finds tumour where the mask has none; no pass finds tumour where the mask has some."""

CERTAIN, EXCLUDED = 0.9, 0.05
"""Least probability of tumour that the mask missed, and most of a mask without support, after one
standard deviation over the passes towards the other side."""

SMALLEST_SHARE, SMALLEST_VX, LARGE_VX = 0.05, 200, 1000
"""Contradictions of at least this share of the larger of mask and prediction, and of as many voxels, are
listed; large ones whatever their share."""

OUTLINE_SHARE = 5 / 256
"""Within this share of the width from the other region, and on the slice beside it, a difference is one
of the outline."""

NOTICE = (
    "A suggestion to look, not an error: the model may be wrong, and nothing is changed. The networks "
    "that contradict the mask did not learn from the patient."
)


@dataclass(frozen=True)
class Contradiction:
    """A connected part of a case in which the prediction contradicts the mask.

    Attributes:
        kind: :data:`MISSED` or :data:`UNSUPPORTED`.
        slice_number: of the slice with most of its voxels.
        first_slice, last_slice: the numbers of its first and last slice.
        volume_vx: its voxels, on all slices.
        area_px: its pixels on ``slice_number``.
        share: its voxels as a share of the larger of mask and prediction; 1 at most.
        probability: mean over its voxels and all passes, 0..1.
        passes: number of passes that agree, mirror images among them; 1 cannot disagree.
    """

    kind: str
    slice_number: int
    first_slice: int
    last_slice: int
    volume_vx: int
    area_px: int
    share: float
    probability: float
    passes: int


COLUMNS = tuple(field.name for field in fields(Contradiction))


def contradictions(
    truth: np.ndarray,
    prediction: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray | None,
    slice_numbers: np.ndarray,
    passes: int = 1,
) -> tuple[Contradiction, ...]:
    """Return where a prediction contradicts a mask, the largest first.

    Args:
        truth: (n, h, w) bool, slices with a usable mask.
        prediction: (n, h, w) bool, the predicted mask.
        mean: (n, h, w) float32, 0..1, mean probability of the passes.
        std: (n, h, w) float32, standard deviation over the passes; None for a single one.
        slice_numbers: (n,) int.
        passes: number of passes.
    """
    doubt = 0 if std is None else std
    most_vx = max(np.count_nonzero(truth), np.count_nonzero(prediction))
    least = min(LARGE_VX, max(SMALLEST_VX, SMALLEST_SHARE * most_vx))
    regions = {
        MISSED: (mean - doubt >= CERTAIN, truth),
        UNSUPPORTED: (truth & (mean + doubt <= EXCLUDED), prediction),
    }
    found = []
    for kind, (certain, other) in regions.items():
        labels, sizes, box = label_components(certain & ~_with_outline(other))
        for label in (np.flatnonzero(sizes >= least) + 1).tolist():
            part = labels == label
            areas = np.count_nonzero(part, axis=(1, 2))
            largest = int(areas.argmax())
            numbers = slice_numbers[box[0]][areas > 0]
            volume_vx = int(sizes[label - 1])
            found.append(
                Contradiction(
                    kind,
                    slice_number=int(slice_numbers[box[0]][largest]),
                    first_slice=int(numbers[0]),
                    last_slice=int(numbers[-1]),
                    volume_vx=volume_vx,
                    area_px=int(areas[largest]),
                    share=round(volume_vx / most_vx, 3),
                    probability=round(float(mean[box][part].mean()), 3),
                    passes=passes,
                )
            )
    return tuple(sorted(found, key=lambda one: -one.volume_vx))


def second_look_table(evaluation: "Evaluation", cohort: Cohort) -> pd.DataFrame:
    """Return the masks of a cohort that are worth a second look, the most contradicted first.

    Returns:
        One row per contradiction: ``case``; the fields of :class:`Contradiction`; ``volume_ml`` and
        ``area_mm2`` (missing without a spacing); ``dice`` of the case; ``fold`` that predicted, missing
        if several did; and ``note``, :data:`NOTICE`.
    """
    rows = [
        {"case": case, **asdict(one)}
        for case, found in evaluation.second_look.items()
        for one in found
    ]
    table = pd.DataFrame(rows, columns=["case", *COLUMNS])
    spacing = cohort.slices.groupby("case")[[*SPACING_COLUMNS]].first().loc[table["case"]]
    between, row, column = spacing.to_numpy(np.float64).T
    scores = evaluation.scores.set_index("case").loc[table["case"]]
    table = table.assign(
        volume_ml=table["volume_vx"] * (between * row * column / 1000),
        area_mm2=table["area_px"] * (row * column),
        dice=scores["dice"].to_numpy(),
        fold=scores["fold"].array,
        note=NOTICE,
    )
    return table.sort_values(["share", "case"], ascending=[False, True], ignore_index=True)


def networks_in_words(evaluation: "Evaluation") -> str:
    """Return which networks gave the evidence, in one or two sentences."""
    scores = evaluation.scores
    folds = scores.loc[scores["case"].isin(list(evaluation.second_look)), "fold"]
    single, several = int(folds.notna().sum()), int(folds.isna().sum())
    one, more = "Each case", "Each case"
    if single and several:
        one, more = _cases(single), _cases(several)
    sentences = []
    if single:
        sentences.append(
            f"{one}: one fold did not learn from the patient, so only its own passes, such as "
            "the original and its mirror image, can agree."
        )
    if several:
        sentences.append(
            f"{more}: several folds did not learn from the patient, and all their passes can agree."
        )
    return " ".join(sentences)


def as_lines(table: pd.DataFrame, evaluation: "Evaluation", most: int = 20) -> list[str]:
    """Return the list for a terminal.

    Args:
        table: of :func:`second_look_table`.
        evaluation: that it was made of.
        most: rows to name; the others are counted.
    """
    lines = [
        f"{row.case} {where_in_words(row)}: {row.kind}, {size_in_words(row)}, probability "
        f"{row.probability:.2f}"
        for row in table.head(most).itertuples()
    ]
    rest = len(table) - len(lines)
    cases = table["case"].nunique()
    return [
        f"Masks worth a second look: {cases} of {_cases(len(evaluation.second_look))}. {NOTICE} "
        f"{networks_in_words(evaluation)}",
        *lines,
        *([f"and {rest} more, with --json"] if rest > 0 else []),
    ]


def where_in_words(row: "pd.Series | Contradiction") -> str:
    """Return “slice 7”, or “slice 7 (5–9)” of a contradiction on several slices."""
    if row.first_slice == row.last_slice:
        return f"slice {row.slice_number}"
    return f"slice {row.slice_number} ({row.first_slice}–{row.last_slice})"


def size_in_words(row: "pd.Series") -> str:
    """Return the size of a row of :func:`second_look_table`: “1.2 ml, 80 mm²”, else in voxels and px."""
    if pd.notna(row.volume_ml):
        return f"{row.volume_ml:,.1f} ml, {row.area_mm2:,.0f} mm²"
    return f"{row.volume_vx:,} voxels, {row.area_px:,} px"


def _with_outline(region: np.ndarray) -> np.ndarray:
    """Return a region, (n, h, w) bool, with all that lies near its outline, and the slices beside it."""
    reach = max(1, round(OUTLINE_SHARE * region.shape[2]))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    grown = np.zeros_like(region)
    for place in np.flatnonzero(region.any(axis=(1, 2))):
        near = cv2.dilate(region[place].view(np.uint8), disc).view(bool)
        grown[max(0, place - 1) : place + 2] |= near
    return grown


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count:,} cases"
