"""DICOM structured reports (TID 1500) of the measurements that a reader drew on DICOM images.

On a plane of the images, coordinates are those of the image (SCOORD: column and row, with 0, 0 at the
outer corner of the first pixel); across them, those of the patient in mm (SCOORD3D, LPS). As with a
DICOM segmentation, the report belongs to its study and is not anonymous.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brainseg import RESEARCH_USE, __version__
from brainseg.errors import BrainsegError
from brainseg.exports import file_stem
from brainseg.exports.dicom_study import in_ascii, is_multi_frame, uid_of, without_the_patient
from brainseg.inference.record import CaseRecord
from brainseg.io import DicomSource
from brainseg.reviews.measurements import ANGLE, ELLIPSE, KIND_WORDS, PRODUCT, RULER, Measurement
from brainseg.statistics.drawn import Values, values_of
from brainseg.volume import Volume

if TYPE_CHECKING:
    import highdicom
    import pydicom

    _Group = (
        highdicom.sr.MeasurementsAndQualitativeEvaluations
        | highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations
    )

SERIES_DESCRIPTION = "Research only, not a medical device: brainseg measurements"
WARNED_DESCRIPTION = "WARNINGS: see report. Research only: brainseg measurements"
GREY_VALUES = "Mean and standard deviation are 8-bit grey values of the viewer, not the scanner's."

_SERIES_NUMBER = 9001  # after that of the segmentation
_ORDER = {PRODUCT: ((0, 1), (2, 3)), RULER: ((0, 1),), ANGLE: ((0, 1, 2),)}
"""Kind -> the points of each of its lines."""


def dicom_sr_bytes(
    measurements: Sequence[Measurement],
    volume: Volume,
    source: DicomSource,
    keep_identity: bool = False,
    warnings: Sequence[str] = (),
) -> bytes:
    """Return measurements as a Comprehensive 3D SR document with a measurement report (TID 1500).

    Args:
        measurements: drawn on ``volume``; those of unknown value are left out, and the report says so.
        volume: on the grid of ``source``.
        source: the report refers to its images.
        keep_identity: see :data:`brainseg.exports.dicom_seg.KEEP_IDENTITY`.
        warnings: a sentence each; the report contains them, and the description of the series says so.

    Raises:
        BrainsegError: the images lack what a report must refer to, or no measurement has a known value.
    """
    import highdicom

    try:
        images = [without_the_patient(one, keep_identity, "report") for one in source.datasets()]
        draw = _Places(volume, source, images)
        valued = [(one, values_of(one, volume)) for one in measurements]
        known = [(one, values) for one, values in valued if values.unit and draw.is_known(one)]
        if not known:
            raise BrainsegError(
                "no DICOM report was made: no measurement has a known value; draw one on a slice."
            )
        has_ellipse = any(one.kind == ELLIPSE for one, _ in known)
        comments = _comments(warnings, has_ellipse, len(valued) - len(known))
        identity = [str(images[0].SOPInstanceUID), repr(known), *comments]
        report = _report([_group(*one, draw) for one in known], comments, uid_of("device"))
        document = highdicom.sr.Comprehensive3DSR(
            evidence=list({str(one.SOPInstanceUID): one for one in images}.values()),
            content=report,
            series_instance_uid=uid_of("series", *identity),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=uid_of("instance", *identity),
            instance_number=1,
            manufacturer="brainseg",
            manufacturer_model_name="brainseg",
            software_versions=__version__,
            device_serial_number="unknown",
            series_description=WARNED_DESCRIPTION if warnings else SERIES_DESCRIPTION,
            is_complete=True,
            record_evidence=False,
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        # highdicom's own words may hold a value of the images.
        raise BrainsegError(
            "no DICOM report was made: the images' headers do not fit together as one stack; take the "
            "CSV file."
        ) from error
    file = io.BytesIO()
    document.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _comments(warnings: Sequence[str], has_ellipse: bool, left_out: int) -> list[str]:
    """Return the sentences of the report; `left_out` is the number of measurements it lacks."""
    comments = [RESEARCH_USE]
    if warnings:
        comments.append(in_ascii(warnings))
    if has_ellipse:
        comments.append(GREY_VALUES)
    if left_out:
        comments.append(f"Measurements left out, as their value is unknown: {left_out}.")
    return comments


def dicom_sr_files(
    record: CaseRecord, source: object, keep_identity: bool = False
) -> tuple[dict[str, bytes], CaseRecord]:
    """Return the report by its name, and the record; nothing without DICOM images or measurements.

    If it cannot be made, a note of the record says why.
    """
    if not isinstance(source, DicomSource) or not record.measurements:
        return {}, record
    drawn = record.measurements, record.volume, source, keep_identity, record.warnings
    try:
        return {f"{file_stem(record.case)}_measurements.dcm": dicom_sr_bytes(*drawn)}, record
    except BrainsegError as error:
        return {}, record.with_note(str(error))


class _Places:
    """Turns points of the viewer's volume into coordinates of the images, or of the patient."""

    def __init__(
        self, volume: Volume, source: DicomSource, images: "list[pydicom.Dataset]"
    ) -> None:
        self.affine = volume.affine
        self.shape = volume.pixels.shape[:3]
        self.orientation = source.orientation
        self.images = images

    def is_known(self, measurement: Measurement) -> bool:
        """Return whether the measurement lies on one image, or the place of the volume is known."""
        return self.on_an_image(measurement) or self.affine is not None

    @property
    def voxel(self) -> np.ndarray:
        """Return the size of a voxel along columns, rows and slices, in mm; 1 where it is unknown."""
        return (
            np.ones(3) if self.affine is None else np.linalg.norm(self.affine[:3, :3], axis=0)[::-1]
        )

    def on_an_image(self, measurement: Measurement) -> bool:
        """Return whether the plane of a measurement is that of the images."""
        return self.orientation.axes[2 - measurement.normal] == 0

    def image(self, measurement: Measurement) -> "tuple[pydicom.Dataset, np.ndarray]":
        """Return the image that a measurement lies on, and its points as (column, row)."""
        stack = np.array(measurement.points)[:, ::-1]
        points = self.orientation.points_back(stack, self.shape)
        return self.images[int(points[0, 0])], points[:, :0:-1]

    def patient(self, measurement: Measurement) -> np.ndarray:
        """Return points in mm towards the patient's left, back and head (LPS), as in DICOM."""
        if self.affine is None:
            raise BrainsegError("the place of the volume is unknown: draw on a slice.")
        indices = np.array(measurement.points)[:, ::-1] - 0.5
        return (indices @ self.affine[:3, :3].T + self.affine[:3, 3]) * (-1, -1, 1)


