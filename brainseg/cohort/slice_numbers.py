"""Find the slice number in the file names of a folder.

Names that differ only in their numbers are compared. The slice number is the one that varies while the
others do not: ``P01_7_img`` and ``P01_8_img``, ``007_T1_v2`` and ``008_T1_v2``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

MOST_DIGITS = 18
"""A slice number fits 64 bits; a longer number is another identifier."""

_LONGEST_ALONE = 4
"""Most digits of a slice number that does not vary; a longer number may be a date."""

_SLICE_WORD = re.compile(r"(?i)(?<![a-z])(slice|slc|sl|image|img|im|frame|z)[_\- ]?$")
_OF = re.compile(r"(?i)(?<![a-z])of[_\- ]?$")
"""Before the count in “slice 3 of 20”, which is no slice number."""

_ENDS_IN_ONE_SEPARATOR = re.compile(r"[_\- ]$")
_SEPARATORS = "_- ."


def number_slices(stems: Iterable[str]) -> dict[str, tuple[str, int | None]]:
    """Return the case prefix and the slice number in each name.

    Args:
        stems: the names of a folder's slices, without suffix.

    Returns:
        By name: the part before the number, or behind it if nothing is before it; and the number. The
        part is empty and the number None if no number can be the slice number.
    """
    alike: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for stem in stems:
        parts = re.split(r"(\d+)", stem)
        alike[tuple(parts[::2])].append((stem, parts))
    numbered: dict[str, tuple[str, int | None]] = {}
    for texts, names in alike.items():
        index = _index_of_number(texts, [parts[1::2] for _, parts in names])
        numbered |= {stem: _parted(parts, index) for stem, parts in names}
    return numbered


def _parted(parts: list[str], index: int | None) -> tuple[str, int | None]:
    if index is None:
        return "", None
    before, after = "".join(parts[: 2 * index + 1]), "".join(parts[2 * index + 2 :])
    beginning = _ENDS_IN_ONE_SEPARATOR.sub("", before) or after.strip(_SEPARATORS)
    return beginning, int(parts[2 * index + 1])


def _index_of_number(texts: Sequence[str], numbers: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the slice number among the numbers in names of one pattern, or None.

    The order of preference is: a short number at the end that varies, a number behind a word such as
    “slice”, a short number at the end, and any number without adjacent letters that varies, because with
    letters it is that of a patient or a sequence, such as “P01” or “T1”. A long number at the end may be
    a date; next to it, numbers with gaps are those of patients.

    Args:
        texts: the parts before, between and behind the numbers of each name.
        numbers: of each name, as digits.
    """
    last = len(texts) - 2
    fitting = [
        index
        for index in range(last, -1, -1)
        if all(len(digits[index]) <= MOST_DIGITS for digits in numbers)
        and not (index and _OF.search(texts[index]))
    ]
    alone = [index for index in fitting if not _is_in_a_word(texts, index)]
    varying = [index for index in fitting if _varies_alone(numbers, index)]
    short = [
        index for index in alone if all(len(digits[index]) <= _LONGEST_ALONE for digits in numbers)
    ]
    ends = [index for index in fitting[:1] if index == last and not texts[-1]]
    named = [index for index in varying if _SLICE_WORD.search(texts[index])]
    ends_in_long = set(ends) & set(alone) - set(short)
    ranked = (
        [index for index in ends if index in short and index in varying],
        named,
        [index for index in ends if index in short],
        [p for p in varying if p in alone and not (ends_in_long and _has_gaps(numbers, p))],
        [] if short or ends_in_long else varying,
        ends,
        alone,
    )
    return next((indices[0] for indices in ranked if indices), None)


def _is_in_a_word(texts: Sequence[str], index: int) -> bool:
    """Return whether letters are adjacent to a number, as in “T1” or “3mm”."""
    return texts[index][-1:].isalpha() or texts[index + 1][:1].isalpha()


def _has_gaps(numbers: Sequence[Sequence[str]], index: int) -> bool:
    """Return whether the numbers at an index have gaps like those of patients."""
    values = {int(digits[index]) for digits in numbers}
    return max(values) - min(values) >= 4 * len(values)


def _varies_alone(numbers: Sequence[Sequence[str]], index: int) -> bool:
    """Return whether two names differ in the number at an index and in no other."""
    others = {(*digits[:index], *digits[index + 1 :]) for digits in numbers}
    return len(others) < len(numbers)
