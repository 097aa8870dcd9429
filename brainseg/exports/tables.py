"""Measures of a case as tables for export."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from brainseg.exports import csv_bytes, file_stem
from brainseg.inference.record import CaseRecord, Predicted
from brainseg.statistics.drawn import drawn_table
from brainseg.statistics.measures import by_slice, measure_case


def slice_table(record: CaseRecord) -> pd.DataFrame:
    """Return the measures of each slice of a case, one row per slice of the NIfTI files.

    Returns:
        ``voxel_k``, the index on the files' third axis; ``slice_number``; then the columns of
        :func:`brainseg.statistics.measures.by_slice` with the prefix ``mask_``, and with a prediction
        the same with ``prediction_`` and ``prediction_removed_px``, the pixels of removed components;
        ``mask_label``, the label of the mask, if the masks have several. Two slices of one number have
        a row each.
    """
    numbers, spacing_mm = record.slice_numbers, record.volume.spacing_mm
    numbered = pd.DataFrame({"slice_number": pd.Series(numbers, dtype="int64")})
    parts = [
        by_slice(region, numbers, has_mask, spacing_mm)
        .drop(columns="slice_number")
        .add_prefix(f"{name.lower()}_")
        for name, (region, has_mask) in record.regions.items()
    ]
    if record.predicted:
        removed_px = np.count_nonzero(record.predicted.split.removed, axis=(1, 2))
        parts.append(pd.DataFrame({"prediction_removed_px": removed_px}))
    table = pd.concat([numbered, *parts], axis=1).rename_axis("voxel_k").reset_index()
    return table if record.mask_label is None else table.assign(mask_label=record.mask_label)


def case_table(record: CaseRecord) -> pd.DataFrame:
    """Return the measures of a case as a volume, one row for its mask and one for its prediction.

    Returns:
        ``region``, then the measures of :func:`brainseg.statistics.measures.measure_case`, and with a
        prediction ``components_removed`` and ``removed_vx`` (Int64, missing for the mask); ``label``,
        that of the mask, if the masks have several.
    """
    rows = [
        {"region": name.lower()}
        | measure_case(region, record.slice_numbers, has_mask, record.volume.spacing_mm)
        for name, (region, has_mask) in record.regions.items()
    ]
    table = pd.DataFrame(rows)
    if record.mask_label is not None:
        table["label"] = pd.Series(record.mask_label, table.index).where(table["region"] == "mask")
    if record.predicted is None:
        return table
    split, is_predicted = record.predicted.split, table["region"] == "prediction"
    facts = {"components_removed": len(split.components), "removed_vx": int(split.removed.sum())}
    for name, fact in facts.items():
        table[name] = pd.Series(fact, table.index, dtype="Int64").where(is_predicted)
    return table


def drawn_files(record: CaseRecord) -> dict[str, bytes]:
    """Return the CSV of the measurements that readers drew, by its name; nothing without any."""
    if not record.measurements:
        return {}
    table = drawn_table(record.measurements, record.volume, record.slice_numbers, record.case)
    name = f"{file_stem(record.case)}_drawn_measurements.csv"
    return {name: csv_bytes(table, record.warnings)}


def components_removed(predicted: Predicted, slice_numbers: Sequence[int]) -> list[dict[str, int]]:
    """Return the components removed from a prediction, largest first.

    Args:
        predicted: a model's part of a record.
        slice_numbers: (n,), of its slices.

    Returns:
        Each with ``volume_vx``, ``first_slice``, ``last_slice`` and ``largest_slice``, the number of the
        slice with most of it.
    """
    return [
        {
            "volume_vx": one.volume_vx,
            "first_slice": int(slice_numbers[one.first]),
            "last_slice": int(slice_numbers[one.last]),
            "largest_slice": int(slice_numbers[one.largest]),
        }
        for one in predicted.split.components
    ]
