"""A DICOM segmentation refers to its study, lies on its images, and leaves the patient out."""

import io

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from support import predictions
from support.dicom_series import SECRETS, written_series

from brainseg import RESEARCH_USE
from brainseg.errors import BrainsegError
from brainseg.exports.dicom_seg import (
    KEEP_IDENTITY,
    SERIES_DESCRIPTION,
    XYZ_OF_SRGB,
    dicom_seg_bytes,
    lab_of,
)
from brainseg.exports.prediction import prediction_files
from brainseg.imaging import PREDICTION_COLOUR
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import Predicted, record_of_volume
from brainseg.io import InputFile, Upload, assemble, guess_assignment, open_inputs
from brainseg.models import NEW, CaseExposure

TEXTS = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"]


def marked(upload: Upload, empty: bool = False) -> Predicted:
    """Return a prediction with a mark that no turn or flip maps onto itself."""
    shape = upload.series[0].pixels.shape
    probability = np.zeros(shape, np.float32)
    if not empty:
        probability[1, 3:9, 4:20] = probability[2, 3:5, 4:9] = 0.9
    looks = Prediction(probability, None, CaseExposure(NEW, (0, 1)), 0.1, "Net", "CPU", 2)
    return predictions.made("net", NEW, (0, 1), 0.35, probability, None, looks, "a1b2" * 16)


@pytest.fixture(scope="module")
def series() -> tuple[list[Dataset], Upload]:
    images, files = written_series()
    return images, open_inputs(files)


@pytest.mark.parametrize("empty", [False, True])
def test_it_reads_back_with_each_voxel_on_its_image(series, empty):
    images, upload = series
    predicted = marked(upload, empty)
    content = dicom_seg_bytes(predicted, upload.grid.source)
    read = highdicom.seg.segread(io.BytesIO(content))
    frames = read.get_pixels_by_source_instance(
        [image.SOPInstanceUID for image in images],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )[..., 0]
    # The images run from the crown down, the volume that the model sees from the feet up.
    np.testing.assert_array_equal(frames[::-1], predicted.mask)
    assert read.segmentation_type == highdicom.seg.SegmentationTypeValues.BINARY
    referred = [uids[2] for uids in read.get_source_image_uids()]
    assert set(referred) <= {image.SOPInstanceUID for image in images}
    marked_images = [
        i.SOPInstanceUID for i, frame in zip(images, frames, strict=True) if frame.any()
    ]
    assert set(marked_images) <= set(referred)


def test_it_belongs_to_the_study_and_says_who_made_it(series):
    images, upload = series
    read = pydicom.dcmread(io.BytesIO(dicom_seg_bytes(marked(upload), upload.grid.source)))
    assert read.StudyInstanceUID == images[0].StudyInstanceUID
    assert read.FrameOfReferenceUID == images[0].FrameOfReferenceUID
    assert read.SeriesInstanceUID != images[0].SeriesInstanceUID
    (reference,) = read.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == images[0].SeriesInstanceUID
    assert read.SeriesDescription == SERIES_DESCRIPTION
    assert "not a medical device" in read.SeriesDescription
    assert read.ContentDescription == RESEARCH_USE
    assert read.ContentQualification == "RESEARCH"
    assert read.ContentCreatorName == "brainseg^"
    (segment,) = read.SegmentSequence
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("net", ("a1b2" * 16)[:16])
    assert "threshold=0.35" in algorithm.AlgorithmParameters.replace(" = ", "=")
    spacing = read.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [*spacing.PixelSpacing] == [0.9, 0.8]


def test_no_tag_of_the_patient_is_in_it(series):
    _, upload = series
    content = dicom_seg_bytes(marked(upload), upload.grid.source)
    read = pydicom.dcmread(io.BytesIO(content))
    for name, value in SECRETS.items():
        assert not read.get(name), name
        if len(value) > 4:
            assert value.encode() not in content, name
    assert (read.PatientName, read.PatientID) == ("", "")


def with_text_everywhere(image: Dataset) -> Dataset:
    """Return a file of an image with a text in every tag of the standard that may contain one."""
    needed = ("PhotometricInterpretation", "SpecificCharacterSet")
    for tag, (kind, *_, keyword) in DicomDictionary.items():
        if tag >> 16 >= 8 and kind in TEXTS and keyword and keyword not in needed:
            image.add_new(tag, kind, f"PLANTED-{keyword}")
    return image


def test_no_free_text_of_the_images_is_in_it():
    planted, opened = [], written_series()[1]
    for file in opened:
        image = with_text_everywhere(pydicom.dcmread(io.BytesIO(file.data)))
        assert len(image) > 1000
        written = io.BytesIO()
        image.save_as(written)
        planted.append(InputFile(file.name, written.getvalue()))
    upload = open_inputs(planted)
    content = dicom_seg_bytes(marked(upload), upload.grid.source)
    assert b"PLANTED" not in content


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"])
def test_a_text_instead_of_a_uid_is_refused(name):
    planted = []
    for file in written_series()[1]:
        image = pydicom.dcmread(io.BytesIO(file.data))
        image[name]._value = "1.2.Doe^Jane"
        written = io.BytesIO()
        image.save_as(written)
        planted.append(InputFile(file.name, written.getvalue()))
    upload = open_inputs(planted)
    with pytest.raises(BrainsegError, match=f"an image lacks a valid {name}"):
        dicom_seg_bytes(marked(upload), upload.grid.source)


