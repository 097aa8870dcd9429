"""Arrays that were computed once and are kept beside the index, in a file that is whole or missing."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from brainseg.storage import write_atomically

_ABOUT = "about"


def keep_arrays(path: Path, about: dict, **arrays: np.ndarray) -> None:
    """Write arrays of numbers or text into one file, with a few facts on them.

    Args:
        path: ends with .npz; its folder is made where it is missing.
        about: what JSON can carry.
        arrays: by name; no array of objects.

    Raises:
        BrainsegError: the file cannot be written.
    """
    file = io.BytesIO()
    np.savez(file, **{_ABOUT: np.array(json.dumps(about))}, **arrays)
    write_atomically(path, file.getvalue())


def read_arrays(path: Path, about: dict) -> tuple[dict, dict[str, np.ndarray]] | None:
    """Return what :func:`keep_arrays` wrote, or None where there is nothing that can be used.

    Args:
        path: of the file; a damaged one counts as missing, for it can be computed again.
        about: what the kept facts must say, such as a version; they may say more.

    Returns:
        All kept facts, and the arrays by name.
    """
    try:
        # Pickles could run code; text and numbers need none.
        with np.load(path, allow_pickle=False) as kept:
            facts = json.loads(str(kept[_ABOUT]))
            if any(facts.get(name) != value for name, value in about.items()):
                return None
            return facts, {name: kept[name] for name in kept.files if name != _ABOUT}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile):
        return None
