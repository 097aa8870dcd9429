"""The same predictions under other rules of counting: how a published figure gets larger.

Every row is computed from what this network predicted here. What differs is which cases are counted,
what a slice without tumour is worth, and who chose the threshold. What another split makes of the
network itself is measured in :mod:`brainseg.evaluation.leakage`.
"""

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import dice_by_threshold, dice_of_counts

BY_CASE = "by case"


def conventions(evaluation: Evaluation) -> pd.DataFrame:
    """Return the mean Dice of the same predictions under each rule of counting.

    Args:
        evaluation: all scored cases. The rules that need cases the model learned from are left out
            where none was scored.

    Returns:
        ``rule`` (its name), ``what`` (exactly what was counted), ``dice`` (0..1, NaN where nothing
        could be counted), ``n``, ``unit`` ("cases", "slices" or "voxels") and ``difference`` to the
        first row, which is how the rest of the page counts. Empty where no case is unseen.
    """
    unseen = evaluation.unseen()
    if unseen is None:
        return pd.DataFrame(columns=["rule", "what", "dice", "n", "unit", "difference"])
    rows = [*_of_unseen(unseen), *_of_seen(evaluation)]
    table = pd.DataFrame(rows, columns=["rule", "what", "dice", "n", "unit"])
    return table.assign(difference=table["dice"] - table["dice"].iloc[0])


def dice_at_thresholds(evaluation: Evaluation) -> pd.DataFrame:
    """Return the mean Dice by case at each threshold from 0.01 to 0.99, from the kept histograms.

    Returns:
        ``threshold`` and ``dice`` (0..1); empty where no probability was kept.
    """
    curves = [dice_by_threshold(histogram) for histogram in evaluation.histograms]
    if not curves:
        return pd.DataFrame({"threshold": [], "dice": []})
    mean = np.mean([curve["dice"] for curve in curves], axis=0)
    return curves[0][["threshold"]].assign(dice=mean)


def _of_unseen(unseen: Evaluation) -> list[tuple]:
    scores, slices = unseen.scores, unseen.slices
    by_slice = _dice(slices)
    tumour = slices["tumour_px"].to_numpy() > 0
    outlined = tumour & (slices["predicted_px"].to_numpy() > 0)
    pooled = _dice(slices[["tumour_px", "predicted_px", "both_px"]].sum().to_frame().T)
    per_case = scores["dice_tumour_slices"].dropna()
    return [
        (
            BY_CASE,
            "Each case as one volume, cases that the network never saw, a missed tumour as 0.",
            scores["dice"].mean(),
            len(scores),
            "cases",
        ),
        (
            "by case, tumour slices alone",
            "Mean over the tumour slices of a case, then over the cases: what is wrongly predicted on "
            "the other slices no longer counts.",
            per_case.mean(),
            len(per_case),
            "cases",
        ),
        (
            "by slice, tumour slices alone",
            "Mean over all tumour slices: patients with many slices count more.",
            _mean(by_slice[tumour]),
            int(tumour.sum()),
            "slices",
        ),
        (
            "by slice, all slices",
            "Mean over all slices: each slice without tumour where nothing is predicted counts 1, and "
            "most slices are such slices.",
            _mean(by_slice),
            len(by_slice),
            "slices",
        ),
        (
            "by slice, missed slices dropped",
            "Mean over the slices where both mask and prediction hold something: slices that were "
            "missed, and false alarms, are dropped as undefined.",
            _mean(by_slice[outlined]),
            int(outlined.sum()),
            "slices",
        ),
        (
            "all voxels pooled",
            "One Dice over the voxels of all cases together: large tumours, which are easier, decide.",
            _mean(pooled),
            int(slices["tumour_px"].sum()),
            "voxels",
        ),
        *_of_best_threshold(unseen),
    ]


def _of_best_threshold(unseen: Evaluation) -> list[tuple]:
    curve = dice_at_thresholds(unseen)
    if curve.empty:
        return []
    best = curve.loc[curve["dice"].idxmax()]
    told = (
        f"By case, with the threshold that scores best on these very cases ({best['threshold']:g})."
    )
    name = "threshold chosen on the scored cases"
    return [(name, told, float(best["dice"]), len(unseen.scores), "cases")]


def _of_seen(evaluation: Evaluation) -> list[tuple]:
    seen = evaluation.seen()
    if seen is None:
        return []
    told = "By case, cases that taught the network or chose its epoch and threshold."
    dice = seen.scores["dice"].mean()
    return [("on cases it learned from", told, dice, len(seen.scores), "cases")]


def _dice(slices: pd.DataFrame) -> np.ndarray:
    names = ("tumour_px", "predicted_px", "both_px")
    return dice_of_counts(*(slices[name].to_numpy() for name in names))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
