"""Read NIfTI files, and through their header all volumes of :mod:`brainseg.io.other_volumes`.

A header is used only if all its values agree, before any voxel is read.

The slices are the planes nearest to axial if the file has an orientation. Without one, slices are taken
along the axis with the widest spacing, or with the fewest voxels if the spacing is unknown (the last
axis among equals); nothing is flipped, and left and right are unknown.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.archives import GZIP_MAGIC, inflate_exactly, inflate_start, too_large
from brainseg.io.limits import DAMAGED, MAX_INFLATED_BYTES, MIN_SIDE_PX, check_planes, or_damaged
from brainseg.io.orientation import (
    NO_ORIENTATION,
    Orientation,
    is_usable,
    skew_note,
    spacing_of,
    towards_axial,
    what_is_shown,
)
from brainseg.io.other_volumes import open_other
from brainseg.io.stored_volume import Segment, StoredVolume, Voxels
from brainseg.io.upload import NiftiSource

MOST_VOLUMES = 16
"""A 4D file with more volumes is a time series, not a set of sequences."""

_LARGEST_HEADER = 544
_LARGEST_OFFSET = 2**20
_FIRST_TEMPLATE = 3
"""The first code of sform and qform that names a template's space; lower codes name the patient's."""

_MAGIC_1, _MAGIC_1_PAIR = (b"n+1\0", b"ni1\0")
_MAGIC_2, _MAGIC_2_PAIR = (b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n")
_MM_OF_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}
_UNIT_NAMES = {1: "metres", 3: "micrometres"}
_LEAST_WIDTH_MM, _MOST_WIDTH_MM = 10.0, 2000.0
"""The longest side of a volume of a head lies between these."""
_UNEQUAL = 0.01
"""A share of a voxel's volume by which sform and qform disagree."""

