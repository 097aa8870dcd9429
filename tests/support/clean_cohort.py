"""A small cohort without any finding, and changes of its files."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tifffile

from support.cohorts import SIDE_PX, blob, write_pair

CASES = tuple(f"TCGA_AA_{number:04d}_20000101" for number in range(1, 10))
FIRST, OTHER, LAST = CASES[0], CASES[4], CASES[-1]
SLICES = range(1, 10)
TUMOUR_SLICES = (4, 5, 6)
NUMBER = 5
"""Slice of most defects, in the middle of the tumour."""


def write_clean_cohort(root: Path) -> Path:
    """Write nine cases of nine slices of 64 x 64 px, with ``data.csv``, and return their folder."""
    for place, case in enumerate(CASES):
        write_case(root, case, seed=place)
    patients = pd.DataFrame({"Patient": [case[:12] for case in CASES], "grade": 2})
    patients.to_csv(root / "data.csv", index=False)
    return root


def write_case(root: Path, case: str, seed: int) -> None:
    """Write a case whose head grows and fades along the stack, with a tumour in the middle."""
    random = np.random.default_rng(seed)
    tissues = [_tissue(random) for _ in range(3)]
    for number in SLICES:
        image = np.dstack([_slice_of(tissue, number, random) for tissue in tissues])
        mask = blob(0, 0, 0)
        if number in TUMOUR_SLICES:
            cv2.circle(mask, (32, 26), 7 - abs(number - 5), 255, cv2.FILLED)
            image[mask > 0, 1] = np.clip(image[mask > 0, 1] + 90.0, 0, 235)
        write_pair(root / case, case, number, image, mask)


def _tissue(random: np.random.Generator) -> np.ndarray:
    """Return (slices, h, w) float32 of soft spots, similar but never equal from slice to slice."""
    field = random.normal(size=(len(SLICES) + 4, SIDE_PX, SIDE_PX)).astype(np.float32)
    field = np.stack([cv2.GaussianBlur(plane, (0, 0), 1.0) for plane in field])
    field = sum(field[step : step + len(SLICES)] for step in range(5))
    return 110 + 45 * field / field.std()


def _slice_of(tissue: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    radius = 27 - abs(number - NUMBER)
    inside, skull = np.zeros((2, SIDE_PX, SIDE_PX), np.uint8)
    cv2.circle(inside, (32, 32), radius, 1, cv2.FILLED)
    cv2.circle(skull, (32, 32), radius, 1, 2)
    picture = np.where(skull, 235, tissue[number - 1] * inside)
    return np.clip(picture + random.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


def image_of(root: Path, case: str = FIRST, number: int | str = NUMBER) -> Path:
    """Return the path of a slice's image."""
    return root / case / f"{case}_{number}.tif"


def mask_of(root: Path, case: str = FIRST, number: int | str = NUMBER) -> Path:
    """Return the path of a slice's mask."""
    return root / case / f"{case}_{number}_mask.tif"


def change(path: Path, how: Callable[[np.ndarray], np.ndarray], **tiff: object) -> None:
    """Overwrite a file's pixels."""
    tifffile.imwrite(path, how(tifffile.imread(path)), **tiff)


def change_case(root: Path, case: str, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Overwrite all images of a case."""
    for number in SLICES:
        change(image_of(root, case, number), how)


def scaled(by: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that makes pixels darker or brighter."""
    return lambda pixels: np.clip(pixels * by, 0, 255).astype(np.uint8)


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Return pixels without fine detail."""
    return cv2.GaussianBlur(pixels, (0, 0), 2.5)


def noisy(pixels: np.ndarray) -> np.ndarray:
    """Return pixels with much noise, the same for the same pixels."""
    noise = np.random.default_rng(int(pixels.sum())).normal(0, 25, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def without(channel: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that empties one sequence."""
    return lambda pixels: pixels * np.uint8([step != channel for step in range(3)])


def repeating(channel: int, of: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that replaces one sequence by another."""
    order = [of if step == channel else step for step in range(3)]
    return lambda pixels: np.ascontiguousarray(pixels[..., order])


def set_to(value: int, *boxes: tuple[slice, slice]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that sets parts of a mask."""

    def change_mask(mask: np.ndarray) -> np.ndarray:
        for box in boxes:
            mask[box] = value
        return mask

    return change_mask


def small_head(pixels: np.ndarray) -> np.ndarray:
    """Return pixels with the head at half its height and width, in the middle."""
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    result = np.zeros_like(pixels)
    result[rows // 2 : rows // 2 + rows, columns // 2 : columns // 2 + columns] = cv2.resize(
        pixels, (columns, rows), interpolation=cv2.INTER_AREA
    )
    return result


def cut_off(pixels: np.ndarray) -> np.ndarray:
    """Return pixels whose FLAIR is black in the lower third."""
    pixels[2 * pixels.shape[0] // 3 :, :, 1] = 0
    return pixels