def _group(measurement: Measurement, values: Values, places: _Places) -> "_Group":
    """Return the part of the report on one measurement."""
    import highdicom
    from pydicom.sr.codedict import codes

    name = measurement.name or KIND_WORDS[measurement.kind]
    tracking = highdicom.sr.TrackingIdentifier(
        uid=uid_of("measurement", measurement.id, repr(measurement.points)),
        identifier=name.encode("ascii", "replace").decode(),
    )
    numbers = [
        highdicom.sr.Measurement(
            name=code,
            value=value,
            unit=unit,
            derivation=derivation,
            referenced_coordinates=None
            if measurement.kind == ELLIPSE
            else _lines(measurement, places, which),
        )
        for code, value, unit, derivation, which in _numbers(measurement.kind, values)
        if value is not None
    ]
    if measurement.kind != ELLIPSE:
        return highdicom.sr.MeasurementsAndQualitativeEvaluations(
            tracking,
            finding_sites=[highdicom.sr.FindingSite(codes.SCT.Brain)],
            measurements=numbers,
        )
    return highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking,
        referenced_region=_ellipse(measurement, places),
        finding_sites=[highdicom.sr.FindingSite(codes.SCT.Brain)],
        measurements=numbers,
    )


def _numbers(kind: str, values: Values) -> list[tuple]:
    """Return code, value, unit, derivation and lines of each number of a measurement."""
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    mm, mm2 = codes.UCUM.Millimeter, codes.UCUM.SquareMillimeter
    if kind == RULER:
        return [(codes.SCT.Length, values.length, mm, None, (0,))]
    if kind == ANGLE:
        return [(codes.SCT.Angle, values.degrees, codes.UCUM.Degree, None, (0,))]
    if kind == PRODUCT:
        product = Code("product_of_diameters", "99BRAINSEG", "Product of perpendicular diameters")
        return [
            (codes.SCT.LongAxis, values.longest, mm, None, (0,)),
            (codes.cid7469.PerpendicularAxis, values.perpendicular, mm, None, (1,)),
            (product, values.product, mm2, None, (0, 1)),
        ]
    grey, one = codes.DCM.MRSignalIntensity, codes.UCUM.NoUnits
    return [
        (codes.SCT.Area, values.area, mm2, None, ()),
        (grey, values.mean, one, codes.SCT.Mean, ()),
        (grey, values.deviation, one, codes.SCT.StandardDeviation, ()),
    ]


