"""Headers whose voxels are in a file of their own: .mhd with .raw or .zraw, .nhdr with .raw or .raw.gz.

Both files become one, as the same formats allow. The other file is read only beside its header.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from brainseg.io.files import read_file
from brainseg.io.stored_volume import MOST_HEADER_BYTES
from brainseg.io.upload_file import InputFile

SUFFIXES = (".mhd", ".nhdr")
File = TypeVar("File", bound=InputFile)
_POINTER = re.compile(
    rb"(?im)^(?:data ?file[ \t]*:|[ \t]*(?P<mhd>ElementDataFile[ \t]*=))(?P<file>[^\r\n]+)\r?$"
)


def why_elsewhere(name: str, suffix: str) -> str:
    """Return why voxels in another file were not read.

    Args:
        name: of the other file, as the header gives it.
        suffix: of the format in one file.
    """
    if "%" in name or name.upper().startswith("LIST"):
        return f"its voxels are in a list of files: save it as one file, {suffix}"
    if not _is_beside(name):
        return (
            "its voxels are in another folder: put their file beside it, or save it as one file, "
            f"{suffix}"
        )
    return f"its voxels are in {name}, which is missing or not readable: put it beside its header"


def read_joined(path: Path) -> bytes:
    """Return the content of a file, that of a detached header with its voxels.

    The header alone is returned where its voxels cannot be read; the decoder says so.

    Raises:
        OSError: see :func:`brainseg.io.files.read_file`.
    """
    header = read_file(path)
    other = _beside(path, header)
    try:
        return header if other is None else _joined(header, read_file(other))
    except OSError:
        return header


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a file, and for a detached header the file of its voxels."""
    if path.suffix.lower() not in SUFFIXES:
        return (path,)
    try:
        other = _beside(path, read_file(path))
    except OSError:
        return (path,)
    return (path,) if other is None else (path, other)


def join_detached(items: list[File]) -> list[File]:
    """Return the files of an upload with each detached header joined with its voxels."""
    headers = [item for item in items if PurePosixPath(item.name).suffix.lower() in SUFFIXES]
    by_name: dict[str, list[File]] = defaultdict(list)
    for item in items if headers else ():
        by_name[item.name].append(item)
        if "/" in item.name:
            by_name[item.name.rsplit("/", 1)[-1]].append(item)
    joined: dict[int, File] = {}
    used: set[int] = set()
    for header in headers:
        name = _name_in(header.data)
        folder = PurePosixPath(header.name).parent
        found = name and (by_name.get(str(folder / name)) or by_name.get(name, []))
        if found and len(found) == 1:
            joined[id(header)] = replace(header, data=_joined(header.data, found[0].data))
            used.add(id(found[0]))
    return [joined.get(id(item), item) for item in items if id(item) not in used]


def _beside(path: Path, header: bytes) -> Path | None:
    name = _name_in(header) if path.suffix.lower() in SUFFIXES else None
    return path.with_name(name) if name else None


def _is_beside(name: str) -> bool:
    return not re.search(r"[/\\\0]", name) and name not in (".", "..")


def _pointer(header: bytes) -> re.Match[bytes] | None:
    return _POINTER.search(header[:MOST_HEADER_BYTES])


def _name_in(header: bytes) -> str | None:
    """Return the file beside a header that contains its voxels, None without one."""
    found = _pointer(header)
    name = found["file"].decode("utf-8", "replace").strip() if found else ""
    is_other = name and name.upper() not in ("LOCAL", "LIST") and "%" not in name
    return name if is_other and _is_beside(name) else None


def _joined(header: bytes, voxels: bytes) -> bytes:
    found = _pointer(header)
    if found is None:
        return header
    if found["mhd"]:
        return b"".join((header[: found.start("file")], b" LOCAL\n", voxels))
    lines = header[: found.start()] + header[found.end() :].lstrip(b"\r\n")
    return b"".join((lines.rstrip(b"\r\n"), b"\n\n", voxels))
