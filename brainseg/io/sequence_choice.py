"""Which series is used for which sequence: the best of the guesses, a question, or the user's choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brainseg.errors import DecodeError
from brainseg.io.grids import is_same_grid
from brainseg.io.orientation import is_axial
from brainseg.io.upload import Series, Upload
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST, SEQUENCES

NOT_GIVEN = "none"
"""In place of a series: the sequence is not given."""

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
    """A sequence that several series may be, or that one series may not be.

    Attributes:
        sequence: one of :data:`brainseg.volume.SEQUENCES`.
        places: of the candidates in ``Upload.series``.
        reason: why it is not decided, the middle of a sentence.
    """

    sequence: str
    places: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Choice:
    """Which series is which sequence.

    Attributes:
        assignment: the place of a series in ``Upload.series`` for each sequence, or None.
        questions: what only a person can decide; these sequences are None in ``assignment``.
    """

    assignment: dict[str, int | None]
    questions: tuple[Question, ...] = ()

    def question(self, sequence: str) -> Question | None:
        """Return what is to be asked of a sequence, or None."""
        return next((one for one in self.questions if one.sequence == sequence), None)


def propose(upload: Upload) -> Choice:
    """Return the best series for each sequence; equals and contradictions become questions."""
    return _complete(upload, {})


def choose(upload: Upload, wanted: Mapping[str, str]) -> Choice:
    """Return the series that a person named, and for the other sequences what :func:`propose` has.

    Args:
        upload: see :func:`brainseg.io.open_inputs`.
        wanted: for a sequence a series number, the label or the name of a file or folder, a unique
            part of that name, the end of a Series Instance UID, or :data:`NOT_GIVEN`.

    Raises:
        DecodeError: a name fits no series, or several.
    """
    fixed = {sequence: _place_of(upload, sequence, name) for sequence, name in wanted.items()}
    return _complete(upload, fixed)


def parse_sequences(text: str) -> dict[str, str]:
    """Return the series by sequence of a text such as "flair=5,post-contrast=7".

    Raises:
        DecodeError: it is not of that form, or names an unknown sequence or one twice.
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
    """Return what each series is called and what it seems to be, for a person to choose from."""
    return "; ".join(
        f"{_handle(upload, place)} = {series.suggestion.in_words()}"
        for place, series in enumerate(upload.series)
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
        used = {place for place in assignment.values() if place is not None}
        free = [place for place in range(len(upload.series)) if place not in used]
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
    certain = [place for place in free if series[place].guess == sequence]
    if certain:
        worth = {place: _worth(upload, place, certain, flair) for place in certain}
        best = [place for place in certain if worth[place] == max(worth.values())]
        if len(best) == 1:
            return best[0]
        labels = " and ".join(series[place].label for place in best)
        return Question(sequence, tuple(best), f"{labels} look equally like it")
    doubtful = [place for place in free if sequence in series[place].suggestion.candidates]
    if doubtful:
        told = ", ".join(
            f"{series[place].label} is {series[place].suggestion.in_words()}" for place in doubtful
        )
        return Question(sequence, tuple(doubtful), told)
    unknown = [place for place in free if series[place].suggestion.is_unknown]
    if sequence != FLAIR or not unknown:
        return None
    if len(series) == 1:
        return unknown[0]
    return Question(sequence, tuple(unknown), "nothing in the files says which series it is")


def _worth(
    upload: Upload, place: int, rivals: Sequence[int], flair: int | None
) -> tuple[bool, ...]:
    """Return how well a series suits, the weightiest reason first; equal ones are for a person."""
    one = upload.series[place]
    most = max(len(upload.series[rival].pixels) for rival in rivals)
    return (
        one.suggestion.is_explicit,
        not one.suggestion.is_derived,
        flair is not None and is_same_grid(one, upload.series[flair]),
        _is_axial(one),
        2 * len(one.pixels) >= most,
    )


def _is_axial(series: Series) -> bool:
    """Return whether a series was acquired in axial slices, as far as its files say."""
    source, affine = series.grid.source, series.grid.affine
    if affine is not None and not is_axial(affine):
        return False
    return source is None or source.orientation.axes[0] == 0


def _handle(upload: Upload, place: int) -> str:
    """Return the shortest name by which a series can be chosen."""
    one = upload.series[place]
    if one.number is not None:
        alike = sum(other.number == one.number for other in upload.series)
        return str(one.number) if alike == 1 else one.label
    return one.label if upload.kind == "NIfTI" and one.names else str(place + 1)


def _place_of(upload: Upload, sequence: str, name: str) -> int | None:
    plain = name.strip().casefold()
    if plain == NOT_GIVEN:
        return None
    series = upload.series
    numbered = any(one.number is not None for one in series)

    def fits(test) -> list[int]:
        return [place for place, one in enumerate(series) if test(place, one)]

    for test in (
        lambda place, one: plain.isdecimal() and numbered and one.number == int(plain),
        lambda place, one: plain.isdecimal() and not numbered and place + 1 == int(plain),
        lambda place, one: plain == one.label.casefold(),
        lambda place, one: any(plain == known.casefold() for known in one.names),
        lambda place, one: len(plain) > 2 and one.uid.endswith(plain),
        lambda place, one: any(plain in known.casefold() for known in one.names),
    ):
        found = fits(test)
        if len(found) == 1:
            return found[0]
        if found:
            labels = " and ".join(series[place].label for place in found)
            raise DecodeError(
                f"--sequences {sequence.lower()}={name[:40]} fits {labels}: name one of "
                f"{choices(upload)}."
            )
    raise DecodeError(
        f"--sequences {sequence.lower()}={name[:40]} fits no series: choose among {choices(upload)}."
    )
