"""Evaluations without a network, for tests of what is computed from scores."""

import numpy as np
import pandas as pd

from brainseg.evaluation import SCORE_COLUMNS, Evaluation, measure
from brainseg.evaluation.scores import typed
from brainseg.evaluation.scoring import slice_counts
from brainseg.metrics import probability_histogram

SIDE_PX = 12


def evaluation_of(
    masks: list[tuple[np.ndarray, np.ndarray]],
    patients: list[str] | None = None,
    seen: list[bool] | None = None,
    model: str = "made-up",
    spacing: tuple[float | None, float, float] | None = None,
) -> Evaluation:
    """Return the scores of cases named A, B, ... from their masks and predictions.

    Args:
        masks: of each case its mask and its prediction, (n, h, w) bool.
        patients: of each case; without them each is its own.
        seen: whether the model learned from each case; without it, from none.
        model: its name.
        spacing: of all cases in mm, where they have one.
    """
    names = [chr(ord("A") + place) for place in range(len(masks))]
    rows, slices, histograms = [], [], []
    for place, (name, (truth, prediction)) in enumerate(zip(names, masks, strict=True)):
        counts = slice_counts(truth, prediction)
        rows.append(
            {
                "case": name,
                "patient_id": patients[place] if patients else name,
                "institution": "XX",
                "fold": 0,
                "seen": bool(seen and seen[place]),
                "slices": len(truth),
                "seconds": 0.1,
                **measure(truth, prediction, spacing),
            }
        )
        numbers = np.arange(1, len(truth) + 1)
        slices.append(counts.assign(case=name, slice_number=numbers))
        probability = np.where(prediction, 0.8, 0.2).astype(np.float32)
        histograms.append(probability_histogram(probability, truth, np.ones_like(truth)))
    return Evaluation(
        model,
        "0" * 64,
        typed(pd.DataFrame(rows, columns=list(SCORE_COLUMNS))),
        {},
        pd.concat(slices, ignore_index=True),
        np.stack(histograms),
    )


def outlined(dice: float, slices: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return a mask of 100 voxels on the first slice and a prediction of as many with this Dice."""
    truth = np.zeros((slices, SIDE_PX, 2 * SIDE_PX), bool)
    prediction = truth.copy()
    hits = round(100 * dice)
    truth[0, 1:11, 1:11] = True
    prediction[0, 1:11, 1:11] = np.arange(100).reshape(10, 10) < hits
    prediction[0, 1:11, 12:22] = np.arange(100).reshape(10, 10) < 100 - hits
    return truth, prediction


def nothing(slices: int = 2) -> np.ndarray:
    """Return an empty mask that fits to :func:`outlined`."""
    return np.zeros((slices, SIDE_PX, 2 * SIDE_PX), bool)
