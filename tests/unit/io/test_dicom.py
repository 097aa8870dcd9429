"""DICOM: pixels as stored in each compression, sorted in space, and nothing of the patient shown."""

import traceback

import imagecodecs
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from support.dicom_files import COMPRESSED, DEEP, STACK, compressed
from support.files import SECRET, dicom, dicom_series, zipped

from brainseg.errors import DecodeError
from brainseg.inference.record import record_of_upload
from brainseg.io import InputFile, assemble, open_inputs
from brainseg.io.dicom.header import read_images
from brainseg.io.dicom.pixels import decode_pixels
from brainseg.io.orientation import sides_of
from brainseg.volume import FLAIR, POST_CONTRAST


def decoded(data: bytes) -> np.ndarray:
    return decode_pixels(read_images(data)[0])[0]


def test_a_series_is_sorted_in_space_and_comes_back_pixel_by_pixel() -> None:
    files = dicom_series(STACK)
    upload = open_inputs([files[place] for place in (3, 0, 4, 1, 2)])
    assert upload.kind == "DICOM"
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert upload.grid.spacing_mm == (5.0, 0.9, 0.9)
    assert upload.grid.slice_numbers == (100, 105, 110, 115, 120)
    # LPS+ in the file, RAS+ here: rows to the back, columns to the left, slices up.
    assert np.allclose(
        upload.grid.affine, [[0, 0, -0.9, 50], [0, -0.9, 0, 60], [5, 0, 0, 0], [0, 0, 0, 1]]
    )
    assert [int(d.InstanceNumber) for d in upload.grid.source.datasets()] == [
        100,
        105,
        110,
        115,
        120,
    ]
    assert np.array_equal(upload.grid.source.back(upload.series[0].pixels), STACK)


def test_a_zip_holds_the_same_series_under_names_that_are_never_paths() -> None:
    names = ("../../etc/a", "C:\\b", "/c", "<img src=x>", "d" * 240)
    entries = {name: file.data for name, file in zip(names, dicom_series(STACK), strict=True)}
    upload = open_inputs([InputFile("study.zip", zipped(entries))])
    assert np.array_equal(upload.series[0].pixels, STACK)


@pytest.mark.parametrize(
    "directions",
    [
        [-1, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, -1, 0],
        [0, 1, 0, 1, 0, 0],
        [0.96, 0.28, 0, -0.28, 0.96, 0],
    ],
)
def test_other_ways_to_lay_out_an_axial_plane_are_turned_and_found_back(directions) -> None:
    first, second = np.array(directions).reshape(2, 3)
    normal = np.cross(first, second)
    files = [
        InputFile(
            f"{place}",
            dicom(
                plane,
                place,
                ImageOrientationPatient=list(directions),
                ImagePositionPatient=(normal * 4 * place).tolist(),
            ),
        )
        for place, plane in enumerate(STACK)
    ]
    upload = open_inputs(files)
    steps = upload.grid.affine[:3, :3] / np.linalg.norm(upload.grid.affine[:3, :3], axis=0)
    assert np.all(np.diag(steps[[2, 1, 0]] * [[1], [-1], [-1]]) > 0.9)
    assert np.array_equal(upload.grid.source.back(upload.series[0].pixels), STACK)
    places = [dataset.ImagePositionPatient for dataset in upload.grid.source.datasets()]
    assert np.all(np.diff(np.array(places, float) @ normal) > 0)


@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize("deep", [False, True])
def test_each_lossless_compression_gives_the_pixels_that_went_in(syntax: str, deep: bool) -> None:
    pixels = DEEP if deep else STACK[0]
    tags = {"BitsStored": 12, "HighBit": 11} if deep and syntax.endswith("80") else {}
    data = compressed(pixels, syntax, COMPRESSED[syntax](pixels), **tags)
    assert np.array_equal(decoded(data), pixels)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_expb.dcm",
    ],
)
def test_other_writers_files_agree_with_their_uncompressed_one(name: str) -> None:
    def pixels(file: str) -> np.ndarray:
        with open(get_testdata_file(file), "rb") as opened:  # noqa: PTH123
            return decoded(opened.read())

    assert np.array_equal(pixels(name), pixels("MR_small.dcm"))


def test_a_jpeg_is_read_close_to_what_went_in() -> None:
    smooth = np.add.outer(np.arange(48), np.arange(40)).astype(np.uint8)
    data = compressed(smooth, "1.2.840.10008.1.2.4.50", imagecodecs.jpeg8_encode(smooth, level=95))
    assert np.abs(decoded(data).astype(int) - smooth).max() <= 3


