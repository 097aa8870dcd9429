"""Which series is which sequence: a guess for the person to correct, then the volume."""

from collections.abc import Mapping

import numpy as np

from brainseg.errors import DecodeError
from brainseg.formats.intake import Intake
from brainseg.formats.sequence_guess import Evidence, guess_sequence
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES, Volume


def guess_from_words(text: str, with_agent: bool = False) -> str | None:
    """Return the sequence that a file's name or a series' description suggests, None where it does not.

    Args:
        text: in which words such as "flair", "t1ce" or "pre" are looked for.
        with_agent: whether the file says that a contrast agent was given.
    """
    agents = frozenset({True}) if with_agent else frozenset()
    return guess_sequence(Evidence(file_name=text, agents=agents)).sequence


def guess_assignment(intake: Intake) -> dict[str, int | None]:
    """Return the series taken for each sequence, by its place in ``intake.series``; None for none.

    The first series of each guess is taken. A series of which nothing is known stands for FLAIR where
    no other does, for that is the sequence the model cannot do without.
    """
    guesses = [series.guess for series in intake.series]
    assignment = {
        sequence: guesses.index(sequence) if sequence in guesses else None for sequence in SEQUENCES
    }
    if assignment[FLAIR] is None and None in guesses and (len(guesses) == 1 or not any(guesses)):
        assignment[FLAIR] = guesses.index(None)
    return assignment


def assemble(intake: Intake, assignment: Mapping[str, int | None]) -> Volume:
    """Return the volume of the series that were assigned, each missing sequence filled with FLAIR.

    Buda et al. (2019) filled the sequences that their patients lacked in the same way, so the model has
    learned it. Without FLAIR, what is there stands in for it, and the notes say so.

    Args:
        intake: see :func:`brainseg.formats.open_inputs`.
        assignment: the place of a series in ``intake.series`` for each of
            :data:`brainseg.volume.SEQUENCES`; None, or left out, where it was not given.

    Raises:
        DecodeError: no series is assigned, or one that does not exist.
    """
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
    beyond = [place for place in places.values() if not 0 <= place < len(intake.series)]
    if beyond:
        raise DecodeError(
            f"Series {beyond[0] + 1} of {len(intake.series)} does not exist: assign another."
        )
    stand_in = next(name for name in (FLAIR, POST_CONTRAST, PRE_CONTRAST) if name in places)
    channels = [intake.series[places.get(name, places[stand_in])].pixels for name in SEQUENCES]
    notes = list(intake.notes)
    for place in dict.fromkeys(places.values()):
        notes += [note for note in intake.series[place].notes if note not in notes]
    notes += _filled(list(places), stand_in)
    return Volume(
        np.stack(channels, axis=-1),
        spacing_mm=intake.spacing_mm,
        affine=intake.affine,
        notes=tuple(notes),
    )


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
