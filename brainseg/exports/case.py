"""All files of one case, for the command line and for a page."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from brainseg.cohort import Cohort
from brainseg.cohort.dicom_source import dicom_source
from brainseg.cohort.label_layers import label_layers
from brainseg.exports import csv_bytes, file_stem, refuse_inside, refuse_to_replace
from brainseg.exports.about import about_text
from brainseg.exports.nifti import nifti_bytes
from brainseg.exports.prediction import predicted_nifti_files
from brainseg.exports.report import case_report
from brainseg.exports.tables import drawn_files, slice_table
from brainseg.inference.cautions import with_cautions
from brainseg.inference.prediction import predict_timed
from brainseg.inference.record import CaseRecord, record_of_case, with_prediction
from brainseg.io import DicomSource
from brainseg.models import Model
from brainseg.reviews import open_measurements, open_reviews
from brainseg.storage import write_atomically


def nifti_files(record: CaseRecord) -> dict[str, bytes]:
    """Return a case's NIfTI files by name: its sequences, its mask and its prediction.

    The mask is 0 and 1; if slices lack a usable mask, it is floating-point with NaN in those slices.
    There is no mask file without any usable mask. A cohort with several labels adds the label map, with
    its labels as in the dataset.json of nnU-Net. For the prediction see
    :func:`brainseg.exports.prediction.predicted_nifti_files`.
    """
    volume, stem = record.volume, file_stem(record.case)
    files = {
        f"{stem}_{name.lower().replace('*', 'star')}.nii.gz": nifti_bytes(
            volume.sequence(name), volume, name, warnings=record.warnings
        )
        for name in volume.names
    }
    if record.has_mask.any():
        mask = record.masks
        if not record.has_mask.all():
            mask = mask.astype("float32")
            mask[~record.has_mask] = float("nan")
        files[f"{stem}_mask.nii.gz"] = nifti_bytes(mask, volume, "mask", True, record.warnings)
    if record.labels is not None:
        layers, name = record.labels, f"{stem}_labels"
        files[f"{name}.nii.gz"] = nifti_bytes(
            layers.values, volume, "labels", True, record.warnings
        )
        values = {"background": 0} | {one: list(of) for one, of in layers.labels.items()}
        files[f"{name}.json"] = json.dumps(
            {"labels": values}, ensure_ascii=False, indent=2
        ).encode()
    return files | (predicted_nifti_files(record) if record.predicted else {})


def case_files(
    record: CaseRecord,
    reviews: pd.DataFrame | None = None,
    made_on: date | None = None,
    source: DicomSource | None = None,
) -> dict[str, bytes]:
    """Return all files of a case by name: NIfTI, tables, the report, and a description.

    Args:
        record: see :func:`brainseg.inference.record.record_of`.
        reviews: rows of :meth:`brainseg.reviews.Reviews.of`, for the report.
        made_on: the date on the report.
        source: of :func:`brainseg.cohort.dicom_source.dicom_source`, for a DICOM report of the
            measurements, without the patient's name and id.
    """
    from brainseg.exports.dicom_sr import dicom_sr_files

    stem = file_stem(record.case)
    files = nifti_files(record)
    files[f"{stem}_slices.csv"] = csv_bytes(slice_table(record), record.warnings)
    files |= drawn_files(record)
    drawn, record = dicom_sr_files(record, source)
    files |= drawn
    files[f"{stem}_report.pdf"] = case_report(record, reviews, made_on)
    files[f"{stem}_about.txt"] = about_text(record, list(files))
    return files


def write_case(files: dict[str, bytes], out: Path, overwrite: bool = False) -> list[Path]:
    """Write files into a folder, each whole or not at all, and return their paths.

    Args:
        files: by name; see :func:`case_files`.
        out: created if missing; other files in it do not change.
        overwrite: replace files of these names.

    Raises:
        CohortError: one of the files exists and may not be replaced; none was written.
        BrainsegError: the folder cannot be written.
    """
    paths = [out / name for name in files]
    refuse_to_replace(paths, overwrite)
    for path, content in zip(paths, files.values(), strict=True):
        write_atomically(path, content)
    return paths


def export_case(
    cohort: Cohort, name: str, out: Path, model: Model | None = None, overwrite: bool = False
) -> list[Path]:
    """Write all files of a case into a folder, with a prediction if there is a model; return the paths.

    Raises:
        CohortError: the case is unknown or cannot be read, ``out`` lies inside the dataset, or a file
            exists and may not be replaced.
        ModelError: the model cannot be opened.
        ReviewError: the reviews cannot be read.
    """
    refuse_inside(out, cohort.root)
    # Every export has this file, so the refusal comes before the prediction.
    refuse_to_replace([out / f"{file_stem(name)}_about.txt"], overwrite)
    case = cohort.case(name)
    volume = case.volume(with_others=True)
    record = record_of_case(case, volume, labels=label_layers(cohort, case))
    if model:
        exposure = model.exposure(case)
        record = with_cautions(record, model, exposure)
        record = with_prediction(record, model, predict_timed(record.volume, model, exposure))
    record = replace(record, measurements=tuple(open_measurements(cohort).of(name)))
    source = dicom_source(case) if record.measurements else None
    files = case_files(record, open_reviews(cohort).of(name), date.today(), source)
    return write_case(files, out, overwrite)


def zip_bytes(files: dict[str, bytes]) -> bytes:
    """Return files as one ZIP archive; the same content gives the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, content in files.items():
            # ZipInfo has a fixed date: equal files give equal archives. .gz is compressed already.
            entry = zipfile.ZipInfo(name)
            packed = name.endswith((".gz", ".pdf"))
            zipped.writestr(entry, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
    return archive.getvalue()
