"""NIfTI files -> an intake: the volumes of one grid, each a sequence."""

from collections import Counter

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.assignment import guess_from_words
from brainseg.formats.given import Given, Refusals
from brainseg.formats.inflating import too_large
from brainseg.formats.intake import Intake, Series
from brainseg.formats.limits import MAX_INFLATED_BYTES
from brainseg.formats.names import base_of, shown_name
from brainseg.formats.nifti import NiftiFile, read_nifti
from brainseg.formats.window import to_eight_bits
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

_OF_VOLUMES = {3: SEQUENCES, 4: (FLAIR, PRE_CONTRAST, POST_CONTRAST, None)}
"""The order of 4D files: of three ours, of four that of the Medical Segmentation Decathlon."""

_FEWEST_LEVELS = 6
"""A picture has more; a mask of labels has fewer."""

_SAME_MM = 0.01


def gather_nifti(items: list[Given], refusals: Refusals) -> Intake:
    """Return the intake of one NIfTI file, or of several on one grid.

    Raises:
        DecodeError: nothing is usable.
    """
    read: list[tuple[str, NiftiFile]] = []
    taken = 0
    for item in items:
        try:
            file = read_nifti(item.data)
            taken += file.volumes.nbytes
            if taken > MAX_INFLATED_BYTES:
                raise too_large(taken)
            read.append((item.name, file))
        except DecodeError as reason:
            refusals.add(item.name, str(reason))
    series, used = [], []
    for name, file in _on_one_grid(read, refusals):
        try:
            series += _series(name, file, len(items))
            used.append(file)
        except DecodeError as reason:
            refusals.add(name, str(reason))
    if not series:
        raise refusals.as_error()
    first = used[0]
    return Intake(
        "NIfTI",
        tuple(series),
        tuple(range(1, len(series[0].pixels) + 1)),
        first.spacing_mm,
        first.affine,
        tuple(dict.fromkeys(note for file in used for note in file.notes)),
        tuple(dict.fromkeys(warning for file in used for warning in file.warnings)),
        refusals.told(),
        first.source,
    )


def _on_one_grid(
    read: list[tuple[str, NiftiFile]], refusals: Refusals
) -> list[tuple[str, NiftiFile]]:
    """Return the files on the grid that most have, the first of equals; the others refused."""
    grids: list[NiftiFile] = []
    place_of = []
    for _, file in read:
        place = next((n for n, grid in enumerate(grids) if _same_grid(grid, file)), len(grids))
        if place == len(grids):
            grids.append(file)
        place_of.append(place)
    if not read:
        return []
    most, _ = Counter(place_of).most_common(1)[0]
    for (name, file), place in zip(read, place_of, strict=True):
        if place != most:
            own, other = file.source.shape, grids[most].source.shape
            if own == other:
                refusals.add(name, "it lies elsewhere in space than the other files")
                continue
            sizes = [" x ".join(map(str, shape)) for shape in (own, other)]
            refusals.add(name, f"its grid is {sizes[0]} voxels, that of the others {sizes[1]}")
    return [one for one, place in zip(read, place_of, strict=True) if place == most]


def _same_grid(one: NiftiFile, other: NiftiFile) -> bool:
    if one.source.shape != other.source.shape or one.volumes.shape[1:] != other.volumes.shape[1:]:
        return False
    if one.affine is None or other.affine is None:
        return one.affine is None and other.affine is None
    corner = np.array([*one.volumes.shape[1:], 1])
    near = np.allclose(one.affine @ corner, other.affine @ corner, atol=_SAME_MM)
    return bool(near and np.allclose(one.affine, other.affine, atol=_SAME_MM))


def _series(name: str, file: NiftiFile, files: int) -> list[Series]:
    count = len(file.volumes)
    guesses = _OF_VOLUMES.get(count, (None,) * count)
    if count == 1:
        guesses = (guess_from_words(base_of(name)),)
    made = []
    for place, volume in enumerate(file.volumes):
        eight = to_eight_bits(volume, file.slope, file.intercept)
        label = f"volume {place + 1} of {count}" if count > 1 else "volume"
        if files > 1:
            label = shown_name(name) if count == 1 else f"{shown_name(name, 40)}, {label}"
        levels = np.count_nonzero(np.bincount(eight.pixels.ravel(), minlength=256))
        guess = guesses[place] if levels >= _FEWEST_LEVELS else None
        made.append(Series(label, np.ascontiguousarray(eight.pixels), guess, eight.notes))
    return made
