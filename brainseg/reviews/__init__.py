"""Reviews: one per case, reader and subject (the manual mask, or a model's prediction), in SQLite."""

from brainseg.reviews.store import (
    AGREE,
    LONGEST_COMMENT,
    LONGEST_READER,
    NEEDS_EDIT,
    REJECT,
    STATES,
    Reviews,
    as_comment,
    as_reader,
    open_reviews,
)

__all__ = [
    "AGREE",
    "LONGEST_COMMENT",
    "LONGEST_READER",
    "NEEDS_EDIT",
    "REJECT",
    "STATES",
    "Reviews",
    "as_comment",
    "as_reader",
    "open_reviews",
]
