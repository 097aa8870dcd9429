"""Lesions found and false alarms: a finding counts once, whatever its size."""

from dataclasses import dataclass

import numpy as np

from brainseg.metrics.overlap import cropped, require_one_grid


@dataclass(frozen=True)
class Lesions:
    """What was found of one case, counted by connected parts.

    Attributes:
        count: parts of the manual mask.
        found: those of them with at least one predicted voxel.
        false_positives: parts of the prediction without a voxel of the manual mask.
    """

    count: int
    found: int
    false_positives: int


def lesions(truth: np.ndarray, prediction: np.ndarray) -> Lesions:
    """Return how many lesions of a case were found, and how many findings are none.

    Voxels that touch at a face, an edge or a corner, also from one slice to the next, are one lesion,
    as in :mod:`brainseg.statistics.measures`. One shared voxel is enough to be found (as for the
    lesion-wise true positive rate of Carass et al. 2017, NeuroImage 148): how well it was outlined
    is for the others.

    Args:
        truth: (n, h, w) bool, a case as one volume.
        prediction: (n, h, w) bool.

    Raises:
        ValueError: the shapes differ.
    """
    # Half of what scoring imports; pages that show kept scores have no use for it.
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
