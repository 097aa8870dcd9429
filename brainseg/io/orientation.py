"""Turn the axes of a file to the slices that the model was trained on, and back.

The training data are axial slices as radiologists view them: rows run to the back of the head, columns
to the patient's left, slices from the feet up. Axes are only permuted and flipped, never interpolated,
so every voxel keeps its value and exports lie on the file's own grid.
"""

from dataclasses import dataclass

import numpy as np

from brainseg.io.limits import MIN_SIDE_PX

AXIAL, CORONAL, SAGITTAL = "axial", "coronal", "sagittal"

_RIGHT, _FRONT, _TOP = 0, 1, 2
"""The axes of RAS+."""

_PICTURES = {_TOP: (_FRONT, _RIGHT), _FRONT: (_TOP, _RIGHT), _RIGHT: (_TOP, _FRONT)}
"""By the axis of RAS+ that slices run along: the axes against which rows and columns run."""

_PLANES = {_TOP: AXIAL, _FRONT: CORONAL, _RIGHT: SAGITTAL}

_LEAST_SKEW_DEGREES = 0.5
_THICK = 1.5
"""Slices are thick if the voxels are deeper than wide by this factor."""

NO_ORIENTATION = (
    "The files state no orientation: slices are assumed to be axial, left and right are unknown."
)


