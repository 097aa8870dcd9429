"""NIfTI volumes: every voxel as stored, axial as the model learned it, and exactly the way back."""

import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
from support.files import PLAIN, SECRET, nifti, voxels

from brainseg.errors import DecodeError
from brainseg.io import InputFile, Upload, archives, assemble, guess_assignment, open_inputs
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

EIGHT_BIT = voxels((40, 48, 6), "uint16").astype(np.uint8)


def opened(data: bytes, name: str = "flair.nii") -> Upload:
    return open_inputs([InputFile(name, data)])


def rotated(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return rotation


def test_an_axial_volume_comes_back_voxel_by_voxel() -> None:
    for packed, name in ((False, "flair.nii"), (True, "flair.nii.gz")):
        upload = opened(nifti(EIGHT_BIT, packed=packed), name)
        # Its first axis runs to the left and its second to the back: columns and rows as shown.
        assert np.array_equal(upload.series[0].pixels, EIGHT_BIT.transpose(2, 1, 0))
        assert upload.grid.spacing_mm == (5.0, 2.0, 2.0)
        assert upload.series[0].guess == FLAIR
        assert upload.grid.slice_numbers == (1, 2, 3, 4, 5, 6)
        assert upload.series[0].warnings == upload.warnings == upload.refused == ()


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, 1)])
@pytest.mark.parametrize("tilt", [0, 20])
def test_any_storage_order_gives_the_same_axial_picture_and_the_way_back(axes, signs, tilt) -> None:
    scene = np.random.default_rng(1).integers(0, 255, (40, 48, 36)).astype(np.uint8)
    base = rotated(tilt) @ np.diag([-1.0, -1.0, 1.5, 1.0])
    stored = scene.transpose(axes)
    affine = np.eye(4)
    affine[:3, :3] = base[:3, list(axes)]
    affine[:3, 3] = (3, 4, 5)
    for axis, sign in enumerate(signs):
        if sign < 0:
            stored = np.flip(stored, axis)
            affine[:3, 3] += affine[:3, axis] * (stored.shape[axis] - 1)
            affine[:3, axis] *= -1
    upload = opened(nifti(np.ascontiguousarray(stored), affine))
    assert np.array_equal(upload.series[0].pixels, scene.transpose(2, 1, 0))
    assert np.allclose(upload.grid.affine[:3, 3], (3, 4, 5), atol=1e-3)
    assert np.allclose(upload.grid.affine[:3, :3], base[:3, [2, 1, 0]], atol=1e-4)
    back = upload.grid.source.back(upload.series[0].pixels)
    assert np.array_equal(back, stored)
    header = upload.grid.source.header()
    assert header.get_data_shape() == stored.shape
    assert np.allclose(header.get_best_affine(), affine, atol=1e-4)


def test_an_export_written_with_the_source_s_header_lies_on_the_input_s_grid() -> None:
    upload = opened(nifti(EIGHT_BIT, PLAIN, descrip=b"Doe^Jane"))
    header = upload.grid.source.header()
    header.set_data_dtype(np.uint8)
    mask = (upload.grid.source.back(upload.series[0].pixels) > 100).astype(np.uint8)
    written = nib.Nifti1Image(mask, header.get_best_affine(), header)
    assert np.allclose(written.affine, PLAIN)
    assert np.array_equal(np.asarray(written.dataobj), EIGHT_BIT > 100)
    assert b"Doe" not in written.to_bytes()
    assert "Doe" not in repr(upload)


def test_without_an_orientation_nothing_is_turned_and_that_is_said() -> None:
    upload = opened(nifti(EIGHT_BIT, None))
    assert np.array_equal(upload.series[0].pixels, EIGHT_BIT.transpose(2, 1, 0))
    assert upload.grid.affine is None
    assert upload.grid.spacing_mm is None
    assert "state no orientation" in upload.series[0].warnings[0]


def test_without_an_orientation_slices_run_along_the_widest_spacing() -> None:
    upload = opened(
        nifti(voxels((40, 36, 48)), None, pixdim=[1, 1, 6, 1, 0, 0, 0, 0], xyzt_units=2)
    )
    assert upload.series[0].pixels.shape == (36, 48, 40)
    assert upload.grid.spacing_mm == (6, 1, 1)


