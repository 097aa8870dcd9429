"""Connected components of a volume, in memory that follows the components and not the volume."""

import numpy as np

TOUCHING = np.ones((3, 3, 3), bool)
"""Voxels that touch at a corner belong together (26-connected)."""


def label_components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[slice, ...]]:
    """Return the connected components of a mask, (n, h, w) bool.

    Returns:
        The labels, int32, of the box around all components, 0 outside them, else from 1; the voxels of
        each component, (components,); and the box.
    """
    # Imported here, because most pages label no volume.
    from scipy import ndimage

    # Labels take four times the memory of the mask.
    boxes = ndimage.find_objects(mask.view(np.uint8))
    box = boxes[0] if boxes else (slice(0), slice(0), slice(0))
    labels, count = ndimage.label(mask[box], TOUCHING)
    sizes = np.zeros(count + 1, np.int64)
    for plane in labels:
        sizes += np.bincount(plane.ravel(), minlength=count + 1)
    return labels, sizes[1:], box
