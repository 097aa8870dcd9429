"""A file that grows by lines, read while another process writes it: each whole line once."""

import os
from pathlib import Path
from typing import BinaryIO

MOST_BYTES_A_LINE = 1 << 20
"""A longer line is no line of a log: it is passed over, so that no reader fills its memory with it."""

_REMEMBERED = 256
"""So many bytes, of the beginning and before the place reached, tell whether a file is the same."""

_TRIES = 3


class AppendedLines:
    """Reads what a file gained since the last look, and notices when it is another file.

    A line counts once its line feed is there, so half of a line is never handed out. A file that was
    replaced, cut or rewritten, also while it was being read, is read again from its beginning.

    Attributes:
        path: the file; it need not exist yet.
        passed_over: how many lines were longer than :data:`MOST_BYTES_A_LINE`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def read(self) -> tuple[list[bytes], bool]:
        """Return the lines that are new, and whether the file began anew.

        Returns:
            The lines without their ends, oldest first; True where all that was handed out before
            no longer holds, for the file was replaced, cut, rewritten or deleted.

        Raises:
            OSError: the file is there and cannot be read; the next look goes on from the same place.
        """
        try:
            # Without a buffer, for what is compared is what the file holds now.
            with self.path.open("rb", buffering=0) as file:
                anew = not self._goes_on(file)
                for _ in range(_TRIES):
                    if anew:
                        self._forget()
                    lines = self._new_lines(file)
                    # Written anew in the middle of the reading, it would be half old and half new.
                    if not lines or self._goes_on(file):
                        return lines, anew
                    anew = True
        except FileNotFoundError:
            anew = self._offset > 0
        self._forget()
        return [], anew

    def _forget(self) -> None:
        self._offset, self._begins, self._before, self._file = 0, b"", b"", None
        self._in_long_line, self.passed_over = False, 0

    def _goes_on(self, file: BinaryIO) -> bool:
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
        while block := file.read(MOST_BYTES_A_LINE):
            *whole, rest = (rest + block).split(b"\n")
            lines += self._usable(whole)
            self._advance(b"\n".join([*whole, b""]))
            if len(rest) > MOST_BYTES_A_LINE:
                self._in_long_line = True
                self._advance(rest)
                rest = b""
        return lines

    def _usable(self, whole: list[bytes]) -> list[bytes]:
        if whole and self._in_long_line:
            self._in_long_line = False
            self.passed_over += 1
            whole = whole[1:]
        short = [line for line in whole if len(line) <= MOST_BYTES_A_LINE]
        self.passed_over += len(whole) - len(short)
        return short

    def _advance(self, read: bytes) -> None:
        if len(self._begins) < _REMEMBERED:
            self._begins = (self._begins + read)[:_REMEMBERED]
        self._offset += len(read)
        self._before = (self._before + read[-_REMEMBERED:])[-_REMEMBERED:]


def _bytes_at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
