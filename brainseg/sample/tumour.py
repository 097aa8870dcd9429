"""A tumour grown in white matter, by reaction and diffusion (Swanson et al. 2000)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from brainseg.sample.anatomy import COARSE_MM, atlas
from brainseg.sample.fields import smooth_noise, step


@dataclass(frozen=True)
class Tumour:
    """A grown tumour on the 2 mm grid, and its appearance."""

    density: np.ndarray  # 0 to 1
    inside_mm: np.ndarray  # distance from the border, 0 outside
    centre_vx: np.ndarray  # on the 1 mm grid
    flair: float
    t1: float
    has_rim: bool
    has_cyst: bool


def grow_tumour(rng: np.random.Generator, has_rim: bool) -> Tumour:
    """Return a tumour grown from a seed in white matter until it has the volume drawn for it.

    Cells multiply and diffuse, in white matter far faster than in grey, and never into fluid
    (Swanson, Alvord, Murray 2000, Cell Proliferation 33, 317-329).
    """
    maps = atlas()
    thin = (slice(None, None, COARSE_MM),) * 3
    white, grey = (m[thin].astype(np.float32) / 255 for m in (maps.white, maps.grey))
    seed = _seed_voxel(rng, white, maps.depth_mm)
    reach = 34
    box = tuple(slice(max(0, s - reach), s + reach + 1) for s in seed)
    start = np.zeros_like(white)
    start[tuple(seed)] = 1
    if rng.random() < 0.2:
        satellite = _seed_voxel(rng, white, maps.depth_mm, near=seed)
        start[tuple(satellite)] = 0.05
    volume_vx = np.exp(rng.uniform(np.log(18), np.log(190))) * 1000 / COARSE_MM**3
    density = np.zeros_like(white)
    density[box] = _diffuse(rng, start[box], white[box], grey[box], volume_vx)
    inside = ndimage.distance_transform_edt(density > 0.5).astype(np.float32) * COARSE_MM
    return Tumour(
        density=density,
        inside_mm=inside,
        centre_vx=np.argwhere(density > 0.5).mean(axis=0).astype(np.float32) * COARSE_MM,
        flair=rng.uniform(1.45, 2.0),
        t1=rng.uniform(0.55, 0.78),
        has_rim=has_rim,
        has_cyst=bool(rng.random() < (0.5 if has_rim else 0.1)),
    )


def _seed_voxel(
    rng: np.random.Generator,
    white: np.ndarray,
    depth_mm: np.ndarray,
    near: np.ndarray | None = None,
) -> np.ndarray:
    """Return a voxel of supratentorial white matter; with `near`, 18 to 36 mm from that one."""
    candidates = np.argwhere((white > 0.8) & (depth_mm < -12))
    candidates = candidates[candidates[:, 2] > 34]
    if near is not None:
        offset_mm = (candidates - near) * COARSE_MM
        distance_mm = np.linalg.norm(offset_mm, axis=1)
        level = np.abs(offset_mm[:, 2]) < 14
        candidates = candidates[level & (distance_mm > 18) & (distance_mm < 36)]
    return candidates[rng.integers(len(candidates))]


def _diffuse(
    rng: np.random.Generator,
    density: np.ndarray,
    white: np.ndarray,
    grey: np.ndarray,
    volume_vx: float,
) -> np.ndarray:
    """Step the growth model on its lattice until `volume_vx` voxels are more than half full."""
    rough = np.exp(0.8 * smooth_noise(rng, density.shape, (14, 14, 14)))
    spread = np.clip((0.15 * white + 0.03 * grey) * rough, 0, 0.16).astype(np.float32)
    # Beyond 0.5 a step the logistic term overshoots its ceiling, and the lattice turns unstable.
    growth = np.clip(0.12 * rough * (white + grey), 0, 0.5).astype(np.float32)
    between = [
        np.minimum(np.delete(spread, 0, axis), np.delete(spread, -1, axis)) for axis in range(3)
    ]
    for _ in range(400):
        change = growth * density * (1 - density)
        for axis, conductance in enumerate(between):
            flow = conductance * np.diff(density, axis=axis)
            lower, upper = [slice(None)] * 3, [slice(None)] * 3
            lower[axis], upper[axis] = slice(None, -1), slice(1, None)
            change[tuple(lower)] += flow
            change[tuple(upper)] -= flow
        density = density + change
        if np.count_nonzero(density > 0.5) >= volume_vx:
            break
    return density


def lesion_parts(
    rng: np.random.Generator, density: np.ndarray, inside_mm: np.ndarray, tumour: Tumour
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lesion, cyst and enhancing rim fractions; the lesion's varies with its cellularity.

    Args:
        rng: decides their texture.
        density: (n, rows, columns) of tumour cells, 0..1.
        inside_mm: (n, rows, columns) distance from the tumour's border, 0 outside.
        tumour: whether it has a cyst and a rim.

    Returns:
        Three arrays of (n, rows, columns) float32: 0..1.3, 0..1, 0..1.
    """
    texture = smooth_noise(rng, density.shape, (14, 32, 28))
    zones = smooth_noise(rng, density.shape, (6, 11, 10))
    extent = step(density, 0.2, 0.8)
    lesion = extent * (0.85 + 0.08 * texture + 0.16 * zones)
    wall_mm = rng.uniform(0.35, 0.6) * max(float(inside_mm.max()), 8)
    ragged = inside_mm + 1.5 * texture
    cyst = extent * step(ragged, wall_mm, wall_mm + 2.5) * tumour.has_cyst
    rim = extent * np.exp(-(((ragged - wall_mm) / 1.6) ** 2)) * tumour.has_rim
    return np.clip(lesion, 0, 1.3), cyst, np.clip(rim * (0.7 + 0.3 * texture), 0, 1)
