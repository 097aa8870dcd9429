"""Evaluation: the scores of one model on one cohort, by case and by slice."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from brainseg.cohort import Cohort
from brainseg.evaluation.second_look import Contradiction
from brainseg.metrics import BINS, bootstrap_interval, resampling_of
from brainseg.metrics.intervals import weighted_median
from brainseg.models import SEEN, Model
from brainseg.notebook import Shown

_SCORE_TYPES = (
    dict.fromkeys(("case", "patient_id", "institution"), "str")
    | {"dice": "float64", "fold": "Int64", "seen": "bool"}
    | dict.fromkeys(("slices", "tumour_vx", "predicted_vx", "both_vx"), "int64")
    | dict.fromkeys(("seconds", "iou", "precision", "recall", "dice_slices"), "float64")
    | dict.fromkeys(("dice_tumour_slices", "surface_dice", "hd95"), "float64")
    | {"distance_unit": "str"}
    | dict.fromkeys(("lesions", "lesions_found", "false_positives"), "int64")
    | dict.fromkeys(("volume_error", "absolute_volume_error"), "float64")
)

SCORE_COLUMNS = tuple(_SCORE_TYPES)
"""One row per case. ``fold`` is missing if several folds predicted; ``seen`` says whether a fold that
predicted learned from the patient; voxels are of the slices with a usable mask; ``seconds`` is the
time of the network; ``distance_unit`` is px, or mm if the case has a spacing; the metrics are those of
:data:`brainseg.metrics.METRICS`, ``hd95`` and the volume errors may be infinite,
``dice_tumour_slices`` is missing without a tumour."""

NOT_SCORED = "it has not been scored yet"
"""Why a case of a partial evaluation has no score."""

SLICE_COLUMNS = ("case", "slice_number", "tumour_px", "predicted_px", "both_px")
"""One row per slice with a usable mask: pixels of the mask, of the prediction, and of both."""


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """The scores of one model on one cohort.

    Attributes:
        model: its name.
        digest: of its manifest.
        scores: one row per case with :data:`SCORE_COLUMNS`, sorted as in the cohort.
        refused: cases without a score, each with the reason, such as :data:`NOT_SCORED`.
        slices: one row per slice with :data:`SLICE_COLUMNS`, in the same order.
        histograms: (n, 3, BINS) float64, of each case's probabilities; see
            :func:`brainseg.metrics.probability_histogram`.
        shipped: cases whose scores came with the model; see :mod:`brainseg.evaluation.shipped`.
        second_look: of each unseen case where its mask is contradicted; scores of an older version
            lack it. See :mod:`brainseg.evaluation.second_look`.
    """

    model: str
    digest: str
    scores: pd.DataFrame
    refused: dict[str, str] = field(default_factory=dict)
    slices: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SLICE_COLUMNS)))
    histograms: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, BINS)))
    shipped: tuple[str, ...] = ()
    second_look: dict[str, tuple[Contradiction, ...]] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        low, high = self.ci95
        return {
            "model": self.model,
            "cases": len(self.scores),
            "cases seen in training": self.seen_cases,
            "cases not scored": len(self.refused),
            "mean Dice by case": f"{self.mean_dice:.3f}",
            "95% interval": f"{low:.3f} to {high:.3f}",
        }

    @property
    def mean_dice(self) -> float:
        """Return the mean over the scored cases, 0..1; a missed tumour counts as 0."""
        return float(self.scores["dice"].mean())

    @property
    def median_dice(self) -> float:
        """Return the median over the scored cases, 0..1."""
        return float(self.scores["dice"].median())

    @property
    def ci95(self) -> tuple[float, float]:
        """Return the 95% bootstrap interval of the mean, by patient."""
        return bootstrap_interval(self.scores["dice"].to_numpy(), patients=self.patients)

    @property
    def median_ci95(self) -> tuple[float, float]:
        """Return the 95% bootstrap interval of the median, by patient."""
        drawn = resampling_of(self.patients, len(self.scores))
        return drawn.interval(weighted_median(self.scores["dice"].to_numpy()))

    @property
    def unscored(self) -> list[str]:
        """Return the cases that can be scored and have not been yet."""
        return [case for case, reason in self.refused.items() if reason == NOT_SCORED]

    @property
    def not_compared(self) -> list[str]:
        """Return the scored unseen cases whose ``second_look`` is missing."""
        unseen = self.scores.loc[~self.scores["seen"], "case"]
        return [case for case in unseen if case not in self.second_look]

    @property
    def patients(self) -> np.ndarray:
        """Return the patient of each scored case, (n,) of str."""
        return self.scores["patient_id"].to_numpy(object)

    def of(self, chosen: np.ndarray) -> "Evaluation":
        """Return the evaluation of some of the cases.

        Args:
            chosen: (n,) bool, in the order of the scores.
        """
        scores = self.scores[chosen].reset_index(drop=True)
        names = set(scores["case"])
        slices = self.slices[self.slices["case"].isin(names)].reset_index(drop=True)
        histograms = self.histograms[chosen] if len(self.histograms) else self.histograms
        return replace(
            self,
            scores=scores,
            slices=slices,
            histograms=histograms,
            shipped=tuple(name for name in self.shipped if name in names),
            second_look={case: one for case, one in self.second_look.items() if case in names},
        )

    def with_cases(self, other: "Evaluation") -> "Evaluation":
        """Return these cases and those of another part, sorted by name, with the other's refusals.

        Of a case that both have, the other's scores are taken.
        """
        mine = self.of(~self.scores["case"].isin(set(other.scores["case"])).to_numpy(bool))
        scores = pd.concat([mine.scores, other.scores], ignore_index=True)
        histograms = np.concatenate([mine.histograms, other.histograms])
        order = scores["case"].argsort(kind="stable").to_numpy()
        slices = pd.concat([mine.slices, other.slices], ignore_index=True)
        return replace(
            other,
            scores=typed(scores.iloc[order].reset_index(drop=True)),
            slices=slices.sort_values(["case", "slice_number"], ignore_index=True),
            histograms=histograms[order],
            shipped=(*mine.shipped, *other.shipped),
            second_look=mine.second_look | other.second_look,
        )

    def unseen(self) -> "Evaluation | None":
        """Return the evaluation of the cases the model did not learn from, or None if there are none."""
        unseen = ~self.scores["seen"].to_numpy(bool)
        return self.of(unseen) if unseen.any() else None

    def seen(self) -> "Evaluation | None":
        """Return the evaluation of the cases the model learned from, or None if there are none."""
        seen = self.scores["seen"].to_numpy(bool)
        return self.of(seen) if seen.any() else None

    @property
    def rows(self) -> list[dict]:
        """Return the scores for JSON, one dictionary per case; see :func:`json_row`."""
        return [json_row(row) for row in self.scores.to_dict("records")]

    @property
    def seen_cases(self) -> int:
        """Return the number of scored cases that the model learned from."""
        return int(self.scores["seen"].sum())


def by_case(evaluation: Evaluation) -> pd.DataFrame:
    """Return the scores from the lowest to the highest Dice, one row per case."""
    return evaluation.scores.sort_values(["dice", "case"], ignore_index=True)


def worst(evaluation: Evaluation, count: int = 10) -> pd.DataFrame:
    """Return the cases with the lowest Dice, each with its worst slice.

    Returns:
        The columns of the scores, and ``slice_number``, the slice on which mask and prediction differ in
        the most pixels (Int64, missing if there are no slices).
    """
    lowest = by_case(evaluation).head(count)
    slices = evaluation.slices
    differ = slices["tumour_px"] + slices["predicted_px"] - 2 * slices["both_px"]
    at = differ.astype("int64").groupby(slices["case"]).idxmax()
    numbers = slices.loc[at].set_index("case")["slice_number"]
    return lowest.assign(slice_number=lowest["case"].map(numbers).astype("Int64"))


def relations(evaluation: Evaluation, cohort: Cohort, model: Model) -> list[str]:
    """Return the relation of the model to each scored case, in the order of the scores.

    Returns:
        For each row :data:`brainseg.models.HELD_OUT`, :data:`~brainseg.models.SEEN` or
        :data:`~brainseg.models.NEW`.
    """
    return [
        SEEN if seen else model.exposure(cohort.case(name)).relation
        for name, seen in zip(evaluation.scores["case"], evaluation.scores["seen"], strict=True)
    ]


def typed(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the columns and types of every Evaluation."""
    return scores[list(SCORE_COLUMNS)].astype(_SCORE_TYPES)


def json_row(row: dict) -> dict:
    """Return a row for JSON: None for a missing value, the text "inf" or "-inf" for an infinite one."""
    return {name: _json_value(value) for name, value in row.items()}


def _json_value(value: object) -> object:
    if pd.isna(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value
