"""Tables of slices and cases: pure functions of a cohort's index, each number with its unit.

A slice is a row of the index, also where one of its two files is missing. A slice counts towards a
statistic where its mask is usable (``area_px`` is there); the others are left out, and counted.
Areas are pixels and volumes voxels, for the files hold no spacing.
"""

from brainseg.statistics.cases import (
    UNKNOWN,
    case_table,
    catalogue,
    counts,
    flair_copies,
    institution_table,
    tumour_shares,
)
from brainseg.statistics.codes import code_counts, join_patients, patient_columns
from brainseg.statistics.distributions import along_the_case, category_counts, histogram
from brainseg.statistics.files import Pair, file_table, random_pair
from brainseg.statistics.tumours import (
    INSIDE,
    LEAST_COMPACT_PX,
    OUTSIDE,
    case_measures,
    compactness,
    group_table,
    slice_measures,
)

__all__ = [
    "INSIDE",
    "LEAST_COMPACT_PX",
    "OUTSIDE",
    "UNKNOWN",
    "Pair",
    "along_the_case",
    "case_measures",
    "case_table",
    "catalogue",
    "category_counts",
    "code_counts",
    "compactness",
    "counts",
    "file_table",
    "flair_copies",
    "group_table",
    "histogram",
    "institution_table",
    "join_patients",
    "patient_columns",
    "random_pair",
    "slice_measures",
    "tumour_shares",
]
