"""Where a user's state lives, and how it is written: one folder, never the dataset's."""

from brainseg.storage.state import (
    cohort_home,
    home,
    write_atomically,
)

__all__ = [
    "cohort_home",
    "home",
    "write_atomically",
]
