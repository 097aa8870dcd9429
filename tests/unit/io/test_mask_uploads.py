"""Masks among uploaded pictures: the truth to compare a prediction with, never slices to predict."""

import numpy as np
import pytest
from PIL import Image
from support.cohorts import blob, head
from support.files import zipped
from support.pictures import pillow, png, tiff

from brainseg.errors import DecodeError
from brainseg.io import InputFile, guess_assignment, open_inputs
from brainseg.io.subjects import is_label_map, mask_name

NUMBERS = (1, 2, 3, 10)
IMAGES = {number: head(number)[..., 0] for number in NUMBERS}
MASKS = {number: blob(10 + number, 12, 6 + number) for number in NUMBERS}
MASKS[2] = np.zeros_like(MASKS[2])

NAMES = [
    ("x_{}.png", "x_{}_mask.png"),
    ("x_{}.tif", "x_{}_seg.tif"),
    ("x_{}.png", "x_{}_label.tif"),
    ("x_{}.png", "x_{}_gt.png"),
    ("x_{}.png", "x_{}-mask.png"),
    ("x {}.png", "x {} Mask.png"),
    ("x_{}.png", "mask_x_{}.png"),
    ("x_{}.png", "seg-x-{}.png"),
    ("x{}.png", "x{}mask.png"),
    ("x{}.png", "x{}Mask.png"),
    ("x_{:03}.png", "x_{}_segmentation.png"),
    ("img_{}.png", "mask_{}.png"),
    ("image{}.png", "groundTruth{}.png"),
    ("x_img_{}.png", "x_mask_{}.png"),
    ("x_flair_{}.png", "x_mask_{}.png"),
    ("seg_study_{}.png", "seg_study_{}_mask.png"),
    ("TCGA_GT_0001_20000101_{}.tif", "TCGA_GT_0001_20000101_{}_mask.tif"),
]


def written(pixels: np.ndarray, name: str) -> bytes:
    if name.endswith(".png"):
        return png(pixels)
    if name.endswith(".jpg"):
        return pillow(Image.fromarray(pixels), "JPEG", quality=95)
    return tiff(pixels)


def files_of(image: str, mask: str, masks: dict[int, np.ndarray] = MASKS) -> list[InputFile]:
    named = [(mask.format(number), masks[number]) for number in masks]
    named += [(image.format(number), IMAGES[number]) for number in NUMBERS]
    return [InputFile(name, written(pixels, name)) for name, pixels in named]


def expect_the_pairs(files: list[InputFile]) -> None:
    upload = open_inputs(files)
    assert upload.refused == ()
    assert upload.grid.slice_numbers == NUMBERS
    (series,) = upload.series
    assert np.array_equal(series.pixels, np.stack(list(IMAGES.values())))
    masks, there = upload.truth(upload.series[0].pixels.shape)
    assert there.all()
    assert np.array_equal(masks, np.stack(list(MASKS.values())) > 0)
    assert upload.notes == ("the prediction is compared with the accompanying masks (all slices)",)


@pytest.mark.parametrize(("image", "mask"), NAMES)
def test_masks_that_come_with_a_case_are_its_truth_and_never_slices(image: str, mask: str) -> None:
    expect_the_pairs(files_of(image, mask))


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/x_{}.png", "masks/x_{}.png"),
        ("case/x_{}.png", "case/masks/x_{}.png"),
        ("case/Image/{}.png", "case/Label/{}.png"),
        ("labels/x_{}.png", "labels/x_{}_mask.png"),
        ("a/x_{}.png", "b/x_{}.png"),
        ("x_{}.tif", "x_{}.png"),
    ],
)
def test_masks_in_a_folder_of_their_own_are_found_in_an_archive(image: str, mask: str) -> None:
    files = files_of(image, mask)
    expect_the_pairs([InputFile("case.zip", zipped({file.name: file.data for file in files}))])


def test_masks_from_a_folder_that_a_browser_no_longer_names_are_found() -> None:
    expect_the_pairs(files_of("x_{}.png", "x_{}.png"))


@pytest.mark.parametrize(
    "as_written",
    [
        lambda mask: mask // 255,
        lambda mask: ~mask.astype(bool),
        lambda mask: np.repeat(mask[..., np.newaxis], 3, axis=2),
        lambda mask: mask[..., np.newaxis] // np.array([1, 3, 255], np.uint8),
        lambda mask: mask.astype(np.uint16) * 257,
    ],
    ids=["0 and 1", "one bit, white is zero", "grey in colour", "red", "16-bit"],
)
def test_masks_of_other_depths_and_colours_are_understood(as_written) -> None:
    expect_the_pairs(
        files_of("x_{}.tif", "x_{}_mask.tif", {n: as_written(MASKS[n]) for n in MASKS})
    )


