"""Tables that stay on disk: each column is mapped into memory, and only what is used is read.

A file consists of one Arrow stream per column, uncompressed, so that a column has the same bytes on disk
as in a table of pandas. The system reads them when they are used, and drops them when memory is short.
"""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray
from pandas.arrays import BooleanArray, FloatingArray, IntegerArray
from pyarrow import ArrowException

from brainseg.errors import BrainsegError
from brainseg.storage import written_atomically

_DTYPE, _ABOUT = b"dtype", b"about"
_END = pa.schema([])
_MASKED = {"b": BooleanArray, "i": IntegerArray, "u": IntegerArray, "f": FloatingArray}


def write_table(path: Path, columns: Iterable[tuple[str, pd.Series]], about: str) -> None:
    """Write a table column by column, so that one column at a time is in memory.

    Args:
        path: the file; an older one is replaced at the end.
        columns: names and values, all of one length: numbers, nullable numbers or booleans, or str.
        about: what the table was made from; :func:`map_table` refuses another.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    with written_atomically(path) as file:
        for name, values in columns:
            table = pa.table(_as_arrow(name, values))
            facts = {_DTYPE: str(values.dtype).encode(), _ABOUT: about.encode()}
            with pa.ipc.new_stream(file, table.schema.with_metadata(facts)) as stream:
                stream.write_table(table)
        with pa.ipc.new_stream(file, _END):
            pass


def write_table_of_parts(path: Path, parts: Iterable[pd.DataFrame], about: str) -> None:
    """Write a table part by part, so that one part at a time is in memory.

    Args:
        path: as for :func:`write_table`.
        parts: rows of the table, in order, at least one part; no column of str.
        about: as for :func:`write_table`.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full.
    """
    with ExitStack() as stack:
        files: dict[tuple[str, int], BinaryIO] = {}
        dtypes: dict[str, list[np.dtype]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for part in parts:
                for name, values in part.items():
                    arrays = _arrays(values)
                    dtypes[str(name)] = [array.dtype for array in arrays]
                    for number, array in enumerate(arrays):
                        key = str(name), number
                        if key not in files:  # it has no name, so that a kill leaves none
                            files[key] = stack.enter_context(TemporaryFile(dir=path.parent))
                        files[key].write(np.ascontiguousarray(array).data)
        except OSError as error:
            raise BrainsegError(f"{path} could not be written ({error.strerror}).") from error
        columns = (
            (
                name,
                pd.Series(
                    _joined([_written(files[name, n], one) for n, one in enumerate(of_name)])
                ),
            )
            for name, of_name in dtypes.items()
        )
        write_table(path, columns, about)


def map_table(path: Path, about: str) -> pd.DataFrame | None:
    """Return a table of :func:`write_table`, or None if there is none, or of something else.

    Values are read when they are used, and cannot be changed in place.
    """
    columns: dict[str, np.ndarray | ExtensionArray] = {}
    is_whole = False
    try:
        with pa.memory_map(str(path)) as source:
            while source.tell() < source.size():
                with pa.ipc.open_stream(source) as stream:
                    table = stream.read_all()
                if is_whole := table.schema == _END:
                    break
                facts = table.schema.metadata
                if facts[_ABOUT] != about.encode():
                    return None
                columns[table.column_names[0]] = _as_pandas(table, facts[_DTYPE].decode())
        return pd.DataFrame(columns, copy=False) if is_whole else None
    except (OSError, ValueError, KeyError, TypeError, ArrowException):
        return None


def _as_arrow(name: str, values: pd.Series) -> dict[str, pa.Array]:
    if values.dtype == "str":
        text = pa.chunked_array(pa.array(values.array, pa.large_string()))
        return {name: text.combine_chunks()}
    # Arrow's own bits for missing values would be unpacked into memory on reading.
    return dict(zip((name, "missing"), map(_bytes, _arrays(values)), strict=False))


def _arrays(values: pd.Series) -> list[np.ndarray]:
    """Return the values of a column and, of a nullable one, which are missing."""
    array = values.array
    if isinstance(array, BooleanArray | IntegerArray | FloatingArray):
        return [array._data, array._mask]
    return [values.to_numpy()]


def _joined(arrays: list[np.ndarray]) -> np.ndarray | ExtensionArray:
    """Return a column of what :func:`_arrays` returned."""
    values, *missing = arrays
    return _MASKED[values.dtype.kind](values, *missing) if missing else values


def _written(file: BinaryIO, dtype: np.dtype) -> np.ndarray:
    """Return the whole content of a file, mapped into memory."""
    file.flush()
    size = file.seek(0, os.SEEK_END)
    return np.memmap(file, dtype, mode="r") if size else np.empty(0, dtype)


def _bytes(values: np.ndarray) -> pa.Array:
    return pa.array(values.view(np.uint8) if values.dtype == bool else values, from_pandas=False)


def _as_pandas(table: pa.Table, dtype: str) -> np.ndarray | ExtensionArray:
    if dtype == "str":
        return pd.array(table.column(0), dtype="str")
    values, kind = _whole(table.column(0)), "b" if dtype.startswith("bool") else dtype[0].lower()
    values = values.view(bool) if kind == "b" else values
    return _joined([values, *(_whole(one).view(bool) for one in table.columns[1:])])


def _whole(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without a copy; a table of no rows has no chunk."""
    if column.num_chunks == 0:
        return column.to_numpy()
    return column.chunk(0).to_numpy(zero_copy_only=True)
