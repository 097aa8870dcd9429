"""Where a user's state lives, and how it is written: one folder, never the dataset's."""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import platformdirs

from brainseg.errors import BrainsegError

_REMOVED = ".removed-"
"""Start of the name of a folder that is being deleted."""


def state_dir() -> Path:
    """Return the folder of the user's state: ``BRAINSEG_HOME``, or the platform's data folder."""
    named = os.environ.get("BRAINSEG_HOME")
    return Path(named).expanduser() if named else usual_state_dir()


def usual_state_dir() -> Path:
    """Return the folder of the user's state without ``BRAINSEG_HOME``."""
    return platformdirs.user_data_path("brainseg")


def cohort_dir(identity: str) -> Path:
    """Return the folder that keeps what belongs to one cohort (index, runs, scores, reviews).

    Args:
        identity: the cohort's fingerprint, from its content; see :attr:`brainseg.Cohort.identity`.
    """
    return state_dir() / "cohorts" / identity


def real_path(path: Path) -> Path:
    """Return a path without symbolic links, or the absolute path where it cannot exist.

    ``Path.resolve`` raises RuntimeError for a link that leads to itself, and ValueError for a NUL
    character.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        return path.absolute()


def require_writable(folder: Path) -> None:
    """Raise before a long computation if its results cannot be saved in a folder, existing or not.

    Raises:
        BrainsegError: the folder, the reason and the remedy.
    """
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> BrainsegError:
    """Return the error of a folder that cannot be written to."""
    nearest = next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)
    why = f"{nearest} is a file, not a folder" if nearest.is_file() else error.strerror
    return BrainsegError(
        f"{folder} cannot be written to ({why}): choose another folder, with --out or, for the "
        "application's own state, with BRAINSEG_HOME."
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or leave the old one: a kill at any moment leaves something that opens.

    Args:
        path: the file; its folder is made where it is missing.
        content: the bytes of the whole file.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full; the old file still stands.
    """
    with written_atomically(path) as file:
        file.write(content)


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write in parts, which replaces ``path`` at the end; see :func:`write_atomically`.

    Raises:
        BrainsegError: the folder is not writable, or the disk is full; the old file stays.
    """
    # Two pages of one server write at once, so the process alone does not tell writers apart.
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise BrainsegError(
            f"{path} could not be written ({error.strerror}): free some space, or choose "
            "a folder that you may write (BRAINSEG_HOME for the application's own state)."
        ) from error


def remove_folder(folder: Path) -> None:
    """Remove a folder at once for all readers: it gets a hidden name, and is then deleted.

    What a kill leaves under hidden names is deleted the next time. A folder that another process has
    just removed is no error.

    Raises:
        BrainsegError: the folder cannot be renamed.
    """
    doomed = folder.with_name(f"{_REMOVED}{folder.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BrainsegError(
            f"{folder} could not be removed ({error.strerror}): give this user permission to write to "
            f"{folder.parent}."
        ) from error
    for old in folder.parent.glob(f"{_REMOVED}*"):
        shutil.rmtree(old, ignore_errors=True)