@dataclass(frozen=True)
class Orientation:
    """How the axes of a file's array become (slice, row, column).

    Attributes:
        axes: the file's axes that become slices, rows and columns.
        flipped: whether each of the three is reversed.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    def shown(self, voxels: np.ndarray) -> np.ndarray:
        """Return an array with the file's three axes first as (slice, row, column, ...)."""
        rest = tuple(range(3, voxels.ndim))
        return self._flip(voxels.transpose(*self.axes, *rest))

    def back(self, stack: np.ndarray) -> np.ndarray:
        """Return a (slice, row, column, ...) array along the file's own axes."""
        rest = tuple(range(3, stack.ndim))
        return self._flip(stack).transpose(*np.argsort(self.axes).tolist(), *rest)

    def points_back(self, points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return points of the shown stack along the file's own axes.

        Args:
            points: (k, 3) as (slice, row, column), where voxel i covers i to i + 1.
            shape: of the shown stack.
        """
        turned = np.where(self.flipped, np.array(shape[:3]) - points, points)
        return turned[:, np.argsort(self.axes)]

    def affine(self, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Return the (4, 4) affine of the shown stack.

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
    """Return the orientation whose slices are nearest to axial.

    An oblique volume keeps its own planes. If the nearest to axial are too narrow to segment, as with a
    few coronal or sagittal slices, other planes are used. Slices are shown as radiologists view them:
    the patient's right on the left of an axial or coronal slice, the face on the left of a sagittal one.

    Args:
        affine: (4, 4), from the file's three axes to RAS+; see :func:`is_usable`.
        shape: of the file's array.
    """
    followed = _followed(affine)
    file_axis = {ras: axis for axis, (ras, _) in enumerate(followed)}

    def is_wide(slices: int) -> bool:
        return min(shape[file_axis[ras]] for ras in _PICTURES[slices]) >= MIN_SIDE_PX

    slices = next(filter(is_wide, (_TOP, _FRONT, _RIGHT)), _TOP)
    row, column = _PICTURES[slices]
    axes = (file_axis[slices], file_axis[row], file_axis[column])
    rises = [followed[axis][1] for axis in axes]
    return Orientation(axes, (not rises[0], rises[1], rises[2]))


def _followed(affine: np.ndarray) -> list[tuple[int, bool]]:
    """Return for each axis of an affine its nearest axis of RAS+, each once, and whether it rises."""
    # Imported here because a cohort of pictures opens without it.
    from nibabel.orientations import io_orientation

    return [(int(ras), bool(sign > 0)) for ras, sign in io_orientation(affine)]


def plane_of(affine: np.ndarray) -> str:
    """Return whether a shown stack has axial, coronal or sagittal slices, by its (4, 4) affine."""
    return _PLANES[_followed(affine)[0][0]]


def is_axial(affine: np.ndarray) -> bool:
    """Return whether the slices of a shown stack are axial, by its (4, 4) affine."""
    return plane_of(affine) == AXIAL


def sides_of(
    affine: np.ndarray | None, directions: np.ndarray | None = None
) -> dict[str, str] | None:
    """Return the patient's side at each edge of a slice, or None if unknown.

    Args:
        affine: (4, 4) from (slice, row, column) to world mm, RAS+ as in NIfTI, or None.
        directions: (3, 3), the directions alone, used without an affine; or None.

    Returns:
        ``left``, ``right``, ``top``, ``bottom`` (of the picture), ``first``, ``last`` (slice), each one
        of the letters L, R, A, P, S, I: the nearest side.
    """
    if affine is None:
        if directions is None:
            return None
        affine = np.eye(4)
        affine[:3, :3] = directions
    sides = {}
    edges = (("first", "last"), ("top", "bottom"), ("left", "right"))
    for (low, high), (ras, rises) in zip(edges, _followed(affine), strict=True):
        letters = ("LR", "PA", "IS")[ras]
        sides[low], sides[high] = tuple(letters if rises else letters[::-1])
    return sides


def is_usable(affine: np.ndarray) -> bool:
    """Return whether a (4, 4) affine is finite and its three axes span space."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (lengths > 1e-6).all() or not (lengths < 1e4).all():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-3)


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Return (slice, row, column) in mm of a shown stack; their product is the volume of a voxel.

    Distances are measured at right angles: with a tilted gantry or a shear, the distance between slices
    is shorter than the step between their corners.
    """
    _, tall, wide = affine[:3, :3].T
    row, pixel = np.linalg.norm(tall), np.linalg.norm(np.cross(tall, wide))
    apart = abs(np.linalg.det(affine[:3, :3])) / pixel
    lengths = [round(float(length), 6) for length in (apart, row, pixel / row)]
    return lengths[0], lengths[1], lengths[2]


def skew_note(affine: np.ndarray) -> tuple[str, ...]:
    """Return a note if the axes of a (4, 4) affine are not at right angles, else nothing."""
    degrees = _skew(affine)
    if degrees < _LEAST_SKEW_DEGREES:
        return ()
    return (
        f"its axes are {degrees:.1f}° from right angles (a tilted gantry or a shear): shown as stored; "
        "volumes use the determinant of its affine",
    )


def is_skewed(affine: np.ndarray | None) -> bool:
    """Return whether the axes of an affine are not at right angles: spacings are then no distances."""
    return affine is not None and _skew(affine) >= _LEAST_SKEW_DEGREES


def _skew(affine: np.ndarray) -> float:
    """Return the largest deviation of two axes from a right angle, in degrees."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosine = np.abs(axes.T @ axes - np.eye(3)).max()
    return float(np.degrees(np.arcsin(min(cosine, 1.0))))


def axis_letters(affine: np.ndarray, orientation: Orientation) -> str:
    """Return the directions in which a file stores its three axes, such as “RAS” or “LPS”.

    Args:
        affine: (4, 4) of the stack as shown.
        orientation: from the file's axes to those of the stack.
    """
    letters = [""] * 3
    rises = zip(_followed(affine), orientation.axes, orientation.flipped, strict=True)
    for (ras, is_rising), axis, is_flipped in rises:
        letters[axis] = ("LPI", "RAS")[is_rising != is_flipped][ras]
    return "".join(letters)


def acquired_plane(affine: np.ndarray) -> str:
    """Return the plane of a stack's thick slices, such as “axial”; empty if none are thick.

    Args:
        affine: (4, 4) of the stack, shown in any plane.
    """
    spacing = spacing_of(affine)
    widest = int(np.argmax(spacing))
    if spacing[widest] < _THICK * sorted(spacing)[1]:
        return ""
    return _PLANES[_followed(affine)[widest][0]]


def what_is_shown(affine: np.ndarray) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return notes and warnings on the planes in which a stack is shown.

    Args:
        affine: (4, 4) of the stack as shown, (slice, row, column) to RAS+.
    """
    if not is_axial(affine):
        plane = plane_of(affine)
        side = "face" if plane == SAGITTAL else "patient's right"
        note = f"shown as {plane} slices, the {side} on the left: axial ones would be too narrow"
        return (note,), (
            "The slices are not axial, but the model was trained on axial slices only.",
        )
    _, tall, wide = spacing_of(affine)
    notes = ("shown as axial slices, the patient's right on the left of the picture",)
    if max(tall, wide) < 1.5 * min(tall, wide):
        return notes, ()
    return notes, (
        f"The axial pixels are {tall:.3g} x {wide:.3g} mm, as the volume was not acquired in axial "
        "slices; the model was trained on square pixels.",
    )
