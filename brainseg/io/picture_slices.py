"""A slice among uploaded pictures, and the number and order that its name gives it."""

import re

from brainseg.io.decoded import Decoded
from brainseg.io.names import base_of

Slice = tuple[str, int | None, Decoded]
"""The file's name, the page where all pages are slices, and the pixels."""


def number_of(one: Slice) -> int | None:
    """Return the page where it is one, else the number in the file's name."""
    name, page, _ = one
    return page if page is not None else number_in(name)


def number_in(name: str) -> int | None:
    """Return the last number of a file's name that is no part of “T1” or “T2”."""
    found = re.findall(r"(?<![0-9])[0-9]{1,6}(?![0-9])", re.sub(r"(?i)t[12]\w?", "", base_of(name)))
    return int(found[-1]) if found else None


def in_order(slices: list[Slice]) -> list[Slice]:
    """Return slices by their numbers, or by their names where a number is missing or repeated."""

    def place(one: Slice) -> tuple:
        parts = re.split(r"(\d+)", one[0].lower())
        return [(int(part), "") if part.isdecimal() else (0, part) for part in parts], one[1] or 0

    numbers = [number_of(one) for one in slices]
    if None in numbers or len(set(numbers)) < len(numbers):
        return sorted(slices, key=place)
    return sorted(slices, key=number_of)


def numbers_of(slices: list[Slice]) -> tuple[int, ...]:
    """Return the slice numbers, 1 to n where a name holds none or two hold the same."""
    numbers = [number_of(one) for one in slices]
    if None in numbers or len(set(numbers)) < len(numbers) or min(numbers) < 1:
        return tuple(range(1, len(slices) + 1))
    return tuple(numbers)
