"""Read NRRD files of 3D Slicer, ITK and Teem: lines of text, an empty line, then the voxels.

A header in a file of its own (.nhdr) is joined with its voxels first; see :mod:`brainseg.io.detached`.
The format: https://teem.sourceforge.net/nrrd/format.html
"""

import bz2
import re

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import inflate_exactly, inflate_stream
from brainseg.io.detached import why_elsewhere
from brainseg.io.limits import DAMAGED
from brainseg.io.stored_volume import (
    MOST_HEADER_BYTES,
    Segment,
    StoredVolume,
    Voxels,
    nifti_header,
)

MAGIC = b"NRRD000"
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int"), "i2"),
    **dict.fromkeys(("int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int"), "u2"),
    **dict.fromkeys(("uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long"), "i8"),
    **dict.fromkeys(("signed long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int"), "u8"),
    **dict.fromkeys(("uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}
_MM = {"mm": 1.0, "millimeter": 1.0, "um": 0.001, "µm": 0.001, "micron": 0.001, "cm": 10.0}
_SPATIAL = ("domain", "space")
_OF_VOLUMES = ("list", "none", "???", "time", "stub", "scalar", *_SPATIAL)
"""Kinds of a fourth axis whose samples are volumes of their own, not the parts of a vector."""

_SEGMENT = re.compile(r"(?m)^Segment(\d+)_(Name|LabelValue|Layer):=(.*?)\r?$")
Header = dict[str, str]


def open_nrrd(data: bytes) -> StoredVolume:
    """Return a file of NRRD, whose voxels are in it.

    Raises:
        DecodeError: not NRRD, damaged, or of a variant that is not read.
    """
    text, begin = _text(data)
    fields = _fields(text)
    sizes = [int(size) for size in fields.get("sizes", "").split()]
    if not sizes or len(sizes) != int(fields.get("dimension", 0)):
        raise DecodeError(DAMAGED)
    dtype = _data_type(fields)
    other = _axis_of_volumes(fields, sizes)
    space = [axis for axis in range(len(sizes)) if axis != other]
    order = [*space, *(() if other is None else (other,))]
    affine, spacing = _geometry(fields, space) if len(space) == 3 else (None, None)

    def voxels(wanted: int) -> Voxels:
        stored = _decoded(data, begin, fields, wanted)
        if order == sorted(order):
            return stored
        array = np.frombuffer(stored, dtype, wanted // dtype.itemsize).reshape(sizes, order="F")
        return array.transpose(order).tobytes(order="F")

    header = nifti_header([sizes[axis] for axis in order], dtype, affine, spacing)
    return StoredVolume(header, voxels, _segments(text, other is not None))


def _text(data: bytes) -> tuple[str, int]:
    """Return the header, and where the voxels begin."""
    end = re.compile(rb"\r?\n\r?\n").search(data, 0, MOST_HEADER_BYTES)
    if end is None and len(data) > MOST_HEADER_BYTES:
        raise DecodeError("its header has no end")
    stop, begin = (end.start(), end.end()) if end else (len(data), len(data))
    return data[:stop].decode("utf-8", "replace"), begin


def _fields(text: str) -> Header:
    """Return the fields of a header, in lower case without blanks; keys of its author are left out."""
    fields: Header = {}
    for line in text.splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[name.replace(" ", "").lower()] = value.strip()
    return fields


def _data_type(fields: Header) -> np.dtype:
    kind = fields.get("type", "").lower()
    if kind not in _TYPES:
        raise DecodeError(f"its voxels are of the type {kind or 'unknown'}; expected one number")
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower(), "")
    dtype = np.dtype(order + _TYPES[kind])
    if not order and dtype.itemsize > 1:
        raise DecodeError("its header does not say in which order bytes are stored (endian)")
    return dtype


def _axis_of_volumes(fields: Header, sizes: list[int]) -> int | None:
    """Return the axis that counts volumes, None without one."""
    directions = _vectors(fields.get("spacedirections", ""))
    kinds = [kind.lower() for kind in fields.get("kinds", "").split()]
    for field, found in (("spacedirections", directions), ("kinds", kinds)):
        if field in fields and len(found) != len(sizes):
            raise DecodeError(DAMAGED)
    others = [axis for axis, one in enumerate(directions) if one is None]
    if not directions and kinds:
        others = [axis for axis, kind in enumerate(kinds) if kind not in (*_SPATIAL, "none", "???")]
    if not others and len(sizes) == 4:
        others = [3]
    for axis in others:
        kind = kinds[axis] if kinds else "list"
        if kind not in _OF_VOLUMES and sizes[axis] > 1:
            raise DecodeError(f"each voxel has {sizes[axis]} values ({kind}); expected one")
    if len(others) > 1 or len(sizes) - len(others) not in (2, 3) or (others and len(sizes) < 4):
        shown = " x ".join(map(str, sizes))
        raise DecodeError(f"{shown} voxels; expected three dimensions, or four with one of volumes")
    return others[0] if others else None


def _vectors(value: str) -> list[list[float] | None]:
    """Return vectors such as “(1,0,0) none (0,1,0)”, None for each “none”."""
    return [
        None if one == "none" else [float(number) for number in one[1:-1].split(",")]
        for one in re.findall(r"none|\([^()]*\)", value)
    ]


def _geometry(
    fields: Header, space: list[int]
) -> tuple[np.ndarray | None, tuple[float, float, float] | None]:
    """Return the affine in RAS+ if its space is a patient's, else the spacing if it has a unit."""
    vectors = _vectors(fields.get("spacedirections", ""))
    found = [vectors[axis] for axis in space] if vectors else []
    directions = np.array([one[:3] for one in found if one]).T if all(found) else np.array([])
    signs = _signs(fields.get("space", ""))
    unit = _unit(fields.get("spaceunits", ""), "mm" if signs else "")
    if directions.shape == (3, 3) and unit:
        if signs:
            affine = np.eye(4)
            affine[:3, :3] = directions * unit
            origin = next(iter(_vectors(fields.get("spaceorigin", ""))), None)
            if origin:
                affine[:3, 3] = np.array(origin[:3]) * unit
            return np.diag([*signs, 1.0]) @ affine, None
        deep, tall, wide = np.linalg.norm(directions, axis=0) * unit
        return None, (float(deep), float(tall), float(wide))
    stored, unit = fields.get("spacings", "").split(), _unit(fields.get("units", ""))
    if unit and len(stored) == len(fields["sizes"].split()):
        deep, tall, wide = (abs(float(stored[axis])) * unit for axis in space)
        return None, (deep, tall, wide)
    return None, None


def _signs(space: str) -> tuple[float, ...]:
    """Return the signs that turn a space such as “left-posterior-superior” or “LPS” to RAS+."""
    words = space.lower().removesuffix("-time").split("-")
    letters = "".join(word[:1] for word in words) if len(words) > 1 else words[0][:3]
    pairs = [*zip(letters, ("rl", "ap", "si"), strict=False)]
    if len(pairs) < 3 or not all(letter in pair for letter, pair in pairs):
        return ()
    return tuple(1.0 if letter == pair[0] else -1.0 for letter, pair in pairs)


def _unit(value: str, default: str = "") -> float | None:
    """Return mm of the first unit that is named."""
    named = [one for one in re.findall(r'"([^"]*)"', value) if one.strip("? ")]
    return _MM.get((named[0] if named else default).strip().lower().removesuffix("s"))


def _decoded(data: bytes, begin: int, fields: Header, wanted: int) -> Voxels:
    """Return the bytes of the voxels."""
    if "datafile" in fields:
        raise DecodeError(why_elsewhere(fields["datafile"], ".nrrd"))
    encoding = fields.get("encoding", "").lower()
    if encoding in ("ascii", "text", "txt", "hex"):
        raise DecodeError("its voxels are written as text: save it with the encoding raw or gzip")
    lines, skipped = int(fields.get("lineskip", 0)), int(fields.get("byteskip", 0))
    for _ in range(lines):
        begin = data.find(b"\n", begin) + 1
        if not begin:
            raise DecodeError(DAMAGED)
    if encoding == "raw":
        at = len(data) - wanted if skipped == -1 else begin + skipped
        if not begin <= at <= len(data) - wanted:
            raise DecodeError(DAMAGED)
        return memoryview(data)[at : at + wanted]
    if skipped not in (0, -1):
        raise DecodeError("its compressed voxels begin behind other bytes, which is not read")
    if encoding in ("gzip", "gz"):
        return inflate_exactly(data[begin:], wanted)[0]
    if encoding in ("bzip2", "bz2"):
        return inflate_stream(bz2.BZ2Decompressor(), memoryview(data)[begin:], wanted)
    raise DecodeError(f"its encoding is {encoding or 'unknown'}; expected raw, gzip or bzip2")


def _segments(text: str, has_layers: bool) -> tuple[Segment, ...]:
    """Return the segments of a segmentation; until Slicer 4.10 each was a layer of its own."""
    by_number: dict[int, Header] = {}
    for number, key, value in _SEGMENT.findall(text):
        by_number.setdefault(int(number), {})[key] = value.strip()
    return tuple(
        Segment(
            one.get("Name") or f"segment {number + 1}",
            int(one.get("Layer", number if has_layers else 0)),
            int(one.get("LabelValue", 1)),
        )
        for number, one in sorted(by_number.items())
    )
