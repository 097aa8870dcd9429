"""What a DICOM object that refers to the images of a study takes from their headers, and says itself.

Only numbers and UIDs are copied: any text of the images could name the patient.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brainseg.errors import BrainsegError
from brainseg.io.dicom.frames import ENHANCED_MR

if TYPE_CHECKING:
    import pydicom

LONGEST_DESCRIPTION = 1024
"""Characters of a DICOM short text (ST)."""

_UIDS = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"),
    "FrameOfReferenceUID",
)
_NEEDED = (
    *(*_UIDS, "Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient"),
    "PixelSpacing",
)
_KEPT = (*(*_NEEDED, "InstanceNumber", "NumberOfFrames", "SliceThickness", "SpacingBetweenSlices"),)
_IDENTITY = ("PatientName", "PatientID")
_BLANK = (
    *("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    "ReferringPhysicianName",
)


def without_the_patient(
    header: "pydicom.Dataset", keep_identity: bool, what: str
) -> "pydicom.Dataset":
    """Return the tags that an object needs, and with them name and id only where asked for.

    Args:
        header: of an image.
        keep_identity: see :data:`brainseg.exports.dicom_seg.KEEP_IDENTITY`.
        what: the object, for messages: "segmentation" or "report".

    Raises:
        BrainsegError: the image lacks what the object must refer to.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    missing = [name for name in _NEEDED if not header.get(name)]
    missing += [name for name in set(_UIDS) - {*missing} if not UID(str(header.get(name))).is_valid]
    if missing:
        raise BrainsegError(
            f"no DICOM {what} was made: an image lacks a valid {_in_words(sorted(missing))}, to "
            "which it would refer; take the NIfTI files."
        )
    kept = Dataset()
    kept.file_meta = FileMetaDataset()
    kept.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name in _KEPT:
        if name in header:
            setattr(kept, name, header.get(name))
    for name in (*_IDENTITY, *_BLANK):
        setattr(kept, name, "")
    if keep_identity:
        kept.SpecificCharacterSet = "ISO_IR 192"
        for name in _IDENTITY:
            setattr(kept, name, str(header.get(name, "")))
    return kept


def is_multi_frame(image: "pydicom.Dataset") -> bool:
    """Return whether an image header is that of a frame of an enhanced image."""
    return "NumberOfFrames" in image and str(image.SOPClassUID) in ENHANCED_MR


def in_ascii(warnings: Sequence[str]) -> str:
    """Return warnings as one text in ASCII, which is part of every character set of the images."""
    said = " ".join(f"Warning: {warning}" for warning in warnings)
    plain = said.translate(str.maketrans("“”‘’–−×", "\"\"''--x"))
    return plain.encode("ascii", "replace").decode()


def uid_of(*parts: str) -> str:
    """Return a UID that the same parts always give."""
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=list(parts))


def _in_words(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
