"""The walk over the folders below a root, used wherever files are looked for."""

import os
from collections.abc import Iterator
from pathlib import Path

MAX_DEPTH = 5
"""Levels below the root that are searched."""


def walk_folders(
    root: Path, closed: list[str] | None = None
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield each folder and its files in order of name, the folders nearest to the root first.

    Hidden files and folders are skipped. Links are followed, but no folder is visited twice.

    Args:
        root: the folder to search, down to :data:`MAX_DEPTH` levels below it.
        closed: gets the path of each folder that cannot be opened.
    """
    waiting: list[tuple[str, int]] = [(str(root), 0)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        path, depth = waiting.pop(0)
        try:
            status = os.stat(path)  # noqa: PTH116  paths are text here
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError:
            if closed is not None:
                closed.append(path)
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        files = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry):
                files.append(entry)
            elif depth < MAX_DEPTH:
                waiting.append((entry.path, depth + 1))
        yield path, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: it is listed as a file that cannot be opened
        return False
