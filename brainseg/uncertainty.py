"""How sure a prediction is, and where it is not: what the spread of several looks says, in words.

A voxel is counted as agreed upon where the mean of the looks lies further from the threshold than their
standard deviation. Of the voxels that are tumour, or would be if the mean moved by one deviation, the
share of those that are tumour beyond doubt is the agreement: the intersection of a cautious outline and
a generous one over the generous one. What a model set aside because it keeps its largest finding alone
counts as in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.prediction import Prediction

MOST_DOUBT = 0.5
"""The slices that are named hold at least this share of the voxels in doubt."""

MOST_NAMED = 3
"""Runs of slices in a sentence: more are no help to find them."""

ONE_LOOK = (
    "One network looked once, so how sure it is cannot be told: the full prediction compares "
    "several looks."
)


@dataclass(frozen=True)
class Agreement:
    """How far the looks of a prediction agree at one threshold.

    Attributes:
        agreed_vx: voxels of tumour by the mean less one standard deviation.
        possible_vx: voxels of tumour by the mean and one standard deviation more, so never fewer.
        predicted_vx: voxels of tumour by the mean.
        doubtful_px: (n,) int64, by slice: possible and not agreed.
        members: looks that were compared.
    """

    agreed_vx: int
    possible_vx: int
    predicted_vx: int
    doubtful_px: np.ndarray
    members: int

    @property
    def share(self) -> float | None:
        """Return agreed of possible voxels, 0..1; None where no look comes near any tumour."""
        return self.agreed_vx / self.possible_vx if self.possible_vx else None


def agreement_of(prediction: Prediction, threshold: float) -> Agreement | None:
    """Return how far the looks agree, or None where there was one look only.

    Args:
        prediction: see :func:`brainseg.prediction.predict_timed`.
        threshold: a probability of at least this is tumour, 0..1.
    """
    if prediction.spread is None:
        return None
    agreed, possible, predicted = [], [], []
    # By slice: a whole case as float32 need not be in memory three times over.
    for mean, spread in zip(prediction.probability, prediction.spread, strict=True):
        agreed.append(np.count_nonzero(mean - spread >= threshold))
        possible.append(np.count_nonzero(mean + spread >= threshold))
        predicted.append(np.count_nonzero(mean >= threshold))
    return Agreement(
        agreed_vx=sum(agreed),
        possible_vx=sum(possible),
        predicted_vx=sum(predicted),
        doubtful_px=np.subtract(possible, agreed),
        members=prediction.members,
    )


def said_of(
    prediction: Prediction, threshold: float, slice_numbers: Sequence[int]
) -> tuple[str, ...]:
    """Return sentences on how sure a prediction is and where it is not.

    Args:
        prediction: see :func:`brainseg.prediction.predict_timed`.
        threshold: a probability of at least this is tumour, 0..1.
        slice_numbers: (n,), of its slices.
    """
    agreement = agreement_of(prediction, threshold)
    if agreement is None:
        return (ONE_LOOK,)
    who = _who_looked(prediction)
    if agreement.share is None:
        return (f"{who} agree that there is no tumour at the threshold {threshold:g}.",)
    counted = (
        f"{who} agree on {agreement.agreed_vx:,} of {agreement.possible_vx:,} voxels "
        f"({_percent(agreement.share)}) that are tumour within one standard deviation; the mean "
        f"of the looks gives {agreement.predicted_vx:,}."
    )
    if len(slice_numbers) == 1 or not agreement.doubtful_px.any():
        return (counted,)
    places, share = where_in_doubt(agreement.doubtful_px)
    return (
        counted,
        f"They differ most on {slices_in_words([slice_numbers[place] for place in places])}, with "
        f"{_percent(share)} of the voxels in doubt.",
    )


def where_in_doubt(doubtful_px: np.ndarray) -> tuple[list[int], float]:
    """Return the fewest slices that hold :data:`MOST_DOUBT` of all doubt, and the share they hold.

    Args:
        doubtful_px: (n,) int, not all 0.

    Returns:
        Places from 0 in rising order, of equally doubtful ones the first; and 0..1.
    """
    order = np.argsort(-doubtful_px, kind="stable")
    held = np.cumsum(doubtful_px[order]) / doubtful_px.sum()
    needed = int(np.searchsorted(held, MOST_DOUBT)) + 1
    return sorted(order[:needed].tolist()), float(held[needed - 1])


def slices_in_words(numbers: Sequence[int]) -> str:
    """Return slice numbers as words: “slice 3”, “slices 12 to 14 and 20”; the longest runs first cut.

    Args:
        numbers: one or more, in the order of the stack.
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    left_out = len(runs) - MOST_NAMED
    if left_out > 0:
        longest = sorted(runs, key=len, reverse=True)[:MOST_NAMED]
        runs = [run for run in runs if run in longest]
    told = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    if left_out > 0:
        told.append("others")
    *most, last = told
    joined = f"{', '.join(most)} and {last}" if most else last
    return f"{'slice' if len(numbers) == 1 else 'slices'} {joined}"


def _who_looked(prediction: Prediction) -> str:
    networks = len(prediction.standing.folds)
    if networks == 1:
        return "The network's two looks, at each slice and at its mirror image,"
    mirrored = ", each with the mirror image," if prediction.mirrored else ""
    return f"The {networks} networks{mirrored}"


def _percent(share: float) -> str:
    """Return a share as whole percent, never rounded to all or to nothing."""
    percent = round(100 * share)
    if share < 1:
        percent = min(percent, 99)
    if share > 0:
        percent = max(percent, 1)
    return f"{percent} %"
