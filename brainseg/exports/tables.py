"""What a case measures, as tables that leave the application."""

import pandas as pd

from brainseg.measures import by_slice, measure_case
from brainseg.record import CaseRecord


def slice_table(record: CaseRecord) -> pd.DataFrame:
    """Return what each slice of a case measures, a row a slice of the NIfTI files.

    Returns:
        ``voxel_k``, the place in the files' third axis from 0; ``slice_number``; then the columns of
        :func:`brainseg.measures.by_slice` with ``mask_`` in front, and with ``prediction_`` where
        there is one. Two slices of one number have a row each.
    """
    numbers, spacing_mm = record.slice_numbers, record.volume.spacing_mm
    numbered = pd.DataFrame({"slice_number": pd.Series(numbers, dtype="int64")})
    parts = [
        by_slice(region, numbers, there, spacing_mm)
        .drop(columns="slice_number")
        .add_prefix(f"{name.lower()}_")
        for name, (region, there) in record.regions.items()
    ]
    return pd.concat([numbered, *parts], axis=1).rename_axis("voxel_k").reset_index()


def case_table(record: CaseRecord) -> pd.DataFrame:
    """Return what a case measures as a whole, a row for its mask and one for its prediction.

    Returns:
        ``region``, then what :func:`brainseg.measures.measure_case` gives; no row without any.
    """
    rows = [
        {"region": name.lower()}
        | measure_case(region, record.slice_numbers, there, record.volume.spacing_mm)
        for name, (region, there) in record.regions.items()
    ]
    return pd.DataFrame(rows)