@pytest.mark.parametrize(("code", "in_one_mm"), [(1, 0.001), (2, 1.0), (3, 1000.0)])
def test_metres_and_micrometres_are_read_as_millimetres(code: int, in_one_mm: float) -> None:
    widths = np.array([0.5, 0.5, 12.0]) * in_one_mm
    oriented = opened(nifti(EIGHT_BIT, np.diag([*widths, 1.0]), xyzt_units=code))
    assert oriented.grid.spacing_mm == (12, 0.5, 0.5)
    assert np.allclose(np.abs(np.linalg.det(oriented.grid.affine[:3, :3])), 3)
    plain = opened(nifti(EIGHT_BIT, None, pixdim=[1, *widths, 1, 0, 0, 0], xyzt_units=code))
    assert plain.grid.spacing_mm == (12, 0.5, 0.5)


def test_a_few_coronal_slices_are_shown_as_acquired_and_that_is_said() -> None:
    coronal = np.diag([-1.0, 6.0, 1.0, 1.0])
    upload = opened(nifti(voxels((64, 12, 70)), coronal))
    assert upload.series[0].pixels.shape == (12, 70, 64)
    assert "not axial" in upload.series[0].warnings[0]


def test_scaling_is_applied_to_the_range_that_is_told() -> None:
    array = voxels()
    array.flat[:2] = 0, 999
    image = opened(nifti(array, scl_slope=2, scl_inter=-10))
    assert image.series[0].notes == ("16-bit rescaled, range -10 to 1988",)
    expected = np.rint(array.transpose(2, 1, 0) * (255 / 999)).astype(np.uint8)
    assert np.array_equal(image.series[0].pixels, expected)
    falling = opened(nifti(array, scl_slope=-2, scl_inter=0)).series[0]
    assert np.abs(falling.pixels.astype(int) - (255 - expected)).max() <= 1
    assert falling.notes == ("16-bit rescaled, range -1998 to 0",)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_whole_numbers_of_8_bits_are_kept_whatever_holds_them(dtype: str, order: str) -> None:
    array = (EIGHT_BIT % 128).astype(np.dtype(dtype).newbyteorder(order))
    image = nib.Nifti1Image(array, PLAIN, nib.Nifti1Header(endianness=order), dtype=array.dtype)
    pixels = opened(image.to_bytes()).series[0].pixels
    assert np.array_equal(pixels, (EIGHT_BIT % 128).transpose(2, 1, 0))


def test_nifti_2_is_read_and_its_geometry_kept() -> None:
    upload = opened(nib.Nifti2Image(EIGHT_BIT, PLAIN).to_bytes())
    assert np.array_equal(upload.grid.source.back(upload.series[0].pixels), EIGHT_BIT)
    assert np.allclose(upload.grid.source.header().get_best_affine(), PLAIN)


def test_the_volumes_of_a_4d_file_are_series_with_the_guess_of_their_number() -> None:
    array = voxels((40, 48, 6, 4))
    upload = opened(nifti(array))
    assert [one.label for one in upload.series] == [f"volume {n} of 4" for n in (1, 2, 3, 4)]
    assert [one.guess for one in upload.series] == [FLAIR, PRE_CONTRAST, POST_CONTRAST, None]
    assert [one.guess for one in opened(nifti(array[..., :3])).series] == [
        PRE_CONTRAST,
        FLAIR,
        POST_CONTRAST,
    ]
    assert [one.guess for one in opened(nifti(array[..., :2])).series] == [None, None]


