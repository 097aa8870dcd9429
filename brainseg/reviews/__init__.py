"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in SQLite.

The measurements that readers draw are in the same file.
"""

from brainseg.reviews.database import LONGEST_READER, as_reader
from brainseg.reviews.measurements import Measurement, Measurements, open_measurements
from brainseg.reviews.store import (
    AGREE,
    LONGEST_COMMENT,
    NEEDS_EDIT,
    REJECT,
    STATES,
    Reviews,
    as_comment,
    open_reviews,
)

__all__ = [
    "AGREE",
    "LONGEST_COMMENT",
    "LONGEST_READER",
    "NEEDS_EDIT",
    "REJECT",
    "STATES",
    "Measurement",
    "Measurements",
    "Reviews",
    "as_comment",
    "as_reader",
    "open_measurements",
    "open_reviews",
]
