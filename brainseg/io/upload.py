"""What came in: the stacks that were readable of one upload, each on its own grid."""

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

ALL_PAGES = -1
"""In place of a page's number: every page of a multipage TIFF, as the slices of a stack."""


class PagesError(DecodeError):
    """A TIFF holds several pages, and nobody said which is meant.

    Attributes:
        name: of the file, as it is shown.
        file_index: of the file, among those given.
        pages: how many it holds.
    """

    def __init__(self, name: str, file_index: int, pages: int) -> None:
        self.name, self.file_index, self.pages = shown_name(name), file_index, pages
        super().__init__(
            f"{self.name} was not used: it holds {pages} pages; choose one, or all of them as "
            "the slices of a stack."
        )


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """The grid of a NIfTI input, for exports that lie exactly on it.

    Attributes:
        shape: of the file's first three axes.
        orientation: from the file's axes to those of the pixels.
        geometry: the 348 or 540 bytes of a header that holds the file's dimensions, spacing, units,
            qform and sform as they were, and nothing else of it: no text fields.
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

    They identify the patient, so neither this object's text nor any message shows them; they live in
    memory alone, as long as the upload does.

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

        Their text shows the patient's name: never print, log or keep them.
        """
        from brainseg.io.dicom.dataset import read_header

        return [read_header(encoded) for encoded in self.encoded]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a series lie, as the series is shown.

    Attributes:
        slice_numbers: (n,), from the files where they say, else 1..n.
        spacing_mm: as :class:`brainseg.volume.Volume` has it.
        affine: (4, 4), as :class:`brainseg.volume.Volume` has it, where the files hold it.
        directions: (3, 3), where only the directions of the axes are known; as in ``affine``.
        corners: (n, 3, 3) mm, the first pixel of each slice and the ends of its first row and column,
            where there is no affine but the files say where the slices lie.
        space: names the coordinate system of ``affine``; two affines can be compared only within one.
            Empty where the files do not say; never shown.
        source: what an export on this grid needs; None for pictures.
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
        label: what a picker shows, such as "channel 1 of 3"; from the file's structure or its name as
            :func:`shown_name` gives it, never from a patient's tags.
        pixels: (n, h, w) uint8.
        suggestion: what it seems to be, and why.
        notes: what was done to the pixels, one sentence each.
        grid: where the pixels lie.
        number: Series Number of DICOM; None where it is not given.
        uid: Series Instance UID of DICOM, never shown.
        names: of its file or folder, by which a person may choose it.
        warnings: what a person should know who uses it, one sentence each, the worst first.
        not_mr: the modality in a person's words where it is not MR, else empty.
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
        """Return one of :data:`brainseg.volume.SEQUENCES` where nothing contradicts it, else None."""
        return self.suggestion.sequence


@dataclass(frozen=True, eq=False)
class Upload:
    """All that was readable of one upload.

    Attributes:
        kind: "images", "NIfTI" or "DICOM".
        series: the stacks, those of the most common grid first.
        notes: what was done on the way, one sentence each.
        warnings: what a person should know of all files before trusting a prediction, one sentence
            each; those of a series are its own.
        refused: "<name> was not used: <reason>." of each file left out while others were used.
        masks: (n, h, w) bool, the manual masks that came with pictures; None without any.
        has_mask: (n,) bool, which slices have one; None without any.
    """

    kind: str
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    masks: np.ndarray | None = field(default=None, repr=False)
    has_mask: np.ndarray | None = field(default=None, repr=False)

    @property
    def grid(self) -> Grid:
        """Return the most common grid; that of a volume is :func:`brainseg.io.ruling_grid`."""
        return self.series[0].grid

    def truth(self, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the masks (n, h, w) and which slices have one (n,), both bool, also without any mask.

        Args:
            shape: of the assembled volume, from (n, h, w) on.
        """
        if self.masks is not None and self.has_mask is not None:
            return self.masks, self.has_mask
        # A view of one zero: a mask that nobody drew needs no memory.
        return np.broadcast_to(np.False_, shape[:3]), np.zeros(shape[0], bool)
