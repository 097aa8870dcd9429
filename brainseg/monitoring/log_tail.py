"""Follow a file that another process appends to, and return each complete line once."""

import os
from pathlib import Path
from typing import BinaryIO

from brainseg.io.files import open_file

MOST_LINE_BYTES = 1 << 20
"""Longer lines are skipped, so that no reader fills its memory with them."""

_COMPARED_BYTES = 256
"""Bytes at the start and before the current offset that identify an unchanged file."""

_TRIES = 3


class LogTail:
    """Reads the lines appended since the last call, and detects when a file was replaced.

    A line is returned once its line feed is written, so never half of one. A file that was replaced,
    truncated or rewritten, also during a read, is read again from its start.

    Attributes:
        path: the file; it may not exist yet.
        skipped: number of lines longer than :data:`MOST_LINE_BYTES`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def read(self) -> tuple[list[bytes], bool]:
        """Return the new lines, and whether the file was replaced.

        Returns:
            The lines without line endings, oldest first; True if all earlier lines are obsolete because
            the file was replaced, truncated, rewritten or deleted.

        Raises:
            OSError: the file exists but cannot be read; the next call continues at the same offset.
        """
        try:
            # Unbuffered, so that the comparison sees the file's current content.
            with open_file(self.path) as file:
                replaced = not self._is_unchanged(file)
                for _ in range(_TRIES):
                    if replaced:
                        self._forget()
                    lines = self._new_lines(file)
                    # If it was rewritten during the read, the lines would be half old and half new.
                    if not lines or self._is_unchanged(file):
                        return lines, replaced
                    replaced = True
        except FileNotFoundError:
            replaced = self._offset > 0
        self._forget()
        return [], replaced

    def _forget(self) -> None:
        self._offset, self._begins, self._before = 0, b"", b""
        self._file: tuple[int, int] | None = None
        self._in_long_line, self.skipped = False, 0

    def _is_unchanged(self, file: BinaryIO) -> bool:
        stat = os.fstat(file.fileno())
        known, self._file = self._file, (stat.st_dev, stat.st_ino)
        if known is None or not self._offset:
            return True
        if known != self._file or stat.st_size < self._offset:
            return False
        return (
            _bytes_at(file, 0, len(self._begins)) == self._begins
            and _bytes_at(file, self._offset - len(self._before), len(self._before)) == self._before
        )

    def _new_lines(self, file: BinaryIO) -> list[bytes]:
        lines: list[bytes] = []
        file.seek(self._offset)
        rest = b""
        while block := file.read(MOST_LINE_BYTES):
            *whole, rest = (rest + block).split(b"\n")
            lines += self._usable(whole)
            self._advance(b"\n".join([*whole, b""]))
            if len(rest) > MOST_LINE_BYTES:
                self._in_long_line = True
                self._advance(rest)
                rest = b""
        return lines

    def _usable(self, whole: list[bytes]) -> list[bytes]:
        if whole and self._in_long_line:
            self._in_long_line = False
            self.skipped += 1
            whole = whole[1:]
        short = [line for line in whole if len(line) <= MOST_LINE_BYTES]
        self.skipped += len(whole) - len(short)
        return short

    def _advance(self, read: bytes) -> None:
        if len(self._begins) < _COMPARED_BYTES:
            self._begins = (self._begins + read)[:_COMPARED_BYTES]
        self._offset += len(read)
        self._before = (self._before + read[-_COMPARED_BYTES:])[-_COMPARED_BYTES:]


def _bytes_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
