"""Augmented slices as pictures, to choose the strength of augmentation by eye."""

import numpy as np

from brainseg.cohort import Case
from brainseg.preprocessing import CLIP, with_context
from brainseg.training.augmentation import augment
from brainseg.training.config import TrainingConfig
from brainseg.training.data import prepare_case
from brainseg.volume import FLAIR, SEQUENCES


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
        Pairs of FLAIR, (s, s) uint8, and mask, (s, s) bool; the first pair is not augmented.

    Raises:
        CohortError: the case has no usable mask.
    """
    prepared = prepare_case(case, config.size)
    index = int(prepared.masks.sum(axis=(1, 2)).argmax())
    slice_ = with_context(prepared.stack, index, config.context_slices)
    mask = prepared.masks[index].astype(np.float32)
    rng = np.random.default_rng(seed)
    varied = [augment(slice_, mask, rng, config.augmentation) for _ in range(count)]
    return [(_picture(one), its > 0) for one, its in [(slice_, mask), *varied]]


def _picture(slice_: np.ndarray) -> np.ndarray:
    """Return FLAIR of a prepared slice as (s, s) uint8, from the lowest to the highest clipped value."""
    low, high = CLIP
    flair = slice_[..., SEQUENCES.index(FLAIR)].astype(np.float32)
    return np.rint((flair - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