def test_deflated_and_negative_pixels_are_read() -> None:
    signed = DEEP.astype(np.int16) - 2000
    for syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"):
        assert np.array_equal(decoded(dicom(signed, syntax=syntax)), signed)


def test_rescale_is_applied_over_the_whole_stack_and_told() -> None:
    deep = np.stack([DEEP, DEEP // 2])
    deep[0].flat[:2] = 0, 4095
    files = dicom_series(deep, RescaleSlope=2, RescaleIntercept=-100)
    series = open_inputs(files).series[0]
    assert series.notes == ("16-bit rescaled, range -100 to 8090",)
    assert np.array_equal(series.pixels, np.rint(deep * (255 / 4095)).astype(np.uint8))
    # A slope of its own for each slice changes the slices against each other.
    files = [
        InputFile(str(n), dicom(DEEP, 5 * n, RescaleSlope=n + 1, RescaleIntercept=0))
        for n in range(2)
    ]
    two = open_inputs(files).series[0]
    assert "2 rescale slopes applied" in two.notes
    assert np.abs(two.pixels[1].astype(int) - 2.0 * two.pixels[0]).max() <= 1


def test_monochrome1_is_inverted_and_says_so() -> None:
    series = open_inputs(dicom_series(STACK, PhotometricInterpretation="MONOCHROME1")).series[0]
    assert np.array_equal(series.pixels, 255 - STACK)
    assert "MONOCHROME1" in series.notes[-1]


def test_what_stands_in_unused_bits_is_left_out_and_told() -> None:
    pixels, notes = decode_pixels(read_images(dicom(DEEP | 0x8000, BitsStored=12, HighBit=11))[0])
    assert np.array_equal(pixels, DEEP)
    assert notes == ("unused bits (an overlay) were removed",)


def test_several_series_are_sequences_those_of_the_most_common_grid_first() -> None:
    entries = {}
    for number, (words, stack) in enumerate(
        (("ax FLAIR", STACK), ("ax T1 SE +C", 255 - STACK), ("localizer", STACK[:2]))
    ):
        tags = {"SeriesInstanceUID": f"1.2.3.{number}", "SeriesDescription": words}
        entries |= {f"{number}/{f.name}": f.data for f in dicom_series(stack, **tags)}
    upload = open_inputs([InputFile("study.zip", zipped(entries))])
    assert [one.guess for one in upload.series] == [FLAIR, POST_CONTRAST, None]
    assert [one.label for one in upload.series] == [f"series {n} of 3" for n in (1, 2, 3)]
    assert np.array_equal(upload.series[1].pixels, 255 - STACK)
    assert upload.refused == ()
    assert len(upload.series[1].grid.source.encoded) == 5


def test_echoes_of_one_series_are_series_of_their_own() -> None:
    files = [
        InputFile(f"{echo}{place}", dicom(plane, 5.0 * place, EchoTime=echo))
        for echo in (90, 20)
        for place, plane in enumerate(STACK if echo == 20 else 255 - STACK)
    ]
    upload = open_inputs(files)
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert np.array_equal(upload.series[1].pixels, 255 - STACK)


def test_a_few_images_of_another_geometry_are_left_out_by_name() -> None:
    straight = dicom_series(STACK)
    for tags, told in (
        ({"PixelSpacing": [1.1, 1.1]}, "its size, pixel spacing or kind of grey differs"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "its size, pixel spacing or kind of grey"),
        ({"ImageOrientationPatient": None}, "its position or orientation is missing"),
    ):
        odd = InputFile("odd", dicom(STACK[0], 40.0, **tags))
        upload = open_inputs([odd, *straight])
        assert np.array_equal(upload.series[0].pixels, STACK)
        (refusal,) = upload.refused
        assert refusal.startswith(f"odd was not used: {told}")


def test_a_series_in_three_planes_is_a_stack_for_each_and_one_in_many_is_refused() -> None:
    planes = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])
    files = [
        InputFile(
            f"{turn}{place}",
            dicom(
                STACK[place],
                ImageOrientationPatient=list(plane),
                ImagePositionPatient=(np.cross(plane[:3], plane[3:]) * 5 * place).tolist(),
                InstanceNumber=10 * turn + place,
            ),
        )
        for turn, plane in enumerate(planes)
        for place in range(5)
    ]
    assert len(open_inputs(files).series) == 3
    turned = [
        InputFile(
            f"{n}", dicom(STACK[0], ImageOrientationPatient=[np.cos(n), np.sin(n), 0, 0, 0, -1])
        )
        for n in range(5)
    ]
    with pytest.raises(DecodeError, match="slices do not have one geometry: 5 of them"):
        open_inputs(turned)


