"""One DICOM file: its header where it is an image, and what it says of geometry.

Of the patient only whether anything is said is looked at. No tag stands in a message, and pydicom's own
messages, which quote values, are dropped.
"""

import io
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.assignment import guess_from_words
from brainseg.formats.dicom_elements import PIXEL_DATA, Elements, read_elements
from brainseg.formats.limits import check_planes, or_damaged

if TYPE_CHECKING:
    import pydicom

# What it thinks of a strange value quotes that value: it goes nowhere.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False

FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_PATIENT = {
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "PatientBirthDate": 0x00100030,
    "OtherPatientIDs": 0x00101000,
    "PatientAddress": 0x00101040,
}
_STUDY = (
    *(0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080021, 0x00080022, 0x00080023),
    *(0x00080030, 0x00080031, 0x00080032, 0x00080033, 0x00080050, 0x00080060, 0x00080070),
    *(0x00080090, 0x00081030, 0x00100040, 0x00101010, 0x00101020, 0x00101030),
    *(0x0020000D, 0x0020000E, 0x00200010, 0x00200011, 0x00200052, 0x00201040),
)
"""What a derived object repeats of its study; no institution, no physician but the referring one."""
_IMAGE = (
    *(0x0008103E, 0x00180010, 0x00180050, 0x00180081, 0x00180086, 0x00180088, 0x00200012),
    *(0x00200013, 0x00200032, 0x00200037, 0x00200100, 0x00280002, 0x00280004, 0x00280006),
    *(0x00280008, 0x00280010, 0x00280011, 0x00280030, 0x00280100, 0x00280101, 0x00280102),
    *(0x00280103, 0x00280301, 0x00281052, 0x00281053, 0x00283000),
)
KEPT = frozenset((*_PATIENT.values(), *_STUDY, *_IMAGE))

_GREY = ("MONOCHROME1", "MONOCHROME2")
_NO_PICTURE = {
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation",
    "1.2.840.10008.5.1.4.1.1.481.2": "a radiotherapy dose",
    "1.2.840.10008.5.1.4.1.1.481.3": "radiotherapy contours (RT Structure Set)",
    "1.2.840.10008.5.1.4.1.1.481.5": "a radiotherapy plan",
    "1.2.840.10008.1.3.10": "a list of files (DICOMDIR)",
}
_OTHER_MODALITIES = {"CT": "CT", "PT": "PET", "NM": "nuclear medicine", "US": "ultrasound"}


@dataclass(frozen=True, eq=False, repr=False)
class DicomImage:
    """One DICOM image, not yet decoded.

    Attributes:
        elements: the file's own.
        header: the elements kept, encoded; see :func:`read_header`.
        size: (frames, rows, columns).
        bits: (allocated, stored).
        is_signed: whether pixels may be negative.
        is_inverted: whether the smallest value is white.
        slope: and
        intercept: what a stored value means.
        position: (3,) mm of the first pixel's centre, as the file has it (LPS+); None where unknown.
        directions: (2, 3) along a row and along a column, unit vectors in LPS+; None where unknown.
        spacing_mm: (row, column); None where unknown.
        series: what tells the series of one upload apart; never shown.
        moment: echo, acquisition and time, which tell repeats of one place apart.
        number: of the image within its series, None where unknown.
        guess: the sequence that its description suggests.
        has_patient_data: whether a name, an id or a birth date stands in it.
        has_burned_in: whether it says that text stands in its pixels.
        modality: other than MR in a person's word, None for MR or unknown.
    """

    elements: Elements
    header: bytes
    size: tuple[int, int, int]
    bits: tuple[int, int]
    is_signed: bool
    is_inverted: bool
    slope: float
    intercept: float
    position: np.ndarray | None
    directions: np.ndarray | None
    spacing_mm: tuple[float, float] | None
    series: str
    moment: tuple[float, ...]
    number: int | None
    guess: str | None
    has_patient_data: bool
    has_burned_in: bool
    modality: str | None = field(default=None)

    @property
    def stored_bytes(self) -> int:
        """Return what the pixels take as stored, decompressed."""
        return math.prod(self.size) * self.bits[0] // 8


def read_header(encoded: bytes) -> "pydicom.Dataset":
    """Return the dataset of elements that :meth:`Elements.only` kept.

    Its text shows the patient's name: never print, log or keep it.
    """
    import pydicom
    from pydicom.filereader import read_dataset

    order = encoded[:1]
    dataset = read_dataset(io.BytesIO(encoded[1:]), order == b"I", order != b"B")
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return dataset


