"""An upload of pictures: its stacks, their order, the guess, and the volume that is assembled."""

import io

import numpy as np
import pytest
from PIL import Image
from support.cohorts import head
from support.files import nifti, voxels, zipped
from support.pictures import pillow, png, tiff

from brainseg.errors import DecodeError
from brainseg.io import (
    ALL_PAGES,
    InputFile,
    PagesError,
    assemble,
    guess_assignment,
    is_input,
    open_inputs,
)
from brainseg.io.sequences import guess_from_words
from brainseg.io.window import to_eight_bits
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

GREY = head(1)[..., 0]


def grey(number: int) -> np.ndarray:
    return np.roll(GREY, number)


def test_slices_of_a_case_stand_in_the_order_of_their_numbers_pixel_by_pixel() -> None:
    numbers = (10, 2, 1)
    files = [InputFile(f"TCGA_CS_4941_{n}.tif", tiff(head(n))) for n in numbers]
    for given in (files, [InputFile("case.zip", zipped({f.name: f.data for f in files}))]):
        upload = open_inputs(given)
        assert upload.kind == "images"
        assert upload.grid.slice_numbers == (1, 2, 10)
        assert upload.grid.spacing_mm is upload.grid.affine is upload.grid.source is None
        volume = assemble(upload, guess_assignment(upload))
        assert np.array_equal(volume.pixels, np.stack([head(1), head(2), head(10)]))
        assert volume.notes == ()


@pytest.mark.parametrize("kind", ["tif", "png", "jpg"])
def test_one_picture_is_a_stack_of_one_slice(kind: str) -> None:
    data = {"tif": tiff(GREY), "png": png(GREY)}.get(kind)
    if data is None:
        data, kind = pillow(Image.fromarray(GREY), "JPEG", quality=100), "jpg"
    upload = open_inputs([InputFile(f"x.{kind}", data)])
    expected = GREY if kind != "jpg" else np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(upload.series[0].pixels[0], expected)
    assert guess_assignment(upload) == {PRE_CONTRAST: None, FLAIR: 0, POST_CONTRAST: None}


def test_a_grey_picture_saved_in_colour_is_one_grey_picture_and_says_so() -> None:
    upload = open_inputs([InputFile("x.png", png(np.repeat(GREY[..., np.newaxis], 3, 2)))])
    assert len(upload.series) == 1
    assert upload.series[0].notes == ("three equal channels, read as one grey picture",)


def test_names_that_tell_the_sequence_make_a_stack_of_each() -> None:
    files = [
        InputFile(f"p1_{word}_{n}.png", png(grey(10 * place + n)))
        for place, word in enumerate(("t1", "flair", "t1ce"))
        for n in (1, 2)
    ]
    upload = open_inputs(files)
    assert guess_assignment(upload) == {PRE_CONTRAST: 0, FLAIR: 1, POST_CONTRAST: 2}
    assert upload.grid.slice_numbers == (1, 2)
    volume = assemble(upload, guess_assignment(upload))
    expected = [[grey(10 * place + n) for n in (1, 2)] for place in range(3)]
    assert np.array_equal(volume.pixels, np.moveaxis(np.array(expected), 0, -1))


