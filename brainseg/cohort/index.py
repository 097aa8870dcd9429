"""The index: one row per slice with everything that tables and checks need, so files are read once.

Reading is a pure function from a part of the file list to rows, mapped over an executor: by default
threads, as OpenCV and the hash release the lock. A file with unchanged size and time is not read again.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.util import hash_pandas_object
from pyarrow import ArrowException

from brainseg.cohort.case_windows import of_changed_windows, stacks_to_window
from brainseg.cohort.slice_rows import (
    OF_TUMOUR,
    READ_DTYPES,
    one_opencv_thread,
    read_rows,
    read_stack,
)
from brainseg.executors import forget_parts, map_parts, saved_part
from brainseg.io.decoding import why_lost
from brainseg.jobs import JobLost

Progress = Callable[[int, int], None]
"""Called with (done, total) during long work."""

PART_ROWS = 64

INDEX_VERSION = 10
"""Changes when the same files give other numbers, so that the index of an older version is rebuilt."""

_STATE_COLUMNS = ["image_path", "image_bytes", "image_mtime_ns"]
_STATE_COLUMNS += ["mask_path", "mask_bytes", "mask_mtime_ns"]
"""The columns that change when a file does."""

_VERSION_KEY = b"brainseg index"


def build_index(
    root: Path,
    files: pd.DataFrame,
    previous: pd.DataFrame | None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Return the index of a file list, reading only what is new or changed since ``previous``.

    Args:
        root: the folder that the paths are relative to.
        files: one row per slice; see :data:`brainseg.cohort.discovery.FILE_COLUMNS`.
        previous: an earlier index of the same folder, or None.
        progress: called with (slices read, slices to read).
        executor: see :mod:`brainseg.executors`; by default threads.
    """
    found = np.full(len(files), -1)
    if previous is not None and len(previous):
        found = _rows_before(files, previous)
        if (found >= 0).all() and files.equals(previous[list(files.columns)]):
            return previous  # without a copy: a million slices take 1 GB
        found[of_changed_windows(files, previous, found)] = -1
    known = pd.Series(found >= 0, index=files.index)
    stale = files.index[~known]
    parts = [files.loc[stale[i : i + PART_ROWS]] for i in range(0, len(stale), PART_ROWS)]
    rows: list[dict] = []
    with ExitStack() as stack:
        stack.enter_context(one_opencv_thread())
        engine = executor or stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        read = _read_part if executor is None else _read_saved_part
        for of_part in map_parts(engine, read, ((read_rows, root, part) for part in parts), _lost):
            rows += of_part
            if progress:
                progress(len(rows), len(stale))
        stacks = stacks_to_window(files.loc[stale, "case"], rows)
        calls = ((read_stack, root, files.loc[stale[indices]]) for indices in stacks)
        for indices, of_stack in zip(stacks, map_parts(engine, read, calls, _lost), strict=True):
            for index_of_row, row in zip(indices, of_stack, strict=True):
                rows[index_of_row] = row
    # One table for all rows: a table per part takes ten times as long and blocks the threads.
    tables = [pd.DataFrame(rows, index=stale, columns=list(READ_DTYPES)).astype(READ_DTYPES)]
    if previous is not None and known.any():
        unchanged = previous[list(READ_DTYPES)].take(found[known])
        tables.append(unchanged.set_axis(files.index[known]))
    index = _without_stray_labels(pd.concat([files, pd.concat(tables).sort_index()], axis=1))
    index.insert(4, "slice_index", index.groupby("case").cumcount())
    return index


def _read_part(read: Callable, root: Path, part: pd.DataFrame) -> list[dict]:
    with one_opencv_thread():
        found: list[dict] = read(root, part)
    return found


def _read_saved_part(read: Callable, root: Path, part: pd.DataFrame) -> list[dict]:
    name = (INDEX_VERSION, read.__name__, root, part[_STATE_COLUMNS].to_csv())
    return saved_part(work_of(root), name, lambda: _read_part(read, root, part))


def _lost(lost: JobLost, _read: Callable, _root: Path, part: pd.DataFrame) -> list[dict]:
    return [{"image_error": why_lost(lost)} for _ in range(len(part))]


def forget_rows(root: Path) -> None:
    """Remove the rows that were saved while a folder was indexed: the index itself is saved."""
    forget_parts(work_of(root))


