"""Warnings about a running training: six rules on its curves.

Each rule uses the epochs so far, so a warning appears and disappears with its condition. Rules compare
medians over several epochs, not single epochs.

==================== ==============================================================================
not a number         a loss or a score is NaN or infinite in any epoch
divergence           the training loss has risen again by half of its total decrease and by a quarter of
                     its first value, in medians of :data:`SHORT` epochs
overfitting          a validation metric is worse than its best by a tenth of its total improvement, by
                     three times its usual step, and a score by :data:`LEAST_DROP`, in medians of
                     :data:`LONG` epochs, while the training loss fell
nothing found,       the training loss has fallen by a tenth, but over :data:`SHORT` epochs (two once the
everything marked    training has ended) no validation Dice reached :data:`LEAST_DICE`, and the predicted
                     volume, if known, stayed below :data:`LEAST_RATIO` of that of the masks or above
                     :data:`MOST_RATIO` times it
plateau              no better validation score for three quarters of the patience
dead learning rate   below a thousandth of its peak for a tenth of all epochs; or, after
                     :data:`UNMOVED_AFTER` epochs, a loss within two percent of its first value
==================== ==============================================================================

The last two apply only while a training can continue.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from brainseg.monitoring import curves

NOT_A_NUMBER = "not a number"
DIVERGENCE = "divergence"
OVERFITTING = "overfitting"
PLATEAU = "plateau"
NOTHING_FOUND = "nothing found"
EVERYTHING_MARKED = "everything marked"
DEAD_LEARNING_RATE = "dead learning rate"

VOLUME_RATIO = "validation_volume_ratio"

SHORT, LONG = 3, 5
UNMOVED_AFTER = 10
LEAST_DROP = 0.02
"""For scores from 0 to 1: smaller drops are noise of a network that finds almost nothing yet."""

LEAST_DICE, LEAST_RATIO, MOST_RATIO = 0.2, 0.05, 9.0
"""A network that marks nine times the tumour reaches a Dice of 0.2 at best."""

LEAST_UNKNOWN_DICE = 0.05
"""The limit for Dice if the predicted volume is unknown."""

FEW_BATCHES = 300
"""A network with random weights needs about as many to find its first tumours."""

PATIENCE_OF_OTHERS = 20
"""Assumed patience of a log, in epochs."""


@dataclass(frozen=True)
class TrainingWarning:
    """One warning about a training.

    Attributes:
        kind: name of the rule.
        epoch: first epoch of the condition.
        message: a sentence with the values and a remedy.
        severe: True if the network is useless as it is.
    """

    kind: str
    epoch: int
    message: str
    severe: bool = False


def find_warnings(
    history: pd.DataFrame,
    config: Mapping[str, Any] | None = None,
    is_active: bool = True,
    invalid: Mapping[str, int] | None = None,
) -> list[TrainingWarning]:
    """Return the warnings about a training, worst first.

    Args:
        history: one row per epoch, ``epoch`` ascending, one column per metric (float, NaN if missing).
        config: the training's settings; ``patience`` is used if present.
        is_active: True if more epochs may follow.
        invalid: column -> first epoch with an invalid value; see
            :class:`brainseg.monitoring.snapshot.Snapshot`.
    """
    found = [_not_a_number(invalid or {}), _divergence(history)]
    if found[1] is None:
        found.append(_overfitting(history))
    found.append(_useless(history, config or {}, is_active))
    if is_active:
        found.append(_dead_learning_rate(history))
        if not any(found):
            found.append(_plateau(history, config or {}))
    return [warning for warning in found if warning is not None]


def _not_a_number(invalid: Mapping[str, int]) -> TrainingWarning | None:
    scored = {c: e for c, e in invalid.items() if curves.higher_is_better(c) is not None}
    if not scored:
        return None
    column = min(scored, key=lambda name: (scored[name], name))
    return TrainingWarning(
        NOT_A_NUMBER,
        scored[column],
        f"{_named(column)} was not a number at epoch {scored[column]}: lower learning_rate or set "
        "precision=float32, and resume from the best weights.",
    )


def _divergence(history: pd.DataFrame) -> TrainingWarning | None:
    column = curves.loss(list(history), curves.TRAINING)
    known = _known(history, column)
    if column is None or len(known) < 2 * SHORT:
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
        f"{_named(column)} rises: {recent:.3g} over the last {SHORT} epochs, after a minimum of "
        f"{lowest:.3g}: lower learning_rate, and resume from the best weights.",
    )


def _overfitting(history: pd.DataFrame) -> TrainingWarning | None:
    loss = curves.loss(list(history), curves.TRAINING)
    validation_loss = curves.loss(list(history), curves.VALIDATION)
    for column in dict.fromkeys((curves.score(list(history)), validation_loss)):
        if column is None or loss is None or curves.stem(column) == column:
            continue  # training metrics do not show overfitting
        sign = -1 if curves.higher_is_better(column) else 1  # so that higher is worse
        known = sign * _known(history, column)
        if len(known) < 2 * LONG:
            continue
        medians = known.rolling(LONG).median()
        best, best_row = medians.min(), medians.idxmin()
        usual_step = known.diff().abs().tail(4 * LONG).median()
        least = LEAST_DROP if curves.higher_is_better(column) else 0
        limit = best + max((known.iloc[0] - best) / 10, 3 * usual_step, least)
        fell = history[loss].rolling(LONG).median()
        if medians.iloc[-1] > limit and fell.iloc[-1] < fell[best_row]:
            return TrainingWarning(
                OVERFITTING,
                _since(history, medians > limit),
                f"{_named(column)} got worse, from {sign * best:.3g} around epoch "
                f"{history['epoch'][best_row]} to {sign * medians.iloc[-1]:.3g}, while the training "
                "loss fell: overfitting. Use more augmentation, more cases or fewer epochs; the saved "
                "weights are those of the best epoch.",
            )
    return None


def _useless(
    history: pd.DataFrame, config: Mapping[str, Any], is_active: bool
) -> TrainingWarning | None:
    """Return the warning that the network finds nothing, or marks everything, while its loss falls."""
    column = curves.score(list(history))
    loss = _known(history, curves.loss(list(history), curves.TRAINING))
    if column is None or "dice" not in column.lower() or curves.stem(column) == column:
        return None
    scores = _known(history, column)
    ratios = _known(history, VOLUME_RATIO).reindex(scores.index)
    least = SHORT if is_active else SHORT - 1
    if len(scores) < least or len(loss) < 2 or loss.iloc[-1] > 0.9 * loss.iloc[0]:
        return None
    recent = ratios.iloc[-least:].dropna()
    if recent.empty:
        kind, useless = NOTHING_FOUND, scores < LEAST_UNKNOWN_DICE
        what = "the network finds nothing or marks everything"
    elif recent.median() < 1:
        kind, useless = NOTHING_FOUND, (scores < LEAST_DICE) & (ratios < LEAST_RATIO)
        what = f"the network finds nothing ({recent.iloc[-1]:.1%} of the volume of the masks)"
    else:
        kind, useless = EVERYTHING_MARKED, (scores < LEAST_DICE) & (ratios > MOST_RATIO)
        what = f"the network marks {recent.iloc[-1]:.0f} times the volume of the masks"
    if not useless.iloc[-least:].all():
        return None
    return TrainingWarning(
        kind,
        _since(history, useless),
        f"{_named(column)} is {scores.iloc[-1]:.3f} although the training loss fell from "
        f"{loss.iloc[0]:.3g} to {loss.iloc[-1]:.3g}: {what}. "
        f"{_likely_cause(kind, config, int(history['epoch'].iloc[-1]))}",
        severe=True,
    )


def _likely_cause(kind: str, config: Mapping[str, Any], epochs: int) -> str:
    """Return the likely cause in a sentence, with the setting to change."""
    share, batches = config.get("tumour_share", 0.5), epochs * config.get("steps_per_epoch", 0)
    if kind == NOTHING_FOUND and share < 0.2:
        return f"Likely cause: tumour_share={share:g} shows it hardly any tumour; set 0.5."
    if kind == EVERYTHING_MARKED and share > 0.8:
        return f"Likely cause: tumour_share={share:g} shows it hardly any healthy slice; set 0.5."
    if 0 < batches < FEW_BATCHES:
        advice = "train longer"
        if not config.get("encoder"):
            advice += ", or start from network=lite_unet with encoder=efficientnet-lite0"
        return f"Likely cause: {batches} batches are too few; {advice}."
    return (
        "Likely cause: a learning rate that is too high, or masks that do not fit their images; lower "
        "learning_rate, and open Data checks."
    )


def _plateau(history: pd.DataFrame, config: Mapping[str, Any]) -> TrainingWarning | None:
    column = curves.score(list(history))
    best = None if column is None else curves.best_epoch(history, column)
    if column is None or best is None:
        return None
    patience = config.get("patience")
    known = patience if isinstance(patience, int) and patience > 0 else None
    wait = max(LONG, math.ceil(0.75 * (known or PATIENCE_OF_OTHERS)))
    waited = int(history["epoch"].iloc[-1]) - best
    if waited < wait:
        return None
    ends = f" The training stops after {known} such epochs." if known else ""
    return TrainingWarning(
        PLATEAU,
        best + wait,
        f"{_named(column)} has not improved since epoch {best}, {waited} epochs ago: a plateau. "
        f"A lower learning_rate may help.{ends}",
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
                f"The learning rate is {rates.iloc[-1]:.2g}, its peak was {rates.max():.2g}: training "
                "no longer makes progress. Stop, or start again with a slower decay.",
            )
    return _unmoved(history, rates)


def _unmoved(history: pd.DataFrame, rates: pd.Series) -> TrainingWarning | None:
    column = curves.loss(list(history), curves.TRAINING)
    loss = _known(history, column)
    if column is None or len(loss) < UNMOVED_AFTER:
        return None
    first, recent = loss.iloc[:SHORT].median(), loss.iloc[-SHORT:].median()
    if np.abs(loss.rolling(SHORT).median() - first).max() > 0.02 * abs(first):
        return None
    rate = f" (now {rates.iloc[-1]:.2g})" if len(rates) else ""
    return TrainingWarning(
        DEAD_LEARNING_RATE,
        int(history["epoch"].iloc[UNMOVED_AFTER - 1]),
        f"{_named(column)} is {recent:.3g} after {len(loss)} epochs, as at the start: training makes "
        f"no progress. Raise learning_rate{rate}.",
    )


def _named(column: str) -> str:
    words = curves.in_words(column)
    return words[:1].upper() + words[1:]


def _known(history: pd.DataFrame, column: str | None) -> pd.Series:
    if column not in history:
        return pd.Series(dtype="float64")
    return history[column][np.isfinite(history[column])]


def _since(history: pd.DataFrame, condition: pd.Series) -> int:
    """Return the first epoch of the last uninterrupted True series."""
    failing = np.flatnonzero(~condition.to_numpy(bool))
    return int(history["epoch"][condition.index[failing[-1] + 1 if len(failing) else 0]])