_TYPES = {
    **{2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8"},
    **{256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"},
}
_OTHER_TYPES = {
    **{1: "1 bit", 128: "RGB", 1536: "128-bit floats", 2304: "RGBA"},
    **dict.fromkeys((32, 1792, 2048), "complex numbers"),
}
_GEOMETRY = (
    *("sizeof_hdr", "magic", "pixdim", "xyzt_units", "qform_code", "sform_code"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("srow_x", "srow_y", "srow_z"),
)
"""Fields of a header that describe its geometry; none is text."""


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """A volume as stored, with its geometry.

    Attributes:
        volumes: (sequence, slice, row, column) in the file's own data type, oriented as shown.
        slope: a stored value means ``slope * value + intercept``.
        intercept: see ``slope``.
        spacing_mm: (slice, row, column), None if unknown.
        affine: of (slice, row, column), None if the file has no orientation.
        space: the name of the affine's coordinate system.
        source: the file's own grid.
        notes: one sentence for each conversion.
        warnings: one sentence for each problem that users should know.
        segments: that a segmentation of 3D Slicer names.
    """

    volumes: np.ndarray = field(repr=False)
    slope: float
    intercept: float
    spacing_mm: tuple[float, float, float] | None
    affine: np.ndarray | None
    space: str
    source: NiftiSource
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()


def looks_like_nifti(data: bytes) -> bool:
    """Return whether the first bytes of an uncompressed file are a NIfTI header."""
    return _magic_of(data) is not None


def read_nifti(data: bytes, with_voxels: bool = True, least_side: int = MIN_SIDE_PX) -> NiftiFile:
    """Return the stored voxels of NIfTI, NRRD, MetaImage or MGH, turned to axial.

    Args:
        data: the whole file, gzip or not.
        with_voxels: False for the grid alone, without decompressing: all voxels are 0.
        least_side: of a slice, in px; masks may be cropped to less than an image needs.

    Raises:
        DecodeError: of no such format, damaged, too large, or not a picture; the reason alone.
    """
    return or_damaged(lambda: _read(data, with_voxels, least_side))


def _read(data: bytes, with_voxels: bool, least_side: int) -> NiftiFile:
    is_gzip = data[:2] == GZIP_MAGIC
    start = inflate_start(data, _LARGEST_HEADER) if is_gzip else data
    other = None if looks_like_nifti(start) else open_other(data, start)
    header = _header_of(other.header if other else start)
    dims, dtype = _dimensions(header), _data_type(header)
    affine, space, warnings = _affine(header)
    spacing = _spacing(header) if affine is None else None
    shape = dims[:3]
    orientation = towards_axial(affine, shape) if affine is not None else _assumed(shape, spacing)
    slices, height, width = (shape[axis] for axis in orientation.axes)
    check_planes(slices, height, width, least_side)
    wanted = math.prod(dims) * dtype.itemsize
    if wanted > MAX_INFLATED_BYTES:
        raise too_large(wanted)
    offset = _offset(header)
    notes: tuple[str, ...] = ()
    if with_voxels:
        stored, offset, notes = _stored(data, is_gzip, other, offset, wanted)
        voxels = np.frombuffer(stored, dtype, math.prod(dims), offset).reshape(dims, order="F")
    else:
        voxels = np.broadcast_to(np.zeros((), dtype), dims)
    slope, intercept = _scaling(header)
    if spacing is not None:
        between, row, column = orientation.axes
        spacing = spacing[between], spacing[row], spacing[column]
    if affine is None:
        warnings += (NO_ORIENTATION,)
    else:
        affine = orientation.affine(affine, shape)
        spacing = spacing_of(affine)
        shown, more = what_is_shown(affine)
        notes += (*shown, *skew_note(affine))
        warnings += more
    return NiftiFile(
        _turned(voxels, orientation, with_voxels),
        slope,
        intercept,
        spacing,
        affine,
        space,
        NiftiSource(shape, orientation, _geometry(header, shape), header.endianness == "<"),
        notes,
        warnings,
        other.segments if other else (),
    )


def _stored(
    data: bytes, is_gzip: bool, other: StoredVolume | None, offset: int, wanted: int
) -> tuple[Voxels, int, tuple[str, ...]]:
    """Return bytes that hold the voxels, the first voxel's place in them, and notes."""
    stored: Voxels = data
    notes: tuple[str, ...] = ()
    if other:
        stored, offset = other.voxels(wanted), 0
    elif is_gzip:
        stored, behind = inflate_exactly(data, offset + wanted)
        if behind:
            notes = (f"{behind:,} bytes behind the compressed data were ignored",)
    if len(stored) < offset + wanted:
        raise DecodeError(DAMAGED)
    return stored, offset, notes


def _turned(voxels: np.ndarray, orientation: Orientation, with_voxels: bool) -> np.ndarray:
    """Return (sequence, slice, row, column) of (x, y, z, sequence); without voxels all share one 0."""
    if with_voxels:
        return np.stack([orientation.shown(stack) for stack in np.moveaxis(voxels, 3, 0)])
    shown = orientation.shown(voxels[..., 0])
    return np.broadcast_to(shown, (voxels.shape[3], *shown.shape))


def _magic_of(data: bytes) -> tuple[str, int, bytes] | None:
    """Return byte order, header size and magic of a NIfTI header, None for other data."""
    for order in "<>":
        size = int(np.frombuffer(data[:4], f"{order}i4")[0]) if len(data) >= 4 else 0
        magic = {348: data[344:348], 540: data[4:12]}.get(size)
        if magic in (_MAGIC_1, _MAGIC_1_PAIR, _MAGIC_2, _MAGIC_2_PAIR):
            return order, size, magic
    return None


def _header_of(start: bytes):
    found = _magic_of(start)
    if found is None:
        raise DecodeError("not a readable NIfTI")
    order, size, magic = found
    if magic in (_MAGIC_1_PAIR, _MAGIC_2_PAIR):
        raise DecodeError(
            "its voxels are in an .img file of its name, which is missing or not readable: put it "
            "beside its header"
        )
    if len(start) < size:
        raise DecodeError(DAMAGED)
    # Imported here because a cohort of pictures opens without it.
    import nibabel as nib

    kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
    return kind(start[:size], order, check=False)


def _dimensions(header) -> tuple[int, int, int, int]:
    """Return (x, y, z, sequences); sequences are the fourth axis, or the fifth in files of ITK."""
    dims = [int(size) for size in header["dim"]]
    if not 2 <= dims[0] <= 7:
        raise DecodeError(f"its header counts {dims[0]} dimensions; expected 3 or 4")
    sizes = dims[1 : dims[0] + 1]
    size = " x ".join(map(str, sizes))
    if min(sizes) < 1:
        raise DecodeError(f"its header says {size} voxels; each dimension needs at least 1")
    sizes += [1] * (3 - len(sizes))
    several = [size for size in sizes[3:] if size > 1]
    if len(several) > 1:
        raise DecodeError(f"{size} voxels; expected 3 dimensions, or 4 with the sequences last")
    volumes = several[0] if several else 1
    if volumes > MOST_VOLUMES:
        raise DecodeError(f"{volumes} volumes exceed {MOST_VOLUMES}; it looks like a time series")
    return sizes[0], sizes[1], sizes[2], volumes


def _data_type(header) -> np.dtype:
    code = int(header["datatype"])
    if code in _OTHER_TYPES:
        raise DecodeError(f"voxels of {_OTHER_TYPES[code]}; expected whole numbers or floats")
    dtype = np.dtype(header.endianness + _TYPES[code]) if code in _TYPES else None
    if dtype is None or int(header["bitpix"]) != 8 * dtype.itemsize:
        raise DecodeError(DAMAGED)
    return dtype


def _offset(header) -> int:
    """Return the offset of the voxels; some writers store 0 for "directly behind the header"."""
    offset, least = float(header["vox_offset"]), 352 if header.sizeof_hdr == 348 else 544
    if offset == 0:
        return least
    if not least <= offset <= _LARGEST_OFFSET or offset != int(offset):
        raise DecodeError(DAMAGED)
    return int(offset)


def _scaling(header) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not math.isfinite(slope) or not math.isfinite(intercept):
        raise DecodeError(f"its scaling is {slope:g} and {intercept:g}; expected numbers")
    return slope, intercept


def _affine(header) -> tuple[np.ndarray | None, str, tuple[str, ...]]:
    """Return the affine of the file's axes in mm, its space, and a warning if it is not usable."""
    stored = []
    if header["sform_code"] > 0:
        stored.append((header.get_sform(), int(header["sform_code"])))
    if header["qform_code"] > 0:
        stored.append((_quaternion_form(header), int(header["qform_code"])))
    named = [(one, code) for one, code in stored if one is not None]
    widths = [np.linalg.norm(one[:3, :3], axis=0) for one, _ in named[:1]]
    unit, warnings = _unit_mm(header, widths[0] if widths else None)
    in_mm = [(np.diag([unit or 1.0] * 3 + [1.0]) @ one, code) for one, code in named]
    usable = [(one, code) for one, code in in_mm if is_usable(one)]
    if not usable:
        unread = ("its orientation cannot be read, so it is not used",) if stored else ()
        return None, "", warnings + unread
    affine, code = usable[0]
    space = f"template {code}" if code >= _FIRST_TEMPLATE else "patient"
    if len(usable) == 2 and max(code for _, code in usable) < _FIRST_TEMPLATE:
        warnings += _disagreement(affine, usable[1][0])
    return affine, space, warnings


def _disagreement(used: np.ndarray, other: np.ndarray) -> tuple[str, ...]:
    """Return a warning if the qform gives the axes or voxels that the sform does not."""
    import nibabel as nib

    axes = ["".join(nib.aff2axcodes(one)) for one in (used, other)]
    if axes[0] != axes[1]:
        return (
            f"The header contradicts itself on the orientation (sform {axes[0]}, qform {axes[1]}): the "
            "sform is used, and other software may show another side as left.",
        )
    sizes = [abs(float(np.linalg.det(one[:3, :3]))) for one in (used, other)]
    if abs(sizes[0] - sizes[1]) > _UNEQUAL * max(sizes):
        return (
            f"The header contradicts itself on a voxel’s volume (sform {sizes[0]:.4g} mm³, qform "
            f"{sizes[1]:.4g} mm³): the sform is used, and volumes in ml depend on it.",
        )
    return ()


def _unit_mm(header, widths: np.ndarray | None = None) -> tuple[float | None, tuple[str, ...]]:
    """Return mm of the header's unit, None if it names none, and a warning if it cannot be meant.

    Args:
        header: of the file.
        widths: of a voxel along each axis in that unit; by default those of ``pixdim``.
    """
    code = int(header["xyzt_units"]) & 7
    unit = _MM_OF_UNIT.get(code)
    if code not in _UNIT_NAMES or unit is None:
        return unit, ()
    if widths is None:
        widths = np.abs(header["pixdim"][1:4].astype(float))
    longest = float((widths * np.maximum(header["dim"][1:4], 1)).max())
    of_head = [_LEAST_WIDTH_MM <= longest * mm <= _MOST_WIDTH_MM for mm in (unit, 1.0)]
    if of_head[0] or not of_head[1]:
        return unit, ()
    return 1.0, (
        f"The header says that the volume is {longest:.4g} {_UNIT_NAMES[code]} wide, which is no head: "
        "its lengths are read as millimetres.",
    )


def _quaternion_form(header) -> np.ndarray | None:
    try:
        return header.get_qform()
    except (ValueError, ArithmeticError):  # the quaternion is not a rotation
        return None


def _spacing(header) -> tuple[float, float, float] | None:
    """Return mm along the file's axes, None if the header names no unit."""
    unit, _ = _unit_mm(header)
    if unit is None:
        return None
    widths = [abs(float(width)) * unit for width in header["pixdim"][1:4]]
    if not all(math.isfinite(width) and 1e-6 < width < 1e4 for width in widths):
        return None
    first, second, third = (round(width, 6) for width in widths)
    return first, second, third


def _assumed(shape: tuple[int, ...], spacing: tuple[float, ...] | None) -> Orientation:
    """Return the orientation assumed for a file without one; see the module."""
    if spacing is not None and max(spacing) > 1.01 * min(spacing):
        along = max(range(3), key=lambda axis: (spacing[axis], axis))
    else:
        along = min(range(3), key=lambda axis: (shape[axis], -axis))
    column, row = (axis for axis in range(3) if axis != along)
    return Orientation((along, row, column))


def _geometry(header, shape: tuple[int, ...]) -> bytes:
    """Return a header with only the geometry, because free text may contain a name."""
    clean = np.zeros((), header.structarr.dtype)
    for name in _GEOMETRY:
        clean[name] = header[name]
    clean["dim"] = [3, *shape, 1, 1, 1, 1]
    clean["vox_offset"] = 352 if header.sizeof_hdr == 348 else 544
    return clean.tobytes()