def work_of(root: Path) -> str:
    """Return the name under which the rows of a folder are saved while it is indexed."""
    return f"index-{hashlib.blake2b(str(root).encode(), digest_size=16).hexdigest()}"


def read_index(path: Path) -> pd.DataFrame | None:
    """Return an index saved as Parquet, or None if there is none that this version can use."""
    if not is_current(path):
        return None
    try:
        index = pd.read_parquet(path, page_checksum_verification=True)
        pa.default_memory_pool().release_unused()  # a third of the memory, as measured
    except (OSError, ValueError, KeyError, TypeError, ArrowException):
        return None
    return index


def is_current(path: Path) -> bool:
    """Return whether a file is an index of this version with all columns; the values may be damaged."""
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError, KeyError, TypeError, ArrowException):
        return False
    is_of_version = (schema.metadata or {}).get(_VERSION_KEY) == str(INDEX_VERSION).encode()
    return is_of_version and set(READ_DTYPES) <= set(schema.names)


def read_columns(path: Path) -> Iterator[tuple[str, pd.Series]]:
    """Yield the columns of an index saved as Parquet, one at a time.

    Raises:
        ValueError: the file is damaged.
    """
    for name in [name for name in pq.read_schema(path).names if not name.startswith("__")]:
        try:
            one = pd.read_parquet(path, columns=[name], page_checksum_verification=True)
        except (OSError, KeyError, TypeError, ArrowException) as error:
            raise ValueError(f"{path} is damaged: remove it, so that it is made again.") from error
        yield name, one[name]
        del one
        pa.default_memory_pool().release_unused()


def index_as_bytes(index: pd.DataFrame) -> bytes:
    """Return an index as a Parquet file with checksums, for :func:`read_index`."""
    content = io.BytesIO()
    pq.write_table(index_as_arrow(index), content, write_page_checksum=True)
    return content.getvalue()


def index_as_arrow(index: pd.DataFrame) -> pa.Table:
    """Return an index, or rows of it, with the version that :func:`read_index` asks for."""
    table = pa.Table.from_pandas(index)
    return table.replace_schema_metadata(
        table.schema.metadata | {_VERSION_KEY: str(INDEX_VERSION).encode()}
    )


def identity_of(index: pd.DataFrame) -> str:
    """Return the fingerprint of a cohort's content: 32 hexadecimal digits, the same on any path."""
    digest = hashlib.blake2b(digest_size=16)
    columns = ["case", "slice_number", "image_hash", "mask_hash"]
    for row in index[columns].sort_values(columns).itertuples(index=False):
        digest.update(repr(tuple(None if pd.isna(value) else value for value in row)).encode())
    return digest.hexdigest()


def _without_stray_labels(index: pd.DataFrame) -> pd.DataFrame:
    """Return the index without masks of labels where most masks have none: such values are mistakes."""
    labelled = index["label_px"].notna()
    drawn = index["mask_values"].notna() & (index["mask_values"] != "0")
    if 0 < 2 * labelled.sum() <= drawn.sum():
        index.loc[labelled, OF_TUMOUR] = pd.NA
    return index


def _rows_before(files: pd.DataFrame, previous: pd.DataFrame) -> np.ndarray:
    """Return the row of each file in an earlier index, (n,) int; -1 if it is new, changed or unread."""
    # A file that could not be opened may be readable now: rights change neither size nor time.
    opened = previous["image_path"].isna() | previous["image_hash"].notna()
    opened &= previous["mask_path"].isna() | previous["mask_hash"].notna()
    here, before = files[_STATE_COLUMNS], previous[_STATE_COLUMNS]
    if here.equals(before):
        return np.where(opened, np.arange(len(files)), -1)
    # Hashes find the row, and its values decide: as Python strings, a million keys would take 1.5 GB.
    hashes, known = (hash_pandas_object(one, index=False).to_numpy() for one in (here, before))
    order = np.argsort(known, kind="stable")
    rows = order[np.minimum(np.searchsorted(known[order], hashes), len(order) - 1)]
    same = opened.to_numpy()[rows]
    for name in _STATE_COLUMNS:
        now, then = here[name], before[name].take(rows).set_axis(files.index)
        same &= ((now == then).fillna(False) | (now.isna() & then.isna())).to_numpy(bool)
    return np.where(same, rows, -1)
