"""Phantoms: invented patients with real anatomy, a grown tumour, and a scanner's faults.

Anatomy comes from the MNI152 templates (:mod:`brainseg.sample.anatomy`), the tumour from a model of
its growth (:mod:`brainseg.sample.tumour`), and the noise of a magnitude image is Rician (Gudbjartsson
and Patz 1995). No patient's data is involved.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from brainseg.errors import SampleError
from brainseg.sample.anatomy import (
    BOX_PX,
    COARSE_MM,
    atlas,
    brain_fractions,
    outside_brain,
    place_in_template,
    vessels,
)
from brainseg.sample.fields import smooth_noise, step
from brainseg.sample.tumour import Tumour, grow_tumour, lesion_parts
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

SIZE_PX = 256
STUDY_DATE = "20260101"
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
        missing_sequence: `pre-contrast`, `post-contrast` or None; FLAIR takes its place.
        pixels: (n, 256, 256, 3) uint8, 0 to 255; pre-contrast, FLAIR, post-contrast.
        masks: (n, 256, 256) bool, True in the tumour.
    """

    name: str
    site: str
    has_rim: bool
    missing_sequence: str | None
    pixels: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class _Tissue:
    """Fractions of each tissue in the box, all (n, rows, columns) float32, 0 to 1."""

    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray
    detail: np.ndarray  # the difference of the template's T1 and its tissue maps, -0.1 to 0.1
    marrow: np.ndarray
    fat: np.ndarray
    muscle: np.ndarray
    vessel: np.ndarray
    tumour: np.ndarray
    cyst: np.ndarray
    rim: np.ndarray
    mask: np.ndarray  # bool


def synthesize_case(seed: int, case_number: int) -> SyntheticCase:
    """Return a synthetic case of 20 to 40 axial slices, from the skull base to the vertex.

    The same arguments give the same pixels. The number decides the site and the missing sequence.

    Raises:
        SampleError: the seed is negative, or the number not from 1 to 9999.
    """
    if seed < 0 or not 1 <= case_number <= 9999:
        raise SampleError(
            f"a synthetic case needs a seed of 0 or more and a number from 1 to 9999, got seed "
            f"{seed} and number {case_number}: choose values in range"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, case_number]))
    site = SITES[(case_number - 1) % len(SITES)]
    missing = MISSING.get(case_number % 12)
    tumour = grow_tumour(rng, has_rim=missing != POST_CONTRAST and rng.random() < 0.4)
    tissue = _mix_tissue(rng, place_in_template(rng, tumour.centre_vx), tumour)
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


def _mix_tissue(rng: np.random.Generator, coordinates: np.ndarray, tumour: Tumour) -> _Tissue:
    maps = atlas()

    def sample(values: np.ndarray, grid: float = 1, mode: str = "nearest") -> np.ndarray:
        points = coordinates if grid == 1 else coordinates / np.float32(grid)
        return ndimage.map_coordinates(values, points, np.float32, order=1, mode=mode)

    t1, grey, white, brain = (
        sample(values) / np.float32(255) for values in (maps.t1, maps.grey, maps.white, maps.brain)
    )
    depth, base = sample(maps.depth_mm, COARSE_MM), sample(maps.base, COARSE_MM)
    fluid, grey, white = brain_fractions(t1, grey, white, brain)
    detail = np.clip(t1 - (0.65 * grey + 0.87 * white + 0.26 * fluid), -0.1, 0.1)
    marrow, fat, muscle = outside_brain(rng, coordinates, depth, base * (1 - brain))
    density = sample(tumour.density, COARSE_MM) * brain
    lesion, cyst, rim = lesion_parts(rng, density, sample(tumour.inside_mm, COARSE_MM), tumour)
    return _Tissue(
        grey=grey,
        white=white,
        fluid=fluid,
        detail=detail * step(brain, 0.6, 1),
        marrow=marrow,
        fat=fat,
        muscle=muscle,
        vessel=vessels(rng, coordinates, depth, fluid),
        tumour=lesion,
        cyst=cyst,
        rim=rim,
        mask=density > 0.5,
    )


def _signals(
    rng: np.random.Generator, tissue: _Tissue, tumour: Tumour, site: Site
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return noise-free pre-contrast, FLAIR and post-contrast signals; normal brain is about 1."""
    outside = site.scalp * tissue.fat + 0.6 * tissue.muscle + 0.7 * tissue.marrow + 0.06
    normal = 1 + 0.03 * smooth_noise(rng, tissue.grey.shape, (10, 14, 12))
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
    """Return the box's first row and column in the image, as heads are seldom centred."""
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
    """Return one sequence as its scanner exports it: (n, 256, 256) uint8."""
    bias = np.exp(rng.uniform(0.05, 0.13) * smooth_noise(rng, signal.shape, (1, 2, 2)))
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
