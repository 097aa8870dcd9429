"""Where a user's state lives, and how it is written: one folder, never the dataset's."""

from brainseg.storage.state import (
    cohort_dir,
    real_path,
    remove_folder,
    require_writable,
    state_dir,
    usual_state_dir,
    write_atomically,
    written_atomically,
)

__all__ = [
    "cohort_dir",
    "real_path",
    "remove_folder",
    "require_writable",
    "state_dir",
    "usual_state_dir",
    "write_atomically",
    "written_atomically",
]
