"""Cohorts of pictures in other layouts than that of LGG: which image and mask belong together."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.cohorts import blob, head

from brainseg.checks import run_checks
from brainseg.cohort import Cohort

SLICES = range(1, 13)
CASES = ("P01", "P02")


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write(root: Path, image: str, mask: str, cases: tuple[str, ...] = CASES) -> Path:
    """Write 12 slices a case under two patterns of names; slice n has a tumour of 10 x 10 px."""
    for case in cases:
        for number in SLICES:
            save(root / image.format(case=case, number=number), head(number))
            save(root / mask.format(case=case, number=number), blob(number, 20))
    return root


LAYOUTS = {
    "folders of images and masks": ("images/{case}_{number}.png", "masks/{case}_{number}.png"),
    "labels with a word of their own": (
        "imgs/{case}_{number}.png",
        "labels/{case}_{number}_label.png",
    ),
    "folders in each case": ("{case}/images/{number}.png", "{case}/annotations/{number}.png"),
    "a case in each folder": ("images/{case}/{number}.png", "masks/{case}/{number}.png"),
    "_seg": ("{case}/{case}_{number}.png", "{case}/{case}_{number}_seg.png"),
    "-mask": ("{case}/{case}-{number}.tif", "{case}/{case}-{number}-mask.tif"),
    "_gt, padded": ("{case}/{case}_{number}.png", "{case}/{case}_{number:03}_gt.png"),
    "mask_ before": ("{case}/{case}_{number}.png", "{case}/mask_{case}_{number}.png"),
    "in the middle": ("{case}/{number}_flair.png", "{case}/{number}_mask_flair.png"),
    "imagesTr": ("imagesTr/{case}_{number}.png", "labelsTr/{case}_{number}.png"),
    "JPEG images": ("{case}/{case}_{number}.jpg", "{case}/{case}_{number}_mask.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_image_gets_its_mask(tmp_path: Path, layout: str) -> None:
    cohort = Cohort.open(write(tmp_path / "data", *LAYOUTS[layout]))
    slices = cohort.slices
    assert slices.groupby("case")["slice_number"].agg(list).to_dict() == {
        case: list(SLICES) for case in CASES
    }
    assert (slices["area_px"] == 100).all()
    assert (slices["tumour_row"] == slices["slice_number"] + 4.5).all()


def test_a_patient_on_both_sides_of_a_split_stays_one_patient(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write(tmp_path / part, "images/{case}_{number}.png", "masks/{case}_{number}.png", ("P01",))
        save(tmp_path / part / "images" / "P01_1.png", head(50 if part == "val" else 1))
    slices = Cohort.open(tmp_path).slices
    assert slices["case"].nunique() == 2
    assert set(slices["patient_id"]) == {"P01"}


def test_a_mask_without_its_image_is_no_picture(tmp_path: Path) -> None:
    root = write(tmp_path, *LAYOUTS["_seg"])
    (root / "P01" / "P01_3.png").unlink()
    slices = Cohort.open(root).slices
    assert set(slices["case"]) == set(CASES)
    assert slices["image_path"].isna().sum() == 1
    assert not slices["image_path"].dropna().str.contains("seg").any()


def test_names_that_all_share_a_word_for_masks_are_images(tmp_path: Path) -> None:
    for number in SLICES:
        save(tmp_path / f"seg_{number}.png", head(number))
    slices = Cohort.open(tmp_path).slices
    assert slices["image_path"].notna().sum() == len(SLICES)


def test_a_photograph_in_a_cohort_is_no_slice(tmp_path: Path) -> None:
    root = write(tmp_path, *LAYOUTS["JPEG images"])
    save(root / "poster.jpg", head(1))
    cohort = Cohort.open(root)
    assert cohort.cases == list(CASES)
    assert any("24 file(s) are JPEG, which loses detail" in note for note in cohort.notes)


def as_labels(mask: np.ndarray, number: int) -> np.ndarray:
    return np.where(mask > 0, 1 + number % 4, 0).astype(np.uint8)


def as_colours(mask: np.ndarray, _: int) -> np.ndarray:
    picture = np.zeros((*mask.shape, 3), np.uint8)
    picture[mask > 0] = (255, 0, 0)
    picture[:20, :20] = (0, 0, 255)
    return picture


def as_palette(mask: np.ndarray, number: int) -> np.ndarray:
    picture = Image.fromarray(as_labels(mask, number)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])
    return np.asarray(picture.convert("RGB"))


def as_sixteen_bits(mask: np.ndarray, _: int) -> np.ndarray:
    return np.where(mask > 0, 65535, 0).astype(np.uint16)


@pytest.mark.parametrize("drawn", [as_labels, as_colours, as_palette, as_sixteen_bits])
def test_masks_may_have_labels_colours_or_sixteen_bits(
    tmp_path: Path, drawn: Callable[[np.ndarray, int], np.ndarray]
) -> None:
    root = write(tmp_path, *LAYOUTS["folders of images and masks"])
    for number in SLICES:
        for case in CASES:
            save(root / "masks" / f"{case}_{number}.png", drawn(blob(30, 30), number))
    cohort = Cohort.open(root)
    tumour = drawn(blob(30, 30), 1).reshape(64, 64, -1).any(axis=2)
    assert (cohort.slices["area_px"] == tumour.sum()).all()
    assert (cohort["P01"].slice_mask(1) == tumour).all()
    assert (cohort["P02"].masks()[0][3] == tumour).all()
    assert not run_checks(cohort, only={"mask_values", "mask_channels"})


def test_the_area_of_each_label_is_known(tmp_path: Path) -> None:
    root = write(tmp_path, *LAYOUTS["folders of images and masks"])
    for path in (root / "masks").iterdir():
        save(path, as_colours(blob(30, 30), 1))
    assert set(Cohort.open(root).slices["label_px"]) == {'{"#0000ff": 400, "#ff0000": 100}'}


def test_a_single_mask_of_other_values_is_a_finding_and_has_no_area(tmp_path: Path) -> None:
    root = write(tmp_path, *LAYOUTS["_seg"])
    save(root / "P01" / "P01_3_seg.png", as_labels(blob(3, 20), 3))
    cohort = Cohort.open(root)
    findings = run_checks(cohort, only={"mask_values"})
    assert [(one.case, one.slice_number) for one in findings] == [("P01", 3)]
    assert pd.isna(cohort["P01"].slices["area_px"][2])
    assert cohort["P01"].slice_mask(3) is None


def test_the_grey_edges_of_a_jpeg_mask_are_cut_at_half(tmp_path: Path) -> None:
    root = write(tmp_path, "{case}/{case}_{number}.jpg", "{case}/{case}_{number}_mask.jpg")
    slices = Cohort.open(root).slices
    assert slices["area_px"].between(90, 110).all()
