"""Sequences on several grids: FLAIR's rules, others are resampled onto it or left out by name."""

import io

import nibabel as nib
import numpy as np
import pydicom
import pytest
from support import predictions
from support.files import dicom, nifti

from brainseg.exports.dicom_seg import dicom_seg_bytes
from brainseg.io import (
    InputFile,
    Upload,
    assemble,
    guess_assignment,
    left_out,
    open_inputs,
    ruling_grid,
    series_warnings,
)
from brainseg.statistics.measures import measure_case
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, Volume

WORDS = {PRE_CONTRAST: "AX T1 PRE", FLAIR: "AX T2 FLAIR", POST_CONTRAST: "AX T1 +C"}
CORNER = np.array([-40.0, -45.0, -10.0])


def brightness(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return a scene that linear interpolation reproduces, over mm in LPS+."""
    return 60 + 1.1 * (x - CORNER[0]) + 0.7 * (y - CORNER[1]) + 0.5 * (z - CORNER[2])


def planes(
    sequence: str,
    size: int,
    spacing: float,
    slices: int = 6,
    between: float = 4.0,
    first: np.ndarray = CORNER,
    axes: tuple[int, int, int] = (0, 1, 2),
    **tags: object,
) -> list[InputFile]:
    """Return a DICOM series of the scene; columns, rows and slices run along the given body axes."""
    number = list(WORDS).index(sequence) + 1
    files = []
    across, down, along = np.eye(3)[list(axes)]
    column, row = np.meshgrid(np.arange(size), np.arange(size))
    for place in range(slices):
        position = first + along * between * place
        points = (
            position[:, None, None]
            + across[:, None, None] * column * spacing
            + down[:, None, None] * row * spacing
        )
        usual = {
            "ImageOrientationPatient": [*across, *down],
            "ImagePositionPatient": position.tolist(),
            "PixelSpacing": [spacing, spacing],
            "SliceThickness": between,
            "SeriesInstanceUID": f"1.2.3.4.{number}",
            "SOPInstanceUID": f"1.2.3.4.{number}.{place}",
            "SeriesDescription": WORDS[sequence],
            "InstanceNumber": place + 1,
        }
        pixels = np.rint(brightness(*points)).clip(0, 255).astype(np.uint8)
        files.append(InputFile(f"{number}_{place}", dicom(pixels, **(usual | tags))))
    return files


def assembled(files: list[InputFile]) -> tuple[Volume, Upload]:
    upload = open_inputs(files)
    return assemble(upload, guess_assignment(upload)), upload


def protocol(**t1: object) -> list[InputFile]:
    """Return T1 before and after contrast on one grid, and FLAIR on a finer one."""
    both = [*planes(PRE_CONTRAST, 44, 1.8, **t1), *planes(POST_CONTRAST, 44, 1.8, **t1)]
    return [*both, *planes(FLAIR, 80, 0.9)]


def test_flair_keeps_its_own_grid_and_the_others_are_laid_on_it() -> None:
    volume, upload = assembled(protocol())
    flair = next(series for series in upload.series if series.guess == FLAIR)
    assert np.array_equal(volume.sequence(FLAIR), flair.pixels)
    assert volume.spacing_mm == (4.0, 0.9, 0.9)
    assert np.allclose(volume.affine, flair.grid.affine)
    # Away from the rim, where the coarse pixels end before the fine ones do.
    inner = (slice(None), slice(0, 76), slice(0, 76))
    for name in (PRE_CONTRAST, POST_CONTRAST):
        apart = volume.sequence(name)[inner].astype(int) - volume.sequence(FLAIR)[inner]
        assert np.abs(apart).max() <= 2
        assert (
            f"{name} resampled from 6 x 44 x 44 to 6 x 80 x 80 voxels by linear interpolation"
            in (volume.notes)
        )


@pytest.mark.parametrize("axes", [(1, 2, 0), (0, 2, 1), (1, 0, 2)])
def test_a_sequence_acquired_in_other_planes_is_laid_on_flair_point_by_point(axes) -> None:
    files = planes(PRE_CONTRAST, 64, 1.5, slices=64, between=1.5, axes=axes)
    volume, upload = assembled([*files, *planes(FLAIR, 80, 0.9)])
    assert left_out(upload, guess_assignment(upload)) == ()
    inner = (slice(1, -1), slice(2, -2), slice(2, -2))
    apart = volume.sequence(PRE_CONTRAST)[inner].astype(int) - volume.sequence(FLAIR)[inner]
    assert np.abs(apart).max() <= 2


def test_what_a_sequence_does_not_cover_is_black_and_half_of_it_must_be_covered() -> None:
    upper = CORNER + np.array([0, 0, 8])
    volume, _ = assembled(
        [*planes(PRE_CONTRAST, 80, 0.9, slices=4, first=upper), *planes(FLAIR, 80, 0.9)]
    )
    laid = volume.sequence(PRE_CONTRAST)
    assert not laid[:2].any()
    assert np.array_equal(laid[2:], volume.sequence(FLAIR)[2:])
    far = CORNER + np.array([0, 0, 16])
    volume, upload = assembled(
        [*planes(PRE_CONTRAST, 80, 0.9, slices=4, first=far), *planes(FLAIR, 80, 0.9)]
    )
    assert np.array_equal(volume.sequence(PRE_CONTRAST), volume.sequence(FLAIR))
    (told,) = left_out(upload, guess_assignment(upload))
    assert "it covers 33% of the FLAIR grid; at least 50% are needed" in told


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"FrameOfReferenceUID": "1.9"}, "its frame of reference differs, too"),
        ({"FrameOfReferenceUID": None}, "its files name no frame of reference"),
        (
            {"ImagePositionPatient": None, "ImageOrientationPatient": None},
            "its files give no position and even spacing of the slices",
        ),
    ],
)
def test_a_sequence_that_cannot_be_laid_on_flair_is_left_out_by_name(tags: dict, told: str) -> None:
    volume, upload = assembled(protocol(**tags))
    sentences = left_out(upload, guess_assignment(upload))
    assert [sentence.split(" (")[0] for sentence in sentences] == [PRE_CONTRAST, POST_CONTRAST]
    assert all(told in sentence for sentence in sentences)
    assert np.array_equal(volume.sequence(PRE_CONTRAST), volume.sequence(FLAIR))
    assert set(sentences) <= set(volume.notes)
    assert "pre-contrast and post-contrast missing, filled with FLAIR" in volume.notes[-1]


def test_only_the_warnings_of_the_series_that_are_used_are_given() -> None:
    scout = planes(PRE_CONTRAST, 60, 2.0, slices=3, axes=(1, 2, 0), SeriesDescription="localizer")
    upload = open_inputs([*scout[:1], *scout[2:], *planes(FLAIR, 80, 0.9)])
    flair, other = (
        next(place for place, one in enumerate(upload.series) if (one.guess == FLAIR) is wanted)
        for wanted in (True, False)
    )
    assert upload.warnings == series_warnings(upload, {FLAIR: flair}) == ()
    assert "not axial" in " ".join(series_warnings(upload, {FLAIR: other}))


def test_the_grid_is_that_of_the_series_that_a_person_says_is_flair() -> None:
    upload = open_inputs(protocol())
    t1 = next(place for place, one in enumerate(upload.series) if one.guess == PRE_CONTRAST)
    volume = assemble(upload, {FLAIR: t1})
    assert volume.pixels.shape == (6, 44, 44, 3)
    assert ruling_grid(upload, {FLAIR: t1}) is upload.series[t1].grid
    assert ruling_grid(upload, {POST_CONTRAST: t1}) is upload.series[t1].grid


def test_one_grid_within_the_tolerances_is_not_resampled() -> None:
    close = CORNER + np.array([0.004, 0, 0.03])
    turned = [1, 1e-4, 0, -1e-4, 1, 0]
    files = planes(PRE_CONTRAST, 80, 0.9 + 1e-7, first=close, ImageOrientationPatient=turned)
    volume, _ = assembled([*files, *planes(FLAIR, 80, 0.9)])
    assert not any("resampled" in note for note in volume.notes)
    moved = planes(PRE_CONTRAST, 80, 0.9, first=CORNER + np.array([0.1, 0, 0]))
    volume, _ = assembled([*moved, *planes(FLAIR, 80, 0.9)])
    assert any("resampled" in note for note in volume.notes)


def test_one_grid_in_another_frame_of_reference_is_used_and_said() -> None:
    files = planes(PRE_CONTRAST, 80, 0.9, FrameOfReferenceUID="1.9")
    volume, upload = assembled([*files, *planes(FLAIR, 80, 0.9)])
    assert left_out(upload, guess_assignment(upload)) == ()
    assert (
        "pre-contrast refers to another frame of reference, but has the same grid" in volume.notes
    )


def test_stacks_with_different_gaps_are_not_laid_on_each_other_slice_by_slice() -> None:
    t1, flair = planes(PRE_CONTRAST, 80, 0.9), planes(FLAIR, 80, 0.9)
    volume, upload = assembled([*t1[:1], *t1[2:], *flair[:1], *flair[2:]])
    assert left_out(upload, guess_assignment(upload)) == ()
    assert np.array_equal(volume.sequence(PRE_CONTRAST), volume.sequence(FLAIR))
    volume, upload = assembled([*t1[:3], *t1[4:], *flair[:1], *flair[2:]])
    (told,) = left_out(upload, guess_assignment(upload))
    assert "its files give no position and even spacing" in told


def test_a_dicom_segmentation_lies_on_flair_s_images() -> None:
    volume, upload = assembled(protocol())
    mask = np.zeros(volume.pixels.shape[:3], bool)
    mask[2, 30:40, 20:30] = True
    predicted = predictions.made("m", "unknown", (0,), 0.5, mask.astype(np.float32), None)
    source = ruling_grid(upload, guess_assignment(upload)).source
    written = pydicom.dcmread(io.BytesIO(dicom_seg_bytes(predicted, source)))
    assert (written.Rows, written.Columns) == (80, 80)
    (reference,) = written.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == "1.2.3.4.2"


def test_nifti_files_of_one_patient_s_space_are_laid_on_flair() -> None:
    def file(name: str, size: int, mm: float, **fields: object) -> InputFile:
        affine = np.diag([-mm, -mm, 4.0, 1.0])
        at = [np.arange(count) for count in (size, size, 6)]
        scene = 3 * mm * at[0][:, None, None] + mm * at[1][:, None] + 5 * at[2]
        return InputFile(name, nifti(scene.clip(0, 255).astype(np.uint8), affine, **fields))

    files = [file("t1.nii", 41, 1.5), file("t1ce.nii", 41, 1.5), file("flair.nii", 60, 1.0)]
    volume, upload = assembled(files)
    apart = volume.sequence(PRE_CONTRAST).astype(int) - volume.sequence(FLAIR)
    assert np.abs(apart).max() <= 1
    source = ruling_grid(upload, guess_assignment(upload)).source
    assert source.header().get_data_shape() == (60, 60, 6)
    template = file("t1.nii", 41, 1.5, sform_code=4, qform_code=4)
    _, upload = assembled([template, files[2]])
    (told,) = left_out(upload, guess_assignment(upload))
    assert told.startswith("pre-contrast (t1.nii) was not used: ")


def test_a_voxel_is_as_large_as_the_determinant_of_the_affine() -> None:
    tilted = np.diag([-1.0, -1.0, 5.0, 1.0])
    tilted[1, 2] = 2.0  # each slice lies 2 mm farther to the front than the one below
    upload = open_inputs([InputFile("flair.nii", nifti(np.full((40, 40, 6), 9, "u1"), tilted))])
    mask = np.ones((6, 40, 40), bool)
    measured = measure_case(mask, range(1, 7), spacing_mm=upload.grid.spacing_mm)
    assert measured["volume_ml"] == pytest.approx(mask.sum() * 5.0 / 1000)
    sheared = nib.affines.from_matvec(np.array([[-1, 0.3, 0], [0, -1, 0.4], [0, 0, 3.0]]))
    upload = open_inputs([InputFile("flair.nii", nifti(np.full((40, 40, 6), 9, "u1"), sheared))])
    assert np.prod(upload.grid.spacing_mm) == pytest.approx(3.0)
    (note,) = (note for note in upload.notes if "right angles" in note)
    assert "16.7° from right angles (a tilted gantry or a shear)" in note


@pytest.mark.parametrize("tilt_mm", [0.0, 0.02, 2.0])
def test_a_series_of_a_tilted_gantry_has_the_volume_between_its_planes_and_a_note(
    tilt_mm: float,
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (6, 48, 40)).astype(np.uint8)
    files = [
        InputFile(f"{n}.dcm", dicom(plane, 5.0 * n, ImagePositionPatient=[-50, tilt_mm * n, 5 * n]))
        for n, plane in enumerate(stack)
    ]
    upload = open_inputs(files)
    mask = np.ones(upload.series[0].pixels.shape, bool)
    measured = measure_case(mask, range(1, 7), spacing_mm=upload.grid.spacing_mm)
    assert measured["volume_ml"] == pytest.approx(stack.size * 0.9 * 0.9 * 5 / 1000)
    noted = [note for note in upload.series[0].notes if "21.8° from right angles" in note]
    assert len(noted) == (tilt_mm == 2.0)
