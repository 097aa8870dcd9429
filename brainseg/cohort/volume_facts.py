"""Facts about a whole volume that its checks need: how it is stored, and its grey levels."""

import numpy as np

from brainseg.imaging import level_counts
from brainseg.io.orientation import Orientation, acquired_plane, axis_letters
from brainseg.io.upload import Grid
from brainseg.preprocessing import HEAD_SHARE
from brainseg.volume import Volume

_ENDS = 0.005
"""The share of the darkest and of the brightest voxels that are not counted as levels."""


def volume_facts(volume: Volume, grid: Grid) -> dict:
    """Return the column ``volume_facts`` of the index.

    Args:
        volume: of a case, as shown.
        grid: of the volume.

    Returns:
        ``axes``: the directions of the axes as stored, such as “RAS”, empty if unknown. ``plane``: that
        of thick slices, empty if voxels are about as wide as deep, or unknown. By sequence, ``levels``:
        the number of grey levels that 99% of the voxels brighter than the darkest have, and
        ``at_maximum``: the share of the head that has the brightest level of all, 0..1.
    """
    source = grid.source
    orientation = Orientation() if source is None else source.orientation
    known = {name: level_counts(volume.sequence(name)) for name in volume.sequences}
    return {
        "axes": "" if grid.affine is None else axis_letters(grid.affine, orientation),
        "plane": "" if grid.affine is None else acquired_plane(grid.affine),
        "levels": {name: _levels(counts) for name, counts in known.items()},
        "at_maximum": {name: _at_maximum(counts) for name, counts in known.items()},
    }


def _levels(counts: np.ndarray) -> int:
    """Return the number of levels in use, from the voxels of each level, (256,)."""
    above = counts.copy()
    above[: np.flatnonzero(counts)[0] + 1] = 0
    share = np.cumsum(above) / max(1, above.sum())
    inside = (share >= _ENDS) & (share - above / max(1, above.sum()) <= 1 - _ENDS)
    return int(np.count_nonzero(above[inside]))


def _at_maximum(counts: np.ndarray) -> float:
    """Return the share of the head at the brightest level, from the voxels of each level, (256,)."""
    brightest = int(np.flatnonzero(counts)[-1])
    head = counts[int(np.ceil(HEAD_SHARE * brightest)) + 1 :].sum()
    return round(float(counts[brightest] / head), 4) if head else 0.0
