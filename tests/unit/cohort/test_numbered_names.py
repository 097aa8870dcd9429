"""Numbered images and masks in one folder: each mask finds its image, whatever its word for mask."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import blob, head
from support.volume_cohorts import labels, save, volume

from brainseg.cohort import Cohort

NAMES = [
    ("case_{:02}", "case_{:02}_seg"),
    ("{:02}", "{:02}_mask"),
    ("volume-{}", "segmentation-{}"),
    ("image_{:02}", "mask_{:02}"),
    ("img{:02}", "label{:02}"),
    ("case_{:02}", "label_case_{:02}"),
    ("P{:02}", "seg_P{:02}"),
    ("MR_{:02}", "MR_{:02}_lesion"),
    ("case_{:02}", "case_{:02}_manual_seg"),
]


@pytest.mark.parametrize(("image", "mask"), NAMES)
def test_each_volume_has_its_mask(tmp_path: Path, image: str, mask: str) -> None:
    for number in (1, 2, 3):
        save(tmp_path / f"{image.format(number)}.nii.gz", volume(number)[..., 1])
        save(tmp_path / f"{mask.format(number)}.nii.gz", labels() * (number > 1))
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [image.format(number) for number in (1, 2, 3)]
    tumours = cohort.slices.groupby("case")["area_px"].sum().tolist()
    assert tumours == [0, np.count_nonzero(labels()), np.count_nonzero(labels())]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        *NAMES,
        ("P{:02}/T1", "P{:02}/mask"),
        ("P{}/flair", "P{}/seg"),
        ("{:02}_FLAIR", "{:02}_manual_seg"),
    ],
)
def test_each_slice_has_its_mask(tmp_path: Path, image: str, mask: str) -> None:
    for number in (1, 2, 3):
        for name, pixels in ((image, head(number)), (mask, blob(20, 20) * (number > 1))):
            path = tmp_path / f"{name.format(number)}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    slices = Cohort.open(tmp_path).slices.sort_values("image_path")
    assert slices["image_path"].tolist() == [f"{image.format(number)}.png" for number in (1, 2, 3)]
    assert (slices["area_px"] > 0).tolist() == [False, True, True]


def test_a_mask_of_the_brain_is_no_mask_of_its_image(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"case_{number:02}.nii.gz", volume(number)[..., 1])
        save(tmp_path / f"case_{number:02}_brain_mask.nii.gz", labels())
    assert Cohort.open(tmp_path).slices["area_px"].isna().all()


def test_one_stack_among_slices_is_a_slice_and_single_pages_among_stacks_are_named(
    tmp_path: Path,
) -> None:
    pages = np.stack([head(number)[..., 0] for number in range(9)])
    for folder, of_stacks in (("few", {1}), ("most", {1, 2})):
        for number in (1, 2, 3):
            path = tmp_path / folder / f"x_{number}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(
                path, pages if number in of_stacks else pages[0], photometric="minisblack"
            )
    few, most = Cohort.open(tmp_path / "few"), Cohort.open(tmp_path / "most")
    assert few.slices["pages"].tolist() == [9, 1, 1]
    assert most.slices.groupby("case").size().to_dict() == {"x_1": 9, "x_2": 9}
    assert any(
        note.startswith("1 picture(s) without a mask beside the volumes") for note in most.notes
    )
