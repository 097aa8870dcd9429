"""Mirror a folder on another machine into ``BRAINSEG_HOME``, fetching only what has changed.

The storage's own library transfers the files, through fsspec. A file is complete under its name or
absent, and the journal names what was fetched, so the next call continues one that was stopped.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainseg.errors import BrainsegError, MissingPackageError, StorageError
from brainseg.storage.addresses import ABOUT, checked_address, mirror_dir, name_in_mirror
from brainseg.storage.locking import Taken, held
from brainseg.storage.state import require_writable, write_atomically

MAX_FILES = 1_000_000
MAX_FILE_BYTES = 2**30
"""A larger file is not fetched: no reader takes it."""

BATCH = 64
"""Number of files that are fetched at a time, and lost by a kill."""

_FETCHING = "fetching"
_JOURNAL = "fetched.jsonl"
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "version_id")
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")


@dataclass(frozen=True)
class _File:
    """A file of the storage: its path there, its size in bytes, and what changes when it does."""

    path: str
    size: int
    version: str


def mirror(
    address: str,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Bring the mirror of a folder or file up to date, and return its path.

    Args:
        address: such as ``s3://bucket/cohort``; see :func:`checked_address`.
        progress: called with (bytes fetched, bytes to fetch).
        say: called with a sentence about files that were left out.

    Raises:
        StorageError: the address cannot be opened, a limit is exceeded, or the transfer failed.
        MissingPackageError: the package that opens this kind of address is not installed.
        BrainsegError: ``BRAINSEG_HOME`` cannot be written.
    """
    address = checked_address(address)
    folder = mirror_dir(address)
    require_writable(folder)
    try:
        with held(folder / "lock", address), _refusals(address):
            return _update(address, folder, progress, say)
    except Taken as error:
        raise StorageError(
            f"another process fetches {address}: wait for it, then run the same command again."
        ) from error


def _update(
    address: str,
    folder: Path,
    progress: Callable[[int, int], None] | None,
    say: Callable[[str], None] | None,
) -> Path:
    storage, root = _opened(address)
    place = folder / name_in_mirror(address)
    files, left_out = _wanted(address, storage, root)
    if not files:
        raise StorageError(f"{address} contains no file: check the name of the bucket and folder.")
    if left_out and say:
        say(
            f"{left_out} file(s) of {address} were left out: larger than "
            f"{MAX_FILE_BYTES / 2**30:.0f} GiB, or with a name that no folder can have."
        )
    write_atomically(folder / ABOUT, json.dumps({"address": address}).encode())
    known = _remove_stale(place, files, _read_journal(folder / _JOURNAL))
    # Written anew, so that it does not grow.
    lines = "".join(map(_line, known, known.values()))
    write_atomically(folder / _JOURNAL, lines.encode())
    missing = {name: one for name, one in files.items() if name not in known}
    _require_space(address, folder, sum(one.size for one in missing.values()))
    _fetch(storage, missing, folder, place, progress)
    return place


def _opened(address: str) -> tuple[Any, str]:
    """Return the storage of an address, as fsspec opens it, and the path in it."""
    protocol = address.partition(":")[0]
    try:
        import fsspec
    except ImportError as error:
        raise _missing("fsspec") from error
    if protocol not in fsspec.available_protocols():
        raise StorageError(
            f"{protocol}:// is no kind of address that can be opened: name a folder, or an address "
            "such as s3://bucket/cohort."
        )
    try:
        storage, root = fsspec.url_to_fs(address)
    except ImportError as error:
        if protocol in ("s3", "s3a"):
            raise _missing("s3fs") from error
        raise MissingPackageError(
            f"{protocol}:// needs another package: {str(error).rstrip('.')}, with pip."
        ) from error
    storage.invalidate_cache()
    return storage, root.rstrip("/")


def _missing(package: str) -> MissingPackageError:
    return MissingPackageError(
        f"{package} is not installed, which opens addresses: pip install 'brainseg[remote]'."
    )


def _wanted(address: str, storage: Any, root: str) -> tuple[dict[str, _File], int]:
    """Return the files to mirror, by their path in the mirror, and the number of others.

    Hidden files are neither: no reader takes them. A single file has the path ``.``.
    """
    about = storage.info(root)
    if about["type"] == "file":
        return {".": _file(storage, root, about)}, 0
    found = storage.find(root, detail=True)
    if len(found) > MAX_FILES:
        raise StorageError(
            f"{address} contains {len(found):,} files, more than {MAX_FILES:,}: name a folder in it."
        )
    names = {path: path.removeprefix(f"{root}/") for path in found if not path.endswith("/")}
    folders = {above for name in names.values() for above in _above(name)}
    wanted, left_out = {}, 0
    for path, name in names.items():
        parts = name.split("/")
        if any(part.startswith(".") and part.strip(".") for part in parts):
            continue
        one = _file(storage, path, found[path])
        if name == path or name in folders or not _is_usable(parts) or one.size > MAX_FILE_BYTES:
            left_out += 1
        else:
            wanted[name] = one
    return wanted, left_out


