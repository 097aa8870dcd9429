"""NIfTI files -> an intake: their volumes, each on its own grid, are the sequences."""

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.assignment import guess_from_words
from brainseg.formats.given import Given, Refusals
from brainseg.formats.grids import most_common_grid_first
from brainseg.formats.inflating import too_large
from brainseg.formats.intake import Grid, Intake, Series
from brainseg.formats.limits import MAX_INFLATED_BYTES
from brainseg.formats.names import base_of, shown_name
from brainseg.formats.nan_background import fill_background
from brainseg.formats.nifti import NiftiFile, read_nifti
from brainseg.formats.window import to_eight_bits
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

_OF_VOLUMES = {3: SEQUENCES, 4: (FLAIR, PRE_CONTRAST, POST_CONTRAST, None)}
"""The order of 4D files: of three ours, of four that of the Medical Segmentation Decathlon."""

_FEWEST_LEVELS = 6
"""A picture has more; a mask of labels has fewer."""


def gather_nifti(items: list[Given], refusals: Refusals) -> Intake:
    """Return the intake of one NIfTI file, or of several.

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
    for name, file in read:
        try:
            series += _series(name, file, len(items))
            used.append(file)
        except DecodeError as reason:
            refusals.add(name, str(reason))
    if not series:
        raise refusals.as_error()
    return Intake(
        "NIfTI",
        most_common_grid_first(series),
        tuple(dict.fromkeys(note for file in used for note in file.notes)),
        tuple(dict.fromkeys(warning for file in used for warning in file.warnings)),
        refusals.told(),
    )


def _series(name: str, file: NiftiFile, files: int) -> list[Series]:
    count = len(file.volumes)
    guesses = _OF_VOLUMES.get(count, (None,) * count)
    if count == 1:
        guesses = (guess_from_words(base_of(name)),)
    numbers = tuple(range(1, file.volumes.shape[1] + 1))
    grid = Grid(numbers, file.spacing_mm, file.affine, space=file.space, source=file.source)
    made = []
    for place, volume in enumerate(file.volumes):
        filled, background = fill_background(volume, -file.intercept / file.slope)
        eight = to_eight_bits(filled, file.slope, file.intercept)
        label = f"volume {place + 1} of {count}" if count > 1 else "volume"
        if files > 1:
            label = shown_name(name) if count == 1 else f"{shown_name(name, 40)}, {label}"
        levels = np.count_nonzero(np.bincount(eight.pixels.ravel(), minlength=256))
        guess = guesses[place] if levels >= _FEWEST_LEVELS else None
        pixels = np.ascontiguousarray(eight.pixels)
        made.append(Series(label, pixels, guess, (*background, *eight.notes), grid))
    return made
