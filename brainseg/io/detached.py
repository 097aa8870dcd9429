"""Headers whose voxels are in a file of their own: .mhd or .nhdr with .raw and the like, .hdr with .img.

Both files become one, as the same formats allow. The other file is read only beside its header.
"""

import re
import struct
from collections import defaultdict
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from brainseg.io.files import open_file, read_file
from brainseg.io.names import VOLUME_SUFFIXES, suffix_of
from brainseg.io.stored_volume import MOST_HEADER_BYTES
from brainseg.io.upload_file import InputFile

SUFFIXES = (".mhd", ".nhdr", ".hdr")
_OFFSET, _MAGIC, _WHOLE_HEADER = slice(108, 112), slice(344, 348), 352
"""Of NIfTI-1: where its header has the offset of the voxels and its magic, and its size in one file."""

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
        return header if other is None else _joined(path.name, header, read_file(other))
    except OSError:
        return header


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a file, and for a detached header the file of its voxels."""
    if path.suffix.lower() not in SUFFIXES:
        return (path,)
    try:
        other = _beside(path, _start_of(path))
    except OSError:
        return (path,)
    return (path,) if other is None else (path, other)


def is_volume(path: Path) -> bool:
    """Return whether a file is a volume by its suffix; .hdr of NIfTI only, not of Analyze or others."""
    suffix = suffix_of(path.name)
    if suffix != ".hdr":
        return suffix in VOLUME_SUFFIXES
    try:
        return _is_pair(_start_of(path))
    except OSError:
        return False


def _start_of(path: Path) -> bytes:
    with open_file(path) as file:
        return file.read(MOST_HEADER_BYTES)


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
        name = _name_in(header.name, header.data)
        folder = PurePosixPath(header.name).parent
        found = name and (by_name.get(str(folder / name)) or by_name.get(name, []))
        if found and len(found) == 1:
            joined[id(header)] = replace(
                header, data=_joined(header.name, header.data, found[0].data)
            )
            used.add(id(found[0]))
    return [joined.get(id(item), item) for item in items if id(item) not in used]


def _beside(path: Path, header: bytes) -> Path | None:
    name = _name_in(path.name, header) if path.suffix.lower() in SUFFIXES else None
    return path.with_name(name) if name else None


def _is_beside(name: str) -> bool:
    return not re.search(r"[/\\\0]", name) and name not in (".", "..")


def _pointer(header: bytes) -> re.Match[bytes] | None:
    return _POINTER.search(header[:MOST_HEADER_BYTES])


def _name_in(own: str, header: bytes) -> str | None:
    """Return the file beside a header that contains its voxels, None without one."""
    if PurePosixPath(own).suffix.lower() == ".hdr":
        ending = ".IMG" if own.endswith("R") else ".img"
        return f"{PurePosixPath(own).stem}{ending}" if _is_pair(header) else None
    found = _pointer(header)
    name = found["file"].decode("utf-8", "replace").strip() if found else ""
    is_other = name and name.upper() not in ("LOCAL", "LIST") and "%" not in name
    return name if is_other and _is_beside(name) else None


def _is_pair(header: bytes) -> bool:
    """Return whether a file is the header of a pair of NIfTI-1."""
    return header[_MAGIC] == b"ni1\0"


def _joined(own: str, header: bytes, voxels: bytes) -> bytes:
    if PurePosixPath(own).suffix.lower() == ".hdr":
        order = "<" if header[:2] == b"\x5c\x01" else ">"
        (offset,) = struct.unpack(f"{order}f", header[_OFFSET])
        moved = struct.pack(f"{order}f", offset + _WHOLE_HEADER)
        parts = header[: _OFFSET.start], moved, header[_OFFSET.stop : _MAGIC.start], b"n+1\0"
        return b"".join((*parts, bytes(_WHOLE_HEADER - _MAGIC.stop), voxels))
    found = _pointer(header)
    if found is None:
        return header
    if found["mhd"]:
        return b"".join((header[: found.start("file")], b" LOCAL\n", voxels))
    lines = header[: found.start()] + header[found.end() :].lstrip(b"\r\n")
    return b"".join((lines.rstrip(b"\r\n"), b"\n\n", voxels))
