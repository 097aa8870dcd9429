"""Choose the series for each sequence: the best guess, a question to the user, or the user's choice."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from brainseg.errors import DecodeError
from brainseg.io.grids import is_same_grid
from brainseg.io.orientation import is_axial
from brainseg.io.upload import Series, Upload
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

NOT_GIVEN = "none"
"""Used instead of a series for a sequence that is missing."""

WITHOUT_FLAIR = (
    "No series is FLAIR, and the model has never seen a case without it: "
    "do not rely on this result."
)

_ALIASES = {
    FLAIR: ("flair", "t2flair", "t2f"),
    PRE_CONTRAST: ("precontrast", "pre", "t1", "t1n", "t1pre"),
    POST_CONTRAST: ("postcontrast", "post", "t1ce", "t1c", "t1gd", "t1post"),
}


@dataclass(frozen=True)
class Question:
    """An undecided sequence: several series fit equally, or one fits doubtfully.

    Attributes:
        sequence: one of :data:`brainseg.volume.SEQUENCES`.
        indices: of the candidates in ``Upload.series``.
        reason: why it is undecided, the middle of a sentence.
    """

    sequence: str
    indices: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Choice:
    """The series chosen for each sequence.

    Attributes:
        assignment: the index of a series in ``Upload.series`` for each sequence, or None.
        questions: for the user to decide; these sequences are None in ``assignment``.
    """

    assignment: dict[str, int | None]
    questions: tuple[Question, ...] = ()

    def question(self, sequence: str) -> Question | None:
        """Return the question about a sequence, or None."""
        return next((one for one in self.questions if one.sequence == sequence), None)


def propose(upload: Upload) -> Choice:
    """Return the best series for each sequence; ties and contradictions become questions."""
    return _complete(upload, {})


def undecided(choice: Choice) -> frozenset[str]:
    """Return the sequences that the files do not decide; all where no series is recognised."""
    if all(index is None for index in choice.assignment.values()):
        return frozenset(SEQUENCES)
    return frozenset(one.sequence for one in choice.questions)


def choose(upload: Upload, wanted: Mapping[str, str]) -> Choice:
    """Return the series that the user named, and the proposal of :func:`propose` for other sequences.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        wanted: for a sequence a series number, the label or the name of a file or folder, a unique
            part of that name, the end of a Series Instance UID, or :data:`NOT_GIVEN`.

    Raises:
        DecodeError: a name fits no series, or several.
    """
    fixed = {sequence: _index_of(upload, sequence, name) for sequence, name in wanted.items()}
    return _complete(upload, fixed)


def applicable(upload: Upload, answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers about a folder that name a series of this input, which does not decide itself.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        answers: a series by sequence, as for :func:`choose`.
    """
    given = {}
    for sequence in undecided(propose(upload)) & answers.keys():
        with suppress(DecodeError):  # this input is another than those that the answer is about
            choose(upload, {sequence: answers[sequence]})
            given[sequence] = answers[sequence]
    return given


def parse_sequences(text: str) -> dict[str, str]:
    """Parse a text such as "flair=5,post-contrast=7" into series by sequence.

    Raises:
        DecodeError: it has another form, or names an unknown sequence or one sequence twice.
    """
    wanted: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, equals, series = (one.strip() for one in part.partition("="))
        plain = "".join(filter(str.isalnum, name.lower()))
        sequence = next((key for key, names in _ALIASES.items() if plain in names), None)
        if not equals or not series or sequence is None or sequence in wanted:
            raise DecodeError(
                f"--sequences “{part[:40]}” cannot be used: expected flair=SERIES, "
                "pre-contrast=SERIES or post-contrast=SERIES, each once, separated by commas."
            )
        wanted[sequence] = series
    return wanted


def choices(upload: Upload) -> str:
    """Return the name and the guess of each series, for the user to choose from."""
    return "; ".join(
        f"{_handle(upload, index)} = {series.suggestion.in_words()}"
        for index, series in enumerate(upload.series)
    )


def ask(upload: Upload, question: Question) -> str:
    """Return a question as one sentence that names the option of the command line."""
    name = question.sequence.lower()
    return (
        f"{question.sequence} is not decided: {question.reason}; choose with "
        f"--sequences {name}=SERIES or {name}={NOT_GIVEN}, where SERIES is one of: {choices(upload)}."
    )


