"""The headers of the images in one DICOM file, with their geometry.

Patient tags are only checked for presence; no message contains them.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.dicom.dataset import number, numbers, read_header, text
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
        elements: of the file.
        header: the elements of :data:`KEPT`, encoded; see :func:`read_header`.
        frame: index of the frame in the file.
        frames: number of frames in the file.
        size: (rows, columns).
        bits: (allocated, stored).
        is_signed: whether pixels may be negative.
        is_inverted: whether the smallest value is white.
        slope: a stored value means ``slope * value + intercept``.
        intercept: see ``slope``.
        position: (3,) mm of the first pixel's centre in LPS+, as in the file; None if unknown.
        directions: (2, 3) along a row and along a column, unit vectors in LPS+; None if unknown.
        spacing_mm: (row, column); None if unknown.
        thickness_mm: of the slice; None if unknown.
        space: the UID of the frame of reference, empty if unknown; never shown.
        series: distinguishes the series of one upload; never shown.
        instance: the UID of the image; never shown.
        number: of the image within its series, or of the frame; None if unknown.
        evidence: for the sequence.
        belonging: its patient, study and series, and its position among repeats.
        has_patient_data: whether it contains a name, an id, an address or a birth date.
        has_burned_in: whether the header says that its pixels contain text.
        modality: in words if it is not MR, None for MR or unknown.
        warnings: one sentence for each unusable tag.
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
    number: int | None
    evidence: Evidence
    belonging: Belonging
    has_patient_data: bool
    has_burned_in: bool
    modality: str | None
    warnings: tuple[str, ...]

    @property
    def stored_bytes(self) -> int:
        """Return the size of the decompressed pixels."""
        return math.prod(self.size) * self.bits[0] // 8


def read_images(data: bytes) -> tuple[DicomImage, ...]:
    """Return the checked header of each image in a DICOM file: one image, or one per frame.

    Args:
        data: the whole file.

    Raises:
        DecodeError: damaged, no image, or of an unsupported kind; the reason alone.
    """
    try:
        return or_damaged(lambda: _read(data))
    except DecodeError as reason:
        # A message of pydicom may quote a tag, so it must not be chained to the reason.
        raise DecodeError(str(reason)) from None


def _read(data: bytes) -> tuple[DicomImage, ...]:
    elements = read_elements(data)
    encoded = elements.only(KEPT)
    header = read_header(encoded)
    _check_is_image(elements, header)
    if not _is_enhanced(header):
        return (_image_of(elements, encoded),)
    frame_bytes = math.prod(_size_of(header)) * int(header.BitsAllocated) // 8
    headers = list(frame_headers(elements, KEPT, frame_bytes))
    frames = int(header.get("NumberOfFrames") or 1)
    if len(headers) != frames:
        raise DecodeError(f"it describes {len(headers)} frames, its header says {frames}")
    return tuple(_image_of(elements, one, index, frames) for index, one in enumerate(headers))


def _is_enhanced(header: "pydicom.Dataset") -> bool:
    return text(header, "SOPClassUID") in ENHANCED_MR


def _size_of(header: "pydicom.Dataset") -> tuple[int, int]:
    size = (int(header.Rows), int(header.Columns))
    check_planes(1, *size)
    return size


def _colours_of(header: "pydicom.Dataset") -> str:
    if int(header.get("SamplesPerPixel", 1)) != 1:
        raise DecodeError(f"{int(header.SamplesPerPixel)} channels; expected one grey channel")
    colours = str(header.get("PhotometricInterpretation", "MONOCHROME2")).strip()
    if colours not in _GREY:
        raise DecodeError("its colours are a palette or another model; expected grey")
    return colours


def _bits_of(header: "pydicom.Dataset") -> tuple[int, int]:
    """Return the number of bits that a pixel takes in the file, and the number of those in use."""
    allocated, stored = int(header.BitsAllocated), int(header.get("BitsStored") or 0)
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated:
        raise DecodeError(f"{stored} of {allocated} bits a pixel; expected up to 8, 16 or 32")
    if int(header.get("HighBit", stored - 1)) != stored - 1:
        raise DecodeError("its pixels are not stored from the lowest bit on")
    return allocated, stored


def _image_of(elements: Elements, encoded: bytes, frame: int = 0, frames: int = 1) -> DicomImage:
    header = read_header(encoded)
    if any("MOSAIC" in text(header, name).upper() for name in ("ImageType", "FrameType")):
        raise DecodeError(MOSAIC)
    size, colours, bits = _size_of(header), _colours_of(header), _bits_of(header)
    slope, intercept = _scaling(header)
    position, directions, spacing, warnings = _geometry(header)
    thickness, instance_number = number(header, "SliceThickness"), number(header, "InstanceNumber")
    evidence, belonging = read_evidence(elements, header)
    parts = ("SeriesInstanceUID", "StackID", "ComplexImageComponent")
    return DicomImage(
        elements=elements,
        header=encoded,
        frame=frame,
        frames=frames,
        size=size,
        bits=bits,
        is_signed=int(header.get("PixelRepresentation", 0)) == 1,
        is_inverted=colours == "MONOCHROME1",
        slope=slope,
        intercept=intercept,
        position=position,
        directions=directions,
        spacing_mm=spacing,
        thickness_mm=thickness if thickness and 1e-6 < thickness < 1e4 else None,
        space=text(header, "FrameOfReferenceUID"),
        series="/".join((*belonging.whose, *(text(header, name) for name in parts))),
        instance=text(header, "SOPInstanceUID"),
        number=None if instance_number is None else int(instance_number),
        evidence=evidence,
        belonging=belonging,
        has_patient_data=any(text(header, name) for name in _PATIENT),
        has_burned_in=text(header, "BurnedInAnnotation").upper() == "YES",
        modality=_OTHER_MODALITIES.get(text(header, "Modality")),
        warnings=warnings,
    )


def _check_is_image(elements: Elements, header: "pydicom.Dataset") -> None:
    kind = text(header, "SOPClassUID")
    beginnings = (what for uid, what in _NO_PICTURES.items() if kind.startswith(uid))
    content = _NO_PICTURE.get(kind) or next(beginnings, None)
    if content:
        raise DecodeError(f"it contains {content}, no image")
    if kind in _OTHER_ENHANCED:
        raise DecodeError(f"it is {_OTHER_ENHANCED[kind]}; expected MR")
    if any(tag in elements.found for tag in FLOAT_PIXELS):
        raise DecodeError("its pixels are floating-point; expected whole numbers")
    if PIXEL_DATA not in elements.found:
        raise DecodeError("it contains no pixels")
    missing = [name for name in ("Rows", "Columns", "BitsAllocated") if name not in header]
    if missing:
        raise DecodeError(f"its header lacks {missing[0]}, so its pixels cannot be read")
    frames = int(header.get("NumberOfFrames") or 1)
    if frames != 1 and not _is_enhanced(header):
        raise DecodeError(
            f"it contains {frames} frames, but only enhanced MR is read frame by frame: export the "
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
    stored = numbers(header, "PixelSpacing", 2)
    if stored and all(1e-6 < mm < 1e4 for mm in stored):
        spacing = stored[0], stored[1]
    elif "PixelSpacing" in header:
        warnings.append(NO_SPACING)
    names = ("ImagePositionPatient", "ImageOrientationPatient")
    position, axes = numbers(header, names[0], 3), numbers(header, names[1], 6)
    if position is None or axes is None:
        if any(name in header and header.get_item(name).value for name in names):
            warnings.append(NO_PLACE)
        return None, None, spacing, tuple(warnings)
    directions = np.array(axes).reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-2):
        raise DecodeError("its rows and columns are not at right angles in its orientation")
    return np.array(position), directions, spacing, tuple(warnings)
