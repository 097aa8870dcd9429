"""The synthetic sample cohort: invented patients with real anatomy, laid out as the LGG cohort.

Anatomy comes from the MNI152 templates that ship inside nilearn (ICBM 2009a nonlinear symmetric,
Fonov et al. 2009, 2011), the tumour from a reaction-diffusion model (Swanson et al. 2000), and the
noise of a magnitude image is Rician (Gudbjartsson and Patz 1995). No patient's data is involved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

from brainseg.errors import SampleError
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

SIZE_PX = 256
STUDY_DATE = "20260101"
# The head is computed in this smaller box and then pasted: half of a picture is background.
BOX_PX = (224, 192)
# Centre of the brain in the voxel grid of the 1 mm templates, axes right, anterior, superior.
CENTRE_VX = np.array([98.0, 115.0, 80.0], np.float32)
COARSE_MM = 2
# Which cases of each twelve lack a sequence: by number, so that even a small sample shows it.
MISSING = {4: POST_CONTRAST, 11: PRE_CONTRAST}


@dataclass(frozen=True)
class Site:
    """An invented hospital: how its scanner renders the same head."""

    name: str
    brain_level: float  # grey level of normal brain in the exported picture
    noise: float  # standard deviation, as a fraction of normal brain
    blur_px: float
    scalp: float  # brightness of scalp fat, normal brain being 1
    grey_white: float  # how much brighter grey matter is than white on FLAIR


SITES = (
    Site("S1", brain_level=60, noise=0.040, blur_px=0.60, scalp=2.3, grey_white=0.17),
    Site("S2", brain_level=76, noise=0.065, blur_px=0.75, scalp=1.9, grey_white=0.13),
    Site("S3", brain_level=52, noise=0.050, blur_px=0.50, scalp=2.7, grey_white=0.21),
)


@dataclass(frozen=True, eq=False)
class SyntheticCase:
    """One invented patient.

    Attributes:
        name: case name, `SYNTH_<site>_<4 digits>_<yyyymmdd>`.
        site: the invented hospital, `S1` to `S3`.
        has_rim: whether the tumour enhances in a ring on the post-contrast sequence.
        missing_sequence: `pre-contrast`, `post-contrast` or None; FLAIR stands in its place.
        pixels: (n, 256, 256, 3) uint8, 0 to 255; pre-contrast, FLAIR, post-contrast.
        masks: (n, 256, 256) bool, True in the tumour.
    """

    name: str
    site: str
    has_rim: bool
    missing_sequence: str | None
    pixels: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, eq=False)
class _Atlas:
    """Template maps as uint8 on the 1 mm grid, head geometry as float32 on the 2 mm grid."""

    t1: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    brain: np.ndarray
    depth_mm: np.ndarray  # from the inner skull, positive outwards
    base: np.ndarray  # 1 in the skull base and face, below the brain


@dataclass(frozen=True)
class _Tumour:
    """A grown tumour on the 2 mm grid, and how it looks."""

    density: np.ndarray  # 0 to 1
    inside_mm: np.ndarray  # distance from the border, 0 outside
    centre_vx: np.ndarray  # on the 1 mm grid
    flair: float
    t1: float
    has_rim: bool
    has_cyst: bool


@dataclass(frozen=True)
class _Tissue:
    """Fractions of each tissue in the box, all (n, rows, columns) float32, 0 to 1."""

    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray
    detail: np.ndarray  # what the template's T1 shows beyond its tissue maps, -0.1 to 0.1
    marrow: np.ndarray
    fat: np.ndarray
    muscle: np.ndarray
    vessel: np.ndarray
    tumour: np.ndarray
    cyst: np.ndarray
    rim: np.ndarray
    mask: np.ndarray  # bool


def synthesize_case(seed: int, case_number: int) -> SyntheticCase:
    """Return one synthetic case; the same arguments give the same pixels.

    Args:
        seed: of the cohort, 0 or more.
        case_number: 1 to 9999; decides the site and, one time in six, a missing sequence.

    Returns:
        A SyntheticCase of 20 to 40 axial slices, ordered from the skull base to the vertex.

    Raises:
        SampleError: if an argument is out of range.
    """
    if seed < 0 or not 1 <= case_number <= 9999:
        raise SampleError(
            f"a synthetic case needs a seed of 0 or more and a number from 1 to 9999, got seed "
            f"{seed} and number {case_number}: choose values in range"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, case_number]))
    site = SITES[(case_number - 1) % len(SITES)]
    missing = MISSING.get(case_number % 12)
    tumour = _grow_tumour(rng, has_rim=missing != POST_CONTRAST and rng.random() < 0.4)
    tissue = _tissue(rng, _coordinates(rng, tumour.centre_vx), tumour)
    offset = _offset(rng)
    signals = _signals(rng, tissue, tumour, site)
    pixels = np.stack([_acquire(rng, signal, offset, site) for signal in signals], axis=-1)
    if missing:
        pixels[..., SEQUENCES.index(missing)] = pixels[..., SEQUENCES.index(FLAIR)]
    return SyntheticCase(
        name=f"SYNTH_{site.name}_{case_number:04d}_{STUDY_DATE}",
        site=site.name,
        has_rim=tumour.has_rim,
        missing_sequence=missing,
        pixels=pixels,
        masks=_paste(tissue.mask, offset),
    )


# --- anatomy ----------------------------------------------------------------------------------


@cache
def _atlas() -> _Atlas:
    # nilearn takes a second to import, and only those who make a sample need it.
    from nilearn import datasets

    def load(loader: Callable) -> np.ndarray:
        values = np.asanyarray(loader(resolution=1).dataobj)
        return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)

    t1 = load(datasets.load_mni152_template)
    brain = (t1 > 0).astype(np.uint8) * 255
    depth_mm, base = _head_geometry(brain[::COARSE_MM, ::COARSE_MM, ::COARSE_MM] > 0)
    return _Atlas(
        t1=t1,
        grey=load(datasets.load_mni152_gm_template),
        white=load(datasets.load_mni152_wm_template),
        brain=brain,
        depth_mm=depth_mm,
        base=base,
    )


def _head_geometry(brain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signed depth of the skull and the skull base, from a brain mask on the 2 mm grid.

    The templates are stripped of skull and scalp, so both are drawn around a closed brain.
    """
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


