"""Curves of a training: grouping, smoothing and downsampling."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

NOT_CURVES = ("epoch", "hours", "finished_at", "seconds", "epoch_seconds")
"""Columns of a history that are axes or duplicate another curve."""

TITLES = {
    "loss": "Loss",
    "dice": "Dice",
    "volume_ratio": "Predicted volume / mask volume",
    "learning_rate": "Learning rate",
    "slices_per_second": "Slices per second",
    "memory_mb": "Memory (MiB)",
    "cpu_percent": "Processor (%, 100 is one core)",
}
"""Display names of metrics; any other metric keeps its own name."""

_OF_THE_MACHINE = ("slices_per_second", "memory_mb", "cpu_percent")

VALIDATION, TRAINING = "validation", "training"

_OF_VALIDATION = re.compile(
    r"^(validation|val|valid|eval|test)[_/ .-]|[_/ .-](validation|val|valid)$"
)
_OF_TRAINING = re.compile(r"^(training|train)[_/ .-]|[_/ .-](training|train)$")
_HIGHER_IS_BETTER = re.compile(
    r"dice|iou|jaccard|acc|auc|f1|precision|recall|sensitivity|specificity|r2", re.IGNORECASE
)
_LOWER_IS_BETTER = re.compile(
    r"loss|error|mae|mse|rmse|hausdorff|hd95|distance|entropy|perplexity", re.IGNORECASE
)
_LEARNING_RATE = re.compile(r"(^|[_/ .-])(lr|learning[_ ]?rate)([_/ .-]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """The metrics of one chart: of the training cases, the validation cases, or both.

    Attributes:
        stem: their common name, such as "loss".
        columns: column of the history -> "training" or "validation".
    """

    stem: str
    columns: dict[str, str]

    @property
    def title(self) -> str:
        """Return the chart's title."""
        if set(self.columns.values()) == {VALIDATION}:
            return f"{VALIDATION.capitalize()} {_within_words(self.stem)}"
        return TITLES.get(self.stem, self.stem)


def groups(columns: list[str]) -> list[Group]:
    """Return the charts of a history's columns: losses and scores first, machine metrics last."""
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        if column not in NOT_CURVES:
            found.setdefault(stem(column), {})[column] = (
                VALIDATION if _OF_VALIDATION.search(column) else TRAINING
            )
    return [
        Group(name, dict(sorted(parts.items(), key=lambda part: part[1])))
        for name, parts in sorted(found.items(), key=lambda item: _rank(item[0]))
    ]


def stem(column: str) -> str:
    """Return a metric's name without its prefix or suffix: "val_loss" and "loss" are both "loss"."""
    if is_learning_rate(column):
        return "learning_rate"
    return _OF_TRAINING.sub("", _OF_VALIDATION.sub("", column)) or column


def canonical(columns: list[str]) -> dict[str, str]:
    """Map the column names of other programs to those used here: "val_loss" -> "validation_loss".

    Ambiguous columns keep their own name, so that no two columns become one.
    """
    names: dict[str, str] = {}
    for column in columns:
        base = stem(column)
        whole = column.removesuffix("_epoch")
        if f"{whole}_step" in columns:  # Lightning logs both; the mean of the epoch is the metric
            base = stem(whole)
        base = base.lower() if base.lower() in TITLES else base
        name = f"{VALIDATION}_{base}" if _OF_VALIDATION.search(column) else base
        names[column] = name if name not in names.values() and name not in columns else column
    return names


def _within_words(base: str) -> str:
    """Return the display name of a metric after another word: "Dice", but "loss"."""
    title = TITLES.get(base, base)
    return title if title == "Dice" or base not in TITLES else title[:1].lower() + title[1:]


def in_words(column: str) -> str:
    """Return a metric's name for sentences: "validation Dice" for ``validation_dice``."""
    base = stem(column)
    title = _within_words(base)
    if _OF_VALIDATION.search(column):
        return f"{VALIDATION} {title}"
    return f"{TRAINING} {title}" if base == "loss" else title


def is_learning_rate(column: str) -> bool:
    """Return True if a column is a learning rate, under any of its usual names."""
    return bool(_LEARNING_RATE.search(column))


def higher_is_better(column: str) -> bool | None:
    """Return True if higher values are better; None if the name does not tell."""
    if _LOWER_IS_BETTER.search(column):
        return False
    return True if _HIGHER_IS_BETTER.search(column) else None


def loss(columns: list[str], part: str) -> str | None:
    """Return the column with the loss on the :data:`TRAINING` or :data:`VALIDATION` cases, or None."""
    losses = next((group.columns for group in groups(columns) if group.stem == "loss"), {})
    return next((name for name, its_part in losses.items() if its_part == part), None)


def score(columns: list[str]) -> str | None:
    """Return the column that best measures the network's quality, or None.

    Validation metrics are preferred to training metrics, then Dice to other scores, then scores to
    losses.
    """
    ranked = [
        (not _OF_VALIDATION.search(column), "dice" not in column.lower(), not better, index, column)
        for index, column in enumerate(columns)
        if column not in NOT_CURVES
        and not is_learning_rate(column)
        and (better := higher_is_better(column)) is not None
    ]
    return min(ranked)[-1] if ranked else None


def best_epoch(history: pd.DataFrame, column: str) -> int | None:
    """Return the first epoch with the best value of a metric, or None if it has no values."""
    values = history[column].where(np.isfinite(history[column]))
    if values.notna().sum() == 0:
        return None
    row = values.idxmax() if higher_is_better(column) else values.idxmin()
    return int(history.loc[row, "epoch"])


def smoothed(values: pd.Series, strength: float) -> pd.Series:
    """Return a bias-corrected exponential moving average, as TensorBoard draws it.

    Missing or non-finite values stay missing and do not affect the others.

    Args:
        values: values of one metric, one per epoch.
        strength: weight of earlier values, 0 (no smoothing) to below 1.
    """
    known = values.where(np.isfinite(values))
    if strength <= 0:
        return known
    # adjust=True divides by the sum of weights, which corrects the bias at the start.
    return known.ewm(alpha=1 - strength, adjust=True, ignore_na=True).mean().where(known.notna())


def downsample(values: np.ndarray, most: int) -> np.ndarray:
    """Choose points of a curve for drawing: first, last, lowest and highest of each section.

    All points are original values, and no spike is lost (M4: Jugel et al. 2014). In a section with a
    gap, the first missing point is included, so that the line breaks there.

    Args:
        values: (n,) float, NaN where missing.
        most: approximate number of points, at least 8.

    Returns:
        (m,) ascending indices; all n if n <= ``most``.
    """
    if len(values) <= most:
        return np.arange(len(values))
    chosen: set[int] = set()
    for part in np.array_split(np.arange(len(values)), max(1, most // 4)):
        chosen |= {int(part[0]), int(part[-1])}
        known = part[np.isfinite(values[part])]
        if len(known):
            chosen |= {int(known[np.argmin(values[known])]), int(known[np.argmax(values[known])])}
        if len(known) < len(part):
            chosen.add(int(part[~np.isfinite(values[part])][0]))
    return np.array(sorted(chosen))


def _rank(name: str) -> tuple[int, str]:
    if name in _OF_THE_MACHINE:
        return 4 + _OF_THE_MACHINE.index(name), name
    if is_learning_rate(name):
        return 3, name
    if name == "loss":
        return 0, name
    return (1 if higher_is_better(name) is not None else 2), name
