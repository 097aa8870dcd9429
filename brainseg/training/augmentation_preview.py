"""Augmented slices as pictures, to choose the strength of augmentation by eye."""

import numpy as np

from brainseg.cohort import Case
from brainseg.preprocessing import CLIP, context_channel, with_context
from brainseg.training.augmentation import augment
from brainseg.training.config import TrainingConfig
from brainseg.training.data import prepare_case


def augmented_slices(
    case: Case, config: TrainingConfig, count: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the slice with the largest tumour as the network may see it in training.

    Args:
        case: with a usable mask.
        config: gives the size of the grid, the neighbours and the strength.
        count: number of variations.
        seed: the same seed gives the same variations.

    Returns:
        Pairs of FLAIR, or the first sequence without it, (s, s) uint8, and mask, (s, s) bool; the first
        pair is not augmented.

    Raises:
        CohortError: the case has no usable mask.
    """
    how = config.preprocessing
    prepared = prepare_case(case, how)
    index = int(prepared.masks.sum(axis=(1, 2)).argmax())
    slice_ = with_context(prepared.stack, index, how)
    mask = prepared.masks[index].astype(np.float32)
    rng = np.random.default_rng(seed)
    varied = [augment(slice_, mask, rng, config.augmentation, how.sequences) for _ in range(count)]
    shown = context_channel(how.sequences)
    return [(_picture(one[..., shown]), its > 0) for one, its in [(slice_, mask), *varied]]


def _picture(plane: np.ndarray) -> np.ndarray:
    """Return a prepared plane as (s, s) uint8, from the lowest to the highest clipped value."""
    low, high = CLIP
    levels = (plane.astype(np.float32) - low) / (high - low)
    return np.rint(levels * 255).clip(0, 255).astype(np.uint8)
