"""Uncertainty of a prediction, from the standard deviation over several passes.

Passes agree on a voxel where their mean lies further from the threshold than their standard deviation.
Of the voxels that are tumour, or would be if the mean moved by one deviation, the share of those that
are tumour beyond doubt is the agreement: the intersection of a cautious outline and a generous one over
the generous one. Both outlines lack their small components, as the mask does; a removed component is
therefore neither agreed upon nor in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.inference.components import remove_small_components
from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import units_from

MOST_DOUBT = 0.5
"""The slices that are named hold at least this share of the voxels in doubt."""

MOST_NAMED = 3
"""Most runs of slices that a sentence names."""

SINGLE_PASS = "Uncertainty is not available for a single pass: choose more passes."


@dataclass(frozen=True)
class Agreement:
    """How far the passes of a prediction agree at one threshold.

    Attributes:
        agreed_vx: voxels of the mask that stay above the threshold one standard deviation lower.
        possible_vx: voxels of the mask, and those that one standard deviation more would add.
        predicted_vx: voxels of the mask.
        doubtful_px: (n,) int64, by slice: possible and not agreed.
        ensemble_size: passes that were compared.
    """

    agreed_vx: int
    possible_vx: int
    predicted_vx: int
    doubtful_px: np.ndarray
    ensemble_size: int

    @property
    def share(self) -> float | None:
        """Return agreed of possible voxels, 0..1; None where no voxel comes near the threshold."""
        return self.agreed_vx / self.possible_vx if self.possible_vx else None


def certain_and_possible(
    prediction: Prediction, threshold: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where the passes agree on tumour, and where they hold it possible; None for a single pass.

    Args:
        prediction: see :func:`brainseg.inference.prediction.predict_timed`.
        threshold: a probability of at least this is tumour, 0..1.

    Returns:
        Two (n, h, w) bool. Every voxel of the first is in the second and in the predicted mask; neither
        contains a voxel of a removed component.
    """
    means, stds = prediction.units, prediction.std_units
    if stds is None:
        return None
    split, least = prediction.split(threshold), units_from(threshold)
    cautious, generous = (np.empty(means.shape, bool) for _ in range(2))
    for place, units in enumerate(stds):
        mean, std = means[place], units.astype(np.int32)  # for sums and differences
        cautious[place] = split.mask[place] & (mean - std >= least)
        generous[place] = mean + std >= least
    generous = remove_small_components(generous, split.fraction).mask
    generous |= split.mask
    return cautious, np.greater(generous, split.removed, out=generous)


def agreement_of(prediction: Prediction, threshold: float) -> Agreement | None:
    """Return how far the passes agree, or None for a single pass.

    Args:
        prediction: see :func:`brainseg.inference.prediction.predict_timed`.
        threshold: a probability of at least this is tumour, 0..1.
    """
    found = certain_and_possible(prediction, threshold)
    if found is None:
        return None
    agreed, possible = (np.count_nonzero(region, axis=(1, 2)) for region in found)
    return Agreement(
        agreed_vx=int(agreed.sum()),
        possible_vx=int(possible.sum()),
        predicted_vx=int(np.count_nonzero(prediction.mask(threshold))),
        doubtful_px=possible - agreed,
        ensemble_size=prediction.ensemble_size,
    )


def said_of(
    prediction: Prediction, threshold: float, slice_numbers: Sequence[int]
) -> tuple[str, ...]:
    """Return sentences on how certain a prediction is and where it is not.

    Args:
        prediction: see :func:`brainseg.inference.prediction.predict_timed`.
        threshold: a probability of at least this is tumour, 0..1.
        slice_numbers: (n,), of its slices.
    """
    agreement = agreement_of(prediction, threshold)
    if agreement is None:
        return (SINGLE_PASS,)
    who = f"The {passes_in_words(prediction).removeprefix('the ')}"
    if agreement.share is None:
        return (f"{who} agree that there is no tumour at the threshold {threshold:g}.",)
    counted = (
        f"{who} agree on {_percent(agreement.share)} of the predicted voxels "
        f"({agreement.agreed_vx:,} of {agreement.possible_vx:,}, including those that one standard "
        "deviation would add)."
    )
    if len(slice_numbers) == 1 or not agreement.doubtful_px.any():
        return (counted,)
    indices, share = where_in_doubt(agreement.doubtful_px)
    where = slices_in_words([slice_numbers[index] for index in indices])
    return (counted, f"{_part_in_words(share)} uncertain voxels lie on {where}.")


def where_in_doubt(doubtful_px: np.ndarray) -> tuple[list[int], float]:
    """Return the fewest slices that contain :data:`MOST_DOUBT` of all doubt, and their share of it.

    Args:
        doubtful_px: (n,) int, not all 0.

    Returns:
        Indices from 0, ascending (the first of equally doubtful slices), and a share, 0..1.
    """
    order = np.argsort(-doubtful_px, kind="stable")
    held = np.cumsum(doubtful_px[order]) / doubtful_px.sum()
    needed = int(np.searchsorted(held, MOST_DOUBT)) + 1
    return sorted(order[:needed].tolist()), float(held[needed - 1])


def slices_in_words(numbers: Sequence[int]) -> str:
    """Return slice numbers as words: “slice 3”, “slices 12–14 and 20”; of many runs, the longest.

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
    words = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    if left_out > 0:
        words.append("others")
    *most, last = words
    joined = f"{', '.join(most)} and {last}" if most else last
    return f"{'slice' if len(numbers) == 1 else 'slices'} {joined}"


def passes_in_words(prediction: Prediction) -> str:
    """Return what was averaged: “a single pass”, “the two passes (…)”, “4 passes (…)”."""
    networks, both = len(prediction.exposure.folds), "original and mirrored"
    if prediction.ensemble_size == 1:
        return "a single pass"
    if networks == 1:
        return f"the two passes ({both})"
    details = f"{networks} folds, {both}" if prediction.flip_tta else f"{networks} folds"
    return f"{prediction.ensemble_size} passes ({details})"


def _part_in_words(share: float) -> str:
    """Return a share as the beginning of a sentence: “All”, “Half of all”, “63% of all”."""
    if share == 1:
        return "All"
    percent = _percent(share)
    return "Half of all" if percent == "50%" else f"{percent} of all"


def _percent(share: float) -> str:
    """Return a share as whole percent, never rounded to all or to nothing."""
    percent = round(100 * share)
    if share < 1:
        percent = min(percent, 99)
    if share > 0:
        percent = max(percent, 1)
    return f"{percent}%"
