"""Volumes of other formats than NIfTI, described by the header that NIfTI would have for them.

So one reader, :mod:`brainseg.io.nifti`, applies the limits, turns and checks the voxels of all formats.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brainseg.errors import DecodeError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
MOST_HEADER_BYTES = 2**20
_LONGEST_AXIS = 2**15 - 1
_SCANNER = 1
_MM = 2

Voxels = bytes | memoryview
"""All voxels of a file, the first axis fastest."""


@dataclass(frozen=True)
class Segment:
    """A segment of 3D Slicer: the voxels with one value in one of the volumes of a file.

    Attributes:
        name: given by its author.
        layer: the volume, from 0.
        value: of its voxels.
    """

    name: str
    layer: int
    value: int


@dataclass(frozen=True)
class StoredVolume:
    """A file of another format.

    Attributes:
        header: of NIfTI-1, with the size, the type and the geometry of the file.
        voxels: returns them, given their size in bytes; called after the limits are checked.
        segments: that a segmentation names.
    """

    header: bytes
    voxels: Callable[[int], Voxels]
    segments: tuple[Segment, ...] = ()


def nifti_header(
    sizes: Sequence[int],
    dtype: np.dtype,
    affine: np.ndarray | None,
    spacing_mm: Sequence[float] | None,
) -> bytes:
    """Return the header of NIfTI-1 for a volume.

    Args:
        sizes: of the axes, the fastest first; a fourth one counts volumes.
        dtype: of the voxels, with their byte order.
        affine: (4, 4) from the first three axes to mm in RAS+; None if the orientation is unknown.
        spacing_mm: along the first three axes, used without an affine; None if unknown.
    """
    import nibabel as nib

    if min(sizes) < 1 or max(sizes) > _LONGEST_AXIS:
        shown = " x ".join(map(str, sizes))
        raise DecodeError(
            f"its header says {shown} voxels; each dimension needs 1 to {_LONGEST_AXIS:,}"
        )
    header = nib.Nifti1Header(endianness=">" if dtype.str.startswith(">") else "<")
    header.set_data_dtype(dtype)
    header.set_data_shape(sizes)
    if affine is not None:
        header.set_sform(affine, _SCANNER)
        spacing_mm = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    if spacing_mm is not None and all(map(math.isfinite, spacing_mm)):
        header["pixdim"][1:4] = spacing_mm
        header["xyzt_units"] = _MM
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock
