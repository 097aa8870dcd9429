"""NIfTI-1 files of a case.

Axes are column, row, slice, the first running fastest, and no pixel is turned or flipped: voxel
(i, j, k) is column i, row j of the k-th slice in the stack, each from 0. Unusable slices are not in the
stack, so k is an index and no slice number; ``<case>_slices.csv`` has both.

An orientation of the source is saved as sform, and as qform if the axes are at right angles. Without
one, both codes are 0, and their fields contain a placeholder: the identity, or the spacing alone if
known.
"""

import gzip
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brainseg import RESEARCH_USE, __version__
from brainseg.volume import Volume

if TYPE_CHECKING:
    import nibabel as nib

    from brainseg.io.upload import NiftiSource

PLACEHOLDER_AFFINE = (
    "The source states no spacing and no orientation, so the affine of these NIfTI files is a "
    "placeholder: other viewers will show arbitrary spacing and orientation."
)

PLACEHOLDER_ORIENTATION = (
    "The source states a spacing but no orientation, so the affine of these NIfTI files is a "
    "placeholder apart from the voxel size: other viewers will show an arbitrary orientation."
)

PLACEHOLDER_DISTANCE = (
    "The source states the size of a pixel but not the distance of the slices, so the affine of these "
    "NIfTI files is a placeholder apart from the pixel size: other viewers will show arbitrary volumes "
    "and orientation."
)

UNKNOWN_SLICES = "The mask file is floating-point, because slices without a usable mask are NaN."

_ALIGNED = 2  # NIFTI_XFORM_ALIGNED_ANAT: to an anatomy, without a claim on which scanner's
_COMMENT = 6  # the extension's code for plain text


def affine_warning(volume: Volume) -> str | None:
    """Return the warning about a NIfTI file's geometry; None if it is known."""
    if volume.affine is not None:
        return None
    if volume.spacing_mm is None:
        return PLACEHOLDER_AFFINE
    return PLACEHOLDER_DISTANCE if volume.spacing_mm[0] is None else PLACEHOLDER_ORIENTATION


def nifti_bytes(
    voxels: np.ndarray,
    volume: Volume,
    name: str = "",
    is_mask: bool = False,
    warnings: Sequence[str] = (),
) -> bytes:
    """Return one array on a volume's grid as .nii.gz; the same content gives the same bytes.

    Args:
        voxels: (n, h, w) uint8, bool (written as 0 and 1) or float32.
        volume: gives spacing and affine.
        name: of the content, for the field ``intent_name``: at most 15 ASCII characters.
        is_mask: marks the values as labels.
        warnings: for the header's comment, a sentence each.

    Raises:
        ValueError: the array is not on the volume's grid.
    """
    if voxels.shape != volume.pixels.shape[:3]:
        raise ValueError(
            f"the array is {voxels.shape}, but its volume {volume.pixels.shape[:3]}: put it on "
            "the volume's grid first"
        )
    # Imported here, because pages that only warn of the affine do not need it.
    import nibabel as nib

    image = nib.Nifti1Image(_stored(voxels).transpose(2, 1, 0), None)
    _set_geometry(image, volume)
    return _packed(image, name, is_mask, [*warnings], affine_warning(volume))


def nifti_bytes_as_source(
    voxels: np.ndarray,
    source: "NiftiSource",
    name: str = "",
    is_mask: bool = False,
    warnings: Sequence[str] = (),
) -> bytes:
    """Return one array on the grid of the NIfTI file that was predicted, as .nii.gz.

    Shape, order of axes, spacing, units, qform and sform are those of the file, so that both overlay
    voxel by voxel.

    Args:
        voxels: (n, h, w) uint8, bool or float32, on the grid of the volume from the file.
        source: of :func:`brainseg.io.ruling_grid`.
        name, is_mask, warnings: as for :func:`nifti_bytes`.
    """
    import nibabel as nib

    header = source.header()
    stored = np.ascontiguousarray(source.back(_stored(voxels)))
    header.set_data_dtype(stored.dtype)
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return _packed(kind(stored, None, header), name, is_mask, [*warnings])


def _stored(voxels: np.ndarray) -> np.ndarray:
    return voxels.astype(np.uint8) if voxels.dtype == bool else voxels


def _packed(
    image: "nib.Nifti1Image",
    name: str,
    is_mask: bool,
    warnings: list[str],
    of_affine: str | None = None,
) -> bytes:
    """Return an image as .nii.gz with its name, its warnings and the research-use sentence."""
    import nibabel as nib

    header = image.header
    header["descrip"] = f"{RESEARCH_USE} brainseg {__version__}".encode()[:79]
    header.set_intent("label" if is_mask else "none", name=name)
    stamps = [f"Warning: {warning}" for warning in warnings]
    comment = " ".join(filter(None, (*stamps, RESEARCH_USE, of_affine)))
    header.extensions.append(nib.nifti1.Nifti1Extension(_COMMENT, comment.encode()))
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)


def _set_geometry(image: "nib.Nifti1Image", volume: Volume) -> None:
    header = image.header
    if volume.affine is not None:
        affine = np.asarray(volume.affine, float)[:, [2, 1, 0, 3]]  # columns: column, row, slice
        directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        square = np.allclose(directions.T @ directions, np.eye(3), atol=1e-4)
        header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
        image.set_qform(affine if square else None, _ALIGNED if square else 0)
        image.set_sform(affine, _ALIGNED)
        header.set_xyzt_units(xyz="mm")
        return
    zooms = [mm or 1.0 for mm in (volume.spacing_mm or (1.0, 1.0, 1.0))[::-1]]
    header.set_zooms(zooms)
    image.set_sform(np.diag([*zooms, 1.0]), 0)
    header.set_xyzt_units(xyz="unknown" if volume.spacing_mm is None else "mm")