def test_name_and_id_and_nothing_else_are_kept_where_that_is_asked_for(series):
    _, upload = series
    content = dicom_seg_bytes(marked(upload), upload.grid.source, keep_identity=True)
    read = pydicom.dcmread(io.BytesIO(content))
    assert (str(read.PatientName), read.PatientID) == ("Secret^Person", "SECRET-7")
    assert not [name for name in SECRETS if read.get(name) and name[:7] != "Patient"]
    assert not [n for n in ("PatientBirthDate", "PatientSex", "PatientAge") if read.get(n)]
    assert "name and id" in KEEP_IDENTITY


def test_the_same_prediction_has_the_same_uids_and_another_has_others(series):
    _, upload = series
    one, again = (
        pydicom.dcmread(io.BytesIO(dicom_seg_bytes(marked(upload), upload.grid.source)))
        for _ in range(2)
    )
    other = pydicom.dcmread(io.BytesIO(dicom_seg_bytes(marked(upload, True), upload.grid.source)))
    assert one.SOPInstanceUID == again.SOPInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID


def test_it_is_among_the_files_of_a_dicom_input(series):
    _, upload = series
    volume = assemble(upload, guess_assignment(upload))
    record = record_of_volume(volume, upload.grid.slice_numbers)
    record = type(record)(**vars(record) | {"predicted": marked(upload)})
    files = prediction_files(record, upload.grid.source)
    assert "upload_prediction.dcm" in files
    assert not any(b"Secret" in content or b"SECRET" in content for content in files.values())


def test_images_that_it_could_not_refer_to_are_a_sentence_and_cost_no_other_file():
    _, files = written_series(leave_out=("FrameOfReferenceUID",))
    upload = open_inputs(files)
    with pytest.raises(BrainsegError, match="an image lacks a valid FrameOfReferenceUID"):
        dicom_seg_bytes(marked(upload), upload.grid.source)
    volume = assemble(upload, guess_assignment(upload))
    record = record_of_volume(volume, upload.grid.slice_numbers)
    record = type(record)(**vars(record) | {"predicted": marked(upload)})
    made = prediction_files(record, upload.grid.source)
    assert "upload_prediction.dcm" not in made
    assert "upload_prediction.nii.gz" in made
    assert "FrameOfReferenceUID" in made["upload_about.txt"].decode()


def profile_lab(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return what another implementation, LittleCMS, makes of an sRGB colour: Lab under D50."""
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    pixel = ImageCms.applyTransform(Image.new("RGB", (1, 1), colour), to_lab).getpixel((0, 0))
    return pixel[0] / 2.55, pixel[1] - 128.0, pixel[2] - 128.0


def srgb_of(lab: tuple[float, float, float]) -> np.ndarray:
    """Return an sRGB colour, 0..255, of Lab under D50, by the textbook and not by the product."""
    height = (lab[0] + 16) / 116
    shares = np.array([height + lab[1] / 500, height, height - lab[2] / 200])
    xyz = np.where(shares > 6 / 29, shares**3, 3 * (6 / 29) ** 2 * (shares - 4 / 29))
    linear = np.linalg.solve(XYZ_OF_SRGB, xyz * [0.96422, 1.0, 0.82521])
    bright = 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055
    return 255 * np.where(linear > 0.0031308, bright, 12.92 * linear)


def test_the_segment_has_the_colour_of_the_page_as_lab_under_d50(series):
    _, upload = series
    read = pydicom.dcmread(io.BytesIO(dicom_seg_bytes(marked(upload), upload.grid.source)))
    (segment,) = read.SegmentSequence
    stored = segment.RecommendedDisplayCIELabValue
    assert [type(value) for value in stored] == [int] * 3
    lab = highdicom.color.CIELabColor.from_dicom_value([*stored]).lab
    np.testing.assert_allclose(lab, profile_lab(PREDICTION_COLOUR), atol=1.0)
    np.testing.assert_allclose(srgb_of(lab), PREDICTION_COLOUR, atol=0.5)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (230, 159, 0), (3, 200, 90)])
def test_colours_come_back_from_lab(colour):
    np.testing.assert_allclose(srgb_of(lab_of(colour)), colour, atol=0.5)
    np.testing.assert_allclose(lab_of(colour), profile_lab(colour), atol=1.0)


def test_warnings_stand_in_the_segment_and_a_viewer_sees_that_there_are_some(series):
    _, upload = series
    warnings = ("These files are CT, not MR.", "“Odd” − very. " + "long " * 300)
    content = dicom_seg_bytes(marked(upload), upload.grid.source, warnings=warnings)
    read = pydicom.dcmread(io.BytesIO(content))
    (segment,) = read.SegmentSequence
    assert segment.SegmentLabel.startswith("WARNINGS")
    assert segment.SegmentDescription.startswith(
        'Warning: These files are CT, not MR. Warning: "Odd" - very. long'
    )
    assert len(segment.SegmentDescription) <= 1024
    assert read.SeriesDescription.startswith("WARNINGS")
    assert max(len(read.SeriesDescription), len(segment.SegmentLabel)) <= 64
    bare = pydicom.dcmread(io.BytesIO(dicom_seg_bytes(marked(upload), upload.grid.source)))
    assert "SegmentDescription" not in bare.SegmentSequence[0]
    assert bare.SOPInstanceUID != read.SOPInstanceUID
