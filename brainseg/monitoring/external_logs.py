"""Training logs of other programs: TensorBoard log folders, Keras CSVLogger files, logs of nnU-Net.

They come from the folders in ``BRAINSEG_LOGS`` and from uploads.
"""

import codecs
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from brainseg.errors import RunError
from brainseg.io.files import open_file
from brainseg.io.folders import walk_folders
from brainseg.monitoring.csv_rows import CsvRows, is_csv_log
from brainseg.monitoring.event_files import PARTS, is_event_file
from brainseg.monitoring.nnunet_rows import NnunetRows, is_nnunet_log
from brainseg.monitoring.readers import CsvReader
from brainseg.monitoring.snapshot import CSV, NNUNET, TENSORBOARD
from brainseg.monitoring.tensorboard import TensorBoardReader
from brainseg.people import OWNER, require
from brainseg.reviews import record
from brainseg.storage import write_atomically

LOGS_ENVIRONMENT = "BRAINSEG_LOGS"
"""Lists folders of logs, separated by the system's path separator."""

DEEPEST, MOST_LOGS = 4, 200
"""Depth of the search below a folder, and maximum number of logs listed."""

_HEADER_BYTES = 16_384
_TEXT = (".txt", ".log")


@dataclass(frozen=True)
class Log:
    """A training log of another program.

    Attributes:
        name: name on the page and in its address; never equal to a run's name.
        path: the folder of event files, or the file.
        kind: one of those in :mod:`brainseg.monitoring.snapshot` except runs.
    """

    name: str
    path: Path
    kind: str


def configured_folders() -> list[Path]:
    """Return the folders listed in ``BRAINSEG_LOGS``."""
    named = os.environ.get(LOGS_ENVIRONMENT, "")
    return [Path(folder).expanduser() for folder in named.split(os.pathsep) if folder]


def find_logs(folders: Iterable[Path]) -> list[Log]:
    """Return the logs in some folders, sorted by name; other files are ignored.

    A folder with event files is one log, together with its subfolders ``train`` and ``validation``. A
    text file whose first line has a column ``epoch`` is a log, too; without the suffix ``.csv`` it also
    needs a row. So is a ``training_log`` of nnU-Net. Hidden and unreadable folders are skipped.
    """
    found: dict[str, Log] = {}
    below = ((root, *log) for root in folders for log in _logs_below(root))
    for root, path, kind in islice(below, MOST_LOGS):
        relative = path.relative_to(root).as_posix()
        name = "logs/" + (root.name if relative == "." else relative)
        while name in found:
            name += f" ({root.name})"
        found[name] = Log(name, path, kind)
    return [found[name] for name in sorted(found)]


def _logs_below(root: Path) -> Iterator[tuple[Path, str]]:
    seen: set[Path] = set()
    for folder, files in walk_folders(root):
        here = Path(folder)
        if len(here.relative_to(root).parts) > DEEPEST:
            break
        if any("tfevents" in file.name for file in files):
            is_part = here != root and here.name.lower() in PARTS
            log = here.parent if is_part else here
            if log not in seen:
                yield log, TENSORBOARD
            seen.add(log)
        for path in (Path(file) for file in files):
            beginning = _beginning(path)
            if is_csv_log(beginning, path.suffix != ".csv"):
                yield path, CSV
            elif path.suffix in _TEXT and is_nnunet_log(beginning):
                yield path, NNUNET


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a regular file; none of others."""
    try:
        with open_file(path) as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""


def add_log(folder: Path, file_name: str, content: bytes) -> Log:
    """Save an uploaded log and return it.

    The file's name is never used as a path.

    Raises:
        RunError: it is no log of a kind that is read.
        BrainsegError: it cannot be saved.
    """
    require(OWNER, "import a log")
    content = _as_lines(content)
    if is_csv_log(content[:_HEADER_BYTES]):
        file_type = "log.csv"
    elif is_nnunet_log(content[:_HEADER_BYTES]):
        file_type = "training_log.txt"
    elif is_event_file(content[:64]):
        file_type = "events.out.tfevents"
    else:
        raise RunError(
            f"{file_name[:60]} was not used: it is neither a TensorBoard event file, nor a log of "
            "nnU-Net, nor a history of Keras or Hugging Face as JSON, nor a CSV file whose first line "
            "names its columns, including “epoch”: save a row per epoch in such a file."
        )
    words = re.sub(r"[^A-Za-z0-9]+", "-", Path(file_name).stem).strip("-")[:40] or "log"
    target = folder / f"{words}-{hashlib.sha256(content).hexdigest()[:8]}"
    write_atomically(target / file_type, content)
    return next(log for log in find_logs([folder]) if log.path in (target, target / file_type))


def _as_lines(content: bytes) -> bytes:
    """Return a text of UTF-16 or with old line ends as UTF-8 lines, and a history in JSON as CSV."""
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            content = content.decode("utf-16").encode()
        if content.lstrip()[:1] == b"{":
            found = json.loads(content)
            if isinstance(rows := found.get("log_history"), list):  # Hugging Face
                return pd.DataFrame(rows).to_csv(index=False).encode()
            return pd.DataFrame(found).astype("float64").to_csv(index_label="epoch").encode()
    except (ValueError, TypeError, AttributeError, RecursionError):  # it is refused as it is
        return content
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def remove_log(folder: Path, log: Log) -> None:
    """Delete an uploaded log; any other is refused.

    Raises:
        RunError: the log is not in this folder.
    """
    require(OWNER, "delete a log")
    target = log.path if log.path.is_dir() else log.path.parent
    if target.parent != folder:
        raise RunError(
            f"{log.name} is not an uploaded log, so it is not removed: delete it in its own folder."
        )
    record("delete log", log=target.name)
    shutil.rmtree(target, ignore_errors=True)


def open_log(log: Log) -> CsvReader | TensorBoardReader:
    """Return a reader that follows a log as it grows."""
    if log.kind == TENSORBOARD:
        return TensorBoardReader(log.path, log.name)
    return CsvReader(log.path, log.name, CsvRows if log.kind == CSV else NnunetRows)