def test_a_missing_slice_is_a_warning_and_leaves_the_distance_of_slices_unknown() -> None:
    files = dicom_series(STACK)
    upload = open_inputs(files[:2] + files[3:])
    assert upload.grid.spacing_mm == (None, 0.9, 0.9)
    assert upload.grid.affine is None
    assert sides_of(None, upload.grid.directions) == sides_of(open_inputs(files).grid.affine)
    assert "not evenly spaced (5 to 10 mm, widest behind slice 2" in upload.series[0].warnings[0]


def test_images_without_a_place_are_taken_in_their_own_order() -> None:
    tags = {"ImagePositionPatient": None, "ImageOrientationPatient": None}
    upload = open_inputs(list(reversed(dicom_series(STACK, **tags))))
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert "state no orientation" in upload.series[0].warnings[0]


def test_patient_data_is_noted_burned_in_text_is_warned_of_and_neither_is_shown() -> None:
    tags = {"PatientName": SECRET, "PatientID": SECRET, "SeriesDescription": SECRET}
    upload = open_inputs(dicom_series(STACK, BurnedInAnnotation="YES", **tags))
    assert upload.notes[0].startswith("these DICOM files contain patient identifiers")
    assert assemble(upload, {FLAIR: 0}).notes[-1] == upload.notes[0]
    assert len(upload.warnings) == 1 and "burned-in annotation" in upload.warnings[0]
    assert SECRET not in repr(upload) + repr(upload.grid.source)
    assert str(upload.grid.source.datasets()[0].PatientName) == SECRET
    without = open_inputs(dicom_series(STACK, PatientName="", PatientID=""))
    assert without.warnings == without.notes == ()


@pytest.mark.parametrize("tag", ["Rows", "PixelSpacing", "RescaleSlope", "ImagePositionPatient"])
def test_a_value_that_is_none_is_not_quoted(tag: str, caplog: pytest.LogCaptureFixture) -> None:
    data = dicom(STACK[0], RescaleSlope="1.25", PatientName=SECRET)
    header = {"Rows": b"\x28\x00\x10\x00US", "RescaleSlope": b"\x28\x00\x53\x10DS"}
    header |= {"PixelSpacing": b"\x28\x00\x30\x00DS", "ImagePositionPatient": b"\x20\x00\x32\x00DS"}
    at = data.index(header[tag]) + 8
    length = int.from_bytes(data[at - 2 : at], "little")
    broken = data[:at] + b"Doe^Jane "[:length].ljust(length, b"x") + data[at + length :]
    try:
        told = repr(open_inputs([InputFile("x", broken)]))
    except DecodeError as refusal:
        told = "".join(traceback.format_exception(refusal))
    assert "Doe" not in told + caplog.text


def test_another_modality_is_warned_of() -> None:
    (series,) = open_inputs(dicom_series(STACK, Modality="CT")).series
    assert series.warnings[0].startswith("These files are CT, not MR.")
    assert series.not_mr == "CT"


@pytest.mark.parametrize(("said", "means"), [("PT", "PET"), ("MG", "X-ray"), ("XC", "photographs")])
def test_each_modality_that_is_not_mr_is_named(said, means) -> None:
    assert open_inputs(dicom_series(STACK, Modality=said)).series[0].not_mr == means


@pytest.mark.parametrize("said", ["MR", "OT", None])
def test_what_is_mr_or_does_not_say_is_not_called_anything_else(said) -> None:
    assert not open_inputs(dicom_series(STACK, Modality=said)).series[0].not_mr


def test_a_series_of_another_modality_that_is_not_used_makes_nothing_unsuitable() -> None:
    files = dicom_series(STACK, SeriesInstanceUID="1.2.3.20")
    files += dicom_series(STACK, Modality="PT", SeriesInstanceUID="1.2.3.21")
    upload = open_inputs(files)
    places = {one.not_mr: place for place, one in enumerate(upload.series)}
    for place, unsuitable in ((places[""], False), (places["PET"], True)):
        assignment = {FLAIR: place}
        record = record_of_upload(upload, assignment, assemble(upload, assignment))
        assert record.unsuitable is unsuitable
        assert ("PET" in " ".join(record.warnings)) is unsuitable