def _above(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _is_usable(parts: list[str]) -> bool:
    """Return whether the parts of a name are those of a path that stays in its folder."""
    forbidden = '\\:*?"<>|' if os.name == "nt" else "\0"
    return all(
        part.strip(".") and len(os.fsencode(part)) <= 255 and not set(forbidden) & set(part)
        for part in parts
    )


def _file(storage: Any, path: str, about: dict) -> _File:
    if about.get("size") is None:
        about = storage.info(path)
    if about.get("size") is None:
        raise StorageError(
            "this storage does not state the size of its files: copy them to a folder of this machine."
        )
    stated = (next(filter(None, map(about.get, names)), "") for names in (_VERSIONS, _TIMES))
    return _File(path, int(about["size"]), " ".join(filter(None, map(str, stated))))


def _read_journal(path: Path) -> dict[str, tuple[int, str]]:
    """Return size and version of each file that was fetched; a line that a kill cut off is skipped."""
    known = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    name, size, version = json.loads(line)
                    known[str(name)] = int(size), str(version)
                except (ValueError, TypeError):
                    continue
    except OSError:
        return {}
    return known


def _line(name: str, known: tuple[int, str]) -> str:
    return json.dumps([name, *known]) + "\n"


def _remove_stale(
    place: Path, files: dict[str, _File], known: dict[str, tuple[int, str]]
) -> dict[str, tuple[int, str]]:
    """Remove what the storage no longer has from a mirror; return what is up to date in it."""
    fresh = {}
    for path in _files_below(place):
        name = path.relative_to(place).as_posix()
        wanted = files.get(name)
        if wanted is None:
            path.unlink()
        # Without a version, nothing says that a file has not changed.
        elif wanted.version and known.get(name) == (path.stat().st_size, wanted.version):
            fresh[name] = known[name]
    for folder, _, _ in os.walk(place, topdown=False):
        if not os.listdir(folder):  # noqa: PTH208  paths are text here
            Path(folder).rmdir()
    return fresh


def _files_below(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, _, names in os.walk(place):
        yield from (Path(folder, name) for name in names)


def _require_space(address: str, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"{address} needs {needed / 2**30:,.1f} GiB in {folder.parent}, and {free / 2**30:,.1f} GiB "
            "are free: free some space, or name another disk with BRAINSEG_HOME."
        )


def _fetch(
    storage: Any,
    missing: dict[str, _File],
    folder: Path,
    place: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Fetch files in batches: each is moved to its place, then the journal names it."""
    fetching, done = folder / _FETCHING, 0
    total = sum(one.size for one in missing.values())
    names = list(missing)
    for start in range(0, len(names), BATCH):
        shutil.rmtree(fetching, ignore_errors=True)
        fetching.mkdir()
        batch = names[start : start + BATCH]
        partial = [str(fetching / str(number)) for number in range(len(batch))]
        storage.get([missing[name].path for name in batch], partial)
        with (folder / _JOURNAL).open("a", encoding="utf-8") as journal:
            for name, path in zip(batch, map(Path, partial), strict=True):
                one, target = missing[name], place / name
                if path.stat().st_size != one.size:
                    raise StorageError(
                        f"{name} changed while it was fetched: run the command again."
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
                journal.write(_line(name, (one.size, one.version)))
                done += one.size
        if progress:
            progress(done, total)
    shutil.rmtree(fetching, ignore_errors=True)


@contextmanager
def _refusals(address: str) -> Iterator[None]:
    """Turn what libraries of storages raise into one sentence, without their words.

    Those could contain addresses with credentials.
    """
    try:
        yield
    except BrainsegError:
        raise
    except FileNotFoundError as error:
        raise StorageError(
            f"{address} does not exist: check the name of the bucket and folder."
        ) from error
    except PermissionError as error:
        raise StorageError(
            f"{address} may not be read with these credentials, or with none: check those of this "
            "storage, which the environment or its settings file gives."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "the disk of BRAINSEG_HOME is full: free some space, and run the command again."
            ) from error
        raise StorageError(
            f"{address} cannot be reached ({type(error).__name__}): check the network, the endpoint "
            "and the credentials of this storage, then run the same command again."
        ) from error
