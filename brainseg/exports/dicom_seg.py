"""DICOM Segmentation objects: a prediction that a viewer of the study can lay over its images.

The object belongs to the study (its UIDs are kept, and each frame refers to its image), so it is not
anonymous, even if name and id are blank: anyone with the study can identify the patient.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brainseg import RESEARCH_USE, __version__
from brainseg.errors import BrainsegError
from brainseg.exports.dicom_study import (
    LONGEST_DESCRIPTION,
    in_ascii,
    is_multi_frame,
    uid_of,
    without_the_patient,
)
from brainseg.imaging import PREDICTION_COLOUR
from brainseg.inference.record import Predicted
from brainseg.models.exposure import fold_words

if TYPE_CHECKING:
    import highdicom
    import pydicom

    from brainseg.io.upload import DicomSource

KEEP_IDENTITY = (
    "Write the patient's name and id from the images into the DICOM segmentation and report: an archive "
    "needs them to file the object with its study. Without this both are blank. The study's UIDs are "
    "kept in either case, so anyone with the study can still identify the patient; birth date, "
    "sex, accession number, dates of the study, physicians and institution are left out in either case."
)
"""What the choice of ``keep_identity`` means, for a page to say beside its box."""

SERIES_DESCRIPTION = "Research only, not a medical device: brainseg prediction"
WARNED_DESCRIPTION = "WARNINGS: see segment. Research only: brainseg prediction"
CONTENT_LABEL = "RESEARCH_ONLY"
_LONGEST_TARGET = 64 - len("WARNINGS:  (predicted)")  # a segment's label has at most 64 characters

XYZ_OF_SRGB = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""From linear sRGB to XYZ under D50, the profile connection space of ICC that DICOM's CIELab is in
(PS3.3 C.10.7.1.1); its rows sum to the white point. The white of sRGB, D65, is adapted by Bradford."""

_OUT_OF_REACH_MM = 1e6
_SERIES_NUMBER = 9000  # far from those of a scanner


def dicom_seg_bytes(
    predicted: Predicted,
    source: "DicomSource",
    keep_identity: bool = False,
    warnings: Sequence[str] = (),
) -> bytes:
    """Return a prediction's mask as a DICOM Segmentation object of one binary segment.

    The segment has the colour of the page's prediction, without which some viewers do not open it.

    Args:
        predicted: its mask is on the grid of the volume that the images became.
        source: of the grid of that volume; the frames refer to its images.
        keep_identity: see :data:`KEEP_IDENTITY`.
        warnings: a sentence each; with any, the label of the segment and the description of the series
            say so, and the description of the segment has them.

    Raises:
        BrainsegError: the images lack what a segmentation object must refer to.
    """
    import highdicom

    frames = np.ascontiguousarray(source.back(predicted.mask)).astype(np.uint8)
    version = (predicted.digest or "unknown")[:16]
    try:
        images = [
            without_the_patient(one, keep_identity, "segmentation") for one in source.datasets()
        ]
        _make_parallel(images)
        content = hashlib.sha256(frames.tobytes()).hexdigest()
        identity = [str(images[0].SOPInstanceUID), version, content, *warnings]
        segmentation = highdicom.seg.Segmentation(
            source_images=[_multi_frame(images)] if is_multi_frame(images[0]) else images,
            pixel_array=frames,
            plane_positions=_positions(images),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_segment(predicted, version, warnings)],
            series_instance_uid=uid_of("series", *identity),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=uid_of("instance", *identity),
            instance_number=1,
            manufacturer="brainseg",
            manufacturer_model_name=predicted.model[:64],
            software_versions=__version__,
            device_serial_number=version,
            content_label=CONTENT_LABEL,
            content_description=RESEARCH_USE,
            content_creator_name="brainseg^",  # a name of one component ends so
            content_qualification=highdicom.ContentQualificationValues.RESEARCH,
            series_description=WARNED_DESCRIPTION if warnings else SERIES_DESCRIPTION,
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        # highdicom's own words may hold a value of the images.
        raise BrainsegError(
            "no DICOM segmentation was made: the images' headers do not fit together as one stack; take "
            "the NIfTI files."
        ) from error
    file = io.BytesIO()
    segmentation.save_as(file, enforce_file_format=True)
    return file.getvalue()


