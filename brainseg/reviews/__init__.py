"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in a database.

The measurements that readers draw and the history of all changes are in the same database.
"""

from brainseg.reviews.database import as_reader
from brainseg.reviews.history import history_table, record
from brainseg.reviews.measurements import Measurement, Measurements, open_measurements
from brainseg.reviews.schema import LONGEST_COMMENT, LONGEST_READER, STATES
from brainseg.reviews.store import (
    AGREE,
    NEEDS_EDIT,
    REJECT,
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
    "history_table",
    "open_measurements",
    "open_reviews",
    "record",
]
