"""From a file's own axes to the picture the model learned from, and exactly the way back.

The training data are axial slices as radiologists look at them: rows run towards the back of the head
and columns towards the patient's left, and here slices run from the feet up. Axes are only permuted and
flipped, never interpolated, so every voxel keeps its value and an export lies on the file's own grid.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from brainseg.formats.limits import MIN_SIDE_PX

_SHOWN = (2, 1, 0)
"""For slices, rows and columns: the axis of RAS+ that each runs along."""

NO_ORIENTATION = (
    "it holds no orientation: that its slices are axial is assumed, left and right unknown"
)


@dataclass(frozen=True)
class Orientation:
    """How the axes of a file's array become (slice, row, column).

    Attributes:
        axes: which of the file's axes becomes the slices, the rows, the columns.
        flipped: whether each of the three is turned round.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    def shown(self, voxels: np.ndarray) -> np.ndarray:
        """Return an array of the file's three axes, and any after them, as (slice, row, column, ...)."""
        rest = tuple(range(3, voxels.ndim))
        return self._flip(voxels.transpose(*self.axes, *rest))

    def back(self, stack: np.ndarray) -> np.ndarray:
        """Return a (slice, row, column) array, and any axes after them, along the file's own axes."""
        rest = tuple(range(3, stack.ndim))
        return self._flip(stack).transpose(*np.argsort(self.axes).tolist(), *rest)

    def affine(self, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Return a (4, 4) affine of the file's axes for those of the shown stack.

        Args:
            affine: from the file's voxels to mm.
            shape: of the file's array.
        """
        shown = np.eye(4)
        shown[:, 3] = affine[:, 3]
        for place, (axis, flip) in enumerate(zip(self.axes, self.flipped, strict=True)):
            step = affine[:, axis]
            shown[:, place] = -step if flip else step
            if flip:
                shown[:, 3] += (shape[axis] - 1) * step
        return shown

    def _flip(self, stack: np.ndarray) -> np.ndarray:
        return stack[tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)]


def towards_axial(affine: np.ndarray, shape: tuple[int, int, int]) -> Orientation:
    """Return the orientation that shows a file's planes as axial as its axes allow.

    Of the six ways to name the axes the one is taken whose directions agree best with those of an axial
    picture, so an oblique volume keeps its own planes, the nearest to axial. Where these would be too
    narrow to segment, as with a few coronal slices, the planes are those that are wide enough.

    Args:
        affine: (4, 4), from the file's three axes to RAS+; see :func:`is_usable`.
        shape: of the file's array.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)

    def agreement(axes: tuple[int, ...]) -> tuple[bool, float]:
        is_wide = min(shape[axes[1]], shape[axes[2]]) >= MIN_SIDE_PX
        return is_wide, sum(
            abs(directions[ras, axis]) for ras, axis in zip(_SHOWN, axes, strict=True)
        )

    axes = max(permutations(range(3)), key=agreement)
    # Slices rise, rows and columns fall along the axis of the body that they follow most.
    main = [directions[np.argmax(np.abs(directions[:, axis])), axis] for axis in axes]
    return Orientation(axes, (bool(main[0] < 0), bool(main[1] > 0), bool(main[2] > 0)))


def is_axial(affine: np.ndarray) -> bool:
    """Return whether the slices of a shown stack's affine lie along the body more than across it."""
    return int(np.argmax(np.abs(affine[:3, 0] / np.linalg.norm(affine[:3, 0])))) == 2


def is_usable(affine: np.ndarray) -> bool:
    """Return whether an affine is finite and its three axes span space."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (lengths > 1e-6).all() or not (lengths < 1e4).all():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-3)


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Return (slice, row, column) in mm of a shown stack, so that their product is a voxel's volume.

    Each is measured at right angles to those behind it: under a tilted gantry or a shear, slices are
    less far apart than the steps between their corners are long.
    """
    _, tall, wide = affine[:3, :3].T
    row, pixel = np.linalg.norm(tall), np.linalg.norm(np.cross(tall, wide))
    apart = abs(np.linalg.det(affine[:3, :3])) / pixel
    lengths = (apart, row, pixel / row)
    return tuple(round(float(length), 6) for length in lengths)


def what_is_shown(affine: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return notes and warnings of how a stack is shown.

    Args:
        affine: (4, 4) of the stack as shown, (slice, row, column) to RAS+.
    """
    if not is_axial(affine):
        told = "its slices are not axial, as all are that the model learned from"
        return ("shown as acquired, for axial slices would be too narrow",), (told,)
    _, tall, wide = spacing_of(affine)
    notes = ("shown as axial slices, the patient's right on the left of the picture",)
    if max(tall, wide) < 1.5 * min(tall, wide):
        return notes, ()
    return notes, (
        f"its axial pixels are {tall:.3g} x {wide:.3g} mm, for it was not acquired in axial slices; "
        "the model learned from square ones",
    )
