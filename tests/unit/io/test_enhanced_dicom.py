"""Enhanced (multi-frame) MR: each frame in its place, and the way back into a segmentation."""

import io
from collections.abc import Sequence

import highdicom
import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from support import predictions
from support.dicom_files import COMPRESSED
from support.files import SECRET, dicom_series

from brainseg.errors import DecodeError
from brainseg.exports.dicom_seg import dicom_seg_bytes
from brainseg.io import (
    InputFile,
    Upload,
    assemble,
    guess_assignment,
    open_inputs,
    ruling_grid,
)
from brainseg.io.dicom.frames import ENHANCED_MR
from brainseg.volume import FLAIR, PRE_CONTRAST

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
STACK = np.random.default_rng(0).integers(0, 4096, (5, 48, 40)).astype(np.uint16)
AXIAL = [1, 0, 0, 0, 1, 0]


def group(**elements: object) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def frame(
    place: float,
    echo: float | None = None,
    time: int | None = None,
    rescale: tuple[float, float] | None = None,
    orientation: Sequence[float] | None = None,
    component: str | None = None,
) -> Dataset:
    """Return the functional groups of one frame at a height in mm."""
    item = Dataset()
    item.FrameContentSequence = [group(FrameAcquisitionNumber=1, StackID="1")]
    if time is not None:
        item.FrameContentSequence[0].TemporalPositionIndex = time
    item.PlanePositionSequence = [group(ImagePositionPatient=[-50, -60, place])]
    if orientation is not None:
        item.PlaneOrientationSequence = [group(ImageOrientationPatient=list(orientation))]
    if echo is not None:
        item.MREchoSequence = [group(EffectiveEchoTime=echo)]
    if rescale is not None:
        slope, intercept = rescale
        item.PixelValueTransformationSequence = [
            group(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
        ]
    if component is not None:
        item.MRImageFrameTypeSequence = [group(ComplexImageComponent=component)]
    return item


def enhanced(
    pixels: np.ndarray,
    frames: list[Dataset],
    syntax: str = EXPLICIT,
    undefined: bool = True,
    **tags: object,
) -> bytes:
    """Return an enhanced MR image of (frame, row, column) uint16."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SOPClassUID, image.SOPInstanceUID = ENHANCED_MR[0], "1.2.3.5"
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    image.FrameOfReferenceUID = "1.2.3.3"
    image.Modality, image.SeriesDescription = "MR", "ax t2 flair"
    image.PatientName, image.InstanceNumber = SECRET, 1
    image.NumberOfFrames = len(pixels)
    image.Rows, image.Columns = pixels.shape[1:]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    shared = Dataset()
    shared.PixelMeasuresSequence = [group(PixelSpacing=[0.9, 0.8], SliceThickness=5)]
    if all("PlaneOrientationSequence" not in item for item in frames):
        shared.PlaneOrientationSequence = [group(ImageOrientationPatient=AXIAL)]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = frames
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        image[name].is_undefined_length = undefined
    if syntax in (EXPLICIT, IMPLICIT):
        image.PixelData = pixels.tobytes()
    elif syntax == BIG:
        image.PixelData = pixels.byteswap().tobytes()
    else:
        image.PixelData = encapsulate([COMPRESSED[syntax](plane) for plane in pixels])
        image["PixelData"].is_undefined_length = True
    for name, value in tags.items():
        setattr(image, name, value)
    image["PixelData"].VR = "OB" if syntax in COMPRESSED else "OW"
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def opened(data: bytes) -> Upload:
    return open_inputs([InputFile("enhanced.dcm", data)])


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, *COMPRESSED])
def test_frames_are_sorted_in_space_and_equal_single_slices(syntax: str, undefined: bool) -> None:
    order = [3, 0, 4, 1, 2]
    data = enhanced(STACK[order], [frame(5.0 * place) for place in order], syntax, undefined)
    upload = opened(data)
    plain = open_inputs(dicom_series(STACK, PixelSpacing=[0.9, 0.8], BitsStored=12, HighBit=11))
    (series,) = upload.series
    assert np.array_equal(series.pixels, plain.series[0].pixels)
    assert series.guess == FLAIR
    assert upload.grid.spacing_mm == (5.0, 0.9, 0.8)
    assert np.allclose(upload.grid.affine, plain.grid.affine)
    assert upload.grid.space == plain.grid.space
    assert SECRET not in repr(upload)
    assert upload.notes[0].startswith("these DICOM files contain patient identifiers")


@pytest.mark.parametrize("what", ["echo", "time", "component"])
def test_echoes_times_and_components_of_one_place_are_stacks_of_their_own(what: str) -> None:
    values = {"echo": (20.0, 90.0), "time": (1, 2), "component": ("MAGNITUDE", "PHASE")}[what]
    frames = [frame(5.0 * place, **{what: value}) for place in range(5) for value in values]
    both = np.stack([STACK, STACK[::-1]], axis=1).reshape(10, 48, 40)
    upload = opened(enhanced(both, frames))
    assert len(upload.series) == 2
    expected = opened(enhanced(STACK, [frame(5.0 * place) for place in range(5)])).series[0].pixels
    assert np.array_equal(upload.series[0].pixels, expected)
    assert np.array_equal(upload.series[1].pixels, expected[::-1])


def test_each_frame_s_rescale_is_applied() -> None:
    plane = STACK[0]
    frames = [frame(5.0 * n, rescale=(n + 1, 0)) for n in range(2)]
    series = opened(enhanced(np.stack([plane, plane]), frames)).series[0]
    assert "2 rescale slopes applied" in series.notes
    assert np.abs(series.pixels[1].astype(int) - 2.0 * series.pixels[0]).max() <= 1


def test_a_frame_in_another_plane_is_left_out_with_a_note() -> None:
    frames = [frame(5.0 * place, orientation=AXIAL) for place in range(5)]
    frames[4] = frame(0.0, orientation=[0, 1, 0, 0, 0, -1])
    upload = opened(enhanced(STACK, frames))
    assert len(upload.series[0].pixels) == 4
    assert "1 image lies in another plane" in " ".join(upload.series[0].notes)


def test_frames_in_several_fragments_are_joined_by_their_offset_table() -> None:
    frames = [imagecodecs.jpeg2k_encode(p, codecformat="j2k", reversible=True) for p in STACK]
    data = enhanced(
        STACK,
        [frame(5.0 * place) for place in range(5)],
        "1.2.840.10008.1.2.4.90",
        PixelData=encapsulate(frames, fragments_per_frame=3, has_bot=True),
    )
    expected = opened(enhanced(STACK, [frame(5.0 * place) for place in range(5)]))
    assert np.array_equal(opened(data).series[0].pixels, expected.series[0].pixels)


def test_an_enhanced_image_and_single_slices_are_sequences_of_one_volume() -> None:
    t1 = dicom_series(
        (STACK // 16).astype(np.uint8),
        SeriesInstanceUID="1.2.3.9",
        SeriesDescription="ax t1 pre",
        PixelSpacing=[0.9, 0.8],
    )
    data = enhanced(STACK, [frame(5.0 * place) for place in range(5)])
    upload = open_inputs([InputFile("enhanced.dcm", data), *t1])
    volume = assemble(upload, guess_assignment(upload))
    assert np.array_equal(volume.sequence(PRE_CONTRAST), (STACK // 16).astype(np.uint8))


@pytest.mark.parametrize(
    ("count", "tags", "told"),
    [
        (5, {"NumberOfFrames": 6}, "it describes 5 frames, its header says 6"),
        (5, {"PixelData": bytes(48 * 40 * 2 * 4)}, "its pixels are 15,360 bytes"),
        (9000, {}, "9,000 frames exceed 8,192"),
        (3, {"Rows": 9000, "Columns": 1700}, "frame|MP|MiB|bytes"),
        (5, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, "only enhanced MR is read"),
        (5, {"ImageType": ["ORIGINAL", "PRIMARY", "MOSAIC"]}, "Siemens mosaic"),
    ],
)
def test_what_is_wrong_is_said_before_a_pixel_is_read(count: int, tags: dict, told: str) -> None:
    data = enhanced(STACK, [frame(5.0 * place) for place in range(count)], **tags)
    with pytest.raises(DecodeError, match=told):
        opened(data)


def test_more_frames_than_the_limit_of_bytes_are_refused_from_the_header() -> None:
    frames = [frame(float(place)) for place in range(200)]
    data = enhanced(STACK, frames, NumberOfFrames=200, Rows=1000, Columns=1000)
    with pytest.raises(DecodeError, match="382 MiB inflated exceed 256 MiB"):
        opened(data)


def test_a_damaged_enhanced_image_never_gives_a_traceback() -> None:
    data = enhanced(STACK, [frame(5.0 * place) for place in range(5)])
    rng = np.random.default_rng(0)
    start = data.index(b"\x00\x52\x29\x92")
    for _ in range(300):
        mutated = bytearray(data)
        for at in rng.integers(start, len(data) - STACK.nbytes, 3):
            mutated[at] = rng.integers(0, 256)
        try:
            upload = opened(bytes(mutated))
        except DecodeError as refusal:
            assert SECRET not in str(refusal)
        else:
            assert upload.series


@pytest.mark.parametrize("echoes", [1, 2])
def test_a_segmentation_refers_to_the_frames_that_were_predicted(echoes: int) -> None:
    places = [3, 0, 4, 1, 2]
    frames = [frame(5.0 * place, echo=20.0 + echo) for echo in range(echoes) for place in places]
    pixels = np.concatenate([STACK[places]] * echoes)
    upload = opened(enhanced(pixels, frames, PatientID="1", StudyDate="20200101"))
    source = ruling_grid(upload, {FLAIR: 0}).source
    mask = np.zeros(STACK.shape, bool)
    mask[1, 10:20, 10:20] = mask[3, 5:9, 5:9] = True
    predicted = predictions.made("m", "unknown", (0,), 0.5, mask.astype(np.float32), None)
    written = io.BytesIO(dicom_seg_bytes(predicted, source))
    dataset = pydicom.dcmread(written)
    assert SECRET not in str(dataset)
    references = [
        [
            int(one.ReferencedFrameNumber)
            for one in item.DerivationImageSequence[0].SourceImageSequence
        ]
        for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert sorted(references) == [[1], [4]]
    written.seek(0)
    planes = highdicom.seg.segread(written).get_pixels_by_source_frame(
        "1.2.3.5", [1, 4], segment_numbers=[1], assert_missing_frames_are_empty=True
    )
    assert np.array_equal(planes[..., 0].astype(bool), mask[[3, 1]])