def lab_of(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return an sRGB colour as CIE L*a*b* under D50, L* 0..100.

    highdicom's own conversion stays under D65, which is not what DICOM asks for.

    Args:
        colour: RGB, 0..255.
    """
    channels = np.array(colour) / 255
    bright = channels > 0.04045
    linear = np.where(bright, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    share = XYZ_OF_SRGB @ linear / XYZ_OF_SRGB.sum(axis=1)
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share * (29 / 6) ** 2 / 3 + 4 / 29)
    return float(116 * y - 16), float(500 * (x - y)), float(200 * (y - z))


def segment_label(target: str, has_warnings: bool) -> str:
    """Return the label of the segment of what a model predicts."""
    target = target.encode("ascii", "replace").decode()
    label = f"{target[:_LONGEST_TARGET]} (predicted)"
    return f"WARNINGS: {label}" if has_warnings else label


def _segment(
    predicted: Predicted, version: str, warnings: Sequence[str]
) -> "highdicom.seg.SegmentDescription":
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=predicted.model[:64],
        family=codes.DCM.ArtificialIntelligence,
        version=version,
        source="brainseg",
        parameters={
            "predicted by": fold_words(predicted.folds),
            "mirror images": "yes" if predicted.prediction.flip_tta else "no",
            "threshold": f"{predicted.threshold:g}",
        },
    )
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=segment_label(predicted.target, bool(warnings)),
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
        anatomic_regions=[codes.SCT.Brain],
        display_color=highdicom.color.CIELabColor(*lab_of(PREDICTION_COLOUR)),
    )
    if warnings:
        segment.SegmentDescription = in_ascii(warnings)[:LONGEST_DESCRIPTION]
    return segment


def _make_parallel(images: "list[pydicom.Dataset]") -> None:
    """Give all images the orientation and the spacing of the first.

    They were read as one stack, so theirs differ by rounding alone, and highdicom asks for equal ones.
    """
    for image in images[1:]:
        for name in ("ImageOrientationPatient", "PixelSpacing"):
            setattr(image, name, images[0].get(name))


def _positions(images: "list[pydicom.Dataset]") -> "list[highdicom.PlanePositionSequence] | None":
    """Return where the frames of an enhanced image lie; of single images highdicom asks themselves."""
    import highdicom

    if not is_multi_frame(images[0]):
        return None
    patient = highdicom.CoordinateSystemNames.PATIENT
    return [highdicom.PlanePositionSequence(patient, one.ImagePositionPatient) for one in images]


def _multi_frame(images: "list[pydicom.Dataset]") -> "pydicom.Dataset":
    """Return the enhanced image of frames, each described as an image of its own.

    Frames of the file that are none of the images, such as another echo at the same places, are put
    out of reach: only the frames that were predicted are to be referred to.
    """
    from copy import deepcopy

    import highdicom
    from pydicom.dataset import Dataset

    whole = deepcopy(images[0])
    patient = highdicom.CoordinateSystemNames.PATIENT
    shared, elsewhere = Dataset(), [_OUT_OF_REACH_MM] * 3
    shared.PlaneOrientationSequence = highdicom.PlaneOrientationSequence(
        patient, whole.ImageOrientationPatient
    )
    shared.PixelMeasuresSequence = highdicom.PixelMeasuresSequence(
        whole.PixelSpacing, whole.get("SliceThickness"), whole.get("SpacingBetweenSlices")
    )
    whole.SharedFunctionalGroupsSequence = [shared]
    place_of = {int(one.InstanceNumber): one.ImagePositionPatient for one in images}
    groups = []
    for number in range(1, int(whole.NumberOfFrames) + 1):
        group = Dataset()
        group.PlanePositionSequence = highdicom.PlanePositionSequence(
            patient, place_of.get(number, elsewhere)
        )
        groups.append(group)
    whole.PerFrameFunctionalGroupsSequence = groups
    return whole
