"""Real anatomy: the MNI152 templates, a head drawn around them, and where a slice cuts them.

The templates are the ICBM 2009a nonlinear symmetric ones that ship inside nilearn (Fonov et al. 2009,
2011); they are stripped of skull and scalp.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy import ndimage

from brainseg.sample.fields import smooth_noise, step

# A head fills this box, which is pasted into the picture: half of a picture is background.
BOX_PX = (224, 192)
# Centre of the brain in the voxel grid of the 1 mm templates, axes right, anterior, superior.
CENTRE_VX = np.array([98.0, 115.0, 80.0], np.float32)
COARSE_MM = 2


@dataclass(frozen=True, eq=False)
class Atlas:
    """Template maps as uint8 on the 1 mm grid, head geometry as float32 on the 2 mm grid."""

    t1: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    depth_mm: np.ndarray  # from the inner skull, positive outwards
    base: np.ndarray  # 1 in the skull base and face, below the brain


@cache
def atlas() -> Atlas:
    """Return the template maps, read once."""
    # nilearn takes a second to import.
    from nilearn import datasets

    def load(loader: Callable) -> np.ndarray:
        values = np.asanyarray(loader(resolution=1).dataobj)
        return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)

    t1 = load(datasets.load_mni152_template)
    brain = (t1 > 0).astype(np.uint8) * 255
    depth_mm, base = _head_geometry(brain[::COARSE_MM, ::COARSE_MM, ::COARSE_MM] > 0)
    return Atlas(
        t1=t1,
        grey=load(datasets.load_mni152_gm_template),
        white=load(datasets.load_mni152_wm_template),
        brain=brain,
        depth_mm=depth_mm,
        base=base,
    )


def _head_geometry(brain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the signed depth of the skull and the skull base, from a brain mask on the 2 mm grid."""
    radius_vx, margin = 14, 18
    grown = ndimage.distance_transform_edt(~np.pad(brain, margin)) <= radius_vx
    closed = ndimage.distance_transform_edt(grown) > radius_vx
    closed = ndimage.gaussian_filter(closed.astype(np.float32), 1.5) > 0.5
    closed = closed[margin:-margin, margin:-margin, margin:-margin]
    widest = 31
    points = np.argwhere(closed[:, :, widest])[:, ::-1].astype(np.int32)
    hull = np.zeros(closed.shape[:2], np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    into_hull = ndimage.distance_transform_edt(hull)
    interior = closed.copy()
    for z in range(widest):
        interior[:, :, z] |= into_hull > 0.28 * (widest - z)
    depth = ndimage.distance_transform_edt(~interior) - ndimage.distance_transform_edt(interior)
    base = ndimage.gaussian_filter((interior & ~closed).astype(np.float32), 0.7)
    depth = ndimage.gaussian_filter(depth.astype(np.float32), 0.8)
    return depth * COARSE_MM, base


def place_in_template(rng: np.random.Generator, centre_vx: np.ndarray) -> np.ndarray:
    """Return where each pixel of the box lies in the 1 mm templates.

    Args:
        rng: decides number and spacing of slices, tilt, head size and deformation.
        centre_vx: (3,) where the tumour is; it pushes the brain away.

    Returns:
        (3, n, rows, columns) float32, voxels right, anterior, superior.
    """
    slices = int(rng.integers(20, 41))
    pixel_mm = rng.uniform(0.95, 1.10)
    low, high = rng.uniform(-76, -62), rng.uniform(86, 100)
    rows = (BOX_PX[0] / 2 - np.arange(BOX_PX[0])) * pixel_mm
    columns = (np.arange(BOX_PX[1]) - BOX_PX[1] / 2) * pixel_mm * rng.uniform(0.95, 1.03)
    z, y, x = np.meshgrid(np.linspace(low, high, slices), rows, columns, indexing="ij")
    pitch, roll, yaw = np.radians(rng.normal(0, (5, 2.5, 4)))
    x, y = x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
    z, x = z * np.cos(roll) - x * np.sin(roll), z * np.sin(roll) + x * np.cos(roll)
    coordinates = np.stack([x, y, z]).astype(np.float32) + CENTRE_VX[:, None, None, None]
    # Gyri differ between people at a finer scale than skulls do.
    gyri = 1.4 * step((x / 72) ** 2 + (y / 92) ** 2 + (z / 78) ** 2, 1.1, 0.7)
    for axis in coordinates:
        axis += 2.4 * smooth_noise(rng, axis.shape, (4, 5, 5))
        axis += gyri * smooth_noise(rng, axis.shape, (9, 14, 12))
    return _mass_effect(rng, coordinates, centre_vx)


def _mass_effect(
    rng: np.random.Generator, coordinates: np.ndarray, centre_vx: np.ndarray
) -> np.ndarray:
    """Return coordinates moved towards the tumour, which in the image pushes the brain away from it."""
    offset = coordinates - centre_vx[:, None, None, None]
    square = np.einsum("i...,i...->...", offset, offset)
    pull = rng.uniform(0.05, 0.25) * np.exp(-square / (2 * 24.0**2))
    return coordinates - pull * offset


def brain_fractions(
    t1: np.ndarray, grey: np.ndarray, white: np.ndarray, brain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return fluid, grey and white fractions, sharpened: a template is an average, a patient is not.

    All arrays are (n, rows, columns) float32, 0..1.
    """
    fluid = np.maximum(brain - grey - white, step(t1, 0.58, 0.36)) * brain
    share = step(white / np.maximum(grey + white, 1e-3), 0.15, 0.85)
    solid = (brain - fluid) * step(grey + white, 0.1, 0.6)
    return fluid, solid * (1 - share), solid * share


def outside_brain(
    rng: np.random.Generator, coordinates: np.ndarray, depth_mm: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return marrow, fat and muscle fractions of skull, scalp and face.

    Args:
        rng: decides their thickness and texture.
        coordinates: see :func:`place_in_template`.
        depth_mm: (n, rows, columns) from the inner skull, positive outwards.
        base: (n, rows, columns), 1 in the skull base and face.

    Returns:
        Three arrays of (n, rows, columns) float32, 0 to about 1.
    """
    shape = depth_mm.shape
    depth = depth_mm + 0.6 * smooth_noise(rng, shape, (4, 6, 6))
    skull, scalp = rng.uniform(4.5, 6.5), rng.uniform(3, 6)
    middle = 1 + skull / 2
    marrow = 0.6 * np.exp(-(((depth - middle) / (skull / 5)) ** 2))
    outer = 1 + skull
    fat = step(depth, outer - 0.8, outer + 0.8) * step(depth, outer + scalp, outer + scalp - 1.5)
    # In front and below there is a face, not a vault of bone.
    face = step(coordinates[2], 42, 30) * step(coordinates[1], 80, 100)
    base = np.maximum(base, face * step(depth, outer + 0.5, outer - 0.5) * (depth > 0))
    texture = smooth_noise(rng, shape, (22, 40, 34)) + 0.9 * smooth_noise(rng, shape, (9, 9, 9))
    fatty = step(texture, 0.2, 1.2)
    muscle = base * step(texture, -1.5, -0.8) * (1 - fatty)
    fat = np.maximum(fat * (0.85 + 0.1 * texture), base * fatty * 0.9)
    x, y, z = (axis - centre for axis, centre in zip(coordinates, (98, 188, 38), strict=True))
    globe = np.sqrt((np.abs(x) - 32) ** 2 + y**2 + z**2)
    socket = step(globe, 18, 15) * (depth_mm < 3)
    keep = 1 - socket
    return marrow * keep, fat * keep + 0.7 * socket * step(globe, 12, 14), muscle * keep


def vessels(
    rng: np.random.Generator, coordinates: np.ndarray, depth_mm: np.ndarray, fluid: np.ndarray
) -> np.ndarray:
    """Return where contrast agent shows outside a tumour: the sagittal sinus and vessels in sulci.

    Args:
        rng: decides the vessels.
        coordinates: see :func:`place_in_template`.
        depth_mm: (n, rows, columns) from the inner skull, positive outwards.
        fluid: (n, rows, columns) fraction, 0..1.

    Returns:
        (n, rows, columns) float32, 0..1.
    """
    shape = fluid.shape
    midline = np.abs(coordinates[0] - 98)
    upper = step(coordinates[2], 55, 75)
    sinus = step(midline, 5, 2.5) * step(np.abs(depth_mm + 0.5), 3, 1.5) * upper
    falx = 0.4 * step(midline, 1.6, 0.6) * fluid * upper
    branches = step(smooth_noise(rng, shape, (24, 60, 50)), 1.1, 1.8) * step(fluid, 0.2, 0.6)
    return np.maximum(np.maximum(sinus, falx), branches * (depth_mm < 1))
