"""NIfTI-1 files of a case, and what their geometry is worth.

Axes are column, row, slice, the first running fastest, and no pixel is turned or flipped: voxel
(i, j, k) is column i, row j of the k-th slice in the stack, each from 0. Slices that could not be used
are not in the stack, so k is a place and no slice number; ``<case>_slices.csv`` says which is which.

Where the source held an orientation, it is kept as sform, and as qform where the axes stand at right
angles. Where it did not, both codes are 0, and their fields hold a placeholder: the identity, or the
spacing alone where that is known.
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
    """Return what a person must know before trusting a NIfTI's geometry; None where it is known."""
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
        volume: whose spacing and affine are written.
        name: what the file holds, in its field ``intent_name``: at most 15 ASCII characters.
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
    # Not above: a page that only warns of the affine opens without it.
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
    """Return one array on the very grid of the NIfTI file that was predicted, as .nii.gz.

    Shape, spacing, units, qform and sform are the file's own, its axes in its own order: programs lay
    the one over the other voxel by voxel.

    Args:
        voxels: (n, h, w) uint8, bool or float32, on the grid of the volume that the file became.
        source: of :func:`brainseg.io.ruling_grid`.
        name: as for :func:`nifti_bytes`.
        is_mask: likewise.
        warnings: likewise.
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
    """Return an image as .nii.gz whose header says what it holds, and what it is not."""
    import nibabel as nib

    header = image.header
    header["descrip"] = f"{RESEARCH_USE} brainseg {__version__}".encode()[:79]
    header.set_intent("label" if is_mask else "none", name=name)
    stamps = [f"Warning: {warning}" for warning in warnings]
    told = " ".join(filter(None, (*stamps, RESEARCH_USE, of_affine)))
    header.extensions.append(nib.nifti1.Nifti1Extension(_COMMENT, told.encode()))
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
    zooms = (
        tuple(mm or 1.0 for mm in volume.spacing_mm[::-1]) if volume.spacing_mm else (1.0, 1.0, 1.0)
    )
    header.set_zooms(zooms)
    placeholder = np.diag([*zooms, 1.0])
    image.set_sform(placeholder, 0)
    header.set_xyzt_units(xyz="unknown" if volume.spacing_mm is None else "mm")
