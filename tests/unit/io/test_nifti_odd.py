"""NIfTI as other programs write it: NaN around the head, bytes behind the compressed data."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from support.files import nifti, voxels

from brainseg.errors import DecodeError
from brainseg.io import InputFile, open_inputs
from brainseg.io.archives import inflate_exactly

SHAPE = (48, 56, 8)
ROWS, COLUMNS, SLICES = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
RADIUS = np.sqrt(ROWS**2 + COLUMNS**2 + (0.5 * SLICES) ** 2)
HEAD = RADIUS < 0.8
PICTURE = np.where(HEAD, 100 + 50 * np.cos(9 * RADIUS), 0).astype(np.float32)


def opened(array: np.ndarray, **fields: object):
    return open_inputs([InputFile("x_flair.nii.gz", nifti(array, packed=True, **fields))])


def expect_background(array: np.ndarray) -> None:
    """Expect that NaN is read as the dark background that ``PICTURE`` has there."""
    assert np.isnan(array).any()
    (series,) = opened(array).series
    (clean,) = opened(np.where(np.isnan(array), 0, array)).series
    assert np.array_equal(series.pixels, clean.pixels)
    told = f"{np.isnan(array).sum():,} voxels around the head are not a number (NaN), read as background"
    assert series.notes == (told, *clean.notes)


@pytest.mark.parametrize(
    "around",
    [
        ~HEAD,
        ROWS < -0.9,
        (ROWS < -0.9) | (SLICES > 0.9),
        SLICES < -0.5,
        (ROWS < -0.3) & HEAD | (ROWS < -0.3),
        ~ndimage.binary_dilation(HEAD, iterations=3),
        (RADIUS > 1.0) & (RADIUS < 1.1),
    ],
    ids=["all", "slab", "slab and slice", "slices", "half a head", "with a margin", "ring in air"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_around_the_head_is_background(around: np.ndarray, dtype: str) -> None:
    expect_background(np.where(around, np.nan, PICTURE).astype(dtype))


def test_nan_in_the_air_beside_the_head_is_background() -> None:
    array = PICTURE.copy()
    array[2, 2, 3] = array[3, 50, 6] = np.nan
    expect_background(array)


def test_a_fold_of_a_bare_brain_that_opens_in_another_slice_is_background() -> None:
    brain = HEAD.copy()
    brain[20:24, 20:40, 2:4] = False
    brain[20:24, :40, 3] = False
    expect_background(np.where(brain, PICTURE, np.nan).astype(np.float32))


@pytest.mark.parametrize(
    "hole",
    [np.s_[24, 28, 4], np.s_[20:24, 28:30, 3:5], np.s_[24, 28, :], np.s_[24, 28, 0]],
    ids=["voxel", "block", "column", "first slice"],
)
@pytest.mark.parametrize("around", [np.zeros_like(HEAD), ~HEAD], ids=["with air", "bare"])
def test_nan_inside_the_head_is_refused_with_a_sentence(hole, around: np.ndarray) -> None:
    array = np.where(around, np.nan, PICTURE)
    array[hole] = np.nan
    inside = np.zeros_like(HEAD)
    inside[hole] = True
    which = "1 voxel is" if inside.sum() == 1 else f"{inside.sum()} voxels are"
    told = rf"not used: {which} not a number \(NaN\) inside the head: export"
    with pytest.raises(DecodeError, match=told):
        opened(array)


def test_a_slice_of_nan_between_others_is_refused_and_so_is_a_volume_of_nan() -> None:
    array = PICTURE.copy()
    array[..., 4] = np.nan
    with pytest.raises(DecodeError, match="in 1 slice between others"):
        opened(array)
    with pytest.raises(DecodeError, match="no voxel contains a number"):
        opened(np.full(SHAPE, np.nan, np.float32))


def test_the_background_of_a_scaled_or_standardised_volume_is_its_darkest() -> None:
    scaled = np.where(HEAD, PICTURE, np.nan).astype(np.float32)
    (series,) = opened(scaled, scl_slope=2, scl_inter=100).series
    assert series.pixels.min() == series.pixels[0, 0, 0] == 0
    standardised = np.where(HEAD, PICTURE - 100, np.nan).astype(np.float32)
    (series,) = opened(standardised).series
    assert series.pixels[0, 0, 0] == 0


def test_infinite_values_are_refused_wherever_they_are() -> None:
    array = np.where(HEAD, PICTURE, np.nan).astype(np.float32)
    array[0, 0, 0] = np.inf
    with pytest.raises(DecodeError, match="invalid pixels"):
        opened(array)


GOOD = nifti(voxels())


@pytest.mark.parametrize(
    "behind", [b"x", b"\0" * 512, b"\x1f\x8b and no member", b"<html>a log</html>" * 40_000]
)
def test_bytes_behind_the_compressed_data_are_left_out_with_a_note(behind: bytes) -> None:
    upload = open_inputs([InputFile("x.nii.gz", gzip.compress(GOOD) + behind)])
    (clean,) = open_inputs([InputFile("x.nii.gz", gzip.compress(GOOD))]).series
    assert np.array_equal(upload.series[0].pixels, clean.pixels)
    assert f"{len(behind):,} bytes behind the compressed data were ignored" in upload.notes


def test_several_gzip_members_are_one_file() -> None:
    third = len(GOOD) // 3
    parts = [GOOD[:third], GOOD[third : 2 * third], GOOD[2 * third :], b""]
    data = b"".join(gzip.compress(part) for part in parts)
    assert inflate_exactly(data, len(GOOD)) == (GOOD, 0)
    assert inflate_exactly(data + b"more", len(GOOD)) == (GOOD, 4)


@pytest.mark.parametrize("kept", [30, 200, -1, -9])
def test_a_compressed_file_that_is_cut_or_changed_is_refused(kept: int) -> None:
    packed = gzip.compress(GOOD)
    changed = bytearray(packed)
    changed[len(packed) // 2] ^= 0xFF
    for data in (packed[:kept], bytes(changed), packed[:kept] + b"behind"):
        with pytest.raises(DecodeError, match=r"incomplete or damaged|more than its header"):
            open_inputs([InputFile("x.nii.gz", data)])


@pytest.mark.parametrize(
    ("qform", "told"),
    [
        (np.diag([-1.0, 1, 3, 1]), "orientation (sform RAS, qform LAS)"),
        (np.diag([1.0, 1, 5, 1]), "voxel’s volume (sform 3 mm³, qform 5 mm³)"),
        (np.diag([1.0, 1, 3, 1]), ""),
    ],
)
def test_an_sform_and_a_qform_that_contradict_each_other_give_a_warning(
    qform: np.ndarray, told: str
) -> None:
    image = nib.Nifti1Image(PICTURE, np.diag([1.0, 1, 3, 1]))
    image.set_qform(qform, 1)
    image.set_sform(np.diag([1.0, 1, 3, 1]), 1)
    (series,) = open_inputs([InputFile("x_flair.nii", image.to_bytes())]).series
    assert series.grid.spacing_mm == (3, 1, 1)
    assert [told in one for one in series.warnings] == [True] * bool(told)


def test_a_template_s_sform_may_differ_from_the_scanner_s_qform() -> None:
    image = nib.Nifti1Image(PICTURE, np.eye(4))
    image.set_qform(np.diag([-1.0, 1, 3, 1]), 1)
    image.set_sform(np.diag([1.0, 1, 3, 1]), 4)
    (series,) = open_inputs([InputFile("x_flair.nii", image.to_bytes())]).series
    assert series.warnings == ()


@pytest.mark.parametrize("unit", ["meter", "micron"])
@pytest.mark.parametrize("has_affine", [True, False])
def test_a_unit_that_makes_no_head_is_read_as_millimetres(unit: str, has_affine: bool) -> None:
    image = nib.Nifti1Image(PICTURE, np.diag([1.0, 1, 3, 1]))
    image.header.set_xyzt_units(unit)
    if not has_affine:
        image.set_sform(None, 0)
        image.set_qform(None, 0)
    (series,) = open_inputs([InputFile("x_flair.nii", image.to_bytes())]).series
    assert series.grid.spacing_mm == (3, 1, 1)
    assert sum("read as millimetres" in one for one in series.warnings) == 1


def test_a_slope_that_is_no_number_means_no_scaling() -> None:
    (series,) = opened(PICTURE, scl_slope=np.nan, scl_inter=0).series
    assert np.array_equal(series.pixels, opened(PICTURE).series[0].pixels)
