"""What can be seen to go wrong in a training while it runs: five rules on its curves.

A rule looks at what there is up to the last epoch, so that a warning stands as soon as it holds and
goes when it no longer does. Medians of some epochs are compared, never two single ones.

==================== ==============================================================================
not a number         a loss or a score is NaN or infinite in any epoch
divergence           the training loss has climbed back half of all it had gained, and a quarter of
                     where it began, measured in medians of :data:`SHORT` epochs
overfitting          a validation metric got worse than its best by a tenth of all it had gained, and
                     by three times its usual step, a score also by :data:`LEAST_DROP`, in medians
                     of :data:`LONG` epochs, while the training loss fell
plateau              no better validation score for three quarters of the patience
dead learning rate   below a thousandth of its highest for a tenth of all epochs; or, after
                     :data:`UNMOVED_AFTER` epochs, a loss within two percent of where it began
==================== ==============================================================================

The last two are said only while a training can still go on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainseg.monitoring import curves

NOT_A_NUMBER = "not a number"
DIVERGENCE = "divergence"
OVERFITTING = "overfitting"
PLATEAU = "plateau"
DEAD_LEARNING_RATE = "dead learning rate"

SHORT, LONG = 3, 5
UNMOVED_AFTER = 10
LEAST_DROP = 0.02
"""Of a score from 0 to 1: a network that finds next to nothing yet goes up and down by less."""

PATIENCE_OF_OTHERS = 20
"""Epochs, for a log that does not tell the patience it was trained with."""


@dataclass(frozen=True)
class TrainingWarning:
    """One thing that goes wrong.

    Attributes:
        kind: one of the five.
        epoch: since when it can be seen.
        message: a sentence with the values and what can be done.
    """

    kind: str
    epoch: int
    message: str


def warnings_of(
    history: pd.DataFrame,
    config: Mapping[str, object] | None = None,
    going_on: bool = True,
    invalid: Mapping[str, int] | None = None,
) -> list[TrainingWarning]:
    """Return what goes wrong, the worst first; nothing for a training that is well.

    Args:
        history: a row an epoch, ``epoch`` ascending, a column a metric (float, NaN where missing).
        config: of the training; its ``patience`` counts, where it is known.
        going_on: whether more epochs may come.
        invalid: column -> first epoch with a value that is no number; see
            :class:`brainseg.monitoring.snapshot.Snapshot`.
    """
    found = [_not_a_number(invalid or {}), _divergence(history)]
    if found[1] is None:
        found.append(_overfitting(history))
    if going_on:
        found.append(_dead_learning_rate(history))
        if not any(found):
            found.append(_plateau(history, config or {}))
    return [warning for warning in found if warning is not None]


def _not_a_number(invalid: Mapping[str, int]) -> TrainingWarning | None:
    judged = {c: e for c, e in invalid.items() if curves.higher_is_better(c) is not None}
    if not judged:
        return None
    column = min(judged, key=lambda name: (judged[name], name))
    return TrainingWarning(
        NOT_A_NUMBER,
        judged[column],
        f"{_named(column)} was not a number at epoch {judged[column]}: lower learning_rate or set "
        "precision=float32, and go on from the best weights.",
    )


def _divergence(history: pd.DataFrame) -> TrainingWarning | None:
    column = curves.training_loss(list(history))
    known = _known(history, column)
    if len(known) < 2 * SHORT:
        return None
    first, medians = known.iloc[0], known.rolling(SHORT).median()
    lowest = min(medians.min(), first)
    limit = lowest + max((first - lowest) / 2, abs(first) / 4)
    recent = medians.iloc[-1]
    if recent < limit:
        return None
    return TrainingWarning(
        DIVERGENCE,
        _since(history, medians >= limit),
        f"{_named(column)} rises: {recent:.3g} over the last {SHORT} epochs, after it had been down "
        f"to {lowest:.3g}: lower learning_rate, and go on from the best weights.",
    )


def _overfitting(history: pd.DataFrame) -> TrainingWarning | None:
    loss = curves.training_loss(list(history))
    best_of = curves.score(list(history))
    for column in dict.fromkeys((best_of, curves.validation_loss(list(history)))):
        if column is None or loss is None or curves.stem(column) == column:
            continue  # what is not of validation cases tells nothing of others
        known = _worse_is_more(history, column)
        if len(known) < 2 * LONG:
            continue
        medians = known.rolling(LONG).median()
        best, place = medians.min(), medians.idxmin()
        usual_step = known.diff().abs().tail(4 * LONG).median()
        least = LEAST_DROP if curves.higher_is_better(column) else 0
        limit = best + max((known.iloc[0] - best) / 10, 3 * usual_step, least)
        fell = history[loss].rolling(LONG).median()
        if medians.iloc[-1] > limit and fell.iloc[-1] < fell[place]:
            sign = -1 if curves.higher_is_better(column) else 1
            return TrainingWarning(
                OVERFITTING,
                _since(history, medians > limit),
                f"{_named(column)} got worse, from {sign * best:.3g} around epoch "
                f"{history['epoch'][place]} to {sign * medians.iloc[-1]:.3g}, while the training loss "
                "fell: it learns its cases by heart. More augmentation, more cases or fewer epochs; "
                "the weights kept are those of the best epoch.",
            )
    return None


def _plateau(history: pd.DataFrame, config: Mapping[str, object]) -> TrainingWarning | None:
    column = curves.score(list(history))
    best = None if column is None else curves.best_epoch(history, column)
    if best is None:
        return None
    patience = config.get("patience")
    told = isinstance(patience, int) and patience > 0
    wait = max(LONG, math.ceil(0.75 * (patience if told else PATIENCE_OF_OTHERS)))
    waited = int(history["epoch"].iloc[-1]) - best
    if waited < wait:
        return None
    ends = f" The training stops after {patience} such epochs." if told else ""
    return TrainingWarning(
        PLATEAU,
        best + wait,
        f"{_named(column)} has not got better since epoch {best}, {waited} epochs ago: a plateau. "
        f"A lower learning_rate may leave it.{ends}",
    )


def _dead_learning_rate(history: pd.DataFrame) -> TrainingWarning | None:
    column = next((name for name in history if curves.is_learning_rate(name)), None)
    rates = _known(history, column)
    if len(rates):
        low = rates <= rates.max() / 1000
        lasting = max(SHORT, math.ceil(len(rates) / 10))
        if len(rates) >= lasting and low.iloc[-lasting:].all():
            return TrainingWarning(
                DEAD_LEARNING_RATE,
                _since(history, low),
                f"The learning rate is {rates.iloc[-1]:.2g}, of {rates.max():.2g} at its highest: "
                "nothing more is learned. Stop, or start again with a slower decay.",
            )
    return _unmoved(history, rates)


def _unmoved(history: pd.DataFrame, rates: pd.Series) -> TrainingWarning | None:
    column = curves.training_loss(list(history))
    loss = _known(history, column)
    if len(loss) < UNMOVED_AFTER:
        return None
    first, recent = loss.iloc[:SHORT].median(), loss.iloc[-SHORT:].median()
    moved = np.abs(loss.rolling(SHORT).median() - first).max() > 0.02 * abs(first)
    if moved:
        return None
    rate = f" (now {rates.iloc[-1]:.2g})" if len(rates) else ""
    return TrainingWarning(
        DEAD_LEARNING_RATE,
        int(history["epoch"].iloc[UNMOVED_AFTER - 1]),
        f"{_named(column)} is {recent:.3g} after {len(loss)} epochs, as at the start: nothing is "
        f"learned. Raise learning_rate{rate}.",
    )


def _named(column: str) -> str:
    words = curves.in_words(column)
    return words[:1].upper() + words[1:]


def _known(history: pd.DataFrame, column: str | None) -> pd.Series:
    if column is None:
        return pd.Series(dtype="float64")
    return history[column][np.isfinite(history[column])]


def _worse_is_more(history: pd.DataFrame, column: str) -> pd.Series:
    known = _known(history, column)
    return -known if curves.higher_is_better(column) else known


def _since(history: pd.DataFrame, holds: pd.Series) -> int:
    """Return the epoch since when something holds without a break up to the last."""
    failing = np.flatnonzero(~holds.to_numpy(bool))
    return int(history["epoch"][holds.index[failing[-1] + 1 if len(failing) else 0]])
