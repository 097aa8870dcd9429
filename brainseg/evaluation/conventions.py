"""The same predictions under other rules of counting: how a published figure becomes larger.

All rows use the same predictions. They differ in the cases counted, the value of a slice without
tumour, and the choice of the threshold. :mod:`brainseg.evaluation.leakage` measures the effect of
another split on the network itself.
"""

import numpy as np
import pandas as pd

from brainseg.evaluation.scores import Evaluation
from brainseg.metrics import dice_by_threshold, dice_of_counts

COUNTS = ["tumour_px", "predicted_px", "both_px"]


def conventions(evaluation: Evaluation) -> pd.DataFrame:
    """Return the mean Dice of the same predictions under each rule of counting.

    Args:
        evaluation: all scored cases; the rule on seen cases is left out if none was scored.

    Returns:
        ``rule`` (its name), ``what`` (what exactly was counted), ``dice`` (0..1, NaN if nothing could be
        counted), ``n``, ``unit`` ("cases", "slices" or "voxels") and ``difference`` to the first row,
        the rule of the rest of the page. Empty if no case is unseen.
    """
    unseen, seen = evaluation.unseen(), evaluation.seen()
    if unseen is None:
        return pd.DataFrame(columns=["rule", "what", "dice", "n", "unit", "difference"])
    rows = _of_unseen(unseen)
    if seen is not None:
        what = (
            "By case, cases that the network was trained on or that chose its epoch and threshold."
        )
        rows.append(_row("on cases it learned from", what, seen.scores["dice"], "cases"))
    table = pd.DataFrame(rows)
    return table.assign(difference=table["dice"] - table["dice"].iloc[0])


def dice_at_thresholds(evaluation: Evaluation) -> pd.DataFrame:
    """Return the mean Dice by case at each threshold from 0.01 to 0.99, from the saved histograms.

    Returns:
        ``threshold`` and ``dice`` (0..1); empty without saved probabilities.
    """
    curves = [dice_by_threshold(histogram) for histogram in evaluation.histograms]
    if not curves:
        return pd.DataFrame({"threshold": [], "dice": []})
    mean = np.mean([curve["dice"] for curve in curves], axis=0)
    return curves[0][["threshold"]].assign(dice=mean)


def _of_unseen(unseen: Evaluation) -> list[dict]:
    scores, slices = unseen.scores, unseen.slices
    by_slice = dice_of_counts(*slices[COUNTS].to_numpy().T)
    tumour = slices["tumour_px"].to_numpy() > 0
    outlined = tumour & (slices["predicted_px"].to_numpy() > 0)
    pooled = dice_of_counts(*slices[COUNTS].sum())
    rows = [
        _row(
            "by case",
            "Each case as one volume, cases that the network never saw, a missed tumour as 0.",
            scores["dice"],
            "cases",
        ),
        _row(
            "by case, tumour slices alone",
            "Mean over the tumour slices of a case, then over the cases: false predictions on the other "
            "slices are ignored.",
            scores["dice_tumour_slices"].dropna(),
            "cases",
        ),
        _row(
            "by slice, tumour slices alone",
            "Mean over all tumour slices: patients with many slices count more.",
            by_slice[tumour],
            "slices",
        ),
        _row(
            "by slice, all slices",
            "Mean over all slices: each slice without tumour and without prediction counts 1, and most "
            "slices are such slices.",
            by_slice,
            "slices",
        ),
        _row(
            "by slice, missed slices dropped",
            "Mean over the slices where neither mask nor prediction is empty: missed slices and false "
            "alarms are dropped as undefined.",
            by_slice[outlined],
            "slices",
        ),
        _row(
            "all voxels pooled",
            "One Dice over the voxels of all cases together: large tumours, which are easier, dominate.",
            np.atleast_1d(pooled),
            "voxels",
        )
        | {"n": int(slices["tumour_px"].sum())},
    ]
    curve = dice_at_thresholds(unseen)
    return rows if curve.empty else [*rows, _of_best_threshold(curve, scores["dice"])]


def _of_best_threshold(curve: pd.DataFrame, dice: pd.Series) -> dict:
    best = curve.loc[curve["dice"].idxmax()]
    what = f"By case, with the threshold that is best on these same cases ({best['threshold']:g})."
    row = _row("threshold chosen on the scored cases", what, dice, "cases")
    return row | {"dice": float(best["dice"])}


def _row(rule: str, what: str, values: np.ndarray | pd.Series, unit: str) -> dict:
    dice = float(values.mean()) if len(values) else float("nan")
    return {"rule": rule, "what": what, "dice": dice, "n": len(values), "unit": unit}
