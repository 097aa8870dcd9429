"""Cached results: arrays that are saved once, in a file that is complete or counts as missing."""

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from brainseg.errors import BrainsegError
from brainseg.storage import write_atomically

T = TypeVar("T")

_ABOUT = "about"


def save_cached(path: Path, about: dict, **arrays: np.ndarray) -> None:
    """Write arrays of numbers or text into one file, with a few facts about them.

    Args:
        path: ends with .npz; its folder is created if missing.
        about: facts that JSON can represent.
        arrays: by name; no array of objects.

    Raises:
        BrainsegError: the file cannot be written.
    """
    file = io.BytesIO()
    contents: dict[str, np.ndarray] = {_ABOUT: np.array(json.dumps(about)), **arrays}
    np.savez(file, allow_pickle=False, **contents)
    write_atomically(path, file.getvalue())


def load_cached(path: Path, about: dict) -> tuple[dict, dict[str, np.ndarray]] | None:
    """Return what :func:`save_cached` wrote, or None if no usable file exists.

    Args:
        path: of the file; a damaged one counts as missing, because its content can be computed again.
        about: facts that the saved ones must match, such as a version; the file may have more.

    Returns:
        All saved facts, and the arrays by name.
    """
    try:
        # Pickles could run code; text and numbers need none.
        with np.load(path, allow_pickle=False) as saved:
            facts = json.loads(str(saved[_ABOUT]))
            if any(facts.get(name) != value for name, value in about.items()):
                return None
            return facts, {name: saved[name] for name in saved.files if name != _ABOUT}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile):
        return None


def load_or_compute(
    load: Callable[[], T | None], compute: Callable[[], T], save: Callable[[T], object]
) -> T:
    """Return a saved result, or compute it and save it.

    A result that cannot be saved is still returned: it is computed again at the next start.

    Args:
        load: returns the saved result, or None.
        compute: returns the result.
        save: writes it; may raise :class:`BrainsegError`.
    """
    found = load()
    if found is None:
        found = compute()
        with suppress(BrainsegError):
            save(found)
    return found