def _coordinates(rng: np.random.Generator, centre_vx: np.ndarray) -> np.ndarray:
    """Where each pixel of the box lies in the 1 mm templates: (3, n, rows, columns) float32."""
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
    gyri = 1.4 * _step((x / 72) ** 2 + (y / 92) ** 2 + (z / 78) ** 2, 1.1, 0.7)
    for axis in coordinates:
        axis += 2.4 * _smooth_noise(rng, axis.shape, (4, 5, 5))
        axis += gyri * _smooth_noise(rng, axis.shape, (9, 14, 12))
    return _mass_effect(rng, coordinates, centre_vx)


def _mass_effect(
    rng: np.random.Generator, coordinates: np.ndarray, centre_vx: np.ndarray
) -> np.ndarray:
    """Coordinates drawn towards the tumour, which in the picture pushes the brain away from it."""
    offset = coordinates - centre_vx[:, None, None, None]
    square = np.einsum("i...,i...->...", offset, offset)
    pull = rng.uniform(0.05, 0.25) * np.exp(-square / (2 * 24.0**2))
    return coordinates - pull * offset


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int, int]
) -> np.ndarray:
    """A smooth random field of `shape` with mean 0 and deviation 1: splines over `cells` knots."""
    field = rng.standard_normal([count + 3 for count in cells])
    for length, count in zip(shape, cells, strict=True):
        knots = np.arange(-3, count + 4, dtype=float)
        points = np.linspace(0, count, length, endpoint=False)
        basis = BSpline.design_matrix(points, knots, 3).toarray().astype(np.float32)
        field = np.tensordot(field.astype(np.float32), basis, axes=(0, 1))
    return (field - field.mean()) / field.std()


def _step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; with high < low it falls."""
    ramp = np.clip((values - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _tissue(rng: np.random.Generator, coordinates: np.ndarray, tumour: _Tumour) -> _Tissue:
    atlas = _atlas()

    def sample(values: np.ndarray, grid: float = 1, mode: str = "nearest") -> np.ndarray:
        points = coordinates if grid == 1 else coordinates / np.float32(grid)
        return ndimage.map_coordinates(values, points, np.float32, order=1, mode=mode)

    t1, grey, white, brain = (
        sample(values) / np.float32(255)
        for values in (atlas.t1, atlas.grey, atlas.white, atlas.brain)
    )
    depth, base = sample(atlas.depth_mm, COARSE_MM), sample(atlas.base, COARSE_MM)
    fluid, grey, white = _brain_fractions(t1, grey, white, brain)
    detail = np.clip(t1 - (0.65 * grey + 0.87 * white + 0.26 * fluid), -0.1, 0.1)
    marrow, fat, muscle = _outside_brain(rng, coordinates, depth, base * (1 - brain))
    density = sample(tumour.density, COARSE_MM) * brain
    lesion, cyst, rim = _lesion_parts(rng, density, sample(tumour.inside_mm, COARSE_MM), tumour)
    return _Tissue(
        grey=grey,
        white=white,
        fluid=fluid,
        detail=detail * _step(brain, 0.6, 1),
        marrow=marrow,
        fat=fat,
        muscle=muscle,
        vessel=_vessels(rng, coordinates, depth, fluid),
        tumour=lesion,
        cyst=cyst,
        rim=rim,
        mask=density > 0.5,
    )


def _brain_fractions(
    t1: np.ndarray, grey: np.ndarray, white: np.ndarray, brain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fluid, grey and white fractions, sharpened: a template is an average, a patient is not."""
    fluid = np.maximum(brain - grey - white, _step(t1, 0.58, 0.36)) * brain
    share = _step(white / np.maximum(grey + white, 1e-3), 0.15, 0.85)
    solid = (brain - fluid) * _step(grey + white, 0.1, 0.6)
    return fluid, solid * (1 - share), solid * share


