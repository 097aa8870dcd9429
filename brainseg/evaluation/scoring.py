"""Scoring: the cases that may be scored, the fold that predicts each, and its measures."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from brainseg.cohort import Case, Cohort
from brainseg.cohort.head import head_masks
from brainseg.cohort.index import Progress
from brainseg.errors import CohortError
from brainseg.evaluation.cases_to_score import knows_the_patient, scorable
from brainseg.evaluation.scores import (
    NOT_SCORED,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    Evaluation,
    typed,
)
from brainseg.evaluation.second_look import Contradiction, contradictions
from brainseg.executors import map_parts
from brainseg.inference.prediction import predict_timed
from brainseg.jobs import JobLost
from brainseg.metrics import (
    BINS,
    Overlap,
    calibrated_voxels,
    dice_of_counts,
    lesions,
    probability_histogram,
    surface_distances,
    surface_distances_3d,
)
from brainseg.models import Model
from brainseg.volume import Volume

_NO_SLICES = pd.DataFrame({name: pd.Series(dtype="int64") for name in SLICE_COLUMNS}).astype(
    {"case": "str"}
)


@dataclass(frozen=True)
class CaseScore:
    """The scores of one case.

    Attributes:
        row: with the keys :data:`brainseg.evaluation.SCORE_COLUMNS`.
        slices: one row per slice with :data:`brainseg.evaluation.SLICE_COLUMNS`.
        histogram: (3, BINS) float64; see :func:`brainseg.metrics.probability_histogram`.
        contradicted: where the mask is contradicted; None if the model learned from the patient.
    """

    row: dict
    slices: pd.DataFrame
    histogram: np.ndarray
    contradicted: tuple[Contradiction, ...] | None = None


KEEP_EVERY_S = 5.0


def evaluate(
    cohort: Cohort,
    model: Model,
    allow_seen: bool = False,
    progress: Progress | None = None,
    before: Evaluation | None = None,
    keep: Callable[[Evaluation], None] | None = None,
    executor: Executor | None = None,
) -> Evaluation:
    """Return the scores by case of a model on a cohort, each case as a volume with all its slices.

    The fold that did not train on a case predicts it; all folds predict a new case. A case that the
    model learned from is refused unless ``allow_seen``, and then marked.

    Args:
        cohort: with masks; slices without a usable one are left out of their case's score.
        model: see :func:`brainseg.models.open_model`.
        allow_seen: score seen cases as well.
        progress: called with (cases scored, cases to score); an exception from it ends the scoring.
        before: a partial evaluation of the same cohort and model, whose cases are not scored again
            unless they are in :attr:`Evaluation.not_compared`.
        keep: called with the partial evaluation every few seconds, and when the scoring is ended early.
        executor: see :mod:`brainseg.executors`; by default one case after the other.

    Raises:
        CohortError: no case is left to score.
        ModelError: the model cannot be opened.
    """
    chosen, refused = scorable(cohort, model, allow_seen)
    if not chosen:
        reasons = "; ".join(sorted(set(refused.values())))
        raise CohortError(
            f"no case of this cohort can be scored with {model.name} ({reasons}): open a cohort with "
            "masks and new patients, or pass --allow-seen."
        )
    scoring = _Scoring(model, chosen, refused, before)
    # A copy for workers, which carries no hashes of training images.
    network = replace(model) if executor else model
    kept_at, kept = time.monotonic(), 0
    try:
        if progress:
            progress(scoring.done, len(chosen))
        calls = ((case, network) for case in scoring.waiting)
        for score in map_parts(executor, score_case, calls, _lost):
            scoring.add(score)
            if progress:
                progress(scoring.done, len(chosen))
            if keep and time.monotonic() - kept_at >= KEEP_EVERY_S:
                keep(scoring.so_far())
                kept_at, kept = time.monotonic(), len(scoring.scored)
    except BaseException:  # by the user, too
        if keep and len(scoring.scored) > kept:
            keep(scoring.so_far())
        raise
    return scoring.so_far()


class _Scoring:
    """The cases that wait for their scores, and the scores so far.

    Attributes:
        waiting: the cases to score, in this order.
        scored: the scores of those that could be scored.
        done: number of cases that need no more scoring, those of an earlier evaluation included.
    """

    def __init__(
        self, model: Model, chosen: list[Case], refused: dict[str, str], before: Evaluation | None
    ) -> None:
        self._model, self._refused = model, dict(refused)
        self._known = set(before.scores["case"]) if before else set[str]()
        names = {case.name for case in chosen}
        self._before = before and before.of(before.scores["case"].isin(names).to_numpy())
        not_compared = set(self._before.not_compared) if self._before else set[str]()
        finished = self._known - not_compared
        self.waiting = [case for case in chosen if case.name not in finished]
        self.scored: list[CaseScore] = []
        self.done = len(chosen) - len(self.waiting)
        self._tried = 0

    def add(self, score: CaseScore | str) -> None:
        """Take the score of the next case, or the reason why it has none."""
        if isinstance(score, str):
            self._refused[self.waiting[self._tried].name] = score
        else:
            self.scored.append(score)
        self._tried += 1
        self.done += 1

    def so_far(self) -> Evaluation:
        """Return the evaluation of the cases scored so far; the others are named as not scored."""
        later = [case.name for case in self.waiting[self._tried :] if case.name not in self._known]
        found = joined(self.scored, self._model, self._refused | dict.fromkeys(later, NOT_SCORED))
        return self._before.with_cases(found) if self._before else found


def _lost(reason: JobLost, *_: object) -> str:
    return f"scoring it {reason.reason}"


def joined(scored: list[CaseScore], model: Model, refused: dict[str, str]) -> Evaluation:
    """Return the scores of some cases as one evaluation, with the refused cases."""
    return Evaluation(
        model.name,
        model.digest,
        typed(pd.DataFrame([one.row for one in scored], columns=list(SCORE_COLUMNS))),
        refused,
        pd.concat([_NO_SLICES, *(one.slices for one in scored)], ignore_index=True),
        np.array([one.histogram for one in scored]).reshape(-1, 3, BINS),
        second_look={
            one.row["case"]: one.contradicted for one in scored if one.contradicted is not None
        },
    )


def score_case(case: Case, model: Model) -> CaseScore:
    """Return the score of one case, over the slices with a usable mask."""
    exposure = model.exposure(case)
    volume = case.volume(with_others=model.preprocessing.needs_others)
    predicted = predict_timed(volume, model, exposure)
    seen = exposure.seen or knows_the_patient(case, model, exposure)
    facts = {"fold": exposure.fold, "seen": seen, "seconds": predicted.seconds}
    threshold = model.threshold_for(predicted.exposure.folds)
    probability, prediction = predicted.probability, predicted.mask(threshold)
    passes = predicted.ensemble_size
    return score_probability(case, volume, probability, prediction, facts, predicted.std, passes)


def score_probability(
    case: Case,
    volume: Volume,
    probability: np.ndarray,
    prediction: np.ndarray,
    facts: dict,
    std: np.ndarray | None = None,
    passes: int = 0,
) -> CaseScore:
    """Return the score of a prediction of a case, over the slices with a usable mask.

    Args:
        case: with the masks.
        volume: of the case.
        probability: (n, h, w) float32, 0..1, on the volume's grid.
        prediction: (n, h, w) bool, the predicted mask.
        facts: ``fold``, ``seen`` and ``seconds`` of :data:`brainseg.evaluation.SCORE_COLUMNS`.
        std: (n, h, w) float32, the standard deviation of the probability over the passes, if several.
        passes: their number; 0 leaves out the second look at the mask.
    """
    masks, has_mask = case.masks()
    truth, probability, prediction = masks[has_mask], probability[has_mask], prediction[has_mask]
    # Without some slices, the others have no distance.
    whole = has_mask.all()
    spacing = volume.spacing_mm if whole else volume.spacing_mm and (None, *volume.spacing_mm[1:])
    counts = slice_counts(truth, prediction)
    row = {
        "case": case.name,
        "patient_id": case.patient_id,
        "institution": case.slices["institution"].iloc[0],
        "slices": int(has_mask.sum()),
        **facts,
        **measure(truth, prediction, spacing, counts),
    }
    counts.insert(0, "slice_number", case.readable["slice_number"].to_numpy("int64")[has_mask])
    counts.insert(0, "case", case.name)
    counted = calibrated_voxels(head_masks(volume)[has_mask], truth, probability)
    numbers = counts["slice_number"].to_numpy()
    std = None if std is None else std[has_mask]
    return CaseScore(
        row,
        counts[list(SLICE_COLUMNS)].astype({"case": "str"}),
        probability_histogram(probability, truth, counted),
        contradictions(truth, prediction, probability, std, numbers, passes)
        if passes and not facts["seen"]
        else None,
    )


def slice_counts(truth: np.ndarray, prediction: np.ndarray) -> pd.DataFrame:
    """Return ``tumour_px``, ``predicted_px`` and ``both_px`` of each slice, from (n, h, w) bool."""
    planes = {"tumour_px": truth, "predicted_px": prediction, "both_px": truth & prediction}
    return pd.DataFrame({name: np.count_nonzero(m, axis=(1, 2)) for name, m in planes.items()})


def measure(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: tuple[float | None, float, float] | None = None,
    counts: pd.DataFrame | None = None,
) -> dict[str, float | str]:
    """Return every metric of one case: the columns of a score that depend on masks alone.

    Args:
        truth, prediction: (n, h, w) bool.
        spacing: (slice, row, column) in mm, if known; without the first, distances stay within slices.
        counts: of :func:`slice_counts`; None computes them.
    """
    counts = slice_counts(truth, prediction) if counts is None else counts
    overlap = Overlap(*(int(counts[name].sum()) for name in counts.columns))
    by_slice = dice_of_counts(*(counts[name].to_numpy() for name in counts.columns))
    with_tumour = by_slice[counts["tumour_px"].to_numpy() > 0]
    between, *in_slice = spacing or (None, None, None)
    if between is None:
        distances = surface_distances(truth, prediction, spacing and spacing[1:])
    else:
        distances = surface_distances_3d(truth, prediction, (between, *in_slice))
    found = lesions(truth, prediction)
    return {
        "tumour_vx": overlap.truth_vx,
        "predicted_vx": overlap.predicted_vx,
        "both_vx": overlap.both_vx,
        "dice": overlap.dice,
        "iou": overlap.iou,
        "precision": overlap.precision,
        "recall": overlap.recall,
        "dice_slices": float(by_slice.mean()),
        "dice_tumour_slices": float(with_tumour.mean()) if len(with_tumour) else float("nan"),
        "surface_dice": distances.surface_dice(),
        "hd95": distances.hausdorff(),
        "distance_unit": "px" if spacing is None else "mm",
        "lesions": found.count,
        "lesions_found": found.found,
        "false_positives": found.false_positives,
        "volume_error": overlap.volume_error,
        "absolute_volume_error": abs(overlap.volume_error),
    }
