"""A DICOM report has each measurement on its image and in the patient, and leaves the patient out."""

import io
from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from support import predictions
from support.dicom_series import COLUMNS, ROWS, SECRETS, written_series

from brainseg import RESEARCH_USE
from brainseg.errors import BrainsegError
from brainseg.exports.dicom_sr import (
    GREY_VALUES,
    SERIES_DESCRIPTION,
    WARNED_DESCRIPTION,
    dicom_sr_bytes,
)
from brainseg.exports.prediction import DICOM_SR, prediction_files
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import record_of_volume
from brainseg.io import InputFile, Upload, assemble, guess_assignment, open_inputs
from brainseg.models import NEW, CaseExposure
from brainseg.reviews.measurements import ANGLE, ELLIPSE, PRODUCT, RULER, Measurement
from brainseg.statistics.drawn import values_of
from brainseg.volume import Volume

MARK = (3, 11, 30)
"""Image, row and column of a pixel that no turn or flip of the stack maps onto itself."""

ORIENTATIONS = {
    "axial": [1, 0, 0, 0, 1, 0],
    "axial, columns to the right": [-1, 0, 0, 0, 1, 0],
    "axial, rows to the front": [1, 0, 0, 0, -1, 0],
    "axial, turned": [0, 1, 0, 1, 0, 0],
}


def marked_series(orientation: list[int]) -> tuple[list[Dataset], Upload]:
    """Return the images of a series with one bright pixel, and the series as it is uploaded."""
    images, _ = written_series()
    files = []
    for place, image in enumerate(images):
        pixels = np.full((ROWS, COLUMNS), 100, np.uint16)
        pixels[2:8, 3:20] = 300
        if place == MARK[0]:
            pixels[MARK[1:]] = 4000
        image.PixelData = pixels.tobytes()
        image.ImageOrientationPatient = orientation
        file = io.BytesIO()
        image.save_as(file, enforce_file_format=True)
        files.append(InputFile(f"{place}.dcm", file.getvalue()))
    return images, open_inputs(files)


def volume_of(upload: Upload) -> Volume:
    return assemble(upload, guess_assignment(upload))


def mark_in(volume: Volume) -> np.ndarray:
    """Return the centre of the bright pixel as (column, row, slice)."""
    stack = volume.pixels[..., 0]
    return np.array(np.unravel_index(stack.argmax(), stack.shape))[::-1] + 0.5


def drawn(kind: str, points: np.ndarray, normal: int = 2, name: str = "") -> Measurement:
    return Measurement("a1", kind, normal, tuple(map(tuple, points.tolist())), name, "FLAIR")


def read(content: bytes) -> highdicom.sr.Comprehensive3DSR:
    return highdicom.sr.srread(io.BytesIO(content))


def items(document: Dataset, kind: str) -> list[Dataset]:
    """Return all content items of a value type."""
    found, waiting = [], list(document.ContentSequence)
    while waiting:
        item = waiting.pop(0)
        found += [item] if item.ValueType == kind else []
        waiting += list(item.get("ContentSequence", []))
    return found


def in_patient(image: Dataset, column: float, row: float) -> np.ndarray:
    """Return the place of an image coordinate in mm (LPS), by PS3.3 C.7.6.2.1.1."""
    along_rows, along_columns = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
    down, across = map(float, image.PixelSpacing)
    first = np.array(image.ImagePositionPatient, float)
    return first + along_rows * across * (column - 0.5) + along_columns * down * (row - 0.5)


@pytest.mark.parametrize("orientation", ORIENTATIONS.values(), ids=list(ORIENTATIONS))
def test_a_ruler_begins_on_the_pixel_that_it_was_drawn_on(orientation):
    images, upload = marked_series(orientation)
    volume = volume_of(upload)
    start = mark_in(volume)
    ruler = drawn(RULER, np.array([start, start + np.array([4, 3, 0])]))
    document = read(dicom_sr_bytes([ruler], volume, upload.grid.source))
    (line,) = items(document, "SCOORD")
    (reference,) = items(document, "IMAGE")
    image = next(
        one
        for one in images
        if one.SOPInstanceUID == reference.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    )
    assert image.InstanceNumber == MARK[0] + 1
    points = np.reshape(line.GraphicData, (-1, 2))
    np.testing.assert_allclose(points[0], (MARK[2] + 0.5, MARK[1] + 0.5))
    ends = [in_patient(image, *point) for point in points]
    (number,) = items(document, "NUM")
    value = float(number.MeasuredValueSequence[0].NumericValue)
    assert value == pytest.approx(np.linalg.norm(ends[1] - ends[0]), rel=1e-6)
    assert value == pytest.approx(values_of(ruler, volume).length)


def test_a_line_across_slices_lies_at_its_place_in_the_patient():
    images, upload = marked_series(ORIENTATIONS["axial, columns to the right"])
    volume = volume_of(upload)
    start = mark_in(volume)
    ruler = drawn(RULER, np.array([start, start + np.array([5, 0, -1])]), normal=1)
    document = read(dicom_sr_bytes([ruler], volume, upload.grid.source))
    (line,) = items(document, "SCOORD3D")
    assert line.ReferencedFrameOfReferenceUID == images[0].FrameOfReferenceUID
    first, last = np.reshape(line.GraphicData, (-1, 3))
    expected = in_patient(images[MARK[0]], MARK[2] + 0.5, MARK[1] + 0.5)
    np.testing.assert_allclose(first, expected, atol=1e-4)
    assert np.linalg.norm(last - first) == pytest.approx(np.hypot(5 * 0.8, 5.0), rel=1e-5)


