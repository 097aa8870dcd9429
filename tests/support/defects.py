"""One defect for each kind of check, to plant in the clean cohort."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import tifffile

from brainseg.cohort import Cohort
from support.clean_cohort import (
    FIRST,
    LAST,
    NUMBER,
    OTHER,
    SLICES,
    TUMOUR_SLICES,
    blurred,
    change,
    change_case,
    cut_off,
    image_of,
    mask_of,
    noisy,
    repeating,
    scaled,
    set_to,
    small_head,
    without,
    write_case,
)
from support.cohorts import write_pair
from support.volume_cohorts import save

Expected = set[tuple[str, str | None, int | None]]

PLANTS: dict[str, Callable[[Path], Expected]] = {}
"""Kind -> function that plants the defect and returns (kind, case, slice_number) of its findings."""


def plant(function: Callable[[Path], Expected | None]) -> Callable[[Path], Expected]:
    """Enter a defect under its kind; by default it is found in ``FIRST``, ``NUMBER``."""
    kind = function.__name__.removeprefix("plant_")

    def planted(root: Path) -> Expected:
        return function(root) or {(kind, FIRST, NUMBER)}

    PLANTS[kind] = planted
    return planted


def _plant_change(
    kind: str,
    path_of: Callable[[Path], Path],
    how: Callable[[np.ndarray], np.ndarray],
    **tiff: object,
) -> None:
    """Enter a defect of a single file, found in ``FIRST``, ``NUMBER``."""

    def planted(root: Path) -> Expected:
        change(path_of(root), how, **tiff)
        return {(kind, FIRST, NUMBER)}

    PLANTS[kind] = planted


def _plant_case(kind: str, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Enter a defect of all images of ``OTHER``."""

    def planted(root: Path) -> Expected:
        change_case(root, OTHER, how)
        return {(kind, OTHER, None)}

    PLANTS[kind] = planted


