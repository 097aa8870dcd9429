"""The index of a folder, saved in the user's folder of the cohort and read again while it is valid."""

import re
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd

from brainseg.cohort.answers import Answers, pointer_of
from brainseg.cohort.discovery import FileList
from brainseg.cohort.index import (
    Progress,
    build_index,
    forget_rows,
    identity_of,
    index_as_bytes,
    read_index,
)
from brainseg.cohort.volume_files import index_volumes
from brainseg.errors import BrainsegError
from brainseg.storage import cohort_dir, write_atomically


def index_of(
    root: Path,
    found: FileList,
    progress: Progress | None,
    answers: Answers,
    executor: Executor | None = None,
) -> tuple[pd.DataFrame, str, list[str]]:
    """Return the index of a folder, its identity, and a note if the index could not be saved."""
    pointer = pointer_of(root)
    known = _read_pointer(pointer)
    previous = read_index(cohort_dir(known) / "index.parquet") if known else None
    if found.volumes:
        slices = index_volumes(root, found.volumes, previous, progress, answers.sequences, executor)
    else:
        slices = build_index(root, found.files, previous, progress, executor)
    if known and previous is not None and slices.equals(previous):
        return slices, known, []
    identity = identity_of(slices)
    try:
        write_atomically(cohort_dir(identity) / "index.parquet", index_as_bytes(slices))
        write_atomically(pointer, identity.encode())
        forget_rows(root)
    except BrainsegError as error:
        return (
            slices,
            identity,
            [f"The index was not saved, so each start reads all files: {error}"],
        )
    return slices, identity, []


def _read_pointer(path: Path) -> str | None:
    """Return the identity under which a folder was indexed, or None if unknown."""
    try:
        known = path.read_text(errors="replace")
    except OSError:
        return None
    # It becomes part of a path.
    return known if re.fullmatch(r"[0-9a-f]{32}", known) else None
