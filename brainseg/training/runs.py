"""Run: one training on disk, readable at any time, also while it is being written."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from brainseg import timing
from brainseg.errors import RunError
from brainseg.models.places import run_folders
from brainseg.storage import write_atomically
from brainseg.training import processes, run_files
from brainseg.training.run_files import EVENTS, FIRST_KEYS, HISTORY_KEYS, LATER_KEYS, STATES

_NOT_IN_NAMES = '/\\:*?"<>|'
"""Characters that some system forbids in folder names."""

ACTIVE = ("starting", "training")
"""States of a run that is still being written."""

KILLED = "killed"
"""State in :meth:`Run.state` if the status is active but the process has ended."""

NOTE = "note.txt"

DAMAGED = "damaged"
"""State in tables of a run whose files cannot be read; no status file contains it."""


@dataclass(frozen=True)
class Run:
    """A folder of files that can each be read at any time.

    ``config.json`` contains the settings, ``folds.json`` the cases of each part, ``about.json`` the
    provenance, ``process.json`` the training process, ``status.json`` the progress. ``history.jsonl``,
    ``cases.jsonl`` and ``events.jsonl`` grow line by line. ``samples/`` contains preview slices
    (:mod:`brainseg.training.previews`), ``checkpoints/`` the weights, ``tensorboard/`` event files, and
    ``log.txt`` the output of a training in the background.

    Attributes:
        path: the folder, named ``<time>-<name>``.
    """

    path: Path

    @classmethod
    def create(
        cls, folder: Path, name: str, config: dict, fold: dict, about: dict | None = None
    ) -> "Run":
        """Return a new run below a folder, with all its settings, its fold and its provenance written.

        Raises:
            RunError: the name cannot be used for a folder, or a run of that name was started in the
                same second.
        """
        if not name.isprintable() or not name or set(name) & set(_NOT_IN_NAMES):
            raise RunError(
                f"a run cannot be called “{name[:60]}”: use letters, digits, spaces and hyphens."
            )
        path = folder / f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise RunError(
                f"the run's folder {path} cannot be created ({error.strerror}): choose another folder "
                "or free some space."
            ) from error
        run = cls(path)
        write_atomically(path / "folds.json", _json(fold))
        write_atomically(path / "about.json", _json(about or {}))
        run.set_status("starting")
        # Written last: a folder counts as a run once it has this file, so no list shows half of one.
        write_atomically(path / "config.json", _json(config))
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return the run in a folder.

        Raises:
            RunError: the folder is not a run.
        """
        if not (path / "config.json").is_file():
            raise RunError(
                f"{path} is not a run, as it has no config.json: name the folder of a training."
            )
        return cls(path)

    @property
    def name(self) -> str:
        """Return the name of the run's folder."""
        return self.path.name

    @property
    def started(self) -> datetime | None:
        """Return the local time in the folder's name, or None if the folder was renamed."""
        try:
            return datetime.strptime(self.name[:15], "%Y%m%d-%H%M%S")
        except ValueError:
            return None

    @property
    def note(self) -> str:
        """Return the user's note on the run; empty without one."""
        try:
            return (self.path / NOTE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def config(self) -> dict:
        """Return all settings of the training."""
        return self._read_json("config.json")

    def set_config(self, config: dict) -> None:
        """Replace all settings, when a run is resumed with other ones."""
        write_atomically(self.path / "config.json", _json(config))

    def fold(self) -> dict:
        """Return the training, validation and held-out cases."""
        return self._read_json("folds.json")

    def about(self) -> dict:
        """Return the provenance, such as ``git``, ``data`` and ``packages``; {} if none is recorded."""
        if not (self.path / "about.json").exists():
            return {}
        return self._read_json("about.json")

    def add_about(self, **facts: object) -> None:
        """Add facts that only the training process knows, such as its devices."""
        write_atomically(self.path / "about.json", _json(self.about() | facts))

    def status(self) -> dict:
        """Return ``state``, ``epoch``, ``best_epoch``, ``best_dice``, ``updated_at``, ``message``.

        During training also ``step`` (batches done of the current epoch), ``slices_per_second`` and
        ``memory_mb``; a finished run has a ``threshold``.
        """
        return self._read_json("status.json")

    def state(self) -> str:
        """Return one of :data:`STATES`, or :data:`KILLED` if it is active but its process has ended."""
        state = self.status()["state"]
        return KILLED if state in ACTIVE and self.is_alive() is False else state

    def is_alive(self) -> bool | None:
        """Return True if its training process is running; None if this machine cannot tell."""
        return processes.is_running(self.process())

    def process(self) -> dict:
        """Return the identity of its last training process, see :func:`identity`; {} if unknown."""
        try:
            return self._read_json("process.json")
        except RunError:
            return {}

    def set_process(self) -> None:
        """Record this process as its training process."""
        write_atomically(self.path / "process.json", _json(processes.identity()))

    def set_status(self, state: str, **facts: object) -> None:
        """Replace the whole status at once, so that no reader sees half of it."""
        if state not in STATES:
            raise ValueError(f"state is “{state}”; expected one of {', '.join(STATES)}")
        status = {"state": state, "epoch": 0, "best_epoch": None, "best_dice": None, "message": ""}
        status |= facts | {"updated_at": _now()}
        write_atomically(self.path / "status.json", _json(status))

    def end(self, state: str, message: str) -> None:
        """Record that its training was "stopped" or "failed", unless it has recorded its own end."""
        status = self.status()
        if status["state"] in ACTIVE:
            self.set_status(state, **progress_in(status), message=message)
            self.add_event(state, status["epoch"], message)

    def add_epoch(self, **values: float) -> None:
        """Append an epoch to the history: :data:`FIRST_KEYS` and any of :data:`LATER_KEYS`."""
        row = values | {"finished_at": _now()}
        if not set(FIRST_KEYS) <= set(row) <= set(HISTORY_KEYS):
            raise ValueError(f"an epoch has the keys {HISTORY_KEYS}, not {tuple(row)}")
        self._append("history.jsonl", {key: row[key] for key in HISTORY_KEYS if key in row})

    def history(self) -> pd.DataFrame:
        """Return one row per epoch with :data:`HISTORY_KEYS`, also while a line is being written.

        Of an epoch that was repeated after a resume, the newest line counts.
        """
        rows = self._lines("history.jsonl")
        history = pd.DataFrame(rows, columns=list(HISTORY_KEYS))
        history = history.astype(dict.fromkeys(LATER_KEYS, "float64"))
        return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)

    def add_case_scores(self, epoch: int, scores: dict[str, float]) -> None:
        """Append the Dice by case, 0..1, of an epoch."""
        self._append("cases.jsonl", {"epoch": epoch, "dice": scores})

    def add_event(self, event: str, epoch: int, message: str = "", at: str | None = None) -> None:
        """Append one of :data:`EVENTS` with the number of whole epochs before it, by default now."""
        if event not in EVENTS:
            raise ValueError(f"event is “{event}”; expected one of {', '.join(EVENTS)}")
        line = {"event": event, "epoch": epoch, "at": at or _now(), "message": message}
        self._append("events.jsonl", line)

    def events(self) -> pd.DataFrame:
        """Return ``event``, ``epoch``, ``at`` (ISO, UTC) and ``message``, in order of time."""
        rows = self._lines("events.jsonl")
        return pd.DataFrame(rows, columns=["event", "epoch", "at", "message"])

    def _append(self, name: str, content: dict) -> None:
        line = json.dumps(content).encode() + b"\n"
        try:
            with (self.path / name).open("a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    # After half a line, which a kill can leave, start a new one.
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
        except OSError as error:
            raise RunError(
                f"{name} of run {self.name} could not be written ({error.strerror}): free some "
                "space and resume the run."
            ) from error

    def _lines(self, name: str) -> list[dict]:
        path = self.path / name
        try:
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        except OSError as error:
            raise RunError(
                f"{name} of run {self.name} cannot be read ({error.strerror}): give this user "
                "permission to read its folder."
            ) from error
        return [row for line in lines if (row := run_files.read_line(name, line)) is not None]

    def _read_json(self, name: str) -> dict:
        try:
            return run_files.read(self.path / name)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError(
                f"{name} of run {self.name} cannot be read ({reason}): restore the file, or delete "
                "the run's folder."
            ) from error


def progress_in(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a status that remains when a training ends or is resumed."""
    return {key: status.get(key) for key in ("epoch", "step", "best_epoch", "best_dice")}


def list_runs(folder: Path) -> list[Run]:
    """Return the runs in a folder, newest first; other folders in it are ignored."""
    if not folder.is_dir():
        return []
    paths = (path for path in folder.iterdir() if _is_run(path))
    return [Run(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def _is_run(path: Path) -> bool:
    try:  # A hidden folder is being removed.
        return not path.name.startswith(".") and (path / "config.json").is_file()
    except OSError:  # such as a name that is too long
        return False


def find_run(named: Path | str) -> Run:
    """Return a run by its folder, or by the name of its folder if it is in the user's state.

    Raises:
        RunError: there is no such run.
    """
    path = Path(named)
    if path.name == str(named) and not _is_run(path):
        path = next((one / path for one in run_folders() if _is_run(one / path)), path)
    return Run.open(path)


def runs_table(runs: list[Run]) -> pd.DataFrame:
    """Return one row per run in the given order, also for runs with unreadable files.

    Returns:
        ``run``, the folder's name; ``note``; ``state``, see :meth:`Run.state`, or :data:`DAMAGED`;
        ``epoch`` done so far, the maximum ``epochs``, and ``best_epoch`` (Int64); ``best_dice``, 0..1
        (Float64); ``started``, the local time in the folder's name, or missing.
    """
    rows = [
        {"run": run.name, "note": run.note, "started": run.started} | _facts(run) for run in runs
    ]
    columns = ["run", "state", "epoch", "epochs", "best_epoch", "best_dice", "started", "note"]
    kinds = dict.fromkeys(("epoch", "epochs", "best_epoch"), "Int64") | {"best_dice": "Float64"}
    return pd.DataFrame(rows, columns=columns).astype(kinds | {"started": "datetime64[s]"})


def seconds_left(history: pd.DataFrame, status: dict, config: dict) -> float | None:
    """Return the longest remaining time of a run in seconds; None before its first epoch has ended.

    It includes scoring and saving, but no pauses between a stop and a resume.
    """
    durations = history["epoch_seconds"].fillna(history["seconds"])
    done = (status.get("step") or 0) / config.get("steps_per_epoch", 1)
    return timing.seconds_left(durations.tolist(), config["epochs"] - status["epoch"] - done)


def stopped_early(status: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return True if a run ended before its last epoch because validation did not improve."""
    return status["state"] == "finished" and status["epoch"] < config["epochs"]


def refuse_finished(run: Run) -> None:
    """Refuse to resume a finished run, unless its settings now allow more epochs.

    Raises:
        RunError: all epochs are done, or the patience has run out.
    """
    status, config = run.status(), run.config()
    if status["state"] != "finished":
        return
    waited = status["epoch"] - (status.get("best_epoch") or 0)
    if status["epoch"] >= config["epochs"] or waited >= config["patience"]:
        setting = "epochs" if status["epoch"] >= config["epochs"] else "patience"
        raise RunError(
            f"run {run.name} is finished: to train it further, "
            f"resume it with {setting} above {config[setting]} (--set {setting}=NUMBER)."
        )


def silent_for(
    status: dict, history: pd.DataFrame, now: datetime | None = None
) -> timedelta | None:
    """Return the time since an active run's last sign of life if it is suspiciously long, else None.

    For runs whose process cannot be checked (on another machine, or of an older version): they count as
    dead after five times their slowest epoch, and at least ten minutes. ``now`` is for tests.
    """
    if status["state"] not in ACTIVE:
        return None
    silence = (now or datetime.now(UTC)) - datetime.fromisoformat(status["updated_at"])
    slowest = float(history["seconds"].max()) if len(history) else 0.0
    return silence if silence.total_seconds() > max(600.0, 5 * slowest) else None


def _facts(run: Run) -> dict:
    try:
        epochs = run.config()["epochs"]
        return progress_in(run.status()) | {"state": run.state(), "epochs": epochs}
    except RunError:
        return {"state": DAMAGED}


def _json(content: dict) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
