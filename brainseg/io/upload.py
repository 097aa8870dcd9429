"""The readable content of an upload: stacks of slices, each on its own grid."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.names import shown_name
from brainseg.io.orientation import Orientation
from brainseg.io.sequence_guess import UNKNOWN, SequenceGuess

if TYPE_CHECKING:
    import nibabel as nib
    import pydicom

    from brainseg.io.label_maps import LabelMap

ALL_PAGES = -1
"""Used instead of a page number: all pages of a multipage TIFF are the slices of a stack."""


class PagesError(DecodeError):
    """A TIFF has several pages, and none was chosen.

    Attributes:
        name: of the file, as shown.
        file_index: of the file among the uploaded files.
        pages: number of pages.
    """

    def __init__(self, name: str, file_index: int, pages: int) -> None:
        self.name, self.file_index, self.pages = shown_name(name), file_index, pages
        super().__init__(
            f"{self.name} was not used: it has {pages} pages; choose one, or all of them as "
            "the slices of a stack."
        )

    def __reduce__(self) -> tuple:
        """Return how to make it again, for workers send it."""
        return PagesError, (self.name, self.file_index, self.pages)


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """The grid of a NIfTI input, for exports that lie exactly on it.

    Attributes:
        shape: of the file's first three axes.
        orientation: from the file's axes to those of the pixels.
        geometry: the 348 or 540 bytes of a header with the file's dimensions, spacing, units, qform and
            sform, and nothing else: no text fields.
        is_little_endian: how ``geometry`` is stored.
    """

    shape: tuple[int, int, int]
    orientation: Orientation
    geometry: bytes = field(repr=False)
    is_little_endian: bool = True

    def back(self, stack: np.ndarray) -> np.ndarray:
        """Return an (n, h, w) array along the file's own axes, of :attr:`shape`."""
        return self.orientation.back(stack)

    def header(self) -> "nib.Nifti1Header":
        """Return a header with the file's own geometry: set its data type, then write with it."""
        import nibabel as nib

        kind = nib.Nifti1Header if len(self.geometry) == 348 else nib.Nifti2Header
        return kind(self.geometry, "<" if self.is_little_endian else ">", check=False)


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The image headers of one DICOM series, for exports that refer to them.

    They identify the patient, so neither this object's repr nor any message shows them; they are only
    in memory, as long as the upload.

    Attributes:
        orientation: from (file, row, column) to the axes of the pixels.
        encoded: the headers sorted along the normal, each without pixels and private tags, in the
            encoding of its file; see :func:`brainseg.io.dicom.dataset.read_header`.
    """

    orientation: Orientation
    encoded: tuple[bytes, ...] = field(repr=False)

    def back(self, stack: np.ndarray) -> np.ndarray:
        """Return an (n, h, w) array as (file, row, column), in the order of :meth:`datasets`."""
        return self.orientation.back(stack)

    def datasets(self) -> "list[pydicom.Dataset]":
        """Return the headers in the order of :meth:`back`.

        Their text shows the patient's name: never print, log or save them.
        """
        from brainseg.io.dicom.dataset import read_header

        return [read_header(encoded) for encoded in self.encoded]


@dataclass(frozen=True, eq=False)
class Grid:
    """The positions of the voxels of a series, as the series is shown.

    Attributes:
        slice_numbers: (n,), from the files if given, else 1..n.
        spacing_mm: as in :class:`brainseg.volume.Volume`.
        affine: (4, 4), as in :class:`brainseg.volume.Volume`, None if unknown.
        directions: (3, 3) as in ``affine``, if only the directions of the axes are known.
        corners: (n, 3, 3) mm, the first pixel of each slice and the ends of its first row and column,
            if there is no affine but the positions of the slices are known.
        space: the name of the coordinate system of ``affine``; only affines of one space can be
            compared. Empty if unknown; never shown.
        source: needed to export on this grid; None for pictures.
    """

    slice_numbers: tuple[int, ...] = ()
    spacing_mm: tuple[float | None, float, float] | None = None
    affine: np.ndarray | None = None
    directions: np.ndarray | None = None
    corners: np.ndarray | None = None
    space: str = field(default="", repr=False)
    source: NiftiSource | DicomSource | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """A stack of grey planes that may be one of the sequences.

    Attributes:
        label: shown to choose from, such as "channel 1 of 3"; from the file's structure or its name as
            :func:`shown_name` returns it, never from a patient's tags.
        pixels: (n, h, w) uint8.
        suggestion: the guess of its sequence, with reasons.
        notes: one sentence for each conversion of the pixels.
        grid: the positions of the pixels.
        number: Series Number of DICOM, or None.
        uid: Series Instance UID of DICOM, never shown.
        names: of its file or folder, by which the user may choose it.
        warnings: one sentence for each problem of this series, the worst first.
        not_mr: the modality in words if it is not MR, else empty.
    """

    label: str
    pixels: np.ndarray = field(repr=False)
    suggestion: SequenceGuess = UNKNOWN
    notes: tuple[str, ...] = ()
    grid: Grid = field(default_factory=Grid)
    number: int | None = None
    uid: str = field(default="", repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    not_mr: str = ""

    @property
    def guess(self) -> str | None:
        """Return one of :data:`brainseg.volume.SEQUENCES` if nothing contradicts it, else None."""
        return self.suggestion.sequence


@dataclass(frozen=True, eq=False)
class Upload:
    """Everything readable in one upload.

    Attributes:
        kind: "images", "NIfTI" or "DICOM".
        series: the stacks, those of the most common grid first.
        notes: one sentence for each conversion or fact that concerns all files.
        warnings: one sentence for each problem of all files that affects a prediction; a series has
            warnings of its own.
        refused: "<name> was not used: <reason>." for each file that was left out.
        masks: (n, h, w) bool, the manual masks uploaded with the pictures, or None.
        has_mask: (n,) bool, True for slices with a mask, or None.
        labels: the labels of the masks if they have several, each with a name; None otherwise.
    """

    kind: str
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    masks: np.ndarray | None = field(default=None, repr=False)
    has_mask: np.ndarray | None = field(default=None, repr=False)
    labels: "LabelMap | None" = field(default=None, repr=False)

    @property
    def grid(self) -> Grid:
        """Return the most common grid; that of a volume is :func:`brainseg.io.ruling_grid`."""
        return self.series[0].grid

    def summary(self, files: int, left_out: int) -> str:
        """Return what became of the files: “42 files: 21 slices used, 21 masks used, 0 left out”.

        Args:
            files: number of files that were given.
            left_out: number of files and series that were not used.
        """
        slices = len(self.series[0].pixels)
        masks = 0 if self.has_mask is None else int(self.has_mask.sum())
        used = f"{slices} {'slice' if slices == 1 else 'slices'} used"
        if self.kind != "images" and len(self.series) > 1:
            used = f"{len(self.series)} series used"
        of_masks = f"{masks or 'no'} {'mask' if masks == 1 else 'masks'} used"
        if masks and self.kind != "images":
            of_masks = "mask used"
        return (
            f"{files} {'file' if files == 1 else 'files'}: {used}, {of_masks}, {left_out} left out"
        )

    def truth(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return masks (n, h, w) and which slices have one (n,), both bool, also if there is no mask.

        Args:
            shape: of the assembled volume, from (n, h, w) on.
        """
        if self.masks is not None and self.has_mask is not None:
            return self.masks, self.has_mask
        # A view of a single zero: absent masks need no memory.
        return np.broadcast_to(np.False_, shape[:3]), np.zeros(shape[0], bool)