_plant_change("grey_image", image_of, lambda pixels: pixels[..., 1])
_plant_change(
    "image_dtype", image_of, lambda pixels: pixels.astype(np.uint16) * 257, photometric="rgb"
)
_plant_change(
    "image_channels",
    image_of,
    lambda pixels: np.dstack([pixels, pixels[..., :2]]),
    photometric="minisblack",
    planarconfig="contig",
)
_plant_change("black_slice", image_of, scaled(0.02))
_plant_change("constant_slice", image_of, lambda pixels: np.full_like(pixels, 7))
_plant_change("blurred_slice", image_of, blurred)
_plant_change("noisy_slice", image_of, noisy)
_plant_change("slice_brightness", image_of, scaled(0.4))
_plant_change("cut_sequence", image_of, cut_off)
_plant_change("mask_shape", mask_of, lambda mask: mask[:60])
_plant_change(
    "mask_channels", mask_of, lambda mask: np.dstack([mask, mask, 0 * mask]), photometric="rgb"
)
_plant_change("mask_values", mask_of, set_to(128, (slice(26, 28), slice(30, 33))))
_plant_change("converted_file", mask_of, lambda mask: np.dstack([mask] * 3), photometric="rgb")
_plant_change("mask_of_ones", mask_of, lambda mask: mask // 255)
_plant_change("mask_dtype", mask_of, lambda mask: mask.astype(np.uint16))
_plant_change("mask_outside_head", mask_of, set_to(255, (slice(0, 26), slice(31, 33))))
_plant_change("mask_island", mask_of, set_to(255, (slice(40, 41), slice(32, 33))))
_plant_change("mask_pinhole", mask_of, set_to(0, (slice(26, 27), slice(31, 33))))
_plant_change("mask_hole", mask_of, set_to(0, (slice(25, 28), slice(31, 34))))
_plant_change("mask_gap", mask_of, np.zeros_like)
_plant_change("mask_jump", mask_of, lambda mask: np.roll(mask, 18, axis=0))
_plant_change("mask_shift", mask_of, lambda mask: np.roll(mask, 5, axis=1))
_plant_change("mask_area", mask_of, set_to(255, (slice(16, 36), slice(20, 44))))
_plant_case("flair_copy", repeating(2, of=1))
_plant_case("contrast_copy", repeating(2, of=0))
_plant_case("blurred_case", blurred)
_plant_case("noisy_case", noisy)
_plant_case("case_brightness", scaled(0.35))
_plant_case("bright_background", lambda pixels: np.clip(pixels, 90, 255))


@plant
def plant_empty_file(root: Path) -> Expected:
    image_of(root).write_bytes(b"")
    mask_of(root, OTHER, 2).write_bytes(b"")
    return {("empty_file", FIRST, NUMBER), ("empty_file", OTHER, 2)}


@plant
def plant_damaged_file(root: Path) -> Expected:
    for path in (image_of(root), mask_of(root, OTHER, 2)):
        path.write_bytes(path.read_bytes()[:-200])
    return {("damaged_file", FIRST, NUMBER), ("damaged_file", OTHER, 2)}


@plant
def plant_unreadable_image(root: Path) -> None:
    image_of(root).write_bytes(b"random bytes")


@plant
def plant_unreadable_mask(root: Path) -> None:
    mask_of(root).write_bytes(b"\x89PNG\r\n\x1a\n")


def _volumes_instead(root: Path) -> Path:
    """Write the cohort as a raw dataset of nnU-Net in place of the pictures, and return a mask."""
    cases = [(case.name, case.volume().pixels, case.masks()[0]) for case in Cohort.open(root)]
    for name, pixels, masks in cases:
        shutil.rmtree(root / name)
        for channel in range(3):
            save(root / "imagesTr" / f"{name}_{channel:04}.nii.gz", pixels[..., channel])
        save(root / "labelsTr" / f"{name}.nii.gz", masks.astype(np.uint8))
    channels = {"0": "T1", "1": "FLAIR", "2": "T1-Gd"}
    description = {"channel_names": channels, "labels": {"background": 0, "tumour": 1}}
    (root / "dataset.json").write_text(json.dumps(description))
    return root / "labelsTr" / f"{FIRST}.nii.gz"


@plant
def plant_volume_mask(root: Path) -> Expected:
    path = _volumes_instead(root)
    mask = nib.load(path)
    nib.save(nib.Nifti1Image(mask.get_fdata(), mask.affine @ np.diag([-1.0, 1, 1, 1])), path)
    return {("volume_mask", FIRST, None)}


@plant
def plant_unnamed_label(root: Path) -> Expected:
    path = _volumes_instead(root)
    mask = nib.load(path)
    nib.save(nib.Nifti1Image((9 * mask.get_fdata()).astype(np.uint8), mask.affine), path)
    return {("unnamed_label", FIRST, None)}


@plant
def plant_unlike_spacing(root: Path) -> Expected:
    mask = _volumes_instead(root)
    for path in (mask, *(root / "imagesTr").glob(f"{FIRST}_*")):
        image = nib.load(path)
        voxels = np.asanyarray(image.dataobj)
        nib.save(nib.Nifti1Image(voxels, image.affine @ np.diag([1, 1, 9, 1.0])), path)
    return {("unlike_spacing", FIRST, None)}


def _changed_voxels(root: Path, channel: int, change_of: Callable) -> None:
    """Change the voxels of one channel of the first case, written as a volume."""
    _volumes_instead(root)
    path = root / "imagesTr" / f"{FIRST}_{channel:04}.nii.gz"
    image = nib.load(path)
    voxels = change_of(np.asanyarray(image.dataobj))
    nib.save(nib.Nifti1Image(voxels.astype(np.uint8), image.affine), path)


@plant
def plant_few_levels(root: Path) -> Expected:
    _changed_voxels(root, 2, lambda voxels: voxels // 12 * 12)
    return {("few_levels", FIRST, None)}


@plant
def plant_cut_levels(root: Path) -> Expected:
    _changed_voxels(root, 2, lambda voxels: np.minimum(voxels, np.quantile(voxels, 0.97)))
    return {("cut_levels", FIRST, None)}


@plant
def plant_other_axes(root: Path) -> Expected:
    mask = _volumes_instead(root)
    for path in (mask, *(root / "imagesTr").glob(f"{FIRST}_*")):
        nib.save(nib.load(path).as_reoriented(np.array([[0, -1], [1, -1], [2, 1]])), path)
    return {("other_axes", FIRST, None)}


@plant
def plant_other_plane(root: Path) -> Expected:
    mask = _volumes_instead(root)
    turn = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    for path in (mask, *(root / "imagesTr").glob(f"{FIRST}_*")):
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), turn @ image.affine), path)
    shown_so = ("converted_file", FIRST, 1)
    return {("other_plane", FIRST, None), ("other_axes", FIRST, None), shown_so}


