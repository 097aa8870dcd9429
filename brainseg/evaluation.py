"""Score predictions against masks, case by case, on cases that the model never saw."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from brainseg.cohort import Case, Cohort
from brainseg.errors import CohortError
from brainseg.home import write_atomically
from brainseg.index import Progress
from brainseg.metrics import bootstrap_interval, dice
from brainseg.models import Model
from brainseg.prediction import predict_timed

SCORE_COLUMNS = (
    "case",
    "patient_id",
    "institution",
    "dice",
    "fold",
    "seen",
    "slices",
    "tumour_vx",
    "predicted_vx",
    "seconds",
)
"""A row a case. ``fold`` is missing where several folds predicted; ``seen`` says whether a fold that
predicted learned from the patient; voxels are of the slices that have a usable mask."""

LEARNED_FROM = "the model learned from this patient, so the score would say nothing of new ones"
"""Why a seen case is refused; the other reasons hold with ``allow_seen``, too."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one cohort.

    Attributes:
        model: its name.
        digest: of its manifest.
        scores: a row a case with :data:`SCORE_COLUMNS`, sorted as in the cohort.
        refused: cases that were not scored, each with the reason.
    """

    model: str
    digest: str
    scores: pd.DataFrame
    refused: dict[str, str] = field(default_factory=dict)

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
        """Return the 95 % bootstrap interval of the mean, drawn again by case."""
        return bootstrap_interval(self.scores["dice"].to_numpy())

    def unseen(self) -> "Evaluation | None":
        """Return the same without the cases the model learned from, or None where none is left."""
        scores = self.scores[~self.scores["seen"].astype(bool)].reset_index(drop=True)
        if scores.empty:
            return None
        return Evaluation(self.model, self.digest, scores, self.refused)

    @property
    def rows(self) -> list[dict]:
        """Return the scores as JSON takes them: a dictionary a case, None where a value is missing."""
        rows = self.scores.astype(object).where(self.scores.notna(), None)
        return rows.to_dict("records")

    @property
    def seen_cases(self) -> int:
        """Return how many of the scored cases the model learned from."""
        return int(self.scores["seen"].sum())


def evaluate(
    cohort: Cohort, model: Model, allow_seen: bool = False, progress: Progress | None = None
) -> Evaluation:
    """Return Dice by case of a model on a cohort, the whole volume with all its slices.

    A case that a fold holds out is predicted by that fold, a new one by all folds. A case that the
    model learned from is refused unless ``allow_seen``, and then marked.

    Args:
        cohort: needs masks; slices without a usable one are left out of their case's score.
        model: see :func:`brainseg.models.open_model`.
        allow_seen: score seen cases as well.
        progress: called with (cases scored, cases to score).

    Raises:
        CohortError: no case is left to score.
        ModelError: the model cannot be opened.
    """
    chosen, refused = scorable(cohort, model, allow_seen)
    if not chosen:
        raise CohortError(_nothing_scored(refused, model))
    rows = []
    for case in chosen:
        if progress:
            progress(len(rows), len(chosen))
        rows.append(score_case(case, model))
    if progress:
        progress(len(rows), len(chosen))
    scores = pd.DataFrame(rows, columns=list(SCORE_COLUMNS))
    scores["fold"] = scores["fold"].astype("Int64")
    return Evaluation(model.name, model.digest, scores, refused)


def scorable(
    cohort: Cohort, model: Model, allow_seen: bool = False
) -> tuple[list[Case], dict[str, str]]:
    """Return the cases that :func:`evaluate` scores, and the others, each with the reason."""
    chosen, refused = [], {}
    for name in cohort.cases:
        case = cohort.case(name)
        reason = _refusal(case, model, allow_seen)
        if reason:
            refused[name] = reason
        else:
            chosen.append(case)
    return chosen, refused


def score_case(case: Case, model: Model) -> dict:
    """Return the score of one case, with the keys :data:`SCORE_COLUMNS`."""
    standing = model.standing(case)
    predicted = predict_timed(case.volume(), model, standing)
    masks, there = case.masks()
    prediction = predicted.mask(model.threshold)[there]
    return {
        "case": case.name,
        "patient_id": case.patient_id,
        "institution": case.slices["institution"].iloc[0],
        "dice": dice(masks[there], prediction),
        "fold": standing.fold,
        "seen": standing.seen,
        "slices": int(there.sum()),
        "tumour_vx": int(np.count_nonzero(masks[there])),
        "predicted_vx": int(np.count_nonzero(prediction)),
        "seconds": predicted.seconds,
    }


def keep(evaluation: Evaluation, cohort: Cohort) -> None:
    """Keep an evaluation in the user's folder of the cohort, for the page to open at once."""
    content = {
        "model": evaluation.model,
        "digest": evaluation.digest,
        "refused": evaluation.refused,
        "scores": evaluation.rows,
    }
    path = cohort.home / "scores" / f"{evaluation.digest[:16]}.json"
    write_atomically(path, json.dumps(content, indent=1).encode())


def kept(cohort: Cohort, model: Model) -> Evaluation | None:
    """Return the kept evaluation of exactly this model on exactly this cohort, or None."""
    path = cohort.home / "scores" / f"{model.digest[:16]}.json"
    try:
        content = json.loads(path.read_text())
        scores = pd.DataFrame(content["scores"], columns=list(SCORE_COLUMNS))
        scores["fold"] = scores["fold"].astype("Int64")
        return Evaluation(content["model"], content["digest"], scores, content["refused"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none yet, or one of another version: it is scored again


def _refusal(case: Case, model: Model, allow_seen: bool) -> str | None:
    if case.readable.empty:
        return "no slice of it can be read"
    if not case.readable["area_px"].notna().any():
        return "it has no usable mask"
    if model.standing(case).seen and not allow_seen:
        return LEARNED_FROM
    return None


def _nothing_scored(refused: dict[str, str], model: Model) -> str:
    reasons = "; ".join(sorted(set(refused.values())))
    return (
        f"no case of this cohort can be scored with {model.name} ({reasons}): open a cohort with "
        "masks and new patients, or pass --allow-seen."
    )


def by_case(evaluation: Evaluation) -> pd.DataFrame:
    """Return the scores from the lowest to the highest Dice, a row a case."""
    return evaluation.scores.sort_values(["dice", "case"], ignore_index=True)


def relations(evaluation: Evaluation, cohort: Cohort, model: Model) -> list[str]:
    """Return what the model knows of each scored case, in the order of the scores.

    Returns:
        For each row :data:`brainseg.models.HELD_OUT`, :data:`~brainseg.models.SEEN` or
        :data:`~brainseg.models.NEW`.
    """
    return [model.standing(cohort.case(name)).relation for name in evaluation.scores["case"]]


def seconds_left(done: int, total: int, elapsed_s: float) -> float | None:
    """Return the seconds that the cases to come take, if they go as the ones before; None at 0."""
    return elapsed_s / done * (total - done) if done else None
