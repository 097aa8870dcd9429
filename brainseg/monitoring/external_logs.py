"""Trainings that another program wrote: TensorBoard log folders and files of Keras's CSVLogger.

They are found in the folders that ``BRAINSEG_LOGS`` names and among those a person added.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from brainseg.errors import RunError
from brainseg.monitoring.csv_rows import is_csv_log
from brainseg.monitoring.event_files import PARTS, is_event_file
from brainseg.monitoring.readers import CsvFollower
from brainseg.monitoring.snapshot import CSV, TENSORBOARD
from brainseg.monitoring.tensorboard import EventsFollower
from brainseg.storage import write_atomically

LOGS_ENVIRONMENT = "BRAINSEG_LOGS"
"""Names folders of logs, with the system's separator of paths between them."""

DEEPEST, MOST_LOGS = 4, 200
"""How far below a folder logs are looked for, and how many are listed."""

_HEADER_BYTES = 16_384


@dataclass(frozen=True)
class Log:
    """A training that another program wrote.

    Attributes:
        name: what the page calls it and its address says; unlike any run's.
        path: the folder of event files, or the file of CSVLogger.
        kind: :data:`brainseg.monitoring.snapshot.TENSORBOARD` or
            :data:`brainseg.monitoring.snapshot.CSV`.
    """

    name: str
    path: Path
    kind: str


def folders_named() -> list[Path]:
    """Return the folders that ``BRAINSEG_LOGS`` names."""
    named = os.environ.get(LOGS_ENVIRONMENT, "")
    return [Path(folder).expanduser() for folder in named.split(os.pathsep) if folder]


def logs_in(folders: Iterable[Path]) -> list[Log]:
    """Return the logs in some folders, by name; what is no log is passed over.

    A folder with event files is one log, together with its folders ``train`` and ``validation``; so is
    a text file of any name whose first line has a column ``epoch``, with a row unless the name ends in
    ``.csv``. A folder that cannot be read holds none.
    """
    found: dict[str, Log] = {}
    for root in folders:
        for path, kind in _logs_below(root):
            relative = path.relative_to(root).as_posix()
            name = "logs/" + (root.name if relative == "." else relative)
            while name in found:
                name += f" ({root.name})"
            found[name] = Log(name, path, kind)
            if len(found) == MOST_LOGS:
                break
    return [found[name] for name in sorted(found)]


def _logs_below(root: Path) -> list[tuple[Path, str]]:
    logs: dict[Path, str] = {}
    for folder, below, files in os.walk(root):
        here = Path(folder)
        if len(here.relative_to(root).parts) >= DEEPEST:
            below.clear()
        below.sort()
        if any("tfevents" in name for name in files):
            is_part = here != root and here.name.lower() in PARTS
            logs[here.parent if is_part else here] = TENSORBOARD
        for name in files:
            path = here / name
            if len(logs) < MOST_LOGS and is_csv_log(_beginning(path), path.suffix != ".csv"):
                logs[path] = CSV
    return list(logs.items())


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a regular file; none of any other, such as a pipe, which would block."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except OSError:
        return b""


def add_log(folder: Path, file_name: str, content: bytes) -> Log:
    """Keep a log that a person hands over, and return it.

    Args:
        folder: the logs of a cohort.
        file_name: what the person calls it; never used as a path.
        content: of one event file or one file of CSVLogger.

    Raises:
        RunError: it is neither.
        BrainsegError: it cannot be kept.
    """
    if is_csv_log(content[:_HEADER_BYTES]):
        kept_as = "log.csv"
    elif is_event_file(content[:64]):
        kept_as = "events.out.tfevents"
    else:
        raise RunError(
            f"{file_name[:60]} was not used: it is neither an event file of TensorBoard nor a file of "
            "CSVLogger, whose first line names its columns, “epoch” among them."
        )
    words = re.sub(r"[^A-Za-z0-9]+", "-", Path(file_name).stem).strip("-")[:40] or "log"
    place = folder / f"{words}-{hashlib.sha256(content).hexdigest()[:8]}"
    write_atomically(place / kept_as, content)
    return next(log for log in logs_in([folder]) if log.path in (place, place / kept_as))


def remove_log(folder: Path, log: Log) -> None:
    """Delete a log that was added by :func:`add_log`; any other is refused.

    Raises:
        RunError: the log is not one of the folder's.
    """
    place = log.path if log.path.is_dir() else log.path.parent
    if place.parent != folder:
        raise RunError(
            f"{log.name} is not removed: it lies in a folder of yours, not in the state."
        )
    shutil.rmtree(place, ignore_errors=True)


def follow(log: Log) -> CsvFollower | EventsFollower:
    """Return what reads a log as it grows."""
    return (CsvFollower if log.kind == CSV else EventsFollower)(log.path, log.name)