@plant
def plant_orphan_mask(root: Path) -> None:
    image_of(root).unlink()


@plant
def plant_missing_mask(root: Path) -> None:
    mask_of(root).unlink()


@plant
def plant_case_without_masks(root: Path) -> Expected:
    for number in SLICES:
        mask_of(root, OTHER, number).unlink()
    return {("case_without_masks", OTHER, None)}


@plant
def plant_multipage(root: Path) -> Expected:
    change(image_of(root), lambda pixels: np.stack([pixels, pixels]), photometric="rgb")
    change(mask_of(root, OTHER, 2), lambda mask: np.stack([mask, mask]), photometric="minisblack")
    return {("multipage", FIRST, NUMBER), ("multipage", OTHER, 2)}


@plant
def plant_case_shape(root: Path) -> None:
    for path in (image_of(root), mask_of(root)):
        change(path, lambda pixels: cv2.resize(pixels, (72, 64), interpolation=cv2.INTER_NEAREST))


@plant
def plant_small_image(root: Path) -> None:
    for path in (image_of(root), mask_of(root)):
        change(path, lambda pixels: pixels[:16, :16])


@plant
def plant_image_pixels(root: Path) -> Expected:
    def with_a_gap(pixels: np.ndarray) -> np.ndarray:
        pixels = pixels.astype(np.float32)
        pixels[3, 4, 1] = np.nan
        return pixels

    change(image_of(root), with_a_gap, photometric="rgb")
    return {("image_pixels", FIRST, NUMBER), ("image_dtype", FIRST, NUMBER)}


@plant
def plant_cohort_shape(root: Path) -> Expected:
    for number in SLICES:
        for path in (image_of(root, OTHER, number), mask_of(root, OTHER, number)):
            change(path, lambda pixels: np.ascontiguousarray(pixels[4:]))
    return {("cohort_shape", OTHER, None)}


@plant
def plant_inverted_mask(root: Path) -> Expected:
    change(mask_of(root), lambda mask: 255 - mask)
    also = ("mask_jump", "mask_hole", "mask_area", "mask_outside_head")
    return {(kind, FIRST, NUMBER) for kind in ("inverted_mask", *also)}


@plant
def plant_slice_gap(root: Path) -> Expected:
    for number in (2, 3):
        image_of(root, number=number).unlink()
        mask_of(root, number=number).unlink()
    return {("slice_gap", FIRST, 2)}


@plant
def plant_slice_repeat(root: Path) -> None:
    image, mask = tifffile.imread(image_of(root)), tifffile.imread(mask_of(root))
    write_pair(root / FIRST, FIRST, f"0{NUMBER}", np.ascontiguousarray(image[::-1]), mask)


@plant
def plant_blank_end(root: Path) -> Expected:
    for number in (7, 8, 9):
        change(image_of(root, OTHER, number), scaled(0.02))
    return {("blank_end", OTHER, 7)}


@plant
def plant_empty_sequence(root: Path) -> Expected:
    for number in (3, 4):
        change(image_of(root, number=number), without(1))
    return {("empty_sequence", FIRST, 3)}


@plant
def plant_uncovered_end(root: Path) -> Expected:
    for number in (8, 9):
        change(image_of(root, number=number), without(2))
    return {("uncovered_end", FIRST, 8)}


@plant
def plant_short_sequence(root: Path) -> Expected:
    change(image_of(root, number=9), small_head)
    change(image_of(root, number=9), without(2))
    return {("short_sequence", FIRST, 9)}


