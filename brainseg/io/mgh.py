"""Read MGH and MGZ files of FreeSurfer: a header of 284 bytes, then the voxels, then tags."""

import struct

from brainseg.errors import DecodeError
from brainseg.io.archives import GZIP_MAGIC, inflate_before, inflate_start
from brainseg.io.limits import DAMAGED
from brainseg.io.stored_volume import StoredVolume, Voxels, nifti_header

_HEADER = 284
_TYPES = (0, 1, 3, 4, 10)
_MOST_TAGS = 16 * 2**20


def looks_like_mgh(start: bytes) -> bool:
    """Return whether the first bytes of an inflated file are the header of MGH."""
    if len(start) < _HEADER:
        return False
    version, *sizes, kind, _ = struct.unpack(">7i", start[:28])
    return version == 1 and kind in _TYPES and all(size > 0 for size in sizes)


def open_mgh(data: bytes) -> StoredVolume:
    """Return a file of FreeSurfer, gzip or not.

    Raises:
        DecodeError: not MGH, or damaged.
    """
    from nibabel.freesurfer.mghformat import MGHHeader

    is_gzip = data[:2] == GZIP_MAGIC
    start = inflate_start(data, _HEADER) if is_gzip else data[:_HEADER]
    if not looks_like_mgh(start):
        raise DecodeError("not a readable MGH")
    header = MGHHeader(start)
    # Without the flag that follows the sizes, the file has neither an orientation nor a spacing.
    affine = header.get_affine() if struct.unpack(">h", start[28:30])[0] == 1 else None

    def voxels(wanted: int) -> Voxels:
        end = _HEADER + wanted
        content = inflate_before(data, end, end + _MOST_TAGS) if is_gzip else data
        if len(content) < end:
            raise DecodeError(DAMAGED)
        return memoryview(content)[_HEADER:end]

    dtype = header.get_data_dtype().newbyteorder(">")
    return StoredVolume(nifti_header(header.get_data_shape(), dtype, affine, None), voxels)
