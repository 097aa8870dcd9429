"""File names: what their endings promise, and how they are shown. A name is never a path here."""

from pathlib import Path, PurePath

PICTURE_SUFFIXES = {
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
IMAGE_SUFFIXES = tuple(PICTURE_SUFFIXES)

KIND_OF_SUFFIX = PICTURE_SUFFIXES | {
    ".nii": "NIfTI",
    ".nii.gz": "NIfTI",
    ".dcm": "DICOM",
    ".zip": "zip",
}
INPUT_SUFFIXES = tuple(KIND_OF_SUFFIX)

DISC_DIRECTORY = "DICOMDIR"
"""The list of the files of a CD; what else lies there is the disc's, not the patient's."""


def suffix_of(name: str) -> str:
    """Return a name's ending in lower case; ``.nii.gz`` is one ending."""
    lower = name.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else PurePath(lower).suffix


def is_input(path: Path) -> bool:
    """Return whether a file's name promises an input; DICOM files without an ending are none."""
    return suffix_of(path.name) in KIND_OF_SUFFIX


def shown_name(name: str, longest: int = 60) -> str:
    """Return a file's name as printable text of at most ``longest`` characters, its end kept."""
    printable = "".join(c if c.isprintable() else "·" for c in name) or "(no name)"
    if len(printable) <= longest:
        return printable
    return f"{printable[: longest - 13]}…{printable[-12:]}"


def base_of(name: str) -> str:
    """Return the last part of a name without its ending, for words and numbers in it to be read."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return PurePath(last).stem.removesuffix(".nii")
