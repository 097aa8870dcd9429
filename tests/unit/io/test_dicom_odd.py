"""DICOM that is not as the standard asks, but that other readers open: read, with a note."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.cohorts import CHECKOUT
from support.dicom_files import COMPRESSED, DEEP, STACK, compressed
from support.files import dicom, dicom_series, element

from brainseg.batch.inputs import find_inputs
from brainseg.errors import DecodeError
from brainseg.exports.nifti import PLACEHOLDER_DISTANCE, affine_warning
from brainseg.io import InputFile, Upload, assemble, guess_assignment, open_inputs
from brainseg.io.dicom.elements import NO_META, OTHER_ENCODING
from brainseg.io.dicom.header import NO_PLACE, NO_SPACING
from brainseg.io.dicom.series import SOME_SPACING
from brainseg.statistics.measures import measure_case

IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
DEEP_STACK = np.random.default_rng(0).integers(0, 4000, (5, 48, 40)).astype(np.uint16)
WIDE_NOTE = "bytes behind the last pixel were ignored (padding)"


def opened(files: list[InputFile]) -> Upload:
    return open_inputs(files)


def changed(files: list[InputFile], change: Callable[[bytes], bytes]) -> list[InputFile]:
    return [InputFile(file.name, change(file.data)) for file in files]


def parts(data: bytes) -> tuple[bytes, bytes]:
    """Return a file up to its meta header's end, and its dataset."""
    end = 144 + struct.unpack_from("<I", data, 140)[0]
    return data[:end], data[end:]


def encoded(plane: np.ndarray, place: float, declared: str, actual: str) -> bytes:
    pixels = {"PixelData": plane.byteswap().tobytes()} if actual == BIG else {}
    dataset = parts(dicom(plane, place, actual, **pixels))[1]
    return parts(dicom(plane, place, declared))[0] + dataset


@pytest.mark.parametrize("extra", [2, 128, 48 * 40 * 2])
def test_padded_pixels_are_read_with_a_note(extra: int) -> None:
    files = [
        InputFile(f"{n}", dicom(plane, 5.0 * n, PixelData=plane.tobytes() + bytes(extra)))
        for n, plane in enumerate(DEEP_STACK)
    ]
    upload = opened(files)
    plain = opened(dicom_series(DEEP_STACK))
    assert np.array_equal(upload.series[0].pixels, plain.series[0].pixels)
    assert WIDE_NOTE in upload.series[0].notes
    assert upload.refused == ()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_file_without_preamble_or_meta_header_is_read(syntax: str) -> None:
    files = [
        InputFile(f"{n}.dcm", dicom(plane, 5.0 * n, syntax)) for n, plane in enumerate(DEEP_STACK)
    ]
    whole = opened(files).series[0]
    cuts = (
        lambda data: parts(data)[1],  # the dataset alone
        lambda data: data[132:],  # the meta header, without the preamble
        lambda data: data[128:],  # DICM at the very start
        lambda data: data[:132] + parts(data)[1],  # a preamble, no meta header
    )
    for cut in cuts:
        series = opened(changed(files, cut)).series[0]
        assert np.array_equal(series.pixels, whole.pixels)
        assert NO_META in series.notes


def test_a_folder_finds_a_file_without_preamble_by_its_content(tmp_path) -> None:
    for place, file in enumerate(dicom_series(STACK)):
        (tmp_path / f"IM{place}").write_bytes(parts(file.data)[1])
    (found,) = find_inputs(tmp_path)
    assert len(found.files) == 5
    assert len(found.open().record.volume) == 5


def test_what_is_no_dicom_is_not_taken_for_one() -> None:
    for data in (
        b"\x08\x00" * 40,
        b"\x02\x00\x00\x00UL" + bytes(50),
        bytes(400),
        b"\x08\x00\x05\x00",
    ):
        with pytest.raises(DecodeError, match="not a readable DICOM"):
            opened([InputFile("x.dcm", data)])