def test_boolean_masks_stored_with_white_as_zero_are_read_as_in_a_cohort() -> None:
    as_bool = {number: mask.astype(bool) for number, mask in MASKS.items()}
    upload = open_inputs(files_of("x_{}.tif", "x_{}_mask.tif", as_bool))
    masks, has_mask = upload.truth(upload.series[0].pixels.shape)
    assert has_mask.all() and np.array_equal(masks, np.stack(list(as_bool.values())))
    assert upload.warnings == () and "read with tumour where" in upload.notes[1]


def test_grey_edges_of_a_jpeg_mask_are_cut_at_half() -> None:
    upload = open_inputs(files_of("x_{}.png", "x_{}_mask.jpg"))
    masks, there = upload.truth(upload.series[0].pixels.shape)
    assert there.all() and upload.refused == ()
    differ = masks != (np.stack(list(MASKS.values())) > 0)
    assert differ.mean() < 0.002


def test_a_stack_in_colour_has_masks_too() -> None:
    files = [InputFile(f"x_{n}.png", png(head(n))) for n in NUMBERS]
    files += [InputFile(f"x_{n}_mask.png", png(MASKS[n])) for n in NUMBERS]
    upload = open_inputs(files)
    assert len(upload.series) == 3 and upload.truth(upload.series[0].pixels.shape)[1].all()


def test_each_mask_that_fits_no_slice_is_left_out_by_name() -> None:
    files = files_of("x_{}.png", "x_{}_mask.png", {1: MASKS[1]})
    files += [
        InputFile("x_7_mask.png", png(MASKS[3])),
        InputFile("x_3_mask.png", png(MASKS[3][:40])),
        InputFile("x_2_mask.png", png(head(7)[..., 1])),
        InputFile("mask_x_1.png", png(MASKS[1])),
    ]
    upload = open_inputs(files)
    assert upload.grid.slice_numbers == NUMBERS
    assert upload.truth(upload.series[0].pixels.shape)[1].tolist() == [True, False, False, False]
    assert upload.notes == (
        "the prediction is compared with the accompanying masks (1 of 4 slices)",
    )
    told = "\n".join(upload.refused)
    assert "x_7_mask.png was not used: its name calls it a mask, and no slice has the rest" in told
    assert "x_3_mask.png was not used: the mask is 64 x 40 px, its slice 64 x 64 px" in told
    assert "x_2_mask.png was not used: its name calls it a mask, and its values are" in told
    assert "mask_x_1.png was not used: another mask belongs to the same slice" in told


@pytest.mark.parametrize("names", [["x_1_mask.png", "x_2_mask.png"], ["brain_seg.png"]])
def test_masks_alone_are_not_predicted(names: list[str]) -> None:
    with pytest.raises(DecodeError, match="it is a mask, and no image came with it"):
        open_inputs([InputFile(name, png(MASKS[1])) for name in names])


@pytest.mark.parametrize(
    "names", [["gt_1.png", "gt_2.png"], ["label.png"], ["a_gt.png", "b_roi.png"]]
)
def test_images_whose_names_sound_like_masks_are_predicted_all_the_same(names: list[str]) -> None:
    upload = open_inputs([InputFile(name, png(head(n)[..., 0])) for n, name in enumerate(names)])
    assert len(upload.grid.slice_numbers) == len(names) and upload.refused == ()
    assert not upload.truth(upload.series[0].pixels.shape)[1].any()


def test_each_sequence_may_have_pictures_of_its_own_beside_one_mask_a_slice() -> None:
    files = files_of("x_flair_{}.png", "x_seg_{}.png")
    files += [InputFile(f"x_t1ce_{n}.png", png(np.roll(IMAGES[n], 3))) for n in NUMBERS]
    upload = open_inputs(files)
    assert len(upload.series) == 2 and upload.truth(upload.series[0].pixels.shape)[1].all()
    assert guess_assignment(upload)["FLAIR"] is not None


def test_masks_that_cover_most_of_the_picture_are_said_to_be_inverted_perhaps() -> None:
    inverted = {number: 255 - mask for number, mask in MASKS.items()}
    (warning,) = open_inputs(files_of("x_{}.png", "x_{}_mask.png", inverted)).warnings
    assert warning.startswith("The manual masks cover 9") and "may be inverted" in warning


def test_an_upload_says_in_a_line_what_became_of_its_files():
    pairs = open_inputs(files_of("x_{}.png", "x_{}_mask.png"))
    assert pairs.summary(9, 1) == "9 files: 4 slices used, 4 masks used, 1 left out"
    alone = open_inputs([InputFile("x.png", png(IMAGES[1]))])
    assert alone.summary(1, 0) == "1 file: 1 slice used, no masks used, 0 left out"


def test_a_file_gets_a_name_that_says_mask_unless_its_own_does():
    assert mask_name("x_1_mask.png") == "x_1_mask.png"
    for name in ("x_1.png", "brain.nii.gz"):
        assert is_label_map(mask_name(name))
