"""Assign series to sequences, and assemble the volume from them."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from brainseg.errors import DecodeError
from brainseg.io.description_words import PD, T2, T2_STAR
from brainseg.io.grids import is_same_grid, lay_on, why_not
from brainseg.io.limits import check_voxels
from brainseg.io.sequence_choice import propose
from brainseg.io.sequence_guess import STIR, Evidence, guess_sequence
from brainseg.io.upload import Grid, Series, Upload
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES, Volume

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def guess_from_words(text: str, with_agent: bool = False) -> str | None:
    """Return the sequence that a file name or series description suggests, or None.

    Args:
        text: may contain words such as "flair", "t1ce" or "pre".
        with_agent: whether the file states that contrast agent was given.
    """
    agents = frozenset({True}) if with_agent else frozenset()
    return guess_sequence(Evidence(file_name=text, agents=agents)).sequence


def guess_assignment(upload: Upload) -> dict[str, int | None]:
    """Return the index in ``upload.series`` of the series used for each sequence, or None.

    It is None where several series fit equally or the evidence is contradictory; :func:`propose` returns
    the question. A single series without any evidence is FLAIR.
    """
    return propose(upload).assignment


def assemble(upload: Upload, assignment: Mapping[str, int | None]) -> Volume:
    """Return the volume of the series that were assigned, on FLAIR's own grid.

    A sequence on another grid of the same space is resampled; see :mod:`brainseg.io.grids`. One
    that is missing or cannot be resampled (:func:`left_out` gives the reason) is filled with FLAIR. Buda
    et al. (2019) filled missing sequences in the same way, so the model was trained on such cases.
    Without FLAIR another sequence replaces it, and a note says so.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        assignment: the index of a series in ``upload.series`` for each of
            :data:`brainseg.volume.SEQUENCES`; None or omitted if there is none.

    Raises:
        DecodeError: no series is assigned, or one that does not exist, or the volume is too large.
    """
    indices = _indices(upload, assignment)
    stand_in = _stand_in(indices)
    ruling = upload.series[indices[stand_in]]
    lost = _lost(upload, indices)
    used = {name: index for name, index in indices.items() if name not in lost}
    laid = {index: lay_on(upload.series[index], ruling) for index in set(used.values())}
    notes = [] if upload.kind == "DICOM" else list(upload.notes)
    for name, index in used.items():
        of_series = [*upload.series[index].notes, *_resampled(name, upload.series[index], ruling)]
        notes += [note for note in of_series if note not in notes]
    notes += [*lost.values(), *_filled(list(used), stand_in)]
    # The note on all DICOM files concerns privacy, so it comes last.
    notes += upload.notes if upload.kind == "DICOM" else ()
    check_voxels(*laid[used[stand_in]].shape)
    planes = [laid[used.get(name, used[stand_in])] for name in SEQUENCES]
    if len(laid) == 1:  # one picture in three sequences, which share its memory
        pixels = np.broadcast_to(planes[0][..., np.newaxis], (*planes[0].shape, len(planes)))
    else:
        pixels = np.stack(planes, axis=-1)
        for name, index in used.items():
            if laid[index] is upload.series[index].pixels:
                # The series keeps its values, but no copy of them: half of the memory of a large upload.
                object.__setattr__(
                    upload.series[index], "pixels", pixels[..., SEQUENCES.index(name)]
                )
    return Volume(
        pixels,
        spacing_mm=ruling.grid.spacing_mm,
        affine=ruling.grid.affine,
        notes=tuple(notes),
        directions=ruling.grid.directions,
    )


def assemble_all(
    upload: Upload, assignment: Mapping[str, int | None], names: Mapping[str, str] = NO_NAMES
) -> Volume:
    """Return :func:`assemble` with further sequences, such as T2; see :func:`other_sequences`."""
    volume = assemble(upload, assignment)
    ruling = Series("image", volume.pixels[..., 0], grid=ruling_grid(upload, assignment))
    return replace(volume, others=other_sequences(upload, assignment, ruling, names))


def ruling_grid(upload: Upload, assignment: Mapping[str, int | None]) -> Grid:
    """Return the grid of the volume of :func:`assemble`; raises DecodeError as it does."""
    indices = _indices(upload, assignment)
    return upload.series[indices[_stand_in(indices)]].grid


OTHER_SEQUENCES = (T2, T2_STAR, PD, STIR)
"""Kinds of series that are none of :data:`brainseg.volume.SEQUENCES`, but are shown beside them."""


def other_kind(text: str) -> str | None:
    """Return which of :data:`OTHER_SEQUENCES` a file name suggests, or None."""
    kind = guess_sequence(Evidence(file_name=text)).kind
    return kind if kind in OTHER_SEQUENCES else None


def other_sequences(
    upload: Upload,
    assignment: Mapping[str, int | None],
    ruling: Series,
    names: Mapping[str, str] = NO_NAMES,
) -> dict[str, np.ndarray]:
    """Return the series of :data:`OTHER_SEQUENCES` that can be laid on a grid, (n, h, w) uint8 by name.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        assignment: its series that are one of :data:`brainseg.volume.SEQUENCES`.
        ruling: the series with the grid.
        names: of sequences of other kinds, such as ADC, by the label of their series.
    """
    found: dict[str, np.ndarray] = {}
    for index, series in enumerate(upload.series):
        kind = series.suggestion.kind
        kind = kind if kind in OTHER_SEQUENCES else names.get(series.label)
        if kind is None or index in assignment.values() or kind in found:
            continue
        if why_not(series, ruling, FLAIR) is None:
            found[kind] = lay_on(series, ruling)
    return found


def left_out(upload: Upload, assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return a sentence for each sequence that :func:`assemble` cannot resample onto FLAIR's grid."""
    return tuple(_lost(upload, _indices(upload, assignment)).values())