def _lines(measurement: Measurement, places: _Places, which: tuple[int, ...]) -> list:
    """Return the lines of a measurement as coordinates; the longer of two diameters comes first."""
    import highdicom

    sr = highdicom.sr
    lines = [list(line) for line in _ORDER[measurement.kind]]
    if places.on_an_image(measurement):
        image, points = places.image(measurement)
        spacing = [float(value) for value in image.PixelSpacing][::-1]
        order = _longest_first(lines, points * spacing)
        region = _reference(image)
        return [
            sr.CoordinatesForMeasurement(sr.GraphicTypeValues.POLYLINE, points[order[line]], region)
            for line in which
        ]
    points = places.patient(measurement)
    order = _longest_first(lines, points)
    frame = str(places.images[0].FrameOfReferenceUID)
    return [
        sr.CoordinatesForMeasurement3D(sr.GraphicTypeValues3D.POLYLINE, points[order[line]], frame)
        for line in which
    ]


def _longest_first(lines: list[list[int]], points: np.ndarray) -> list[list[int]]:
    return sorted(lines, key=lambda ends: -np.linalg.norm(points[ends[-1]] - points[ends[0]]))


def _ellipse(
    measurement: Measurement, places: _Places
) -> "highdicom.sr.ImageRegion | highdicom.sr.ImageRegion3D":
    """Return an ellipse as the ends of its major and of its minor axis."""
    import highdicom

    sr = highdicom.sr
    if places.on_an_image(measurement):
        image, corners = places.image(measurement)
        spacing = [float(value) for value in image.PixelSpacing][::-1]
        region = _reference(image)
        return sr.ImageRegion(sr.GraphicTypeValues.ELLIPSE, _axes(corners, spacing), region)
    axes = [axis for axis in range(3) if axis != measurement.normal]
    flat = np.array(measurement.points)
    ends = np.repeat(flat[:1], 4, axis=0)
    ends[:, axes] = _axes(flat[:, axes], places.voxel[axes])
    whole = Measurement("ends", ELLIPSE, measurement.normal, tuple(map(tuple, ends)))
    frame = str(places.images[0].FrameOfReferenceUID)
    return sr.ImageRegion3D(sr.GraphicTypeValues3D.ELLIPSE, places.patient(whole), frame)


def _axes(corners: np.ndarray, size: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the ends of the longer axis, then of the shorter one, of the ellipse in a box."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    across, down = (left + right) / 2, (top + bottom) / 2
    wide = [[left, down], [right, down]]
    tall = [[across, top], [across, bottom]]
    is_wide = (right - left) * size[0] >= (bottom - top) * size[1]
    return np.array(wide + tall if is_wide else tall + wide)


def _reference(image: "pydicom.Dataset") -> "highdicom.sr.SourceImageForRegion":
    import highdicom

    frames = [int(image.InstanceNumber)] if is_multi_frame(image) else None
    return highdicom.sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID, frames)


def _report(groups: list, comments: Sequence[str], device: str) -> "highdicom.sr.MeasurementReport":
    import highdicom
    from pydicom.sr.codedict import codes

    observer = highdicom.sr.ObserverContext(
        codes.DCM.Device, highdicom.sr.DeviceObserverIdentifyingAttributes(device, "brainseg")
    )
    report = highdicom.sr.MeasurementReport(
        highdicom.sr.ObservationContext(observer_device_context=observer),
        codes.cid100.MRIUnspecifiedBodyRegion,
        groups,
    )
    contains = highdicom.sr.RelationshipTypeValues.CONTAINS
    report[0].ContentSequence.extend(
        highdicom.sr.TextContentItem(codes.DCM.Comment, text, contains) for text in comments
    )
    return report
