"""A lock between processes. The system releases it when a process ends, even after a kill."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainseg.errors import BrainsegError
from brainseg.storage.state import unwritable

if os.name == "nt":
    import msvcrt
else:
    import fcntl

_FAR_BEYOND = 2**30
"""Windows locks bytes; others must still be able to read the text at the start of the file."""


class Taken(BrainsegError):
    """Another process holds the lock; the message is the text that it wrote into the file."""


@contextmanager
def held(path: Path, text: str) -> Iterator[None]:
    """Hold a lock during the context, with a text for other processes that find it taken.

    Args:
        path: the lock file; it is not removed, because two processes could then hold the lock.
        text: one line that names the owner and the purpose.

    Raises:
        Taken: another process holds it.
        BrainsegError: the file cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(path.parent, error) from error
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
    """Return the text of the process that holds the lock; empty if it is free."""
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
