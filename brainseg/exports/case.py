"""All files of one case: the same content for the command line, which writes them, and for a page."""

import io
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd

from brainseg import RESEARCH_USE, __version__
from brainseg.cohort import Cohort
from brainseg.exports import csv_bytes, file_stem, refuse_inside, refuse_to_replace
from brainseg.exports.nifti import UNKNOWN_SLICES, affine_warning, nifti_bytes
from brainseg.home import write_atomically
from brainseg.measures import by_slice
from brainseg.models import Model, fold_words
from brainseg.prediction import predict_timed
from brainseg.record import SYNTHETIC, CaseRecord, record_of
from brainseg.report import case_report
from brainseg.reviews import open_reviews
from brainseg.volume import FLAIR


def nifti_files(record: CaseRecord) -> dict[str, bytes]:
    """Return a case's NIfTI files by name: its sequences, its mask, its prediction and probability.

    The mask is 0 and 1, and where a slice has none that can be used, floating-point with NaN in that
    slice: unknown is not empty. There is no file of the mask without any, and none of a prediction
    without one. The probability is float32, 0..1.
    """
    volume, stem = record.volume, file_stem(record.case)
    files = {
        f"{stem}_{name.lower()}.nii.gz": nifti_bytes(volume.sequence(name), volume, name)
        for name in volume.sequences
    }
    if record.there.any():
        mask = record.masks
        if not record.there.all():
            mask = mask.astype("float32")
            mask[~record.there] = float("nan")
        files[f"{stem}_mask.nii.gz"] = nifti_bytes(mask, volume, "mask", is_mask=True)
    if record.predicted:
        files[f"{stem}_prediction.nii.gz"] = nifti_bytes(
            record.predicted.mask, volume, "prediction", is_mask=True
        )
        files[f"{stem}_probability.nii.gz"] = nifti_bytes(
            record.predicted.probability.astype("float32"), volume, "probability"
        )
    return files


def case_files(
    record: CaseRecord, reviews: pd.DataFrame | None = None, made_on: date | None = None
) -> dict[str, bytes]:
    """Return all files of a case by name: NIfTI, measures by slice, the report, and what they are.

    Args:
        record: see :func:`brainseg.record.record_of`.
        reviews: rows of :meth:`brainseg.reviews.Reviews.of`, for the report.
        made_on: the day that stands on the report.
    """
    stem = file_stem(record.case)
    files = nifti_files(record)
    files[f"{stem}_slices.csv"] = csv_bytes(slice_table(record))
    files[f"{stem}_report.pdf"] = case_report(record, reviews, made_on)
    files[f"{stem}_about.txt"] = "\n".join(_about(record, list(files))).encode()
    return files


def write_case(files: dict[str, bytes], out: Path, overwrite: bool = False) -> list[Path]:
    """Write files into a folder, each whole or not at all, and return their paths.

    Args:
        files: by name; see :func:`case_files`.
        out: made where it is missing; what else lies there is left alone.
        overwrite: replace files of these names.

    Raises:
        CohortError: a file of one of these names is there, and may not be replaced; none was written.
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
    """Write all files of a case into a folder, predicted where a model is given; return the paths.

    Raises:
        CohortError: the case is unknown or cannot be read, ``out`` lies inside of the dataset, or a
            file is there and may not be replaced.
        ModelError: the model cannot be opened.
        ReviewError: the reviews cannot be read.
    """
    refuse_inside(out, cohort.root)
    # Every export has this one: asked for here, so that nobody waits for a prediction to be refused.
    refuse_to_replace([out / f"{file_stem(name)}_about.txt"], overwrite)
    case = cohort.case(name)
    volume, (masks, there) = case.volume(), case.masks()
    predicted = predict_timed(volume, model, model.standing(case)) if model else None
    numbers = case.readable["slice_number"]
    record = record_of(
        name, volume, numbers, masks, there, model, predicted, synthetic=case.synthetic
    )
    files = case_files(record, open_reviews(cohort).of(name), date.today())
    return write_case(files, out, overwrite)


def zip_bytes(files: dict[str, bytes]) -> bytes:
    """Return files as one ZIP archive; the same content gives the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, content in files.items():
            # Without a day of its own, which would make each archive another; .gz is packed already.
            entry = zipfile.ZipInfo(name)
            packed = name.endswith((".gz", ".pdf"))
            zipped.writestr(entry, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def slice_table(record: CaseRecord) -> pd.DataFrame:
    """Return what each slice of a case measures, a row a slice of the NIfTI files.

    Returns:
        ``voxel_k``, the place in the files' third axis from 0; ``slice_number``; then the columns of
        :func:`brainseg.measures.by_slice` with ``mask_`` in front, and with ``prediction_`` where
        there is one.
    """
    numbers, spacing_mm = record.slice_numbers, record.volume.spacing_mm
    table = by_slice(record.masks, numbers, record.there, spacing_mm).set_index("slice_number")
    parts = [table.add_prefix("mask_")]
    if record.predicted:
        predicted = by_slice(record.predicted.mask, numbers, spacing_mm=spacing_mm)
        parts.append(predicted.set_index("slice_number").add_prefix("prediction_"))
    return pd.concat(parts, axis=1).reset_index().rename_axis("voxel_k").reset_index()


def _about(record: CaseRecord, names: list[str]) -> list[str]:
    """Return the lines of the text that lies beside the files."""
    lines = [
        RESEARCH_USE,
        f"{record.case}, exported by brainseg {__version__}",
        *([SYNTHETIC] if record.synthetic else []),
        "",
        "Axes of the NIfTI files: column, row, slice, each from 0, neither turned nor flipped; "
        f"{file_stem(record.case)}_slices.csv names the slice of each place.",
        affine_warning(record.volume) or "Spacing and orientation are those of the source.",
        "Pixels are 8-bit, as the dashboard shows them.",
        *(f"{name}: the same pixels as {FLAIR}." for name in record.flair_copies),
        "mask: the dataset's manual FLAIR abnormality, 1 inside; " + _masks_told(record),
    ]
    if predicted := record.predicted:
        lines.append(
            f"prediction: {predicted.model}, {fold_words(predicted.folds)}, patient "
            f"{predicted.relation}; 1 where the probability is at least {predicted.threshold:g}."
        )
    lines += [f"Note: {note}" for note in record.volume.notes]
    return [*lines, "", *names, ""]


def _masks_told(record: CaseRecord) -> str:
    if record.there.all():
        return "every slice has one."
    if not record.there.any():
        return "no slice has one that can be used, so there is no file."
    without = [
        str(n) for n, there in zip(record.slice_numbers, record.there, strict=True) if not there
    ]
    return f"slice {', '.join(without)} without. {UNKNOWN_SLICES}"
