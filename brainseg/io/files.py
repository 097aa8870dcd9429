"""Open files that others wrote: regular files only, up to a size that is checked before reading.

Without these checks, one pipe in a folder blocks its reader for ever, and a device or a sparse file of
20 GB fills the memory.
"""

import errno
import os
import stat
from io import FileIO
from pathlib import Path

from brainseg.io.limits import MAX_INFLATED_BYTES


def open_file(path: Path | str, most_bytes: int | None = None) -> FileIO:
    """Open a regular file for reading, unbuffered; links are followed.

    Args:
        path: of the file.
        most_bytes: the largest size that is accepted; None accepts any.

    Raises:
        OSError: a pipe, a socket, a device, a larger file, or a refusal of the system; ``strerror`` is
            the reason.
    """
    file = FileIO(path, opener=_open_without_waiting)
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if most_bytes is not None and status.st_size > most_bytes:
        file.close()
        reason = f"{status.st_size / 2**20:,.0f} MiB exceed {most_bytes / 2**20:,.0f} MiB"
        raise OSError(errno.EFBIG, reason, str(path))
    return file


def read_file(path: Path | str, most_bytes: int = MAX_INFLATED_BYTES) -> bytes:
    """Return the content of a regular file; raises OSError as :func:`open_file` does."""
    with open_file(path, most_bytes) as file:
        # A file that grows meanwhile, as those of /proc do, is read up to the size that was checked.
        return file.read(os.fstat(file.fileno()).st_size)


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a pipe waits for a writer otherwise.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
