"""The text file that describes the exported files of a case."""

from collections.abc import Sequence

import numpy as np

from brainseg import RESEARCH_USE, __version__
from brainseg.exports import file_stem
from brainseg.exports.nifti import UNKNOWN_SLICES, affine_warning
from brainseg.inference.record import SYNTHETIC, CaseRecord
from brainseg.models.exposure import fold_words
from brainseg.volume import FLAIR


def about_text(record: CaseRecord, names: Sequence[str], on_source: bool = False) -> bytes:
    """Return the description of a case's files, UTF-8, its warnings first.

    Args:
        record: of the case.
        names: of the files.
        on_source: whether the NIfTI files have the grid of the file that was predicted.
    """
    lines = [
        *(f"Warning: {warning}" for warning in record.warnings),
        RESEARCH_USE,
        f"{record.case}, exported by brainseg {__version__}",
        *([SYNTHETIC] if record.synthetic else []),
        *([f"Images from {record.address}"] if record.address else []),
        "",
        *_geometry(record, on_source),
        *(f"{name}: the same pixels as {FLAIR}." for name in record.volume.flair_copies),
        f"mask: {record.mask_means}, 1 inside; {_masks_in_words(record)}",
        *_labels(record),
    ]
    if predicted := record.predicted:
        lines.append(
            f"prediction: {predicted.target} by {predicted.model}, {fold_words(predicted.folds)}; 1 "
            f"where the probability is at least {predicted.threshold:g}"
            f"{', without the components removed' if predicted.split.components else ''}."
        )
        lines.append(predicted.exposure.in_words())
        lines += predicted.how_made
        lines += predicted.removed(record.slice_numbers)
        lines += predicted.how_sure(record.slice_numbers)
    if any(name.endswith(("_overlay.png", ".pdf")) for name in names):
        lines.append(f"Pictures show {record.grey_in_words}.")
    lines += [f"Note: {note}" for note in record.volume.notes]
    return "\n".join([*lines, "", *names, ""]).encode()


def _geometry(record: CaseRecord, on_source: bool) -> list[str]:
    if on_source:
        return [
            "The NIfTI files have the grid of the file that was predicted: its shape, axes, spacing "
            f"and orientation. voxel_k in {file_stem(record.case)}_slices.csv counts the slices of the "
            "volume as displayed."
        ]
    return [
        "Axes of the NIfTI files: column, row, slice, each from 0, neither turned nor flipped; "
        f"{file_stem(record.case)}_slices.csv gives the slice number of each slice index.",
        affine_warning(record.volume) or "Spacing and orientation are those of the source.",
        "Pixels are 8-bit, as the dashboard shows them.",
    ]


def _labels(record: CaseRecord) -> list[str]:
    if record.labels is None:
        return []
    named = "; ".join(
        f"{name}: {', '.join(map(str, values))}" for name, values in record.labels.labels.items()
    )
    return [f"labels: all labels of the manual masks, by the values in the file ({named})."]


def _masks_in_words(record: CaseRecord) -> str:
    if record.has_mask.all():
        return "every slice has one."
    if not record.has_mask.any():
        return "no slice has a usable one, so there is no file."
    without = np.array(record.slice_numbers)[~record.has_mask]
    return f"slice {', '.join(map(str, without))} without. {UNKNOWN_SLICES}"
