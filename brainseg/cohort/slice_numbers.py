"""Which number in the file names of a folder is the slice's, wherever it stands in them.

Names that differ only in their numbers are looked at together. The slice's number is the one that varies
while the others stay: ``P01_7_img`` beside ``P01_8_img``, ``007_T1_v2`` beside ``008_T1_v2``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

MOST_DIGITS = 18
"""A slice's number fits 64 bits; a longer one is some other identifier."""

_LONGEST_ALONE = 4
"""Digits of a number that may be the slice's although it does not vary; a longer one may be a date."""

_SLICE_WORD = re.compile(r"(?i)(?<![a-z])(slice|slc|sl|image|img|im|frame|z)[_\- ]?$")
_ENDS_IN_ONE_SEPARATOR = re.compile(r"[_\- ]$")
_SEPARATORS = "_- ."


def number_slices(stems: Iterable[str]) -> dict[str, tuple[str, int | None]]:
    """Return, for each name, what its case is called in it and the slice's number.

    Args:
        stems: the names of a folder's slices, without suffix.

    Returns:
        By name: the part before the number, or behind it where there is none before; and the number.
        Both are empty and missing where no number can be the slice's.
    """
    alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for stem in stems:
        parts = re.split(r"(\d+)", stem)
        alike[tuple(parts[::2])].append((stem, parts))
    numbered: dict[str, tuple[str, int | None]] = {}
    for texts, names in alike.items():
        place = _place_of_number(texts, [parts[1::2] for _, parts in names])
        numbered |= {stem: _parted(parts, place) for stem, parts in names}
    return numbered


def _parted(parts: list[str], place: int | None) -> tuple[str, int | None]:
    if place is None:
        return "", None
    before, after = "".join(parts[: 2 * place + 1]), "".join(parts[2 * place + 2 :])
    beginning = _ENDS_IN_ONE_SEPARATOR.sub("", before) or after.strip(_SEPARATORS)
    return beginning, int(parts[2 * place + 1])


def _place_of_number(texts: Sequence[str], numbers: Sequence[Sequence[str]]) -> int | None:
    """Return which of the numbers in names of one pattern is the slice's, or None.

    First comes a short number at the end that varies, then one behind a word such as “slice”, then a
    short number at the end, then any that stands alone and varies, for letters in front make it a
    patient's or a sequence's, such as “P01” or “T1”. A long number at the end may be a date; beside it,
    numbers with gaps are those of patients.

    Args:
        texts: what stands before, between and behind the numbers of each name.
        numbers: of each name, as digits.
    """
    last = len(texts) - 2
    fitting = [
        place
        for place in range(last, -1, -1)
        if all(len(digits[place]) <= MOST_DIGITS for digits in numbers)
    ]
    alone = [place for place in fitting if not _is_in_a_word(texts, place)]
    varying = [place for place in fitting if _varies_alone(numbers, place)]
    short = [
        place for place in alone if all(len(digits[place]) <= _LONGEST_ALONE for digits in numbers)
    ]
    ends = [place for place in fitting[:1] if place == last and not texts[-1]]
    named = [place for place in varying if _SLICE_WORD.search(texts[place])]
    ends_in_long = set(ends) & set(alone) - set(short)
    ranked = (
        [place for place in ends if place in short and place in varying],
        named,
        [place for place in ends if place in short],
        [p for p in varying if p in alone and not (ends_in_long and _has_gaps(numbers, p))],
        [] if short or ends_in_long else varying,
        ends,
        alone,
    )
    return next((places[0] for places in ranked if places), None)


def _is_in_a_word(texts: Sequence[str], place: int) -> bool:
    """Return whether letters touch a number, as in “T1” or “3mm”."""
    return texts[place][-1:].isalpha() or texts[place + 1][:1].isalpha()


def _has_gaps(numbers: Sequence[Sequence[str]], place: int) -> bool:
    """Return whether the numbers at a place are as far apart as those of patients."""
    values = {int(digits[place]) for digits in numbers}
    return max(values) - min(values) >= 4 * len(values)


def _varies_alone(numbers: Sequence[Sequence[str]], place: int) -> bool:
    """Return whether two names differ in the number at a place and in no other."""
    others = {(*digits[:place], *digits[place + 1 :]) for digits in numbers}
    return len(others) < len(numbers)
