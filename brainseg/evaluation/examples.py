"""Typical cases of an evaluation, and the Dice of two models side by side."""

import pandas as pd

BEST, MEDIAN, WORST = "best", "median", "worst"


def examples(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the cases with the highest, the middle and the lowest Dice.

    Args:
        scores: one row per case, with ``case`` and ``dice`` (0..1).

    Returns:
        ``which`` (:data:`BEST`, :data:`MEDIAN`, :data:`WORST`) and the columns of the scores. Of two
        cases it is the best and the worst, of one the best; of an even number the lower middle one.
    """
    ordered = scores.sort_values(["dice", "case"], ascending=[False, True], ignore_index=True)
    last = len(ordered) - 1
    rows = {BEST: 0, MEDIAN: (last + 1) // 2, WORST: last}
    if last < 2:
        rows = {BEST: 0, WORST: last} if last else {BEST: 0}
    chosen = ordered.iloc[[*rows.values()]] if len(ordered) else ordered
    chosen = chosen.reset_index(drop=True)
    chosen.insert(0, "which", [*rows][: len(chosen)])
    return chosen


def side_by_side(scores: pd.DataFrame, others: pd.DataFrame | None) -> pd.DataFrame:
    """Return the Dice of two models by case, the lowest of the first model first.

    Args:
        scores: of the first model, one row per case, with ``case`` and ``dice`` (0..1).
        others: of the second model, or None.

    Returns:
        ``case``, ``dice``, ``other`` and ``difference`` (first minus second); the last two are missing
        for a case that the second model was not scored on.
    """
    table = scores[["case", "dice"]].sort_values(["dice", "case"], ignore_index=True)
    known = {} if others is None else dict(zip(others["case"], others["dice"], strict=True))
    other = table["case"].map(known).astype("float64")
    return table.assign(other=other, difference=table["dice"] - other)
