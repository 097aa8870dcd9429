"""Metrics of a prediction: overlap, surfaces, lesions, calibration, and intervals over cases.

Every definition covers empty masks; :data:`METRICS` lists them, ``docs/metrics.md`` prints them as one
table, and a test compares both with the code. Nothing here knows of models or files.
"""

from brainseg.metrics.calibration import (
    BINS,
    CURVE_BINS,
    calibrated_voxels,
    dice_by_threshold,
    expected_calibration_error,
    probability_histogram,
    reliability,
)
from brainseg.metrics.definitions import EMPTY_MASK_RULE, METRICS, Metric
from brainseg.metrics.intervals import FEWEST_CASES, Resampling, bootstrap_interval, resampling_of
from brainseg.metrics.lesions import Lesions, lesions
from brainseg.metrics.overlap import Overlap, dice, dice_of_counts
from brainseg.metrics.surface import HD_SHARE, TOLERANCE, SurfaceDistances, surface_distances
from brainseg.metrics.volume_surface import surface_distances_3d

__all__ = [
    "BINS",
    "CURVE_BINS",
    "EMPTY_MASK_RULE",
    "FEWEST_CASES",
    "HD_SHARE",
    "METRICS",
    "TOLERANCE",
    "Lesions",
    "Metric",
    "Overlap",
    "Resampling",
    "SurfaceDistances",
    "bootstrap_interval",
    "calibrated_voxels",
    "dice",
    "dice_by_threshold",
    "dice_of_counts",
    "expected_calibration_error",
    "lesions",
    "probability_histogram",
    "reliability",
    "resampling_of",
    "surface_distances",
    "surface_distances_3d",
]
