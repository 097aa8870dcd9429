"""Layouts as people name them: words for masks, channels as pictures, folders of sequences."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import head
from support.volume_cohorts import OEDEMA_VX, SPACING_MM, labels, save, volume

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort
from brainseg.volume import FLAIR

CASES = ("P01", "P02")
MASK = np.zeros((64, 64), np.uint8)
MASK[20:30, 20:32] = 255


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def pairs(root: Path, image: str, mask: str) -> None:
    for case in CASES:
        for number in range(1, 4):
            write(root / image.format(case, number), head(number))
            write(root / mask.format(case, number), MASK)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("imgs/{}_{}.png", "gts/{}_{}.png"),
        ("{}/{}_flair.png", "{}/{}_msk.png"),
        ("JPEGImages/{}_{}.jpg", "SegmentationClass/{}_{}.png"),
        ("images/{}_{}.JPG", "masks/{}_{}.JPG"),
        ("{0}/{0}_{1}.png", "{0}/{0}_{1}_tumor_mask.png"),
        ("{0}/{0}_{1}_flair.png", "{0}/{0}_{1}_mask.png"),
        ("{0}/{0}_{1}_T1.png", "{0}/{0}_{1}_lesion.png"),
        ("{0}/brain-{1}-of-3.png", "{0}/brain-{1}-of-3-seg.png"),
    ],
)
def test_pictures_find_their_masks_and_are_one_input_a_case(
    tmp_path: Path, image: str, mask: str
) -> None:
    pairs(tmp_path, image, mask)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [*CASES]
    assert cohort.slices["slice_number"].tolist() == [1, 2, 3] * 2
    assert (cohort.slices["area_px"] == 120).all()
    assert [one.name for one in find_inputs(tmp_path)] == [*CASES]


def test_a_word_for_a_tumour_alone_makes_no_mask_of_a_picture(tmp_path: Path) -> None:
    for number in range(1, 4):
        write(tmp_path / f"tumor_{number}.png", head(number))
        write(tmp_path / f"healthy_{number}.png", head(number + 3))
    cohort = Cohort.open(tmp_path)
    assert len(cohort.slices) == 6
    assert cohort.slices["mask_path"].isna().all()


def describe(folder: Path, **more: object) -> None:
    names = {"0": "T1", "1": "FLAIR", "2": "T1gd"}
    meaning = {"background": 0, "whole": [1, 2], "core": 1}
    about = {"channel_names": names, "labels": meaning, "regions_class_order": [2, 1]}
    (folder / "dataset.json").write_text(json.dumps(about | more))


def slices_of_channels(root: Path) -> None:
    for seed, case in enumerate(CASES):
        for index, (image, mask) in enumerate(zip(volume(seed), labels(), strict=True)):
            for channel in range(3):
                name = f"{case}_{index + 1:03}_{channel:04}.png"
                write(root / "D1/imagesTr" / name, image[..., channel].astype("uint16"))
            write(root / "D1/labelsTr" / f"{case}_{index + 1:03}.png", mask)
    describe(root / "D1", file_ending=".png")


def slices_in_colour(root: Path) -> None:
    for seed, case in enumerate(CASES):
        for index, (image, mask) in enumerate(zip(volume(seed), labels(), strict=True)):
            rgb = (image // 7).astype(np.uint8)[..., ::-1]
            write(root / "D1/imagesTr" / f"{case}_{index + 1:03}_0000.png", rgb)
            write(root / "D1/labelsTr" / f"{case}_{index + 1:03}.png", mask)
    names = {"0": "T1gd", "1": "FLAIR", "2": "T1"}
    describe(root / "D1", file_ending=".png", channel_names=names)


def pages_of_channels(root: Path) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (root / "D1" / folder).mkdir(parents=True)
    for seed, case in enumerate(CASES):
        for channel in range(3):
            path = root / "D1/imagesTr" / f"{case}_{channel:04}.tif"
            tifffile.imwrite(path, volume(seed)[..., channel])
        tifffile.imwrite(root / "D1/labelsTr" / f"{case}.tif", labels(), bigtiff=seed == 1)
        about = json.dumps({"spacing": SPACING_MM})
        (root / "D1/imagesTr" / f"{case}.json").write_text(about)
    describe(root / "D1", file_ending=".tif", overwrite_image_reader_writer="Tiff3DIO")


@pytest.mark.parametrize("layout", [slices_of_channels, slices_in_colour, pages_of_channels])
def test_nnunet_datasets_of_pictures_open_with_channels_and_regions(
    tmp_path: Path, layout: Callable[[Path], None]
) -> None:
    layout(tmp_path)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [*CASES]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [OEDEMA_VX] * 2
    found = cohort.slices["label_px"].dropna().map(json.loads)
    assert {name for areas in found for name in areas} == {"whole", "core"}
    for seed, case in enumerate(cohort):
        shown = case.volume()
        assert (case.masks()[0] == (labels() > 0)).all()
        for channel, name in enumerate(shown.sequences):
            expected = volume(seed)[..., channel].ravel()
            assert np.corrcoef(shown.sequence(name).ravel(), expected)[0, 1] > 0.999, name
        is_tiff = layout is pages_of_channels
        assert shown.spacing_mm == (pytest.approx(SPACING_MM) if is_tiff else None)
    assert [one.name for one in find_inputs(tmp_path)] == [*CASES]
    assert find_inputs(tmp_path)[0].open().record.volume.pixels.shape[0] == 10


def test_a_reader_that_dataset_json_names_is_not_used_and_said(tmp_path: Path) -> None:
    pages_of_channels(tmp_path)
    assert any("Tiff3DIO" in note for note in Cohort.open(tmp_path).notes)


def test_a_slice_without_a_label_map_leaves_the_case_without_a_mask(tmp_path: Path) -> None:
    slices_of_channels(tmp_path)
    (tmp_path / "D1/labelsTr/P01_004.png").unlink()
    slices = Cohort.open(tmp_path).slices
    assert slices["area_px"].isna().groupby(slices["case"]).all().tolist() == [True, False]
    assert "different sizes (9 x 64 x 64 and 10 x 64 x 64)" in slices["mask_error"].iloc[0]


@pytest.mark.parametrize("place", ["imagesTs", "imagesTr", "."])
def test_numbered_channels_are_one_case_with_and_without_a_dataset_json(
    tmp_path: Path, place: str
) -> None:
    for seed, case in enumerate(CASES):
        for channel in range(3):
            save(tmp_path / place / f"{case}_{channel:04}.nii.gz", volume(seed)[..., channel])
    if place == "imagesTs":
        describe(tmp_path)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [*CASES]
    assert cohort.slices["mask_path"].isna().all()


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{sequence}/{case}.nii.gz", "masks/{case}.nii.gz"),
        ("{case}/{sequence}/x.nii.gz", "{case}/mask/x.nii.gz"),
        ("{case}/{sequence}.nii.gz", "{case}/tumor.nii.gz"),
        (
            "raw/sub-{case}/sub-{case}_{sequence}.nii.gz",
            "derivatives/sub-{case}/sub-{case}_msk.nii.gz",
        ),
    ],
)
def test_sequences_in_folders_of_their_own_are_one_case(
    tmp_path: Path, image: str, mask: str
) -> None:
    for seed, case in enumerate(CASES):
        for channel, sequence in enumerate(("T1", "FLAIR")):
            path = tmp_path / image.format(case=case, sequence=sequence)
            save(path, volume(seed)[..., channel])
        save(tmp_path / mask.format(case=case), labels())
    cohort = Cohort.open(tmp_path)
    assert [name.removeprefix("sub-") for name in cohort.cases] == [*CASES]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [OEDEMA_VX] * 2
    shown = cohort[0].volume().sequence(FLAIR).ravel()
    assert np.corrcoef(shown, volume(0)[..., 1].ravel())[0, 1] > 0.999