@plant
def plant_swapped_slices(root: Path) -> Expected:
    for path_of in (image_of, mask_of):
        one, other = path_of(root, number=3), path_of(root, number=7)
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    return {("swapped_slices", FIRST, 3)}


@plant
def plant_mask_contrast(root: Path) -> Expected:
    for number in TUMOUR_SLICES:
        inside = tifffile.imread(mask_of(root, OTHER, number)) > 0

        def darker(pixels: np.ndarray, inside: np.ndarray = inside) -> np.ndarray:
            pixels[inside, 1] = pixels[inside, 1] // 3
            return pixels

        change(image_of(root, OTHER, number), darker)
    return {("mask_contrast", OTHER, None)}


@plant
def plant_case_shift(root: Path) -> Expected:
    for number in TUMOUR_SLICES:
        change(mask_of(root, OTHER, number), lambda mask: np.roll(mask, 3, axis=1))
    return {("case_shift", OTHER, None)}


@plant
def plant_swapped_sequence(root: Path) -> Expected:
    change_case(root, OTHER, lambda pixels: np.ascontiguousarray(pixels[..., [1, 0, 2]]))
    return {("swapped_sequence", OTHER, None)}


@plant
def plant_no_tumour(root: Path) -> Expected:
    for number in TUMOUR_SLICES:
        change(mask_of(root, OTHER, number), np.zeros_like)
    return {("no_tumour", OTHER, None)}


@plant
def plant_equal_slice(root: Path) -> Expected:
    image_of(root, OTHER, 2).write_bytes(image_of(root).read_bytes())
    return {("equal_slice", OTHER, 2)}


@plant
def plant_near_slice(root: Path) -> Expected:
    pixels = cv2.imdecode(
        cv2.imencode(".jpg", tifffile.imread(image_of(root)), [cv2.IMWRITE_JPEG_QUALITY, 90])[1],
        cv2.IMREAD_COLOR,
    )
    tifffile.imwrite(image_of(root, OTHER, 2), scaled(0.9)(pixels), photometric="rgb")
    return {("near_slice", OTHER, 2)}


@plant
def plant_repeated_case(root: Path) -> Expected:
    for number in SLICES:
        image = tifffile.imread(image_of(root, number=number))
        mask = tifffile.imread(mask_of(root, number=number))
        write_pair(root / LAST, LAST, number, scaled(0.95)(image), mask)
    return {("repeated_case", LAST, 1)}


@plant
def plant_case_without_row(root: Path) -> Expected:
    table = pd.read_csv(root / "data.csv")
    table[table["Patient"] != OTHER[:12]].to_csv(root / "data.csv", index=False)
    return {("case_without_row", OTHER, None)}


@plant
def plant_row_without_case(root: Path) -> Expected:
    with (root / "data.csv").open("a") as table:
        table.write("TCGA_ZZ_0009,3\n")
    return {("row_without_case", None, None)}


@plant
def plant_patient_repeat(root: Path) -> Expected:
    later = f"{FIRST[:12]}_20010202"
    write_case(root, later, seed=77)
    return {("patient_repeat", later, None)}


@plant
def plant_fold_leak(root: Path) -> Expected:
    write_run(root, {"trained_on": [FIRST, OTHER], "selected_on": [], "held_out": [OTHER]})
    return {("fold_leak", OTHER, None)}


@plant
def plant_readme_count(root: Path) -> Expected:
    (root / "README.md").write_text(
        "# LGG Segmentation Dataset\n\nThey correspond to 9 patients.\n"
        "For 8 cases, 3 sequences are available. For 1 cases, post-contrast sequence is missing "
        "and for 0 cases, pre-contrast sequence is missing.\n"
    )
    return {("readme_count", None, None)}


def write_run(root: Path, parts: dict[str, list[str]]) -> None:
    """Write a training run of the cohort with its fold only."""
    run = Cohort.open(root).state_dir / "runs" / "20260101-000000-planted"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"epochs": 1, "patience": 1}))
    (run / "folds.json").write_text(json.dumps(parts))
