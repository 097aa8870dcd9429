"""Overlap of two masks: Dice, IoU, precision, recall, volume error, all from three counts."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Overlap:
    """The voxel counts of two masks and their intersection, for all overlap metrics.

    Each property is defined for empty masks too: the best value if both are empty, because there was
    nothing to find, and the worst if one is. A missed tumour therefore remains in every mean.

    Attributes:
        truth_vx: voxels of the manual mask.
        predicted_vx: voxels of the prediction.
        both_vx: voxels in both.
    """

    truth_vx: int
    predicted_vx: int
    both_vx: int

    @classmethod
    def of(cls, truth: np.ndarray, prediction: np.ndarray) -> "Overlap":
        """Return the counts of two masks.

        Args:
            truth: bool, any shape: (h, w) for a slice, (n, h, w) for a case as one volume.
            prediction: bool, of the same shape.

        Raises:
            ValueError: the shapes differ.
        """
        require_one_grid(truth, prediction)
        return cls(
            int(np.count_nonzero(truth)),
            int(np.count_nonzero(prediction)),
            int(np.count_nonzero(truth & prediction)),
        )

    @property
    def dice(self) -> float:
        """Return 2|A∩B| / (|A|+|B|), 0..1 (Dice 1945)."""
        return float(dice_of_counts(self.truth_vx, self.predicted_vx, self.both_vx))

    @property
    def iou(self) -> float:
        """Return |A∩B| / |A∪B|, 0..1, the index of Jaccard (1912)."""
        return self._share(self.truth_vx + self.predicted_vx - self.both_vx)

    @property
    def precision(self) -> float:
        """Return the share of the prediction that is in the mask, 0..1; 0 for a missed tumour."""
        return self._share(self.predicted_vx)

    @property
    def recall(self) -> float:
        """Return the share of the mask that was predicted, 0..1; 0 for a false alarm."""
        return self._share(self.truth_vx)

    @property
    def volume_error(self) -> float:
        """Return (predicted - manual) / manual volume; -1 for a missed tumour, inf for a false alarm."""
        if self.truth_vx == 0:
            return float("inf") if self.predicted_vx else 0.0
        return (self.predicted_vx - self.truth_vx) / self.truth_vx

    def _share(self, of_vx: int) -> float:
        if self.truth_vx == self.predicted_vx == 0:
            return 1.0
        return self.both_vx / of_vx if of_vx else 0.0


def dice(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the overlap 2|A∩B| / (|A|+|B|) of two masks (Dice 1945), 0..1.

    It is 1 if both are empty, and 0 if one is.

    Args:
        truth: bool, any shape: (h, w) for a slice, (n, h, w) for a case as one volume.
        prediction: bool, of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    return Overlap.of(truth, prediction).dice


def dice_of_counts(
    truth_vx: np.ndarray | int, predicted_vx: np.ndarray | int, both_vx: np.ndarray | int
) -> np.ndarray:
    """Return the Dice of each triple of counts, 0..1 float64; 1 if both masks are empty.

    Args:
        truth_vx: voxels of the manual mask, a number or an array.
        predicted_vx: voxels of the prediction, of the same shape.
        both_vx: voxels in both, of the same shape.
    """
    total = np.add(truth_vx, predicted_vx, dtype=np.float64)
    return np.divide(np.multiply(2, both_vx), total, out=np.ones_like(total), where=total > 0)


def cropped(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks, (n, h, w) bool, cropped in the slice to the box around both."""
    shadow = np.logical_or(truth, prediction).any(axis=0)
    if not shadow.any():
        return truth[:, :0, :0], prediction[:, :0, :0]
    rows, columns = np.flatnonzero(shadow.any(axis=1)), np.flatnonzero(shadow.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return truth[:, *box], prediction[:, *box]


def require_one_grid(truth: np.ndarray, prediction: np.ndarray) -> None:
    """Raise ValueError if two masks differ in shape."""
    if truth.shape != prediction.shape:
        raise ValueError(
            f"truth is {truth.shape}, prediction {prediction.shape}: bring them to one grid first"
        )
