"""Detect Hounsfield units: a CT in a file format that does not name its modality."""

import numpy as np

AIR_HU = -900.0
"""Air is -1000; no part of a body is below this."""

LEAST_HU = -3100.0
"""Scanners write values down to -3024 outside of their field of view."""

LEAST_SHARE = 0.02
"""The fraction of air voxels that a CT has at least; MR with noise has none."""

LOOKS_LIKE_CT = (
    "The values look like CT (Hounsfield units, air near -1000), not MR. The model was trained on MR "
    "only; do not rely on this result."
)


def looks_like_ct(values: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> bool:
    """Return whether an array contains Hounsfield units.

    Args:
        values: of any shape, as stored; NaN is ignored.
        slope: a stored value means ``slope * value + intercept``; not 0.
        intercept: see ``slope``.
    """
    if values.dtype == np.uint8 and slope == 1 and intercept >= 0:
        return False
    least = sorted(((AIR_HU - intercept) / slope, (LEAST_HU - intercept) / slope))
    is_air = (values >= least[0]) & (values <= least[1])
    beyond = values < least[0] if slope > 0 else values > least[1]
    return bool(is_air.mean() >= LEAST_SHARE and not beyond.any())
