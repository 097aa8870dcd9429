"""All files of a prediction, by name, for a case or an upload."""

from collections import Counter
from collections.abc import Collection
from datetime import date

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.exports import csv_bytes, file_stem, png_bytes
from brainseg.exports.about import about_text
from brainseg.exports.nifti import nifti_bytes, nifti_bytes_as_source
from brainseg.exports.report import case_report
from brainseg.exports.stamp import lettered, stamped
from brainseg.exports.tables import case_table, drawn_files, slice_table
from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR, contour, hatch, shown
from brainseg.inference.record import CaseRecord
from brainseg.io import DicomSource, NiftiSource
from brainseg.io.orientation import sides_of

MASKS, NIFTI, DICOM_SEG, OVERLAY = "masks", "nifti", "dicom-seg", "overlay"
CSV, PDF = "csv", "pdf"
DICOM_SR = "dicom-sr"

KINDS = {
    MASKS: "the mask of each slice as a PNG of 0 and 255",
    NIFTI: "mask, probability, uncertainty and components removed on the input's own grid",
    DICOM_SEG: "the mask as a DICOM segmentation; of DICOM images only",
    OVERLAY: "a PNG of the slice with the largest area, outlined",
    CSV: "measures by slice and of the case",
    PDF: "the one-page report",
}
"""Kinds of files with their descriptions; the text about the files comes with any of them."""

FOR_A_PAGE = (*(kind for kind in KINDS if kind != MASKS), DICOM_SR)
"""A page has the measurements that a reader drew, too, as a DICOM report."""


def prediction_files(
    record: CaseRecord,
    source: NiftiSource | DicomSource | None = None,
    kinds: Collection[str] = FOR_A_PAGE,
    keep_identity: bool = False,
    made_on: date | None = None,
) -> dict[str, bytes]:
    """Return the files of a prediction by name, without patient tags.

    Each begins with the record's warnings, which are also drawn into the overlay. If a DICOM
    object cannot be made, a note says why.

    Args:
        record: with a prediction; see :func:`brainseg.inference.record.record_of_volume`.
        source: of :func:`brainseg.io.ruling_grid`: NIfTI files then have the grid of a NIfTI input,
            and DICOM images get a segmentation that refers to them.
        kinds: of :data:`KINDS`, and :data:`DICOM_SR`.
        keep_identity: see :data:`brainseg.exports.dicom_seg.KEEP_IDENTITY`.
        made_on: the date on the report.

    Raises:
        ValueError: the record has no prediction, or a kind is unknown.
    """
    if record.predicted is None or not set(kinds) <= {*KINDS, DICOM_SR}:
        raise ValueError(f"a record with a prediction, and kinds of {', '.join(KINDS)}, are needed")
    stem = file_stem(record.case)
    files: dict[str, bytes] = {}
    if MASKS in kinds:
        names = slice_stems(record)
        for name, plane in zip(names, record.predicted.mask, strict=True):
            files[f"{name}_prediction.png"] = png_bytes(plane, record.warnings)
    if NIFTI in kinds:
        files |= predicted_nifti_files(record, source if isinstance(source, NiftiSource) else None)
    if DICOM_SEG in kinds and isinstance(source, DicomSource):
        from brainseg.exports.dicom_seg import dicom_seg_bytes

        try:
            content = dicom_seg_bytes(record.predicted, source, keep_identity, record.warnings)
            files[f"{stem}_prediction.dcm"] = content
        except BrainsegError as error:
            record = record.with_note(str(error))
    if DICOM_SR in kinds:
        from brainseg.exports.dicom_sr import dicom_sr_files

        report, record = dicom_sr_files(record, source, keep_identity)
        files |= report
    if OVERLAY in kinds:
        name = slice_stems(record)[record.key_slice]
        picture = stamped(overlay(record, record.key_slice), record.warnings)
        files[f"{name}_overlay.png"] = png_bytes(picture, record.warnings, record.grey_in_words)
    if CSV in kinds:
        files[f"{stem}_slices.csv"] = csv_bytes(slice_table(record), record.warnings)
        files[f"{stem}_measures.csv"] = csv_bytes(case_table(record), record.warnings)
        files |= drawn_files(record)
    if PDF in kinds:
        files[f"{stem}_report.pdf"] = case_report(record, made_on=made_on)
    return files | {
        f"{stem}_about.txt": about_text(record, list(files), isinstance(source, NiftiSource))
    }


def predicted_nifti_files(
    record: CaseRecord, source: NiftiSource | None = None
) -> dict[str, bytes]:
    """Return mask, probability, and if present standard deviation and removed components.

    The mask is 0 and 1. Probability and standard deviation of the passes are float32 and include removed
    components, which are 1 in a file of their own.

    Args:
        record: with a prediction.
        source: the NIfTI file whose grid to use; the volume's own by default.
    """
    predicted, stem = record.predicted, file_stem(record.case)
    if predicted is None:
        raise ValueError("a record with a prediction is needed")
    arrays = {"prediction": predicted.mask, "probability": predicted.probability}
    if predicted.std is not None:
        arrays["uncertainty"] = predicted.std
    if predicted.split.components:
        arrays["components_removed"] = predicted.split.removed

    def stored(name: str, array: np.ndarray) -> bytes:
        what = (name[:15], array.dtype == bool, record.warnings)
        if source is None:
            return nifti_bytes(array, record.volume, *what)
        return nifti_bytes_as_source(array, source, *what)

    return {
        f"{stem}_{name}.nii.gz": stored(name, array if array.dtype == bool else array.astype("f4"))
        for name, array in arrays.items()
    }


def overlay(record: CaseRecord, place: int) -> np.ndarray:
    """Return a slice, (h, w, 3) uint8, its FLAIR with the mask and the prediction outlined.

    FLAIR is drawn with its automatic window, see :attr:`CaseRecord.windows`. Components removed from the
    prediction are hatched. The edges have the letters of the patient's sides if known.

    Args:
        record: of the case.
        place: the slice_index.
    """
    picture = shown(record.volume.pixels[place], windows=record.windows)
    if record.has_mask[place]:
        picture = contour(picture, record.masks[place], colour=MASK_COLOUR)
    if record.predicted:
        picture = hatch(picture, record.predicted.split.removed[place])
        picture = contour(picture, record.predicted.mask[place], colour=PREDICTION_COLOUR)
    return lettered(picture, sides_of(record.volume.affine, record.volume.directions))


def slice_stems(record: CaseRecord) -> list[str]:
    """Return a unique file stem for each slice, such as ``case_7``.

    Slices that share a number also get their index in the stack: ``case_7_k3``.
    """
    stem, times = file_stem(record.case), Counter(record.slice_numbers)
    return [
        f"{stem}_{number}_k{index}" if times[number] > 1 else f"{stem}_{number}"
        for index, number in enumerate(record.slice_numbers)
    ]
