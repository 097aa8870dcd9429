"""Connected components of a probability: which of them a model's prediction is made of."""

import numpy as np
from scipy import ndimage

TOUCHING = np.ones((3, 3, 3), bool)
"""Voxels that touch at a corner belong together, as in :mod:`brainseg.measures`."""

BELOW = np.float32(0.005)
"""How far under the threshold the others are brought: one step of a viewer's threshold."""


def without_small(
    probability: np.ndarray, threshold: float, share: float
) -> tuple[np.ndarray, int]:
    """Return a probability of which only the large components reach the threshold.

    Buda et al. (2019) keep the largest component of the mask. Here others that are nearly as large stay,
    and small ones are brought just under the threshold instead of to 0, so that whoever lowers the
    threshold sees that they are there.

    Args:
        probability: (n, h, w) float32, 0..1; it is not changed.
        threshold: of the model, 0..1.
        share: of the largest component's voxels that others need to stay, 0..1.

    Returns:
        (n, h, w) float32, 0..1, and how many components were brought under the threshold.
    """
    labels, count = ndimage.label(probability >= threshold, TOUCHING)
    if count < 2:
        return probability, 0
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    small = sizes < share * sizes.max()
    small[0] = False
    kept = probability.copy()
    kept[small[labels]] = max(np.float32(0), np.float32(threshold) - BELOW)
    return kept, int(small.sum())
