"""Tables of slices and cases: pure functions of a cohort's index.

Each row of the index is a slice, even if one of its two files is missing. A slice counts in a statistic
if its mask is usable (``area_px`` is present); the others are left out and counted. Areas are in pixels
and volumes in voxels, because the files contain no spacing.
"""

from brainseg.statistics.cases import (
    UNKNOWN,
    case_table,
    counts,
    flair_copies,
    tumour_shares,
    tumour_shares_of_cases,
)
from brainseg.statistics.codes import code_counts, patient_columns
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
    "category_counts",
    "code_counts",
    "compactness",
    "counts",
    "file_table",
    "flair_copies",
    "group_table",
    "histogram",
    "patient_columns",
    "random_pair",
    "slice_measures",
    "tumour_shares",
    "tumour_shares_of_cases",
]