def _outside_brain(
    rng: np.random.Generator, coordinates: np.ndarray, depth_mm: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Marrow, fat and muscle fractions of skull, scalp and face."""
    shape = depth_mm.shape
    depth = depth_mm + 0.6 * _smooth_noise(rng, shape, (4, 6, 6))
    skull, scalp = rng.uniform(4.5, 6.5), rng.uniform(3, 6)
    middle = 1 + skull / 2
    marrow = 0.6 * np.exp(-(((depth - middle) / (skull / 5)) ** 2))
    outer = 1 + skull
    fat = _step(depth, outer - 0.8, outer + 0.8) * _step(depth, outer + scalp, outer + scalp - 1.5)
    # In front and below there is a face, not a vault of bone.
    face = _step(coordinates[2], 42, 30) * _step(coordinates[1], 80, 100)
    base = np.maximum(base, face * _step(depth, outer + 0.5, outer - 0.5) * (depth > 0))
    texture = _smooth_noise(rng, shape, (22, 40, 34)) + 0.9 * _smooth_noise(rng, shape, (9, 9, 9))
    fatty = _step(texture, 0.2, 1.2)
    muscle = base * _step(texture, -1.5, -0.8) * (1 - fatty)
    fat = np.maximum(fat * (0.85 + 0.1 * texture), base * fatty * 0.9)
    x, y, z = (axis - centre for axis, centre in zip(coordinates, (98, 188, 38), strict=True))
    globe = np.sqrt((np.abs(x) - 32) ** 2 + y**2 + z**2)
    socket = _step(globe, 18, 15) * (depth_mm < 3)
    keep = 1 - socket
    return marrow * keep, fat * keep + 0.7 * socket * _step(globe, 12, 14), muscle * keep


def _vessels(
    rng: np.random.Generator, coordinates: np.ndarray, depth_mm: np.ndarray, fluid: np.ndarray
) -> np.ndarray:
    """Where contrast agent shows outside a tumour: the sagittal sinus and vessels in sulci."""
    shape = fluid.shape
    midline = np.abs(coordinates[0] - 98)
    upper = _step(coordinates[2], 55, 75)
    sinus = _step(midline, 5, 2.5) * _step(np.abs(depth_mm + 0.5), 3, 1.5) * upper
    falx = 0.4 * _step(midline, 1.6, 0.6) * fluid * upper
    branches = _step(_smooth_noise(rng, shape, (24, 60, 50)), 1.1, 1.8) * _step(fluid, 0.2, 0.6)
    return np.maximum(np.maximum(sinus, falx), branches * (depth_mm < 1))


# --- tumour -----------------------------------------------------------------------------------


def _grow_tumour(rng: np.random.Generator, has_rim: bool) -> _Tumour:
    """Grow a tumour from a seed in white matter until it has the volume drawn for it.

    Cells multiply and diffuse, in white matter far faster than in grey, and never into fluid
    (Swanson, Alvord, Murray 2000, Cell Proliferation 33, 317-329).
    """
    atlas = _atlas()
    thin = (slice(None, None, COARSE_MM),) * 3
    white, grey = (m[thin].astype(np.float32) / 255 for m in (atlas.white, atlas.grey))
    seed = _seed_voxel(rng, white, atlas.depth_mm)
    reach = 34
    box = tuple(slice(max(0, s - reach), s + reach + 1) for s in seed)
    start = np.zeros_like(white)
    start[tuple(seed)] = 1
    if rng.random() < 0.2:
        satellite = _seed_voxel(rng, white, atlas.depth_mm, near=seed)
        start[tuple(satellite)] = 0.05
    volume_vx = np.exp(rng.uniform(np.log(18), np.log(190))) * 1000 / COARSE_MM**3
    density = np.zeros_like(white)
    density[box] = _diffuse(rng, start[box], white[box], grey[box], volume_vx)
    inside = ndimage.distance_transform_edt(density > 0.5).astype(np.float32) * COARSE_MM
    return _Tumour(
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
    """A voxel of supratentorial white matter; with `near`, 18 to 36 mm from that one."""
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
    rough = np.exp(0.8 * _smooth_noise(rng, density.shape, (14, 14, 14)))
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
            lower = [slice(None)] * 3
            upper = [slice(None)] * 3
            lower[axis], upper[axis] = slice(None, -1), slice(1, None)
            change[tuple(lower)] += flow
            change[tuple(upper)] -= flow
        density = density + change
        if np.count_nonzero(density > 0.5) >= volume_vx:
            break
    return density


def _lesion_parts(
    rng: np.random.Generator, density: np.ndarray, inside_mm: np.ndarray, tumour: _Tumour
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lesion, cyst and enhancing rim fractions; the lesion's varies inside with its cellularity."""
    texture = _smooth_noise(rng, density.shape, (14, 32, 28))
    zones = _smooth_noise(rng, density.shape, (6, 11, 10))
    extent = _step(density, 0.2, 0.8)
    lesion = extent * (0.85 + 0.08 * texture + 0.16 * zones)
    wall_mm = rng.uniform(0.35, 0.6) * max(float(inside_mm.max()), 8)
    ragged = inside_mm + 1.5 * texture
    cyst = extent * _step(ragged, wall_mm, wall_mm + 2.5) * tumour.has_cyst
    rim = extent * np.exp(-(((ragged - wall_mm) / 1.6) ** 2)) * tumour.has_rim
    return np.clip(lesion, 0, 1.3), cyst, np.clip(rim * (0.7 + 0.3 * texture), 0, 1)


# --- the scanner ------------------------------------------------------------------------------


def _signals(
    rng: np.random.Generator, tissue: _Tissue, tumour: _Tumour, site: Site
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise-free pre-contrast, FLAIR and post-contrast signal, normal brain being about 1."""
    outside = site.scalp * tissue.fat + 0.6 * tissue.muscle + 0.7 * tissue.marrow + 0.06
    normal = 1 + 0.03 * _smooth_noise(rng, tissue.grey.shape, (10, 14, 12))
    flair = (1 + site.grey_white) * tissue.grey + tissue.white + 0.22 * tissue.fluid
    flair = (flair - 0.5 * tissue.detail) * normal
    flair = _blend(flair, tumour.flair, tissue.tumour)
    flair = _blend(flair, 0.45, tissue.cyst) + 0.25 * tissue.rim
    t1 = 0.78 * tissue.grey + tissue.white + 0.33 * tissue.fluid + 1.2 * tissue.detail
    t1 = _blend(t1 * normal, tumour.t1, tissue.tumour)
    t1 = _blend(t1, 0.38, tissue.cyst)
    vessels = rng.uniform(0.7, 1.1) * tissue.vessel * (1 - np.minimum(tissue.tumour, 1))
    post = t1 + vessels + rng.uniform(0.7, 1.0) * tissue.rim
    return t1 + outside, flair + outside * rng.uniform(0.8, 1.0), post + 0.9 * outside


def _blend(signal: np.ndarray, value: float, fraction: np.ndarray) -> np.ndarray:
    return signal + (value - signal) * fraction


def _offset(rng: np.random.Generator) -> tuple[int, int]:
    """The box's first row and column in the picture: heads are seldom centred."""
    middle = [(SIZE_PX - length) // 2 for length in BOX_PX]
    shift = (rng.integers(-12, 13), rng.integers(-14, 15))
    return int(middle[0] + shift[0]), int(middle[1] + shift[1])


def _paste(box: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    picture = np.zeros((len(box), SIZE_PX, SIZE_PX), box.dtype)
    row, column = offset
    picture[:, row : row + BOX_PX[0], column : column + BOX_PX[1]] = box
    return picture


def _acquire(
    rng: np.random.Generator, signal: np.ndarray, offset: tuple[int, int], site: Site
) -> np.ndarray:
    """One sequence as its scanner exports it: (n, 256, 256) uint8."""
    bias = np.exp(rng.uniform(0.05, 0.13) * _smooth_noise(rng, signal.shape, (1, 2, 2)))
    picture = _paste((signal * bias).astype(np.float32), offset)
    noise = rng.standard_normal((2, *picture.shape), np.float32) * np.float32(site.noise)
    level = np.float32(site.brain_level * rng.uniform(0.8, 1.25))
    exported = np.empty(picture.shape, np.uint8)
    for index, plane in enumerate(picture):
        plane = cv2.GaussianBlur(plane, (0, 0), site.blur_px)
        plane = np.hypot(plane + noise[0, index], noise[1, index])
        # Scanners interpolate to 256 pixels, so neighbours share some of their noise.
        plane = cv2.GaussianBlur(plane, (0, 0), 0.45) - np.float32(site.noise)
        exported[index] = np.clip(plane * level, 0, 255).astype(np.uint8)
    return exported
