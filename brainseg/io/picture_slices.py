"""A slice among uploaded pictures, with its number and its order by name."""

import re

import numpy as np

from brainseg.io.decoded import Decoded
from brainseg.io.names import base_of

Slice = tuple[str, int | None, Decoded]
"""The file name, the page number if all pages are slices, and the pixels."""


def number_of(one: Slice) -> int | None:
    """Return the page number of a multipage slice, else the number in the file name."""
    name, page, _ = one
    return page if page is not None else number_in(name)


def number_in(name: str) -> int | None:
    """Return the last number in a file name that is not part of “T1” or “T2”."""
    found = re.findall(r"(?<![0-9])[0-9]{1,6}(?![0-9])", re.sub(r"(?i)t[12]\w?", "", base_of(name)))
    return int(found[-1]) if found else None


def in_order(slices: list[Slice]) -> list[Slice]:
    """Return slices by their numbers, or by their names where a number is missing or repeated."""

    def natural(one: Slice) -> tuple:
        parts = re.split(r"(\d+)", one[0].lower())
        return [(int(part), "") if part.isdecimal() else (0, part) for part in parts], one[1] or 0

    numbers = _distinct_numbers(slices)
    if numbers is None:
        return sorted(slices, key=natural)
    return [slices[index] for index in np.argsort(numbers)]


def numbers_of(slices: list[Slice]) -> tuple[int, ...]:
    """Return the slice numbers, 1 to n where a number is missing or repeated."""
    numbers = _distinct_numbers(slices)
    if numbers is None or min(numbers) < 1:
        return tuple(range(1, len(slices) + 1))
    return tuple(numbers)


def _distinct_numbers(slices: list[Slice]) -> list[int] | None:
    """Return the slice numbers, None where one is missing or repeated."""
    numbers = [number for one in slices if (number := number_of(one)) is not None]
    return numbers if len(set(numbers)) == len(slices) else None