def read_image(data: bytes) -> DicomImage:
    """Return a DICOM file's header, checked, where it is an image that can be read.

    Args:
        data: the whole file.

    Raises:
        DecodeError: damaged, no image, or of a kind that is not read; the reason alone.
    """
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE

    def read() -> DicomImage:
        elements = read_elements(data)
        return _image_of(elements, read_header(elements.only(KEPT)))

    try:
        return or_damaged(read)
    except DecodeError as reason:
        # What pydicom said may quote a tag, so it does not travel with the reason.
        raise DecodeError(str(reason)) from None


def _image_of(elements: Elements, header: "pydicom.Dataset") -> DicomImage:
    _check_is_image(elements, header)
    frames = int(header.get("NumberOfFrames") or 1)
    size = (frames, int(header.Rows), int(header.Columns))
    if frames != 1:
        raise DecodeError(f"it holds {frames} frames (enhanced DICOM); expected one slice a file")
    check_planes(*size)
    if int(header.get("SamplesPerPixel", 1)) != 1:
        raise DecodeError(f"{int(header.SamplesPerPixel)} channels; expected one grey channel")
    colours = str(header.get("PhotometricInterpretation", "MONOCHROME2")).strip()
    if colours not in _GREY:
        raise DecodeError("its colours are a palette or another model; expected grey")
    allocated, stored = int(header.BitsAllocated), int(header.get("BitsStored") or 0)
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated:
        raise DecodeError(f"{stored} of {allocated} bits a pixel; expected up to 8, 16 or 32")
    if int(header.get("HighBit", stored - 1)) != stored - 1:
        raise DecodeError("its pixels are not stored from the lowest bit on")
    if 0x00283000 in elements.found:
        raise DecodeError("its values need a lookup table (modality LUT), which is not supported")
    slope, intercept = _scaling(header)
    position, directions, spacing = _geometry(header)
    words = f"{header.get('SeriesDescription', '')}"
    return DicomImage(
        elements,
        elements.only(KEPT),
        size,
        (allocated, stored),
        int(header.get("PixelRepresentation", 0)) == 1,
        colours == "MONOCHROME1",
        slope,
        intercept,
        position,
        directions,
        spacing,
        str(header.get("SeriesInstanceUID", "")),
        _moment(header),
        _number(header),
        guess_from_words(words, with_agent=bool(header.get("ContrastBolusAgent"))),
        any(str(header.get(name) or "").strip() for name in _PATIENT),
        str(header.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        _OTHER_MODALITIES.get(str(header.get("Modality", "")).strip()),
    )


def _check_is_image(elements: Elements, header: "pydicom.Dataset") -> None:
    kind = str(header.get("SOPClassUID", ""))
    if kind in _NO_PICTURE:
        raise DecodeError(f"it holds {_NO_PICTURE[kind]}, no image")
    if any(tag in elements.found for tag in FLOAT_PIXELS):
        raise DecodeError("its pixels are floating-point; expected whole numbers")
    if PIXEL_DATA not in elements.found:
        raise DecodeError("it holds no pixels")
    missing = [name for name in ("Rows", "Columns", "BitsAllocated") if name not in header]
    if missing:
        raise DecodeError(f"its header lacks {missing[0]}, so its pixels cannot be read")


def _scaling(header: "pydicom.Dataset") -> tuple[float, float]:
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    slope = 1.0 if slope in (None, "") else float(slope)
    intercept = 0.0 if intercept in (None, "") else float(intercept)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        raise DecodeError("its rescale slope or intercept is no usable number")
    return slope, intercept


def _geometry(
    header: "pydicom.Dataset",
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[float, float] | None]:
    spacing = _numbers(header, "PixelSpacing", 2)
    if spacing is not None and not ((spacing > 1e-6) & (spacing < 1e4)).all():
        raise DecodeError("its pixel spacing is no positive width")
    spacing = None if spacing is None else (float(spacing[0]), float(spacing[1]))
    position = _numbers(header, "ImagePositionPatient", 3)
    directions = _numbers(header, "ImageOrientationPatient", 6)
    if directions is None or position is None:
        return None, None, spacing
    directions = directions.reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-2):
        raise DecodeError("its rows and columns do not stand at right angles in its orientation")
    return position, directions, spacing


def _numbers(header: "pydicom.Dataset", name: str, count: int) -> np.ndarray | None:
    value = header.get(name)
    if value in (None, ""):
        return None
    numbers = np.array([float(number) for number in value])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DecodeError(f"its {name} is not {count} numbers")
    return numbers


def _moment(header: "pydicom.Dataset") -> tuple[float, ...]:
    names = ("EchoTime", "TemporalPositionIdentifier", "AcquisitionNumber", "InstanceNumber")
    return tuple(float(header.get(name) or 0) for name in names)


def _number(header: "pydicom.Dataset") -> int | None:
    value = header.get("InstanceNumber")
    return None if value in (None, "") else int(value)
