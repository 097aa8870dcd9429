"""Smooth random fields and steps, which make synthetic heads differ."""

import numpy as np
from scipy.interpolate import BSpline


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int, int]
) -> np.ndarray:
    """Return a smooth random field with mean 0 and deviation 1: cubic splines over few knots.

    ``cells`` are the spans between knots along each of three axes. The field is float32 of ``shape``.
    """
    field = rng.standard_normal([count + 3 for count in cells])
    for length, count in zip(shape, cells, strict=True):
        knots = np.arange(-3, count + 4, dtype=float)
        points = np.linspace(0, count, length, endpoint=False)
        basis = BSpline.design_matrix(points, knots, 3).toarray().astype(np.float32)
        field = np.tensordot(field.astype(np.float32), basis, axes=(0, 1))
    return (field - field.mean()) / field.std()


def step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, smooth between; with high < low it falls."""
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
