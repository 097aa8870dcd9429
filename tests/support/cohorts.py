"""Small cohorts that tests write, and facts about this machine that tests share."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIRE_ALL = os.environ.get("CI") == "true" or os.environ.get("BRAINSEG_REQUIRE_ALL") == "1"
SERVER_STARTS_WITHIN_S = 90
SIDE_PX = 64
FIRST, FLAIR_REPEATED, OTHER_SITE = (
    "TCGA_XX_0001_20000101",
    "TCGA_XX_0002_20000102",
    "TCGA_YY_0003_20000103",
)
"""The cases of ``tiny_cohort``."""


def head(seed: int, height: int = SIDE_PX, width: int = SIDE_PX) -> np.ndarray:
    """Return (h, w, 3) uint8: a bright ellipse with texture on black, unlike in each sequence."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    inside = (rows**2 + columns**2 < 0.8)[..., np.newaxis]
    texture = np.random.default_rng(seed).integers(60, 200, (height, width, 3))
    return (texture * inside).astype(np.uint8)


def blob(
    top: int, left: int, side: int = 10, height: int = SIDE_PX, width: int = SIDE_PX
) -> np.ndarray:
    """Return an (h, w) uint8 mask of 0 with a square of 255."""
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def write_pair(
    folder: Path,
    case: str,
    number: int | str,
    image: np.ndarray | None,
    mask: np.ndarray | None,
    **tiff: object,
) -> Path:
    """Write one slice as LGG names it and return the image's path; None leaves that file out.

    Args:
        folder: the case's own folder, or any other.
        case: the beginning of the file names.
        number: what follows it.
        image: (h, w, 3) or whatever the test is about.
        mask: (h, w) or whatever the test is about.
        **tiff: for ``tifffile.imwrite``, such as ``compression``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case}_{number}.tif"
    for file, pixels in ((path, image), (folder / f"{case}_{number}_mask.tif", mask)):
        if pixels is not None:
            tifffile.imwrite(file, pixels, **tiff)
    return path


def write_tiny_cohort(root: Path) -> Path:
    """Write the cohort that ``tiny_cohort`` names and return its folder."""
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for number, mask in ((1, blob(20, 20)), (2, blob(22, 22, 12)), (10, empty)):
        write_pair(root / FIRST, FIRST, number, head(number), mask)
    for number in (1, 2, 3):
        image = head(20 + number)
        image[..., 2] = image[..., 1]
        mask = blob(30, 16, 8) if number == 2 else empty
        write_pair(root / FLAIR_REPEATED, FLAIR_REPEATED, number, image, mask)
    for number in (1, 2):
        write_pair(root / OTHER_SITE, OTHER_SITE, number, head(30 + number), blob(12, 30, 6))
    patients = pd.DataFrame(
        {
            "Patient": ["TCGA_XX_0001", "TCGA_XX_0002", "TCGA_YY_0003"],
            "neoplasm_histologic_grade": [1, None, 2],
            "age_at_initial_pathologic": [67, 44, 37],
        }
    )
    patients.to_csv(root / "data.csv", index=False)
    return root


def is_healthy(address: str) -> bool:
    """Return whether the dashboard at an address answers."""
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def write_taught_cohort(root: Path) -> Path:
    """Write the cohort that ``tiny_model`` was trained on and return its folder."""
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for patient in range(1, 11):
        case = f"TCGA_{'TT' if patient <= 6 else 'UU'}_{1000 + patient}_20000101"
        for number in range(1, 6):
            image = head(100 * patient + number)
            square = blob(16 + patient, 12 + 2 * patient, 8 + patient // 2)
            mask = square if number in (2, 3, 4) else empty
            image[..., 1] = np.where(mask, 250, image[..., 1])
            write_pair(root / case, case, number, image, mask)
    return root
