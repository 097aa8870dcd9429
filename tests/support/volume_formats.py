"""Volumes in the formats of 3D Slicer, FreeSurfer and ITK, each written by a library of that field."""

from collections.abc import Mapping
from pathlib import Path

import metaimageio
import nibabel as nib
import nrrd
import numpy as np

SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh", ".hdr")
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_volume(
    path: Path, array: np.ndarray, affine: np.ndarray, fields: Mapping[str, object] | None = None
) -> None:
    """Write an array (x, y, z[, volumes]) with its affine in RAS+ in the format of the suffix.

    Args:
        path: .nrrd and .mha are compressed, .nhdr, .mhd and .hdr have their voxels in another file.
        array: the voxels.
        affine: (4, 4), to mm.
        fields: more fields of an NRRD header, or other values for those written here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lps = LPS @ affine
    if path.suffix in (".mgz", ".mgh"):
        kind = np.int16 if array.dtype.itemsize == 2 else array.dtype
        nib.save(nib.MGHImage(array.astype(kind), affine), path)
    elif path.suffix == ".hdr":
        image = nib.Nifti1Pair(array, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
    elif path.suffix in (".nrrd", ".nhdr"):
        rows = [*lps[:3, :3].T.tolist(), *[[np.nan] * 3] * (array.ndim - 3)]
        header = {
            "space": "left-posterior-superior",
            "space directions": np.array(rows),
            "kinds": ["domain"] * 3 + ["list"] * (array.ndim - 3),
            "space origin": lps[:3, 3],
            "encoding": "gzip" if path.suffix == ".nrrd" else "raw",
            **(fields or {}),
        }
        nrrd.write(str(path), array, header)
    else:
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        matrix = np.eye(array.ndim)
        matrix[:3, :3] = lps[:3, :3] / spacing
        metaimageio.write(
            path,
            array.transpose(),
            ElementSpacing=[*spacing, *[1] * (array.ndim - 3)],
            TransformMatrix=matrix.T.ravel(),
            Offset=[*lps[:3, 3], *[0] * (array.ndim - 3)],
            CompressedData=path.suffix == ".mha",
        )


def rewrite(root: Path, suffix: str) -> None:
    """Write every NIfTI file below a folder in another format instead."""
    for path in [*root.rglob("*.nii.gz")]:
        image = nib.load(path)
        other = path.with_name(path.name.removesuffix(".nii.gz") + suffix)
        write_volume(other, np.asarray(image.dataobj), image.affine)
        path.unlink()


SEGMENTS = {
    "Segment0_ID": "Segment_1",
    "Segment0_Name": "core",
    "Segment0_Color": "0.9 0.2 0.1",
    "Segment0_LabelValue": "1",
    "Segment0_Layer": "0",
    "Segment1_ID": "Segment_2",
    "Segment1_Name": "whole tumour",
    "Segment1_Color": "0.5 0.7 0.5",
    "Segment1_LabelValue": "2",
    "Segment1_Layer": "0",
}
"""What 3D Slicer 5 writes for two segments in one layer."""
