"""Tables that stay on disk: each column is mapped into memory, and only what is used is read.

A file consists of one Arrow stream per column, uncompressed, so that a column has the same bytes on disk
as in a table of pandas. The system reads them when they are used, and drops them when memory is short.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray
from pandas.arrays import BooleanArray, FloatingArray, IntegerArray
from pyarrow import ArrowException

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
    array = values.array
    if isinstance(array, BooleanArray | IntegerArray | FloatingArray):
        # Arrow's own bits for missing values would be unpacked into memory on reading.
        return {name: _bytes(array._data), "missing": _bytes(array._mask)}
    if values.dtype == "str":
        text = pa.chunked_array(pa.array(array, pa.large_string()))
        return {name: text.combine_chunks()}
    return {name: _bytes(values.to_numpy())}


def _bytes(values: np.ndarray) -> pa.Array:
    return pa.array(values.view(np.uint8) if values.dtype == bool else values, from_pandas=False)


def _as_pandas(table: pa.Table, dtype: str) -> np.ndarray | ExtensionArray:
    if dtype == "str":
        return pd.array(table.column(0), dtype="str")
    values, kind = _whole(table.column(0)), "b" if dtype.startswith("bool") else dtype[0].lower()
    values = values.view(bool) if kind == "b" else values
    if table.num_columns == 1:
        return values
    return _MASKED[kind](values, _whole(table.column(1)).view(bool))


def _whole(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column without a copy; a table of no rows has no chunk."""
    if column.num_chunks == 0:
        return column.to_numpy()
    return column.chunk(0).to_numpy(zero_copy_only=True)
