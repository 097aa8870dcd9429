"""One DICOM file: the headers of its images, and what they say of geometry.

The code only checks whether patient tags are present; it never reads them into a message.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.dicom.dataset import read_header
from brainseg.io.dicom.elements import PIXEL_DATA, Elements, read_elements
from brainseg.io.dicom.evidence import Belonging, read_evidence
from brainseg.io.dicom.frames import ENHANCED_MR, frame_headers
from brainseg.io.limits import check_planes, or_damaged
from brainseg.io.sequence_guess import Evidence

if TYPE_CHECKING:
    import pydicom

FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_PATIENT = {
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "PatientBirthDate": 0x00100030,
    "OtherPatientIDs": 0x00101000,
    "PatientAddress": 0x00101040,
}
_IMAGE = (
    *(0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080060, 0x00180050, 0x00180081),
    *(0x00180088, 0x0020000D, 0x0020000E, 0x00200012, 0x00200013, 0x00200032, 0x00200037),
    *(0x00200052, 0x00200100, 0x00280002, 0x00280004, 0x00280008, 0x00280006, 0x00280010),
    *(0x00280011, 0x00280030, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280301),
    *(0x00281052, 0x00281053),
)
"""What reading and exports need: numbers, codes and UIDs, no description, date, device or physician."""
KEPT = frozenset((*_PATIENT.values(), *_IMAGE))
_MODALITY_LUT = 0x00283000

_GREY = ("MONOCHROME1", "MONOCHROME2")
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_NO_PICTURE = {
    f"{_STORAGE}4.2": "MR spectroscopy",
    f"{_STORAGE}30": "a parametric map",
    f"{_STORAGE}66": "raw data",
    f"{_STORAGE}66.1": "a spatial registration",
    f"{_STORAGE}66.4": "a segmentation",
    f"{_STORAGE}66.5": "a surface segmentation",
    f"{_STORAGE}66.7": "a segmentation",
    f"{_STORAGE}104.1": "a PDF",
    f"{_STORAGE}481.2": "a radiotherapy dose",
    f"{_STORAGE}481.3": "radiotherapy contours (RT Structure Set)",
    f"{_STORAGE}481.5": "a radiotherapy plan",
    "1.2.840.10008.1.3.10": "a list of files (DICOMDIR)",
}
_NO_PICTURES = {f"{_STORAGE}11.": "a presentation state", f"{_STORAGE}88.": "a report"}
"""By what their UIDs begin with."""

_OTHER_ENHANCED = {
    f"{_STORAGE}2.1": "an enhanced CT image",
    f"{_STORAGE}2.2": "an enhanced CT image",
    f"{_STORAGE}4.3": "an enhanced MR image in colour",
    f"{_STORAGE}128.1": "an enhanced PET image",
    f"{_STORAGE}130": "an enhanced PET image",
}
_OTHER_MODALITIES = {
    "CT": "CT",
    "PT": "PET",
    "NM": "nuclear medicine",
    "US": "ultrasound",
    "IVUS": "ultrasound",
    **dict.fromkeys(("CR", "DX", "MG", "RG", "IO", "PX"), "X-ray"),
    **dict.fromkeys(("XA", "RF"), "fluoroscopy"),
    **dict.fromkeys(("ES", "XC", "GM"), "photographs"),
    "SM": "microscopy",
    **dict.fromkeys(("OP", "OPT", "OCT", "IVOCT"), "optical images"),
}
"""Values of Modality for images that are not MR (PS3.3 C.7.3.1.1.1), in words. “OT” says nothing."""

MOSAIC = (
    "it is a Siemens mosaic (all slices of a volume tiled into one picture): convert the series to "
    "NIfTI, for example with dcm2niix, and give that"
)
NO_SPACING = (
    "The pixel spacing of the files is not usable, so sizes are given in pixels: correct the tag "
    "PixelSpacing for millimetres."
)
NO_PLACE = (
    "The position or orientation of some files is not usable, so left and right are unknown there."
)


@dataclass(frozen=True, eq=False, repr=False)
class DicomImage:
    """One DICOM image, or one frame of an enhanced one, not yet decoded.

    Attributes:
        elements: the file's own.
        header: the elements kept, encoded; see :func:`read_header`.
        frame: its place among the
        frames: of the file.
        size: (rows, columns).
        bits: (allocated, stored).
        is_signed: whether pixels may be negative.
        is_inverted: whether the smallest value is white.
        slope: and
        intercept: what a stored value means.
        position: (3,) mm of the first pixel's centre, as the file has it (LPS+); None where unknown.
        directions: (2, 3) along a row and along a column, unit vectors in LPS+; None where unknown.
        spacing_mm: (row, column); None where unknown.
        thickness_mm: of the slice; None where unknown.
        space: the UID of the frame of reference, empty where unknown; never shown.
        series: what tells the series of one upload apart; never shown.
        instance: the UID of the image; never shown.
        moment: echo, acquisition and time, which tell repeats of one place apart.
        number: of the image within its series, or of the frame; None where unknown.
        evidence: what it says that bears on its sequence.
        belonging: whose it is, and its place among repeats.
        has_patient_data: whether a name, an id or a birth date stands in it.
        has_burned_in: whether it says that text stands in its pixels.
        modality: other than MR in a person's word, None for MR or unknown.
        warnings: of unusable tags, one sentence each.
    """

    elements: Elements
    header: bytes
    frame: int
    frames: int
    size: tuple[int, int]
    bits: tuple[int, int]
    is_signed: bool
    is_inverted: bool
    slope: float
    intercept: float
    position: np.ndarray | None
    directions: np.ndarray | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float | None
    space: str
    series: str
    instance: str
    moment: tuple[float, ...]
    number: int | None
    evidence: Evidence
    belonging: Belonging
    has_patient_data: bool
    has_burned_in: bool
    modality: str | None = field(default=None)
    warnings: tuple[str, ...] = ()

    @property
    def stored_bytes(self) -> int:
        """Return what the pixels take as stored, decompressed."""
        return math.prod(self.size) * self.bits[0] // 8


def read_images(data: bytes) -> tuple[DicomImage, ...]:
    """Return the headers, checked, of a DICOM file's images: one, or one for each frame.

    Args:
        data: the whole file.

    Raises:
        DecodeError: damaged, no image, or of a kind that is not read; the reason alone.
    """

    def read() -> tuple[DicomImage, ...]:
        elements = read_elements(data)
        header = read_header(elements.only(KEPT))
        _check_is_image(elements, header)
        if not _is_enhanced(header):
            return (_image_of(elements, elements.only(KEPT)),)
        frame_bytes = math.prod(_size_of(header)) * int(header.BitsAllocated) // 8
        headers = list(frame_headers(elements, KEPT, frame_bytes))
        if len(headers) != int(header.get("NumberOfFrames") or 1):
            raise DecodeError(
                f"it describes {len(headers)} frames, its header says "
                f"{int(header.get('NumberOfFrames') or 1)}"
            )
        return tuple(
            _image_of(elements, encoded, place, len(headers))
            for place, encoded in enumerate(headers)
        )

    try:
        return or_damaged(read)
    except DecodeError as reason:
        # What pydicom said may quote a tag, so it does not travel with the reason.
        raise DecodeError(str(reason)) from None


def _is_enhanced(header: "pydicom.Dataset") -> bool:
    return str(header.get("SOPClassUID", "")) in ENHANCED_MR


def _size_of(header: "pydicom.Dataset") -> tuple[int, int]:
    size = (int(header.Rows), int(header.Columns))
    check_planes(1, *size)
    return size


def _image_of(elements: Elements, encoded: bytes, frame: int = 0, frames: int = 1) -> DicomImage:
    header = read_header(encoded)
    if any("MOSAIC" in str(header.get(name)).upper() for name in ("ImageType", "FrameType")):
        raise DecodeError(MOSAIC)
    size = _size_of(header)
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
    slope, intercept = _scaling(header)
    position, directions, spacing, warnings = _geometry(header)
    evidence, belonging = read_evidence(elements, header)
    parts = ("SeriesInstanceUID", "StackID", "ComplexImageComponent")
    return DicomImage(
        elements,
        encoded,
        frame,
        frames,
        size,
        (allocated, stored),
        int(header.get("PixelRepresentation", 0)) == 1,
        colours == "MONOCHROME1",
        slope,
        intercept,
        position,
        directions,
        spacing,
        _thickness(header),
        str(header.get("FrameOfReferenceUID") or ""),
        "/".join((*belonging.whose, *(str(header.get(name) or "") for name in parts))),
        str(header.get("SOPInstanceUID") or ""),
        _moment(header),
        _number(header),
        evidence,
        belonging,
        any(str(header.get(name) or "").strip() for name in _PATIENT),
        str(header.get("BurnedInAnnotation", "")).strip().upper() == "YES",
        _OTHER_MODALITIES.get(str(header.get("Modality", "")).strip()),
        warnings,
    )


def _check_is_image(elements: Elements, header: "pydicom.Dataset") -> None:
    kind = str(header.get("SOPClassUID", ""))
    held = _NO_PICTURE.get(kind)
    held = held or next((told for uid, told in _NO_PICTURES.items() if kind.startswith(uid)), None)
    if held:
        raise DecodeError(f"it holds {held}, no image")
    if kind in _OTHER_ENHANCED:
        raise DecodeError(f"it is {_OTHER_ENHANCED[kind]}; expected MR")
    if any(tag in elements.found for tag in FLOAT_PIXELS):
        raise DecodeError("its pixels are floating-point; expected whole numbers")
    if PIXEL_DATA not in elements.found:
        raise DecodeError("it holds no pixels")
    missing = [name for name in ("Rows", "Columns", "BitsAllocated") if name not in header]
    if missing:
        raise DecodeError(f"its header lacks {missing[0]}, so its pixels cannot be read")
    frames = int(header.get("NumberOfFrames") or 1)
    if frames != 1 and not _is_enhanced(header):
        raise DecodeError(
            f"it holds {frames} frames; of multi-frame images only enhanced MR is read: export the "
            "series as single slices"
        )
    if _MODALITY_LUT in elements.found:
        raise DecodeError("its values need a lookup table (modality LUT), which is not supported")


def _scaling(header: "pydicom.Dataset") -> tuple[float, float]:
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    slope = 1.0 if slope in (None, "") else float(slope)
    intercept = 0.0 if intercept in (None, "") else float(intercept)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        raise DecodeError("its rescale slope or intercept is no usable number")
    return slope, intercept


def _geometry(
    header: "pydicom.Dataset",
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[float, float] | None, tuple[str, ...]]:
    """Return position, directions, spacing, and warnings; unusable values are None."""
    warnings = []
    spacing: tuple[float, float] | None = None
    stored = _numbers(header, "PixelSpacing", 2)
    if stored is not None and ((stored > 1e-6) & (stored < 1e4)).all():
        spacing = float(stored[0]), float(stored[1])
    elif "PixelSpacing" in header:
        warnings.append(NO_SPACING)
    position = _numbers(header, "ImagePositionPatient", 3)
    directions = _numbers(header, "ImageOrientationPatient", 6)
    if directions is None or position is None:
        if any(_is_filled(header, f"Image{what}Patient") for what in ("Position", "Orientation")):
            warnings.append(NO_PLACE)
        return None, None, spacing, tuple(warnings)
    directions = directions.reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-2):
        raise DecodeError("its rows and columns do not stand at right angles in its orientation")
    return position, directions, spacing, tuple(warnings)


def _numbers(header: "pydicom.Dataset", name: str, count: int) -> np.ndarray | None:
    """Return a tag's numbers; None where it is missing, or has another count of numbers."""
    try:
        value = header.get(name)
        numbers = np.array([float(number) for number in value])
    except (TypeError, ValueError, ArithmeticError):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _is_filled(header: "pydicom.Dataset", name: str) -> bool:
    return name in header and bool(header.get_item(name).value)


def _thickness(header: "pydicom.Dataset") -> float | None:
    try:
        thickness = float(header.get("SliceThickness"))
    except (TypeError, ValueError, ArithmeticError):
        return None
    return thickness if 1e-6 < thickness < 1e4 else None


def _first(header: "pydicom.Dataset", *names: str) -> float:
    """Return the first of several tags that holds a number, else 0."""
    for name in names:
        try:
            return float(header.get(name))
        except (TypeError, ValueError, ArithmeticError):
            continue
    return 0.0


def _moment(header: "pydicom.Dataset") -> tuple[float, ...]:
    return (
        _first(header, "EffectiveEchoTime", "EchoTime"),
        _first(header, "TemporalPositionIndex", "TemporalPositionIdentifier"),
        _first(header, "FrameAcquisitionNumber", "AcquisitionNumber"),
        _first(header, "InstanceNumber"),
    )


def _number(header: "pydicom.Dataset") -> int | None:
    try:
        return int(header.get("InstanceNumber"))
    except (TypeError, ValueError, ArithmeticError):
        return None
