"""Label maps of volume files and DICOM segmentations, laid on the grid of their images."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.grids import is_same_grid
from brainseg.io.limits import or_damaged
from brainseg.io.nifti import NiftiFile, read_nifti
from brainseg.io.upload import Grid, Series

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_LONGEST_START = 8192
_MOST_LABELS = 255
_ROUNDING = 1e-3
"""What scaling and floats may add to a whole number."""

_LEAST_KEPT, _MOST_KEPT = 0.8, 1.25
"""The share of a label map's volume that must remain on the other grid."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A label map on a grid.

    Attributes:
        values: (n, h, w) uint8, 0 outside.
        labels: the values that each name means; empty if the file names none.
        notes: one sentence for each conversion.
    """

    values: np.ndarray = field(repr=False)
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def with_names(found: LabelMap, names: Mapping[str, tuple[int, ...]]) -> LabelMap | None:
    """Return a label map with a name for each of its labels, “label 1” without one; None for one label.

    Args:
        found: its own names count if ``names`` is empty.
        names: the values that each name means.
    """
    present = np.flatnonzero(np.bincount(found.values.ravel(), minlength=256)[1:]) + 1
    known = names or found.labels
    labels = {name: values for name, values in known.items() if np.isin(values, present).any()}
    named = {value for values in labels.values() for value in values}
    labels |= {f"label {value}": (int(value),) for value in present if value not in named}
    return replace(found, labels=labels) if len(labels) > 1 else None


def merged(maps: Sequence[LabelMap]) -> LabelMap:
    """Return label maps of one grid as one: each keeps its labels, and the first counts on overlaps.

    Raises:
        DecodeError: more than 255 labels.
    """
    # Such as 255 in each of two masks.
    if sum(int(one.values.max()) for one in maps) > _MOST_LABELS:
        maps = [_numbered_on(one) for one in maps]
    values, labels = maps[0].values, dict(maps[0].labels)
    for one in maps[1:]:
        above = int(values.max())
        if above + int(one.values.max()) > _MOST_LABELS:
            raise DecodeError(f"its masks have more than {_MOST_LABELS} labels: give one of them")
        own = np.where(one.values, one.values + above, 0).astype(np.uint8)
        values = np.where(values, values, own)
        labels |= {name: tuple(v + above for v in of) for name, of in one.labels.items()}
    return LabelMap(values, labels, tuple(note for one in maps for note in one.notes))


def _numbered_on(found: LabelMap) -> LabelMap:
    """Return a label map whose labels are numbered from 1 without gaps."""
    present = np.flatnonzero(np.bincount(found.values.ravel(), minlength=256)[1:]) + 1
    number = np.zeros(256, np.uint8)
    number[present] = np.arange(1, len(present) + 1)
    labels = {
        name: tuple(int(number[value]) for value in of if number[value])
        for name, of in found.labels.items()
    }
    return replace(found, values=number[found.values], labels=labels)


def check_labels(values: np.ndarray) -> None:
    """Raise if stored values cannot be labels.

    Raises:
        DecodeError: a fraction, as in a map of probabilities, or a value below 0.
    """
    if values.dtype.kind == "f":
        fractions = values[np.abs(values - np.rint(values)) > _ROUNDING]
        if fractions.size:
            raise DecodeError(
                f"it has fractions such as {fractions[0]:.3g}, as probabilities or a resampled mask do; "
                "labels are whole numbers: choose a threshold, and save a mask of 0 and 1"
            )
    if values.min() < 0:
        raise DecodeError(
            f"its least value is {values.min():g}; labels are whole numbers from 0: save the mask again"
        )


def read_label_map(data: bytes, ruling: Series) -> LabelMap:
    """Return a label map of a volume file on the grid of a series.

    Raises:
        DecodeError: damaged, no label map, or on a grid that does not match.
    """
    return labels_of(read_nifti(data, least_side=1), ruling)


def labels_of(file: NiftiFile, ruling: Series) -> LabelMap:
    """Return what :func:`read_label_map` does for a file that was read, or raise as it does."""
    labels, names = _stored_labels(file)
    grid = Grid(affine=file.affine, space=file.space)
    if is_same_grid(Series("mask", labels, grid=grid), ruling):
        return LabelMap(np.ascontiguousarray(labels), names)
    if labels.shape == ruling.pixels.shape:
        raise DecodeError(
            "it has the size of its image, but another position, orientation or spacing: save it "
            "with the header of the image"
        )
    if file.affine is None or file.space != ruling.grid.space:
        sizes = " and ".join(
            " x ".join(map(str, one)) for one in (labels.shape, ruling.pixels.shape)
        )
        raise DecodeError(
            f"mask and image have different grids ({sizes} voxels) of unknown position"
        )
    return LabelMap(_laid(labels, file.affine, ruling), names, (_resampled(labels, ruling),))


def _stored_labels(file: NiftiFile) -> tuple[np.ndarray, dict[str, tuple[int, ...]]]:
    """Return the labels of a file as uint8, and the values that each of its segments means."""
    if len(file.volumes) > 1 and file.segments:
        return _of_layers(file)
    if len(file.volumes) != 1:
        raise DecodeError(f"it has {len(file.volumes)} volumes; a label map has one")
    stored = file.volumes[0]
    if stored.dtype.kind == "f" or (file.slope, file.intercept) != (1, 0):
        stored = np.nan_to_num(stored * file.slope + file.intercept)
    check_labels(stored)
    values = stored if stored.dtype.kind != "f" else np.rint(stored)
    if values.max() > _MOST_LABELS:
        raise DecodeError(
            f"its values are {stored.min():g} to {stored.max():g}; labels are whole numbers of 0 to 255"
        )
    names: dict[str, tuple[int, ...]] = {}
    for one in file.segments:
        names[one.name] = (*names.get(one.name, ()), one.value)
    return values.astype(np.uint8), names


def _of_layers(file: NiftiFile) -> tuple[np.ndarray, dict[str, tuple[int, ...]]]:
    """Return a value for each combination of segments that overlap, so that each keeps its voxels."""
    inside = (file.volumes > 0).any(axis=0)
    combinations, which = np.unique(file.volumes[:, inside], axis=1, return_inverse=True)
    count = combinations.shape[1]
    if count > 255:
        raise DecodeError(
            f"its segments overlap in {count} ways; at most 255 are read: save each as a mask"
        )
    values = np.zeros(inside.shape, np.uint8)
    values[inside] = which.ravel() + 1
    names: dict[str, tuple[int, ...]] = {}
    for one in file.segments:
        if one.layer < len(combinations):
            own = np.flatnonzero(combinations[one.layer] == one.value) + 1
            names[one.name] = (*names.get(one.name, ()), *own.tolist())
    return values, names


def is_segmentation(data: bytes) -> bool:
    """Return whether a DICOM file is a segmentation."""
    # Its class is among the first elements; parsing every image of a study would be slow.
    if not any(one.encode() in data[:_LONGEST_START] for one in SEGMENTATION_CLASSES):
        return False
    import pydicom

    try:
        header = pydicom.dcmread(io.BytesIO(data), specific_tags=["SOPClassUID"], force=True)
    except Exception:  # noqa: BLE001  whatever pydicom raises: its reader says what is wrong
        return False
    return str(header.get("SOPClassUID", "")) in SEGMENTATION_CLASSES


def read_segmentation(data: bytes, ruling: Series) -> LabelMap:
    """Return a DICOM segmentation on the grid of a series, a label per segment.

    Where segments overlap, the last one counts.

    Raises:
        DecodeError: damaged, or on a grid that does not match.
    """
    return or_damaged(lambda: _segmentation(data, ruling))


def _segmentation(data: bytes, ruling: Series) -> LabelMap:
    import highdicom

    if ruling.grid.affine is None:
        raise DecodeError(
            "its images are not evenly spaced, so a segmentation cannot be laid on them"
        )
    found = highdicom.seg.segread(io.BytesIO(data))
    numbers = [int(number) for number in found.segment_numbers]
    if max(numbers) > 255:
        raise DecodeError(f"it has {max(numbers)} segments; at most 255 are read")
    volume = found.get_volume(combine_segments=False, rescale_fractional=True)
    lps_to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    labels = np.zeros(volume.array.shape[:3], np.uint8)
    for index, number in enumerate(numbers):
        labels[volume.array[..., index] >= 0.5] = number
    names = {
        str(found.get_segment_description(number).segment_label): (number,) for number in numbers
    }
    return LabelMap(_laid(labels, lps_to_ras @ volume.affine, ruling), names)


def _laid(labels: np.ndarray, affine: np.ndarray, ruling: Series) -> np.ndarray:
    """Return labels on the grid of a series, each voxel with its nearest label."""
    from scipy import ndimage

    grid = ruling.grid.affine
    if grid is None:
        raise DecodeError("its image has no position, so a mask on another grid cannot be used")
    laid = ndimage.affine_transform(
        labels,
        np.linalg.inv(affine) @ grid,
        output_shape=ruling.pixels.shape,
        order=0,
        mode="grid-constant",
    )
    before = np.count_nonzero(labels) * abs(np.linalg.det(affine[:3, :3]))
    after = np.count_nonzero(laid) * abs(np.linalg.det(grid[:3, :3]))
    if before and not _LEAST_KEPT <= after / before <= _MOST_KEPT:
        raise DecodeError(
            f"only {after / before:.0%} of its volume lies on its image, so the two do not match"
        )
    return np.ascontiguousarray(laid)


def _resampled(labels: np.ndarray, ruling: Series) -> str:
    sizes = [" x ".join(map(str, one)) for one in (labels.shape, ruling.pixels.shape)]
    return f"resampled from {sizes[0]} to {sizes[1]} voxels by nearest neighbour"
