"""The index of a folder, saved in the user's folder of the cohort and read again while it is valid."""

import re
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from brainseg.cohort.answers import Answers, pointer_of
from brainseg.cohort.discovery import FileList
from brainseg.cohort.index import (
    INDEX_VERSION,
    Progress,
    build_index,
    forget_rows,
    identity_of,
    index_as_bytes,
    is_current,
    read_columns,
    read_index,
)
from brainseg.cohort.mapped_table import map_table, write_table
from brainseg.cohort.volume_files import index_volumes
from brainseg.errors import BrainsegError
from brainseg.storage import cohort_dir, write_atomically

MAPPED_FROM = 100_000
"""Number of slices from which an index stays on disk: below, it takes less than 140 MB of memory."""

ABOUT = "saved index"
"""Attribute of an index that is mapped from disk: the version, size and time of its file."""


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
    previous, notes = open_index(_saved(known)) if known else (None, [])
    if found.volumes:
        slices = index_volumes(root, found.volumes, previous, progress, answers.sequences, executor)
    else:
        slices = build_index(root, found.files, previous, progress, executor)
    # A large index is not compared with itself: that would read all of it.
    if known and previous is not None and (slices is previous or slices.equals(previous)):
        return previous, known, notes
    identity = identity_of(slices)
    try:
        write_atomically(_saved(identity), index_as_bytes(slices))
        write_atomically(pointer, identity.encode())
        forget_rows(root)
    except BrainsegError as error:
        return (
            slices,
            identity,
            [f"The index was not saved, so each start reads all files: {error}"],
        )
    if len(slices) < MAPPED_FROM:
        return slices, identity, []
    if known and known != identity:
        forget_copies(known)
    saved, notes = open_index(_saved(identity))
    return slices if saved is None else saved, identity, notes


def open_index(path: Path) -> tuple[pd.DataFrame | None, list[str]]:
    """Return a saved index, and a note if a large one takes memory; None where there is none to use.

    Args:
        path: the index as Parquet. From :data:`MAPPED_FROM` slices on, a copy beside it is mapped into
            memory instead; see :mod:`brainseg.cohort.mapped_table`. A missing copy is made.
    """
    try:
        slices, state = pq.read_metadata(path).num_rows, path.stat()
    except (OSError, ArrowException):
        return None, []
    if slices < MAPPED_FROM:
        return read_index(path), []
    copy, about = _mapped(path), f"index {INDEX_VERSION} {state.st_size} {state.st_mtime_ns}"
    mapped = _mapped_as(copy, about)
    if mapped is not None:
        return mapped, []
    if not is_current(path):
        return None, []
    try:
        write_table(copy, read_columns(path), about)
    except ValueError:
        return None, []
    except BrainsegError as error:
        return read_index(path), [f"The index takes memory, as it has no copy on disk: {error}"]
    return _mapped_as(copy, about), []


def forget_copies(identity: str) -> None:
    """Remove what was made from a large index to be mapped; an open cohort keeps what it has mapped."""
    copies = [_mapped(_saved(identity)), *cohort_dir(identity).glob("**/tables/*.arrow")]
    for copy in copies:
        with suppress(OSError):
            copy.unlink(missing_ok=True)


def _mapped_as(copy: Path, about: str) -> pd.DataFrame | None:
    slices = map_table(copy, about)
    if slices is not None:
        slices.attrs[ABOUT] = about
    return slices


def _saved(identity: str) -> Path:
    return cohort_dir(identity) / "index.parquet"


def _mapped(path: Path) -> Path:
    return path.with_suffix(".arrow")


def _read_pointer(path: Path) -> str | None:
    """Return the identity under which a folder was indexed, or None if unknown."""
    try:
        known = path.read_text(errors="replace")
    except OSError:
        return None
    # It becomes part of a path.
    return known if re.fullmatch(r"[0-9a-f]{32}", known) else None
