"""Files of formats that are not read, so that a user learns why a folder seems empty or has no masks."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from brainseg.io.folders import MAX_DEPTH

_AS_PNG = "save as PNG"
_FORMATS = {
    ".hdr": ("Analyze", "save as NIfTI, which tells left from right"),
    ".bmp": ("bitmap", _AS_PNG),
    ".gif": ("GIF", _AS_PNG),
    ".webp": ("WebP", _AS_PNG),
    ".npy": ("NumPy", "save as NIfTI, or slices as PNG"),
    ".npz": ("NumPy", "save as NIfTI, or slices as PNG"),
    ".h5": ("HDF5", "save as NIfTI, or slices as PNG"),
    ".hdf5": ("HDF5", "save as NIfTI, or slices as PNG"),
    ".mat": ("MATLAB", "save as NIfTI, or slices as PNG"),
    ".zip": ("archive", "unpack it"),
    ".tar": ("archive", "unpack it"),
    ".tgz": ("archive", "unpack it"),
    ".7z": ("archive", "unpack it"),
    ".rar": ("archive", "unpack it"),
}
_PARTS = {
    ".img": ("voxels of a volume", "give its .hdr file"),
    ".raw": ("voxels of a volume", "give its .mhd or .nhdr file"),
    ".zraw": ("voxels of a volume", "give its .mhd file"),
    ".gz": ("archive", "unpack it"),
}
"""Files that are left out of a folder without a word, but may be given alone by mistake."""
_OUTLINES = (".json", ".xml", ".txt", ".roi")
"""Of files that outline objects as polygons or boxes: LabelMe, COCO, CVAT, YOLO, Pascal VOC, ImageJ."""


def remedy_for(name: str) -> str:
    """Return a clause on what to do with a file of a format that is not read, empty for any other."""
    if name.lower().endswith(".nii.gz"):
        return ""  # unpacked, it would be read no better
    what, remedy = (_FORMATS | _PARTS).get(Path(name).suffix.lower(), ("", ""))
    return f" ({what}: {remedy})" if what else ""


def foreign_formats(paths: Iterable[Path]) -> str:
    """Return a clause on the files of the most common format that is not read, empty without any."""
    counts = Counter(suffix for path in paths if (suffix := path.suffix.lower()) in _FORMATS)
    if not counts:
        return ""
    ((suffix, count),) = counts.most_common(1)
    what, remedy = _FORMATS[suffix]
    return f"{count} file(s) end in {suffix} ({what}), which is not read: {remedy}"


def outlines(paths: Iterable[Path], stems: Collection[str]) -> str:
    """Return a sentence on files that may outline the tumours of images, empty without any.

    Args:
        paths: of files that are no images.
        stems: the names of the images without suffix.
    """
    found = [
        path
        for path in paths
        if path.suffix.lower() in _OUTLINES and (path.stem in stems or "coco" in path.name.lower())
    ]
    if not found:
        return ""
    return (
        f"{len(found)} file(s) such as {found[0].name} may outline tumours as polygons or boxes, which "
        "are not read: export the outlines as masks, PNG or TIFF files of the size of the images."
    )


def nothing_found(root: Path, closed: int, others: Iterable[Path], jpegs: int) -> str:
    """Return the refusal of a folder in which nothing is read, with what it contains instead.

    Args:
        root: the folder.
        closed: number of folders that may not be read.
        others: the files that are no pictures.
        jpegs: number of JPEG files, which are slices only beside masks.
    """
    if closed:
        return (
            f"{root} contains no readable image ({closed} closed folder(s)): "
            "grant this user the right to read them."
        )
    instead = foreign_formats(others)
    if jpegs and not instead:
        instead = f"{jpegs} JPEG file(s) have no masks: add masks, or save slices as PNG"
    return (
        f"{root} contains no TIFF or PNG image, no volume and no DICOM file, nor do folders up to "
        f"{MAX_DEPTH} levels below it: expected images with masks, or volumes; "
        f"{instead or 'the documentation of input files lists the layouts'}."
    )
