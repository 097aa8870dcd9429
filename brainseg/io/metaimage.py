"""Read MetaImage files of ITK: lines of “Key = Value”, then the voxels, in one file.

A header in a file of its own (.mhd) is joined with its voxels first; see :mod:`brainseg.io.detached`.
"""

import re
import zlib

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import inflate_stream
from brainseg.io.detached import why_elsewhere
from brainseg.io.limits import DAMAGED
from brainseg.io.stored_volume import (
    LPS_TO_RAS,
    MOST_HEADER_BYTES,
    StoredVolume,
    Voxels,
    nifti_header,
)

_START = re.compile(rb"(?:[ \t]*(?:\w+[ \t]*=[^\r\n]*|#[^\r\n]*)?\r?\n){0,40}?[ \t]*NDims[ \t]*=")
_LINE = re.compile(rb"[ \t]*(\w+)[ \t]*=([^\n]*)\n?|[^\n]*\n?")
_LAST = "elementdatafile"
_TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2"},
    **{"MET_INT": "i4", "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4"},
    **{"MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
_MM = {"mm": 1.0, "um": 0.001, "cm": 10.0}
_PLAIN = "RAI"
"""From right, front and below: axes in the directions of LPS, as ITK names them."""


def looks_like_metaimage(data: bytes) -> bool:
    """Return whether the first bytes of a file are the header of MetaImage."""
    return _START.match(data[:4096]) is not None


def open_metaimage(data: bytes) -> StoredVolume:
    """Return a file of ITK, whose voxels are in it.

    Raises:
        DecodeError: not MetaImage, damaged, or of a variant that is not read.
    """
    fields, begin = _fields(data)
    sizes = [int(size) for size in fields.get("dimsize", "").split()]
    if len(sizes) != int(fields.get("ndims", 0)) or len(sizes) < 2:
        raise DecodeError(DAMAGED)
    channels = int(fields.get("elementnumberofchannels", 1))
    if channels != 1:
        raise DecodeError(f"each voxel has {channels} values (a vector or a colour); expected one")
    if not _is_true(fields.get("binarydata", "true")):
        raise DecodeError("its voxels are written as text: save them as binary data")
    kind = fields.get("elementtype", "").upper()
    if kind not in _TYPES:
        raise DecodeError(f"its voxels are of the type {kind or 'unknown'}; expected one number")
    big = fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", "false"))
    dtype = np.dtype((">" if _is_true(big) else "<") + _TYPES[kind])
    spacing = _spacing(fields)

    def voxels(wanted: int) -> Voxels:
        if fields[_LAST].upper() != "LOCAL":
            raise DecodeError(why_elsewhere(fields[_LAST], ".mha"))
        skipped = int(fields.get("headersize", 0))
        at = len(data) - wanted if skipped == -1 else begin + skipped
        if _is_true(fields.get("compresseddata", "false")):
            return inflate_stream(zlib.decompressobj(), memoryview(data)[begin:], wanted)
        if not begin <= at <= len(data) - wanted:
            raise DecodeError(DAMAGED)
        return memoryview(data)[at : at + wanted]

    affine = _affine(fields, spacing)
    return StoredVolume(nifti_header(sizes, dtype, affine, spacing), voxels)


def _fields(data: bytes) -> tuple[dict[str, str], int]:
    """Return the values of a header by key in lower case, and where the voxels begin."""
    fields: dict[str, str] = {}
    at = 0
    while at < min(len(data), MOST_HEADER_BYTES) and (line := _LINE.match(data, at)):
        at = line.end()
        if line[1]:
            fields[line[1].decode("latin-1").lower()] = line[2].decode("latin-1").strip()
        if _LAST in fields:
            return fields, at
    raise DecodeError("its header names no voxels (ElementDataFile)")


def _is_true(value: str) -> bool:
    return value[:1].upper() in ("T", "Y", "1")


def _spacing(fields: dict[str, str]) -> list[float] | None:
    """Return mm along the first three axes, None if the header gives none."""
    unit = _MM.get(fields.get("distanceunits", "mm").lower())
    stored = fields.get("elementspacing", fields.get("elementsize", "")).split()
    if unit is None or not stored:
        return None
    return [float(one) * unit for one in [*stored, "1"][:3]]


def _affine(fields: dict[str, str], spacing: list[float] | None) -> np.ndarray | None:
    """Return the affine in RAS+, None without a direction or spacing of three axes."""
    count = int(fields["ndims"])
    stored = next(
        (fields[key] for key in ("transformmatrix", "rotation", "orientation") if key in fields), ""
    ).split()
    # Writers disagree on whether letters say where an axis begins or ends; this one is unambiguous.
    is_plain = fields.get("anatomicalorientation", "").upper() == _PLAIN
    if count < 3 or spacing is None:
        return None
    affine = np.eye(4)
    if stored:
        matrix = np.array([float(one) for one in stored]).reshape(count, count)
        affine[:3, :3] = matrix[:3, :3].T
    elif not is_plain:
        return None
    affine[:3, :3] *= spacing
    origin = next((fields[key] for key in ("offset", "position", "origin") if key in fields), "")
    if origin:
        affine[:3, 3] = [float(one) for one in origin.split()[:3]]
    return LPS_TO_RAS @ affine