def _complete(upload: Upload, fixed: Mapping[str, int | None]) -> Choice:
    assignment: dict[str, int | None] = dict.fromkeys(SEQUENCES)
    assignment.update(fixed)
    questions = []
    for sequence in (FLAIR, POST_CONTRAST, PRE_CONTRAST):
        if sequence in fixed:
            continue
        used = {index for index in assignment.values() if index is not None}
        free = [index for index in range(len(upload.series)) if index not in used]
        found = _best(upload, sequence, free, assignment[FLAIR])
        if isinstance(found, Question):
            questions.append(found)
        else:
            assignment[sequence] = found
    return Choice(assignment, tuple(questions))


def _best(
    upload: Upload, sequence: str, free: Sequence[int], flair: int | None
) -> int | Question | None:
    series = upload.series
    certain = [index for index in free if series[index].guess == sequence]
    if certain:
        worth = {index: _worth(upload, index, certain, flair) for index in certain}
        best = [index for index in certain if worth[index] == max(worth.values())]
        if len(best) == 1:
            return best[0]
        labels = " and ".join(series[index].label for index in best)
        return Question(sequence, tuple(best), f"{labels} look equally like it")
    doubtful = [index for index in free if sequence in series[index].suggestion.candidates]
    if doubtful:
        guesses = ", ".join(
            f"{series[index].label} is {series[index].suggestion.in_words()}" for index in doubtful
        )
        return Question(sequence, tuple(doubtful), guesses)
    unknown = [index for index in free if series[index].suggestion.is_unknown]
    if sequence != FLAIR or not unknown:
        return None
    if len(series) == 1:
        return unknown[0]
    return Question(sequence, tuple(unknown), "nothing in the files says which series it is")


def _worth(
    upload: Upload, index: int, rivals: Sequence[int], flair: int | None
) -> tuple[bool, ...]:
    """Return how well a series fits, the most important criterion first; ties are left to the user."""
    one = upload.series[index]
    most = max(len(upload.series[rival].pixels) for rival in rivals)
    return (
        one.suggestion.is_explicit,
        not one.suggestion.is_derived,
        flair is not None and is_same_grid(one, upload.series[flair]),
        _is_axial(one),
        2 * len(one.pixels) >= most,
    )


def _is_axial(series: Series) -> bool:
    """Return whether a series was acquired in axial slices, as far as its files state it."""
    source, affine = series.grid.source, series.grid.affine
    if affine is not None and not is_axial(affine):
        return False
    return source is None or source.orientation.axes[0] == 0


def _handle(upload: Upload, index: int) -> str:
    """Return the shortest name by which a series can be chosen."""
    one = upload.series[index]
    if one.number is not None:
        alike = sum(other.number == one.number for other in upload.series)
        return str(one.number) if alike == 1 else one.label
    return one.label if upload.kind == "NIfTI" and one.names else str(index + 1)


def _index_of(upload: Upload, sequence: str, name: str) -> int | None:
    plain = name.strip().casefold()
    if plain == NOT_GIVEN:
        return None
    series = upload.series
    numbered = any(one.number is not None for one in series)
    number = int(plain) if plain.isdecimal() else math.nan  # which equals nothing
    for test in (
        lambda index, one: number == (one.number if numbered else index + 1),
        lambda index, one: plain == one.label.casefold(),
        lambda index, one: any(plain == known.casefold() for known in one.names),
        lambda index, one: len(plain) > 2 and one.uid.endswith(plain),
        lambda index, one: any(plain in known.casefold() for known in one.names),
    ):
        found = [index for index, one in enumerate(series) if test(index, one)]
        if len(found) == 1:
            return found[0]
        if found:
            labels = " and ".join(series[index].label for index in found)
            raise DecodeError(
                f"--sequences {sequence.lower()}={name[:40]} fits {labels}: name one of "
                f"{choices(upload)}."
            )
    raise DecodeError(
        f"--sequences {sequence.lower()}={name[:40]} fits no series: choose among {choices(upload)}."
    )