def test_a_stack_of_16_bits_is_rescaled_over_one_range() -> None:
    ramp = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    files = [InputFile("a_1.tif", tiff(ramp)), InputFile("a_2.tif", tiff(ramp // 2))]
    series = open_inputs(files).series[0]
    expected = np.rint(np.stack([ramp, ramp // 2]) * (255 / 4095)).astype(np.uint8)
    assert np.array_equal(series.pixels, expected)
    assert series.notes == ("16-bit rescaled, range 0 to 4095",)


def test_a_few_broken_pixels_do_not_darken_the_rest() -> None:
    stack = np.random.default_rng(0).integers(0, 1000, (4, 64, 64)).astype(np.uint16)
    clean = to_eight_bits(stack)[0]
    stack[0, 0, :3] = 60_000
    pixels, (note,) = to_eight_bits(stack)
    assert note.startswith("16-bit rescaled, range 0 to 14")
    assert note.endswith("; 3 of 16,384 pixels beyond it are set to its ends")
    assert pixels[1:].mean() > 0.6 * clean[1:].mean()


def test_pictures_of_another_size_or_depth_are_left_out_by_name() -> None:
    files = [InputFile(f"a_{n}.tif", tiff(grey(n))) for n in (1, 2)]
    files += [
        InputFile("wide.tif", tiff(head(1, 64, 80)[..., 0])),
        InputFile("c.tif", tiff(head(1))),
    ]
    upload = open_inputs(files)
    assert len(upload.series[0].pixels) == 2
    assert upload.refused == (
        "wide.tif was not used: it is 80 x 64 px, 1 channels of uint8; the others are 64 x 64 px, "
        "1 channels of uint8.",
        "c.tif was not used: it is 64 x 64 px, 3 channels of uint8; the others are 64 x 64 px, "
        "1 channels of uint8.",
    )


def test_files_of_another_kind_than_most_are_left_out_by_name() -> None:
    files = [InputFile(f"a_{n}.tif", tiff(grey(n))) for n in (1, 2)]
    upload = open_inputs([*files, InputFile("t1.nii", nifti(voxels()))])
    assert upload.refused == (
        "t1.nii was not used: the other files are images; give one kind at a time.",
    )


def test_a_multipage_tiff_asks_which_page_and_can_be_a_stack() -> None:
    pages = np.stack([grey(n) for n in range(3)])
    files = [InputFile("x.tif", tiff(pages, photometric="minisblack"))]
    with pytest.raises(PagesError) as which:
        open_inputs(files)
    assert (which.value.file_index, which.value.pages) == (0, 3)
    assert np.array_equal(open_inputs(files, {0: 2}).series[0].pixels, pages[2:])
    assert np.array_equal(open_inputs(files, {0: ALL_PAGES}).series[0].pixels, pages)
    with pytest.raises(DecodeError, match="page 4 of 3 does not exist"):
        open_inputs(files, {0: 3})


def test_too_many_slices_are_refused() -> None:
    small = tiff(np.zeros((32, 32), np.uint8))
    files = [InputFile(f"{n}.tif", small) for n in range(513)]
    with pytest.raises(DecodeError, match="513 slices exceed 512"):
        open_inputs(files)


def test_nothing_given_is_said() -> None:
    with pytest.raises(DecodeError, match="No file was given"):
        open_inputs([])


def test_of_several_bad_files_the_first_is_named_and_the_others_counted() -> None:
    files = [InputFile(name, b"") for name in ("a.tif", "b.tif", "c.tif")]
    with pytest.raises(DecodeError, match=r"a.tif was not used: file is empty; 2 others could not"):
        open_inputs(files)


def test_a_missing_sequence_is_filled_with_flair_and_said() -> None:
    upload = open_inputs([InputFile("x.tif", tiff(head(1)))])
    volume = assemble(upload, {FLAIR: 1, POST_CONTRAST: 2})
    assert np.array_equal(volume.pixels[0], head(1)[..., [1, 1, 2]])
    assert volume.notes == (
        "pre-contrast missing, filled with FLAIR, as in incomplete training cases",
    )
    only_post = assemble(upload, {POST_CONTRAST: 2})
    assert np.array_equal(only_post.pixels[0], head(1)[..., [2, 2, 2]])
    assert "never trained on a case without FLAIR" in only_post.notes[0]


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ({}, "No sequence was assigned"),
        (dict.fromkeys(SEQUENCES), "No sequence was assigned"),
        ({FLAIR: 3}, "Series 4 of 3 does not exist"),
        ({"T2": 0}, "“T2” is not a sequence"),
    ],
)
def test_an_assignment_that_cannot_be_is_refused(assignment: dict, told: str) -> None:
    upload = open_inputs([InputFile("x.tif", tiff(head(1)))])
    with pytest.raises(DecodeError, match=told):
        assemble(upload, assignment)


@pytest.mark.parametrize(
    ("words", "guess"),
    [
        ("BraTS20_001_flair", FLAIR),
        ("sub-01_T2-FLAIR", FLAIR),
        ("BraTS-GLI-00000-000-t2f", FLAIR),
        ("t2_tirm_tra_dark-fluid", FLAIR),
        ("BraTS-GLI-00000-000-t1n", PRE_CONTRAST),
        ("ax T1 pre gad", PRE_CONTRAST),
        ("T1 without contrast", PRE_CONTRAST),
        ("UPENN-GBM-00001_11_T1", PRE_CONTRAST),
        ("UPENN-GBM-00001_11_T1GD", POST_CONTRAST),
        ("t1_mprage_post", POST_CONTRAST),
        ("AX T1 +C", POST_CONTRAST),
        ("BraTS-GLI-00000-000-t1c", POST_CONTRAST),
        ("BraTS-GLI-00000-000-t2w", None),
        ("flair_seg", None),
        ("IMG_0001", None),
    ],
)
def test_names_and_descriptions_suggest_a_sequence(words: str, guess: str | None) -> None:
    assert guess_from_words(words) == guess


def test_an_agent_makes_a_t1_post_contrast() -> None:
    assert guess_from_words("ax t1", with_agent=True) == POST_CONTRAST
    assert guess_from_words("ax flair", with_agent=True) == FLAIR


def test_inputs_of_a_folder_are_known_by_their_names(tmp_path) -> None:
    assert all(
        is_input(tmp_path / f"x{end}") for end in (".NII.GZ", ".nii", ".dcm", ".zip", ".PNG")
    )
    assert not any(is_input(tmp_path / name) for name in ("x.gz", "x.txt", "nii", ".hidden"))