@pytest.mark.parametrize("declared", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("actual", [EXPLICIT, IMPLICIT, BIG])
def test_an_encoding_other_than_declared_is_read_with_a_note(declared: str, actual: str) -> None:
    files = [
        InputFile(f"{n}", encoded(plane, 5.0 * n, declared, actual))
        for n, plane in enumerate(DEEP_STACK)
    ]
    series = opened(files).series[0]
    assert np.array_equal(series.pixels, opened(dicom_series(DEEP_STACK)).series[0].pixels)
    is_declared = (declared in (EXPLICIT, DEFLATED) and actual == EXPLICIT) or declared == actual
    assert (OTHER_ENCODING in series.notes) is not is_declared


@pytest.mark.parametrize("kind", [b"OB", b"OW"])
def test_big_endian_pixels_of_8_bits_are_read(kind: bytes) -> None:
    plane = STACK[0]
    stored = plane.reshape(-1, 2)[:, ::-1].tobytes() if kind == b"OW" else plane.tobytes()
    data = dicom(plane, syntax=BIG, PixelData=stored)
    at = data.index(b"\x7f\xe0\x00\x10OB")
    data = data[: at + 4] + kind + data[at + 6 :]
    assert np.array_equal(opened([InputFile("x", data)]).series[0].pixels[0], plane)


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_compressed_pixels_declared_as_uncompressed_are_read(syntax: str) -> None:
    bits = {"BitsStored": 12, "HighBit": 11} if syntax.endswith("80") else {}
    data = compressed(DEEP, syntax, COMPRESSED[syntax](DEEP), **bits)
    meta = parts(dicom(DEEP))[0]
    expected = opened([InputFile("x", dicom(DEEP))]).series[0].pixels
    assert np.array_equal(
        opened([InputFile("x", meta + parts(data)[1])]).series[0].pixels, expected
    )


def test_uncompressed_pixels_declared_as_compressed_are_read() -> None:
    plain = dicom(DEEP)
    meta = parts(compressed(DEEP, "1.2.840.10008.1.2.4.70", b"\0\0"))[0]
    series = opened([InputFile("x", meta + parts(plain)[1])]).series[0]
    assert np.array_equal(series.pixels, opened([InputFile("x", plain)]).series[0].pixels)


def test_a_repeated_image_is_left_out_with_a_note() -> None:
    files = dicom_series(STACK)
    copies = {
        "the same file": files[2].data,
        "sent again": dicom(STACK[2], 10.0, SOPInstanceUID="1.9.9", InstanceNumber=77),
        "moved by rounding": dicom(STACK[2], 10.0, ImagePositionPatient=[-50, -60, 10.000001]),
    }
    for name, data in copies.items():
        upload = opened([*files, InputFile(name, data)])
        assert np.array_equal(upload.series[0].pixels, STACK)
        assert upload.refused == ()
        assert "1 image repeats another of its series and was left out" in upload.series[0].notes
        assert upload.grid.spacing_mm == (5.0, 0.9, 0.9)


def test_equal_pixels_elsewhere_or_of_another_echo_are_no_copy() -> None:
    black = np.zeros_like(STACK)
    black[2] = STACK[2]
    assert len(opened(dicom_series(black)).series[0].pixels) == 5
    echoes = [
        InputFile(
            f"{echo}{n}", dicom(plane, 5.0 * n, EchoTime=echo, SOPInstanceUID=f"1.{echo}.{n}")
        )
        for echo in (20, 90)
        for n, plane in enumerate(STACK)
    ]
    upload = opened(echoes)
    assert (len(upload.series), upload.refused) == (2, ())


def test_one_uid_for_all_images_makes_no_copies_of_them() -> None:
    upload = opened(dicom_series(STACK, SOPInstanceUID="1.2.3", InstanceNumber=1))
    assert np.array_equal(upload.series[0].pixels, STACK)


@pytest.mark.parametrize("size", [(48, 40), (64, 64)])
def test_a_scout_inside_a_series_is_left_out_with_a_note(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    scout = dicom(pixels, ImageOrientationPatient=[0, 1, 0, 0, 0, -1], InstanceNumber=1)
    upload = opened([InputFile("scout", scout), *dicom_series(STACK)])
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert (len(upload.series), upload.refused) == (1, ())
    told = "1 image lies in another plane than its series (a scout?) and was left out"
    assert told in upload.series[0].notes


def test_time_points_of_equal_pixels_are_no_copies() -> None:
    for tag, values in (
        ("AcquisitionTime", ("101010", "101020")),
        ("TemporalPositionIdentifier", (1, 2)),
        ("EchoTime", (20, 90)),
        ("AcquisitionNumber", (1, 2)),
    ):
        files = [
            InputFile(
                f"{turn}{n}", dicom(plane, 5.0 * n, **{tag: value}, InstanceNumber=10 * turn + n)
            )
            for turn, value in enumerate(values)
            for n, plane in enumerate(STACK)
        ]
        assert [len(one.pixels) for one in opened(files).series] == [5, 5]


@pytest.mark.parametrize("jitter", [1e-7, 1e-5, 4e-4])
def test_geometry_that_differs_by_rounding_is_one_stack(jitter: float) -> None:
    rng = np.random.default_rng(0)
    # At a rounding boundary of the third digit, where neighbours round to either side.
    files = [
        InputFile(
            f"{n}",
            dicom(
                plane,
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0.0005 + jitter * rng.uniform(-1, 1)],
                PixelSpacing=[0.9005 + jitter * rng.uniform(-1, 1), 0.9],
                ImagePositionPatient=[-50, -60, 5.0 * n + jitter * rng.uniform(-1, 1)],
                InstanceNumber=n,
            ),
        )
        for n, plane in enumerate(STACK)
    ]
    upload = opened(files)
    assert (len(upload.series), upload.refused, upload.series[0].warnings) == (1, (), ())
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert np.allclose(upload.grid.spacing_mm, (5, 0.9005, 0.9), atol=2e-3)


@pytest.mark.parametrize(
    "value", [b"0\\0 ", b"nan\\nan ", b"", b"-1\\1", b"inf\\1 ", b"0.9 ", b"1\\2\\3 ", b"a\\b "]
)
def test_an_unusable_pixel_spacing_gives_the_picture_and_a_warning(value: bytes) -> None:
    whole = dicom_series(STACK)

    def broken(data: bytes) -> bytes:
        at = data.index(b"\x28\x00\x30\x00DS")
        length = struct.unpack_from("<H", data, at + 6)[0]
        return data[: at + 6] + struct.pack("<H", len(value)) + value + data[at + 8 + length :]

    upload = opened(changed(whole, broken))
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert upload.grid.spacing_mm is None
    assert NO_SPACING in upload.series[0].warnings


def test_an_unusable_spacing_of_one_slice_takes_that_of_its_series() -> None:
    files = dicom_series(STACK)
    files[0] = InputFile("bad", dicom(STACK[0], PixelSpacing=[0, 0]))
    upload = opened(files)
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert upload.grid.spacing_mm == (5.0, 0.9, 0.9)
    assert upload.series[0].warnings == (SOME_SPACING,)


def test_an_unusable_position_gives_the_picture_and_a_warning() -> None:
    upload = opened(dicom_series(STACK, ImagePositionPatient=[1, 2]))
    assert np.array_equal(upload.series[0].pixels, STACK)
    assert NO_PLACE in upload.series[0].warnings
    assert upload.grid.spacing_mm == (None, 0.9, 0.9)


def test_a_single_slice_keeps_its_spacing_and_its_volume_only_with_a_thickness() -> None:
    mask = np.ones((1, 48, 40), bool)
    for thickness, volume_ml in ((5, 48 * 40 * 0.9 * 0.9 * 5 / 1000), (None, None), (0, None)):
        upload = opened([InputFile("x", dicom(STACK[0], SliceThickness=thickness))])
        volume = assemble(upload, guess_assignment(upload))
        assert volume.spacing_mm == (thickness or None, 0.9, 0.9)
        measured = measure_case(mask, [1], spacing_mm=volume.spacing_mm)
        assert measured["volume_ml"] == pytest.approx(volume_ml)
        assert measured["longest_mm"] > 0
        assert affine_warning(volume) == (None if thickness else PLACEHOLDER_DISTANCE)


def test_uids_of_a_wrong_kind_are_read_or_refused_in_one_sentence(tmp_path) -> None:
    wrong = (b"US", b"SQ", b"OB", b"UN", b"AT", b"FD")
    tags = (b"\x20\x00\x0d\x00", b"\x20\x00\x0e\x00", b"\x08\x00\x18\x00", b"\x20\x00\x52\x00")
    for tag in tags:
        for kind in wrong:
            folder = tmp_path / f"{tag.hex()}{kind.decode()}"
            folder.mkdir()
            for place, file in enumerate(dicom_series(STACK)):
                (folder / f"{place}.dcm").write_bytes(with_kind(file.data, tag, kind))
            try:
                opened_as = [one.open().record for one in find_inputs(folder)]
                assert [len(record.volume) for record in opened_as] == [5]
            except DecodeError as refusal:
                assert "\n" not in str(refusal)


def with_kind(data: bytes, tag: bytes, kind: bytes) -> bytes:
    """Return a file with an element stated to be of another value representation."""
    at = data.index(tag + b"UI")
    length = struct.unpack_from("<H", data, at + 6)[0]
    value = data[at + 8 : at + 8 + length]
    number = int.from_bytes(tag[:2], "little") << 16 | int.from_bytes(tag[2:], "little")
    if kind in (b"SQ", b"OB", b"UN"):
        return data[:at] + element(number, kind, value) + data[at + 8 + length :]
    return data[: at + 4] + kind + data[at + 6 :]


def test_a_strange_value_is_quoted_nowhere_on_standard_error(tmp_path: Path) -> None:
    tags = {"SOPInstanceUID": "Doe^Jane", "StudyInstanceUID": "Doe^Jane", "StudyDate": "Doe^Jane"}
    tags |= {"AcquisitionTime": "Doe^Jane", "Modality": "Doe^Jane", "SpecificCharacterSet": "Doe"}
    for place in range(3):
        (tmp_path / f"{place}.dcm").write_bytes(dicom(STACK[place], 5.0 * place, **tags))
    code = (
        "import sys, pathlib\n"
        "from brainseg.batch.inputs import find_inputs\n"
        "(one,) = find_inputs(pathlib.Path(sys.argv[1]))\n"
        "opened = one.open(sequences={'FLAIR': '1'})\n"
        "opened.source.datasets()[0].SOPInstanceUID\n"
        "sys.stdout.write(str(len(opened.record.volume)))\n"
    )
    command = [sys.executable, "-W", "always", "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "3"
    assert "Doe" not in done.stderr
