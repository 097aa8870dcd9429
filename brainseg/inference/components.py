"""Connected components of a predicted mask, and the rule that removes the small ones.

The viewer applies the same rule live (``dashboard/static/viewer/components.js``); a test compares both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.metrics.labelling import label_components


@dataclass(frozen=True)
class Component:
    """One component that was removed from a predicted mask.

    Attributes:
        volume_vx: its voxels.
        first: index of its first slice, from 0.
        last: index of its last slice, from 0.
        largest: index of the slice with most of its voxels; the first of equal slices.
    """

    volume_vx: int
    first: int
    last: int
    largest: int


@dataclass(frozen=True)
class Split:
    """A thresholded volume, split into the components that stay and those that are removed.

    Attributes:
        mask: (n, h, w) bool, the components that stay: the predicted mask.
        removed: (n, h, w) bool, the others.
        components: the removed components, largest first; of equal ones the one whose first voxel comes
            first.
        fraction: components below this fraction of the largest are removed, 0..1.
    """

    mask: np.ndarray
    removed: np.ndarray
    components: tuple[Component, ...]
    fraction: float


def remove_small_components(inside: np.ndarray, fraction: float) -> Split:
    """Return a thresholded volume without the components that are small beside its largest.

    Buda et al. (2019) keep the largest component alone. Here a component stays if it has at least
    ``fraction`` of the largest component's voxels; components are counted over the whole volume.

    Args:
        inside: (n, h, w) bool, where the probability reaches the threshold; it is not changed.
        fraction: of the largest component's voxels, 0..1; 0 removes nothing.
    """
    nothing = np.broadcast_to(np.False_, inside.shape)
    if not fraction:
        return Split(inside, nothing, (), fraction)
    labels, sizes, box = label_components(inside)
    small = np.append(False, sizes < fraction * sizes.max(initial=0))
    if not small.any():
        return Split(inside, nothing, (), fraction)
    removed = np.zeros_like(inside)
    removed[box] = small[labels]
    components = _components(labels, small, box[0].start)
    return Split(np.greater(inside, removed), removed, components, fraction)


def _components(labels: np.ndarray, small: np.ndarray, start: int) -> tuple[Component, ...]:
    removed = small[labels]
    slices = np.nonzero(removed)[0]
    _, began, index = np.unique(labels[removed], return_index=True, return_inverse=True)
    # One row per component and slice, those of a component in a row.
    rows, area_px = np.unique(index * len(labels) + slices, return_counts=True)
    component, place = np.divmod(rows, len(labels))
    starts = np.searchsorted(component, np.arange(len(began)))
    volume_vx = np.add.reduceat(area_px, starts)
    largest = place[np.lexsort((place, -area_px, component))[starts]]
    last = place[np.append(starts[1:], len(place)) - 1]
    order = np.lexsort((began, -volume_vx))
    columns = (volume_vx, place[starts] + start, last + start, largest + start)
    return tuple(
        Component(*map(int, row)) for row in zip(*(one[order] for one in columns), strict=True)
    )


def removed_in_words(split: Split) -> str:
    """Return the number of removed components and the rule, as a sentence."""
    count = len(split.components)
    rule = f"below {100 * split.fraction:.3g}% of the largest"
    if not split.fraction:
        return "No component was removed: this model keeps all components."
    if not count:
        return f"No component was removed (none is {rule})."
    were = "component was" if count == 1 else "components were"
    return f"{count} smaller {were} removed ({rule})."


def removed_on_slices(split: Split, slice_numbers: Sequence[int]) -> list[str]:
    """Return each removed component as “slice 12: 34 voxels” or “slices 11–13: 34 voxels”.

    Args:
        split: see :func:`remove_small_components`.
        slice_numbers: (n,), of the volume's slices.
    """
    lines = []
    for one in split.components:
        first, last = slice_numbers[one.first], slice_numbers[one.last]
        where = f"slice {first}" if one.first == one.last else f"slices {first}–{last}"
        voxels = "1 voxel" if one.volume_vx == 1 else f"{one.volume_vx:,} voxels"
        lines.append(f"{where}: {voxels}")
    return lines
