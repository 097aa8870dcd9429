"""Which series is which sequence: a guess for the person to correct, then the volume."""

from collections.abc import Mapping

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.grids import is_same_grid, lay_on, why_not
from brainseg.io.sequence_choice import propose
from brainseg.io.sequence_guess import Evidence, guess_sequence
from brainseg.io.upload import Grid, Series, Upload
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES, Volume


def guess_from_words(text: str, with_agent: bool = False) -> str | None:
    """Return the sequence that a file's name or a series' description suggests, None where it does not.

    Args:
        text: in which words such as "flair", "t1ce" or "pre" are looked for.
        with_agent: whether the file says that a contrast agent was given.
    """
    agents = frozenset({True}) if with_agent else frozenset()
    return guess_sequence(Evidence(file_name=text, agents=agents)).sequence


def guess_assignment(upload: Upload) -> dict[str, int | None]:
    """Return the series taken for each sequence, by its place in ``upload.series``; None for none.

    Where equals or contradictions leave it open, it is None: :func:`propose` has the question. A single
    series of which nothing is known is FLAIR.
    """
    return propose(upload).assignment


def assemble(upload: Upload, assignment: Mapping[str, int | None]) -> Volume:
    """Return the volume of the series that were assigned, on FLAIR's own grid.

    A sequence on another grid of the same space is resampled; see :mod:`brainseg.io.grids`. One
    that is missing, or for which that is impossible (:func:`left_out` says why), is filled with FLAIR.
    Buda et al. (2019) filled the sequences that their patients lacked in the same way, so the model has
    learned it. Without FLAIR, what is there stands in for it, and the notes say so.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        assignment: the place of a series in ``upload.series`` for each of
            :data:`brainseg.volume.SEQUENCES`; None, or left out, where it was not given.

    Raises:
        DecodeError: no series is assigned, or one that does not exist.
    """
    places = _places(upload, assignment)
    stand_in = _stand_in(places)
    ruling = upload.series[places[stand_in]]
    lost = _lost(upload, places)
    used = {name: place for name, place in places.items() if name not in lost}
    laid = {place: lay_on(upload.series[place], ruling) for place in set(used.values())}
    notes = [] if upload.kind == "DICOM" else list(upload.notes)
    for name, place in used.items():
        of_series = [*upload.series[place].notes, *_resampled(name, upload.series[place], ruling)]
        notes += [note for note in of_series if note not in notes]
    notes += [*lost.values(), *_filled(list(used), stand_in)]
    # The note on all DICOM files concerns privacy, so it comes last.
    notes += upload.notes if upload.kind == "DICOM" else ()
    return Volume(
        np.stack([laid[used.get(name, used[stand_in])] for name in SEQUENCES], axis=-1),
        spacing_mm=ruling.grid.spacing_mm,
        affine=ruling.grid.affine,
        notes=tuple(notes),
        directions=ruling.grid.directions,
    )


def ruling_grid(upload: Upload, assignment: Mapping[str, int | None]) -> Grid:
    """Return the grid of the volume that :func:`assemble` makes: that of FLAIR, or of its stand-in.

    Raises:
        DecodeError: as for :func:`assemble`.
    """
    places = _places(upload, assignment)
    return upload.series[places[_stand_in(places)]].grid


def left_out(upload: Upload, assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return a sentence for each assigned sequence that cannot be laid on FLAIR's grid.

    Raises:
        DecodeError: as for :func:`assemble`.
    """
    return tuple(_lost(upload, _places(upload, assignment)).values())


def series_warnings(upload: Upload, assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the warnings of the series that were assigned, FLAIR's first.

    Raises:
        DecodeError: as for :func:`assemble`.
    """
    places = _places(upload, assignment)
    first = places[_stand_in(places)]
    used = dict.fromkeys((first, *places.values()))
    return tuple(dict.fromkeys(told for place in used for told in upload.series[place].warnings))


def _places(upload: Upload, assignment: Mapping[str, int | None]) -> dict[str, int]:
    """Return the place of each sequence that was assigned."""
    wrong = [name for name in assignment if name not in SEQUENCES]
    if wrong:
        raise DecodeError(
            f"“{wrong[0]}” is no sequence: assign {', '.join(SEQUENCES[:-1])} or {SEQUENCES[-1]}."
        )
    chosen = {name: assignment.get(name) for name in SEQUENCES}
    places = {name: place for name, place in chosen.items() if place is not None}
    if not places:
        raise DecodeError(
            "No sequence was assigned: choose at least the one that is FLAIR, for the others can be "
            "filled with it."
        )
    beyond = [place for place in places.values() if not 0 <= place < len(upload.series)]
    if beyond:
        raise DecodeError(
            f"Series {beyond[0] + 1} of {len(upload.series)} does not exist: assign another."
        )
    return places


def _stand_in(places: Mapping[str, int]) -> str:
    """Return the sequence that rules the grid and fills what is missing."""
    return next(name for name in (FLAIR, POST_CONTRAST, PRE_CONTRAST) if name in places)


def _lost(upload: Upload, places: Mapping[str, int]) -> dict[str, str]:
    """Return the sequences that cannot be laid on the ruling grid, each with a sentence."""
    stand_in = _stand_in(places)
    ruling = upload.series[places[stand_in]]
    lost = {}
    for name, place in places.items():
        series = upload.series[place]
        if reason := why_not(series, ruling, stand_in):
            lost[name] = f"{name} ({series.label}) was not used: {reason}."
    return lost


def _resampled(name: str, series: Series, ruling: Series) -> list[str]:
    spaces = {series.grid.space, ruling.grid.space} - {""}
    if not is_same_grid(series, ruling):
        sizes = [" x ".join(map(str, one.pixels.shape)) for one in (series, ruling)]
        return [f"{name} resampled from {sizes[0]} to {sizes[1]} voxels by linear interpolation"]
    if len(spaces) > 1:
        return [f"{name} refers to another frame of reference, but has the same grid"]
    return []


def _filled(given: list[str], stand_in: str) -> list[str]:
    missing = [name for name in SEQUENCES if name not in given]
    if not missing:
        return []
    if stand_in == FLAIR:
        return [f"{' and '.join(missing)} missing, filled with FLAIR, as in the training data"]
    return [
        f"{' and '.join(missing)} missing, filled with {stand_in}: the model was never shown a case "
        "without FLAIR"
    ]
