"""Lesions found and false alarms: each finding counts once, whatever its size."""

from dataclasses import dataclass

import numpy as np

from brainseg.metrics.overlap import cropped, require_one_grid


@dataclass(frozen=True)
class Lesions:
    """The lesions of one case, counted by component.

    Attributes:
        count: components of the manual mask.
        found: those with at least one predicted voxel.
        false_positives: components of the prediction without a voxel of the manual mask.
    """

    count: int
    found: int
    false_positives: int


def lesions(truth: np.ndarray, prediction: np.ndarray) -> Lesions:
    """Return the number of lesions, of lesions found, and of false alarms of a case.

    Voxels that touch at a face, an edge or a corner, also across slices, form one lesion, as in
    :mod:`brainseg.statistics.measures`. A lesion is found if one voxel is shared, as for the lesion-wise
    true positive rate of Carass et al. (2017, NeuroImage 148); other metrics measure its outline.

    Args:
        truth: (n, h, w) bool, a case as one volume.
        prediction: (n, h, w) bool.

    Raises:
        ValueError: the shapes differ.
    """
    # Imported here, because pages that show saved scores do not need it.
    from scipy import ndimage

    require_one_grid(truth, prediction)
    truth, prediction = cropped(truth, prediction)
    touching = np.ones((3, 3, 3), bool)
    of_truth, count = ndimage.label(truth, touching)
    of_prediction, claimed = ndimage.label(prediction, touching)
    both = truth & prediction
    return Lesions(
        count=count,
        found=len(np.unique(of_truth[both])),
        false_positives=claimed - len(np.unique(of_prediction[both])),
    )
