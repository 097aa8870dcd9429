"""File names: the kinds of their suffixes, and how names are shown. A name is never used as a path."""

from pathlib import Path, PurePath

PICTURE_SUFFIXES = {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
IMAGE_SUFFIXES = tuple(PICTURE_SUFFIXES)

KIND_OF_SUFFIX = PICTURE_SUFFIXES | {
    ".nii": "NIfTI",
    ".nii.gz": "NIfTI",
    ".hdr": "NIfTI",
    ".nrrd": "NRRD",
    ".nhdr": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
    ".mgz": "MGH",
    ".mgh": "MGH",
    ".dcm": "DICOM",
    ".zip": "zip",
}
VOLUMES = ("NIfTI", "NRRD", "MetaImage", "MGH")
"""The kinds of files that contain a volume; one reader, :mod:`brainseg.io.nifti`, reads them."""

VOLUME_SUFFIXES = tuple(suffix for suffix, kind in KIND_OF_SUFFIX.items() if kind in VOLUMES)
INPUT_SUFFIXES = tuple(KIND_OF_SUFFIX)

DISC_DIRECTORY = "DICOMDIR"
"""The directory of a CD; other files than its images belong to the disc, not to the patient."""


def suffix_of(name: str) -> str:
    """Return the suffix of a name in lower case; ``.nii.gz`` is one suffix."""
    lower = name.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else PurePath(lower).suffix


def is_input(path: Path) -> bool:
    """Return whether a file has the suffix of an input; DICOM files without a suffix have not."""
    return suffix_of(path.name) in KIND_OF_SUFFIX


def shown_name(name: str, longest: int = 60) -> str:
    """Return a file name as printable text of at most ``longest`` characters, cut in the middle."""
    printable = "".join(c if c.isprintable() else "·" for c in name) or "(no name)"
    if len(printable) <= longest:
        return printable
    return f"{printable[: longest - 13]}…{printable[-12:]}"


def base_of(name: str) -> str:
    """Return the last part of a name without its suffix."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return PurePath(last).stem.removesuffix(".nii")
