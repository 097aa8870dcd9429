"""A lock between processes that no kill can leave behind: the system lets go of it with the process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainseg.errors import BrainsegError

if os.name == "nt":
    import msvcrt
else:
    import fcntl

_FAR_BEYOND = 2**30
"""Windows locks bytes, and the text at the beginning of the file is for others to read."""


class Taken(BrainsegError):
    """Another process holds the lock; the message is what it wrote there."""


@contextmanager
def held(path: Path, text: str) -> Iterator[None]:
    """Hold a lock while it lasts, with a text for whoever finds it taken.

    Args:
        path: the lock's file; it stays, for removing it would let two hold it at once.
        text: a line, such as who holds it and for what.

    Raises:
        Taken: another process holds it.
        BrainsegError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise BrainsegError(
            f"{path} cannot be made ({error.strerror}): choose another BRAINSEG_HOME."
        ) from error
    with file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise Taken(read(path)) from error
        file.truncate(0)
        file.write(text)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def read(path: Path) -> str:
    """Return the text of whoever holds or last held a lock; empty where nobody does."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        os.lseek(descriptor, _FAR_BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