def test_each_kind_has_its_numbers_and_lines():
    _, upload = marked_series(ORIENTATIONS["axial"])
    volume = volume_of(upload)
    product = [[10, 10, 1.5], [14, 10, 1.5], [12, 2, 1.5], [12, 20, 1.5]]
    angle = [[20, 10, 1.5], [10, 10, 1.5], [10, 30, 1.5]]
    ellipse = [[4, 2, 1.5], [10, 14, 1.5]]
    kinds = {PRODUCT: product, ANGLE: angle, ELLIPSE: ellipse}
    measurements = [drawn(kind, np.array(points)) for kind, points in kinds.items()]
    document = read(dicom_sr_bytes(measurements, volume, upload.grid.source))
    values = {}
    for item in items(document, "NUM"):
        (value,) = item.MeasuredValueSequence
        name = item.ConceptNameCodeSequence[0].CodeMeaning
        unit = value.MeasurementUnitsCodeSequence[0].CodeValue
        values[name] = float(value.NumericValue), unit
    assert values["Long axis"] == (pytest.approx(18 * 0.9), "mm")
    assert values["Perpendicular Axis"] == (pytest.approx(4 * 0.8), "mm")
    product_value = values["Product of perpendicular diameters"]
    assert product_value == (pytest.approx(18 * 0.9 * 4 * 0.8), "mm2")
    assert values["Angle"] == (pytest.approx(90), "deg")
    area, unit = values["Area"]
    assert unit == "mm2"
    assert area == pytest.approx(np.pi * 3 * 6 * 0.9 * 0.8, rel=0.05)
    lines = {"POLYLINE": [], "ELLIPSE": []}
    for item in items(document, "SCOORD"):
        lines[item.GraphicType].append(np.reshape(item.GraphicData, (-1, 2)))
    (ends,) = lines["ELLIPSE"]
    lengths = [np.linalg.norm((ends[i + 1] - ends[i]) * (0.8, 0.9)) for i in (0, 2)]
    assert lengths == [pytest.approx(12 * 0.9), pytest.approx(6 * 0.8)]
    long, perpendicular = lines["POLYLINE"][:2]
    assert np.ptp(long[:, 1]) == pytest.approx(18)
    assert np.ptp(perpendicular[:, 0]) == pytest.approx(4)
    comments = [item.TextValue for item in items(document, "TEXT")]
    assert RESEARCH_USE in comments
    assert GREY_VALUES in comments


def test_the_report_says_the_warnings_and_names_no_patient_unless_asked():
    _, upload = marked_series(ORIENTATIONS["axial"])
    volume = volume_of(upload)
    ruler = drawn(RULER, np.array([[1, 1, 0.5], [9, 1, 0.5]]), name="left “edge”")
    source = upload.grid.source
    content = dicom_sr_bytes([ruler], volume, source, warnings=["It is odd."])
    document = pydicom.dcmread(io.BytesIO(content))
    assert document.SeriesDescription == WARNED_DESCRIPTION
    assert "Warning: It is odd." in [item.get("TextValue") for item in items(document, "TEXT")]
    assert document.ContentSequence
    for value in SECRETS.values():
        if len(value) > 4:
            assert value.encode() not in content
    plain = pydicom.dcmread(io.BytesIO(dicom_sr_bytes([ruler], volume, source, True)))
    assert plain.SeriesDescription == SERIES_DESCRIPTION
    assert (plain.PatientName, plain.PatientID) == (SECRETS["PatientName"], SECRETS["PatientID"])
    assert dicom_sr_bytes([ruler], volume, source)[:132] == content[:132]


def test_a_measurement_of_unknown_value_is_left_out_and_none_is_refused():
    _, upload = marked_series(ORIENTATIONS["axial"])
    volume = volume_of(upload)
    unknown = Volume(volume.pixels, (None, *volume.spacing_mm[1:]))
    across = drawn(ANGLE, np.array([[1, 2.5, 0], [5, 2.5, 0], [5, 2.5, 3]]), normal=1)
    ruler = drawn(RULER, np.array([[1, 1, 0.5], [9, 1, 0.5]]))
    document = read(dicom_sr_bytes([ruler, across], unknown, upload.grid.source))
    assert len(items(document, "NUM")) == 1
    assert any("left out" in item.TextValue for item in items(document, "TEXT"))
    with pytest.raises(BrainsegError, match="no measurement has a known value"):
        dicom_sr_bytes([across], unknown, upload.grid.source)


def test_the_files_of_a_prediction_have_the_report_or_say_why_not():
    _, upload = marked_series(ORIENTATIONS["axial"])
    volume = volume_of(upload)
    probability = np.zeros(volume.pixels.shape[:3], np.float32)
    exposure = CaseExposure(NEW, (0, 1))
    made = Prediction(probability, None, exposure, 0.1, "Net", "CPU", 2)
    record = replace(
        record_of_volume(volume),
        predicted=predictions.made("net", NEW, (0, 1), 0.35, probability, None, made, "a1b2" * 16),
        measurements=(drawn(RULER, np.array([[1, 1, 0.5], [9, 1, 0.5]])),),
    )
    source = upload.grid.source
    files = prediction_files(record, source, (DICOM_SR,))
    assert len(items(read(files["upload_measurements.dcm"]), "NUM")) == 1
    assert "upload_measurements.dcm" in files["upload_about.txt"].decode()
    assert "upload_measurements.dcm" not in prediction_files(record, None, (DICOM_SR,))
    unknown = drawn(ANGLE, np.array([[1, 2.5, 0], [5, 2.5, 0], [5, 2.5, 3]]), normal=1)
    bare = replace(
        record, measurements=(unknown,), volume=replace(volume, spacing_mm=(None, 0.9, 0.8))
    )
    files = prediction_files(bare, source, (DICOM_SR,))
    assert "upload_measurements.dcm" not in files
    assert "no DICOM report was made" in files["upload_about.txt"].decode()