def series_warnings(upload: Upload, assignment: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the warnings of the series that were assigned, FLAIR's first."""
    indices = _indices(upload, assignment)
    first = indices[_stand_in(indices)]
    used = dict.fromkeys((first, *indices.values()))
    return tuple(dict.fromkeys(text for index in used for text in upload.series[index].warnings))


def _indices(upload: Upload, assignment: Mapping[str, int | None]) -> dict[str, int]:
    """Return the index of each sequence that was assigned."""
    wrong = [name for name in assignment if name not in SEQUENCES]
    if wrong:
        raise DecodeError(
            f"“{wrong[0]}” is not a sequence: assign {', '.join(SEQUENCES[:-1])} or {SEQUENCES[-1]}."
        )
    chosen = {name: assignment.get(name) for name in SEQUENCES}
    indices = {name: index for name, index in chosen.items() if index is not None}
    if not indices:
        raise DecodeError(
            "No sequence was assigned: choose at least the one that is FLAIR, for the others can be "
            "filled with it."
        )
    beyond = [index for index in indices.values() if not 0 <= index < len(upload.series)]
    if beyond:
        raise DecodeError(
            f"Series {beyond[0] + 1} of {len(upload.series)} does not exist: assign another."
        )
    return indices


def _stand_in(indices: Mapping[str, int]) -> str:
    """Return the sequence that defines the grid and fills missing sequences."""
    return next(name for name in (FLAIR, POST_CONTRAST, PRE_CONTRAST) if name in indices)


def _lost(upload: Upload, indices: Mapping[str, int]) -> dict[str, str]:
    """Return the sequences that cannot be resampled onto the ruling grid, each with a sentence."""
    stand_in = _stand_in(indices)
    ruling = upload.series[indices[stand_in]]
    lost = {}
    for name, index in indices.items():
        series = upload.series[index]
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
    note = f"{' and '.join(missing)} missing, filled with {stand_in}"
    without_flair = ": the model was never trained on a case without FLAIR"
    return [note + (", as in incomplete training cases" if stand_in == FLAIR else without_flair)]
