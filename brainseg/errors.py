"""Errors for users: each message names the rule, the value and the remedy."""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class BrainsegError(Exception):
    """Any failure with a sentence for the user; pages and the command line show it and stop."""


class CohortError(BrainsegError):
    """The folder of cases, or one case in it, cannot be used as it is."""


class DecodeError(BrainsegError):
    """A file could not be turned into pixels that can be trusted."""


class ModelError(BrainsegError):
    """A model is missing, damaged, or does not fit what is asked of it."""


class RunError(BrainsegError):
    """A training run cannot be started, read or resumed."""


class SampleError(BrainsegError):
    """The synthetic sample cohort cannot be written where it was asked for."""


class FilterError(BrainsegError):
    """A filter of cases, as it stands in an address, cannot be read or does not fit the table."""


class ReviewError(BrainsegError):
    """A review cannot be kept or read as it is."""


class ClusterError(BrainsegError):
    """A cluster of workers, or one of its workers, cannot be used."""


class StorageError(BrainsegError):
    """The address of a folder on another machine cannot be used, or its files cannot be fetched."""


class MissingPackageError(BrainsegError):
    """An optional package that the task needs is not installed."""


@contextmanager
def refused_as(kind: type[BrainsegError], sentence: str) -> Iterator[None]:
    """Raise any exception of a block, other than a :class:`BrainsegError`, as one sentence.

    Args:
        kind: of the error.
        sentence: its message; ``{reason}`` in it becomes the exception's own, in one line.
    """
    try:
        yield
    except BrainsegError:
        raise
    except Exception as error:
        raise kind(sentence.replace("{reason}", " ".join(str(error).split())[:160])) from error


MOST_COMPARED = 10_000
"""Most names that are compared with a mistyped one, which takes a second."""


def nearest(word: str, options: Iterable[str]) -> str:
    """Return the option that a word probably means as “ (did you mean X?)”, empty if none is close.

    Args:
        word: as typed.
        options: the valid words.
    """
    names, typed = list(options), word.casefold()
    # The beginning of a name counts before a similar name: cases differ in a few digits.
    begun = [name for name in names if len(typed) > 2 and name.casefold().startswith(typed)]
    compared = names if len(names) <= MOST_COMPARED else []
    close = begun or difflib.get_close_matches(word, compared, n=1)
    return f" (did you mean {close[0][:60]}?)" if close else ""


_OBEYED = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's categories of characters that a terminal obeys or cannot show."""


def in_one_line(text: str) -> str:
    """Return a text for a terminal: line ends, control and direction characters as escapes.

    Names of files may contain any of them, and a terminal would obey.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        ascii(one)[1:-1] if unicodedata.category(one) in _OBEYED else one for one in text
    )