def test_files_of_one_grid_are_the_sequences_that_their_names_tell() -> None:
    names = ("BraTS_001_t1.nii.gz", "BraTS_001_t1ce.nii.gz", "BraTS_001_flair.nii.gz")
    arrays = [np.roll(EIGHT_BIT, place) for place in range(3)]
    files = [
        InputFile(name, nifti(array, packed=True))
        for name, array in zip(names, arrays, strict=True)
    ]
    label = (EIGHT_BIT > 128).astype(np.uint8)
    files.append(InputFile("BraTS_001_seg.nii.gz", nifti(label, packed=True)))
    upload = open_inputs(files)
    assignment = guess_assignment(upload)
    assert assignment == {PRE_CONTRAST: 0, POST_CONTRAST: 1, FLAIR: 2}
    volume = assemble(upload, assignment)
    for channel, place in ((0, 0), (1, 2), (2, 1)):
        assert np.array_equal(volume.pixels[..., channel], arrays[place].transpose(2, 1, 0))


def test_a_file_on_another_grid_is_a_series_behind_those_of_the_most_common_grid() -> None:
    files = [InputFile(f"{name}.nii", nifti(EIGHT_BIT)) for name in ("t1", "flair")]
    files.append(InputFile("t1ce.nii", nifti(voxels((40, 48, 7)))))
    files.append(InputFile("post.nii", nifti(EIGHT_BIT, PLAIN @ np.diag([1, 1, 2, 1]))))
    upload = open_inputs(files)
    assert [one.label for one in upload.series[:2]] == ["t1.nii", "flair.nii"]
    assert {one.label for one in upload.series[2:]} == {"t1ce.nii", "post.nii"}
    assert upload.refused == ()


def test_more_than_the_header_says_is_refused_in_a_gzip() -> None:
    with pytest.raises(DecodeError, match="it contains more than its header says"):
        opened(gzip.compress(nifti(EIGHT_BIT) + bytes(9)), "x.nii.gz")


def test_nothing_of_a_header_s_text_is_shown() -> None:
    data = nifti(EIGHT_BIT, descrip=SECRET.encode(), intent_name=SECRET.encode())
    assert SECRET not in repr(opened(data))


def hounsfield(dtype: str = "int16") -> np.ndarray:
    """Return a head in air as CT stores it: air -1000, brain 30, bone 1200."""
    values = np.full((40, 48, 6), -1000.0)
    values[8:32, 8:40] = 1200
    values[10:30, 10:38] = 30
    return (values + np.random.default_rng(0).normal(0, 5, values.shape)).astype(dtype)


@pytest.mark.parametrize(
    ("stored", "fields"),
    [
        (hounsfield(), {}),
        (hounsfield("float32"), {}),
        (hounsfield() + 1024, {"scl_slope": 1, "scl_inter": -1024}),
        (np.where(hounsfield() < -900, -3024, hounsfield()).astype("int16"), {}),
    ],
)
def test_a_ct_is_known_by_its_hounsfield_units(stored, fields) -> None:
    (series,) = open_inputs([InputFile("scan.nii", nifti(stored, **fields))]).series
    assert series.not_mr == "CT"
    assert series.warnings[0].startswith("The values look like CT")


@pytest.mark.parametrize(
    "stored",
    [
        voxels(),
        (hounsfield() + 1000).clip(0).astype("int16"),
        np.random.default_rng(0).normal(0, 1, (40, 48, 6)).astype("float32"),
        (voxels() * 8 - 4096).astype("int16"),
    ],
    ids=["magnitude", "shifted", "standardised", "phase"],
)
def test_other_values_are_not_called_ct(stored) -> None:
    (series,) = open_inputs([InputFile("scan.nii", nifti(stored))]).series
    assert not series.not_mr


def test_a_file_of_several_members_or_with_bytes_behind_them_is_read_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = bytes(range(256)) * 40
    one = gzip.compress(content)
    halves = gzip.compress(content[:5000]) + gzip.compress(content[5000:])
    for data, behind in ((one, 0), (halves, 0), (one + b"junk", 4)):
        assert archives.inflate_exactly(data, len(content)) == (content, behind)
    for data in (
        one[:-6],
        one[:60] + b"xx" + one[62:],
        one + one,
        gzip.compress(content + b"more"),
    ):
        with pytest.raises(DecodeError):
            archives.inflate_exactly(data, len(content))
    monkeypatch.setattr(archives, "_member", None)  # one member needs no zlib
    assert archives.inflate_exactly(one, len(content)) == (content, 0)
