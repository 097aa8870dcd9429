"""Findings of a large cohort, written to disk while they are found, and read when they are asked for.

A finding takes about a kilobyte as an object. Here it is a row of an Arrow file without a name, which
the system deletes once no process uses it any more. What all findings of a rule share is kept once.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple, overload

import numpy as np
import pandas as pd
import pyarrow as pa

from brainseg.checks.finding import SHARED, Finding, findings_rows
from brainseg.errors import BrainsegError

_TEXTS = ("case", "file", "fact", "sequence")
_SCHEMA = pa.schema({"slice_number": pa.int64(), **dict.fromkeys(_TEXTS, pa.large_string())})
_AT_A_TIME = 1 << 12


class _Block(NamedTuple):
    """Findings of one rule: one of them, for what they share, and a row of each."""

    like: Finding
    rows: pa.RecordBatch


class StoredFindings(Sequence[Finding]):
    """Findings on disk, in their order; equal to a list of the same findings."""

    def __init__(self, blocks: Iterable[_Block] = ()) -> None:
        self._blocks = [*blocks]
        self._ends = [*accumulate(block.rows.num_rows for block in self._blocks)]

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        number = bisect_right(self._ends, place)
        block = self._blocks[number]
        row = place - self._ends[number] + block.rows.num_rows
        return next(_findings(block.like, block.rows.slice(row, 1)))

    def __iter__(self) -> Iterator[Finding]:
        for like, rows in self._blocks:
            for start in range(0, rows.num_rows, _AT_A_TIME):
                yield from _findings(like, rows.slice(start, _AT_A_TIME))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]

    def rows(self) -> pd.DataFrame:
        """Return :func:`brainseg.checks.finding.findings_rows`; texts stay on disk."""
        table = pa.Table.from_batches([block.rows for block in self._blocks], _SCHEMA)
        sizes = [block.rows.num_rows for block in self._blocks]
        shared: dict[str, pd.Categorical] = {}
        for name in SHARED:
            codes, values = pd.factorize(
                np.array([getattr(block.like, name) for block in self._blocks], object)
            )
            shared[name] = pd.Categorical.from_codes(np.repeat(codes, sizes), values)
        numbers = table.column("slice_number").to_pandas(
            types_mapper={pa.int64(): pd.Int64Dtype()}.get
        )
        texts = {name: pd.array(table.column(name), dtype="str") for name in _TEXTS}
        return pd.DataFrame({"slice_number": numbers, **texts, **shared}, copy=False)


def rows_of(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return :func:`brainseg.checks.finding.findings_rows`; texts of stored findings stay on disk."""
    return findings.rows() if isinstance(findings, StoredFindings) else findings_rows(findings)


def _findings(like: Finding, rows: pa.RecordBatch) -> Iterator[Finding]:
    for row in rows.to_pylist():
        yield Finding(
            like.severity,
            like.kind,
            row["case"],
            row["slice_number"],
            row["file"],
            f"{row['fact']}: {like.remedy}",
            like.why,
            like.remedy,
            row["sequence"],
            like.label,
        )


def joined(findings: Iterable[Sequence[Finding]]) -> Sequence[Finding]:
    """Return several sequences of findings as one: a list, or on disk if all of them are."""
    parts = [part for part in findings if len(part)]
    stored = [part for part in parts if isinstance(part, StoredFindings)]
    if parts and len(stored) == len(parts):
        return StoredFindings(chain(*(part._blocks for part in stored)))
    return [*chain(*parts)]


class FindingsFile:
    """A file without a name that findings are added to, and then read from.

    Args:
        folder: where the file is; it is made. Without a right to write there, the file is in the
            system's folder for temporary files.

    Raises:
        BrainsegError: on adding or reading, if the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError:
            self._file = TemporaryFile()  # noqa: SIM115
        self._writer = pa.ipc.new_file(self._file, _SCHEMA)
        self._like: list[Finding] = []

    def add(self, findings: list[Finding]) -> None:
        """Add findings of one rule that share severity, why, remedy and label."""
        if not findings:
            return
        columns = {name: [getattr(one, name) for one in findings] for name in _SCHEMA.names}
        with self._refusing():
            self._writer.write_batch(pa.RecordBatch.from_pydict(columns, _SCHEMA))
        self._like.append(findings[0])

    def by_kind(self) -> dict[str, StoredFindings]:
        """Return the findings of each rule that has some, in the order added, and close the file."""
        with self._refusing():
            self._writer.close()
            self._file.flush()
        mapped = mmap(self._file.fileno(), 0, access=ACCESS_READ)
        batches = pa.ipc.open_file(pa.py_buffer(mapped))
        blocks: dict[str, list[_Block]] = {}
        for number, like in enumerate(self._like):
            blocks.setdefault(like.kind, []).append(_Block(like, batches.get_batch(number)))
        self._file.close()  # what is mapped stays readable
        return {kind: StoredFindings(of_kind) for kind, of_kind in blocks.items()}

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BrainsegError(
                f"the findings could not be written to {self._folder} ({error.strerror}): free some "
                "space and check again."
            ) from error
