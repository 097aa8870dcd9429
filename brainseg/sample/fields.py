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
        field = _interpolated(field.astype(np.float32), basis)
    return (field - field.mean()) / field.std()


def _interpolated(field: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return a field along its first axis at the points of a basis, which becomes the last axis.

    It is ``np.tensordot(field, basis, axes=(0, 1))``, one term after the other, each rounded once as by
    a fused multiply-add. A BLAS orders and rounds the terms by the kind of processor, so that the
    sample of one machine would not be that of another.

    Args:
        field: (k, ...) float32.
        basis: (n, k) float32; each row has at most four values that are not 0, side by side.
    """
    first = np.minimum((basis != 0).argmax(axis=1), basis.shape[1] - 4)
    rest = (1,) * (field.ndim - 1)
    total = np.zeros((len(basis), *field.shape[1:]), np.float32)
    for knot in range(4):
        weights = basis[np.arange(len(basis)), first + knot].astype(np.float64)
        term = field[first + knot] * weights.reshape(-1, *rest)  # exact in float64
        total = (total + term).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(total, 0, -1))


def step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, smooth between, for each of the values of any shape.

    With ``high`` < ``low`` it falls.
    """
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)
