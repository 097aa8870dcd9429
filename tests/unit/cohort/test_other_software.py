"""Folders as other software and public datasets leave them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import head
from support.volume_cohorts import labels, volume

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort

MASK_PX = int(np.count_nonzero(labels()))


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def as_stack(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "ZYX", "spacing": 5.0})


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{0}/{0}.tif", "{0}/{0}_mask.tif"),
        ("images/{}.tif", "masks/{}.tif"),
        ("{}.tif", "{}_seg.tif"),
    ],
)
def test_a_stack_of_imagej_is_a_case_with_all_its_pages(
    tmp_path: Path, image: str, mask: str
) -> None:
    for seed, case in enumerate(("P01", "P02")):
        as_stack(tmp_path / image.format(case), volume(seed)[..., 1].astype(np.uint16))
        as_stack(tmp_path / mask.format(case), np.where(labels(), 255, 0).astype(np.uint8))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01", "P02"]
    assert cohort.slices.groupby("case").size().tolist() == [len(labels())] * 2
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [MASK_PX] * 2
    assert [one.name for one in find_inputs(tmp_path)] == ["P01", "P02"]


def test_stacks_of_sequences_in_a_folder_are_one_case(tmp_path: Path) -> None:
    for channel, name in enumerate(("t1", "flair", "t1ce")):
        as_stack(tmp_path / f"P01/P01_{name}.tif", volume(0)[..., channel].astype(np.uint16))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01"]
    assert not any("missing" in note for note in cohort[0].volume().notes)


@pytest.mark.parametrize("axes", ["ZCYX", "TZYX"])
def test_a_hyperstack_is_refused_because_its_pages_are_no_slices(tmp_path: Path, axes: str) -> None:
    path = tmp_path / "P01.ome.tif"
    pixels = volume(0)[..., 1].astype(np.uint8)
    tifffile.imwrite(path, np.stack([pixels[:4], pixels[4:8]]), metadata={"axes": axes})
    tifffile.imwrite(
        tmp_path / "P02.tif",
        np.stack([pixels[:4], pixels[4:8]]),
        imagej=True,
        metadata={"axes": axes},
    )
    cohort = Cohort.open(tmp_path)
    assert cohort.slices["image_error"].str.contains("of a hyperstack; save each").all()


def test_slices_in_a_folder_per_sequence_are_one_case_with_its_masks(tmp_path: Path) -> None:
    for seed, case in enumerate(("P01", "P02")):
        for index, (image, mask) in enumerate(zip(volume(seed), labels(), strict=True)):
            for channel, name in enumerate(("t1", "flair", "t1ce")):
                pixels = (image[..., channel] // 7).astype(np.uint8)
                write(tmp_path / case / name / f"{index:03}.png", pixels)
            write(
                tmp_path / case / "seg" / f"{index:03}.png", np.where(mask, 255, 0).astype(np.uint8)
            )
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["P01", "P02"]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [MASK_PX] * 2
    expected = (volume(1) // 7).astype(np.uint8).mean((0, 1, 2))
    assert np.allclose(cohort["P02"].volume().pixels.mean((0, 1, 2)), expected, atol=1)


def test_folders_of_patients_called_like_sequences_keep_their_own_slices(tmp_path: Path) -> None:
    for name in ("T1", "T2"):
        for number in range(1, 4):
            write(tmp_path / name / f"{number}.png", head(number))
            write(tmp_path / name / f"{number}_mask.png", np.zeros((64, 64), np.uint8))
    assert Cohort.open(tmp_path).cases == ["T1", "T2"]
