"""Run: one training on disk, readable at any moment, also while it is written."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from brainseg.errors import RunError
from brainseg.home import write_atomically

HISTORY_KEYS = (
    "epoch",
    "loss",
    "validation_dice",
    "learning_rate",
    "slices_per_second",
    "seconds",
    "finished_at",
)
"""The keys of each line of ``history.jsonl``; ``epoch`` counts from 1."""

STATUS_KEYS = ("state", "epoch", "best_epoch", "best_dice", "message", "updated_at")
"""The keys that each ``status.json`` has; a finished run adds its ``threshold``."""

_NOT_IN_NAMES = '/\\:*?"<>|'
"""What some system keeps out of the name of a folder."""

STATES = ("starting", "training", "finished", "stopped", "failed")

ACTIVE = ("starting", "training")
"""The states of a run that is still being written."""

DAMAGED = "damaged"
"""What a table says of a run whose files cannot be read; a run itself is never in this state."""


@dataclass(frozen=True)
class Run:
    """A folder with ``config.json``, ``folds.json``, ``status.json``, ``history.jsonl``, checkpoints.

    Attributes:
        path: the folder, named ``<time>-<name>``.
    """

    path: Path

    @classmethod
    def create(cls, folder: Path, name: str, config: dict, fold: dict) -> "Run":
        """Return a new run with its configuration and its fold written.

        Args:
            folder: where runs are kept.
            name: what a person calls it.
            config: every setting, defaults included.
            fold: the cases of each part; see :class:`brainseg.splits.Fold`.

        Raises:
            RunError: the name cannot name a folder, or a run of that name was started in the same
                second.
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
                f"the run's folder {path} cannot be made ({error.strerror}): choose another folder "
                "or free some space."
            ) from error
        run = cls(path)
        write_atomically(path / "config.json", _json(config))
        write_atomically(path / "folds.json", _json(fold))
        run.set_status("starting")
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Return the run in a folder.

        Raises:
            RunError: the folder holds no run.
        """
        if not (path / "config.json").is_file():
            raise RunError(f"{path} is no run: it has no config.json; name a folder of a training.")
        return cls(path)

    @property
    def name(self) -> str:
        """Return the name of the run's folder."""
        return self.path.name

    @property
    def started(self) -> datetime | None:
        """Return the local time in the folder's name, or None where a person renamed it."""
        try:
            return datetime.strptime(self.name[:15], "%Y%m%d-%H%M%S")
        except ValueError:
            return None

    def config(self) -> dict:
        """Return every setting of the training."""
        return self._read_json("config.json", ("epochs", "patience"))

    def fold(self) -> dict:
        """Return the cases trained on, selected on and held out."""
        return self._read_json("folds.json", ("trained_on", "selected_on", "held_out"))

    def status(self) -> dict:
        """Return ``state``, ``epoch``, ``best_epoch``, ``best_dice``, ``updated_at``, ``message``."""
        return self._read_json("status.json", STATUS_KEYS)

    def set_status(self, state: str, **facts: object) -> None:
        """Replace the status as a whole, so that a reader never meets half of one."""
        if state not in STATES:
            raise ValueError(f"state is “{state}”; expected one of {', '.join(STATES)}")
        status = {"state": state, "epoch": 0, "best_epoch": None, "best_dice": None, "message": ""}
        status |= facts | {"updated_at": _now()}
        write_atomically(self.path / "status.json", _json(status))

    def add_epoch(self, **values: float) -> None:
        """Append one epoch to the history; its keys are :data:`HISTORY_KEYS`."""
        row = values | {"finished_at": _now()}
        if set(row) != set(HISTORY_KEYS):
            raise ValueError(f"an epoch has the keys {HISTORY_KEYS}, not {tuple(row)}")
        line = json.dumps({key: row[key] for key in HISTORY_KEYS}).encode() + b"\n"
        try:
            with (self.path / "history.jsonl").open("a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    # A killed run leaves half a line, which must not swallow the next one.
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
        except OSError as error:
            raise RunError(
                f"the history of run {self.name} could not be written ({error.strerror}): free some "
                "space and resume the run."
            ) from error

    def history(self) -> pd.DataFrame:
        """Return a row an epoch with :data:`HISTORY_KEYS`, also while the last line is being written.

        An epoch that was repeated after a resume counts once, with its newest line.
        """
        path = self.path / "history.jsonl"
        try:
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        except OSError as error:
            raise RunError(
                f"the history of run {self.name} cannot be read ({error.strerror}): give this user "
                "the right to read its folder."
            ) from error
        rows = [row for row in map(_parse_line, lines) if row is not None]
        history = pd.DataFrame(rows, columns=list(HISTORY_KEYS))
        return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)

    def _read_json(self, name: str, needed: tuple[str, ...]) -> dict:
        try:
            content = json.loads((self.path / name).read_text())
            missing = [key for key in needed if key not in content]
            if missing or not isinstance(content, dict):
                raise ValueError(f"it lacks {', '.join(missing) or 'names'}")
        except (OSError, ValueError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError(
                f"{name} of run {self.name} cannot be read ({reason}): restore the file, or delete "
                "the run's folder."
            ) from error
        return content


def list_runs(folder: Path) -> list[Run]:
    """Return the runs in a folder, newest first; other folders in it are passed over."""
    if not folder.is_dir():
        return []
    paths = (path for path in folder.iterdir() if (path / "config.json").is_file())
    return [Run(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def runs_table(runs: list[Run]) -> pd.DataFrame:
    """Return a row a run in the order given, also for a run whose files cannot all be read.

    Returns:
        ``run``, its folder's name; ``state``, one of :data:`STATES`, or :data:`DAMAGED`; ``epoch``,
        done so far, and ``epochs``, at the most; ``best_epoch`` (these three Int64); ``best_dice``,
        0..1 (Float64); ``started``, the local time in the folder's name (missing where it holds none).
    """
    rows = [{"run": run.name, "started": run.started} | _facts(run) for run in runs]
    columns = ["run", "state", "epoch", "epochs", "best_epoch", "best_dice", "started"]
    kinds = dict.fromkeys(("epoch", "epochs", "best_epoch"), "Int64") | {"best_dice": "Float64"}
    return pd.DataFrame(rows, columns=columns).astype(kinds | {"started": "datetime64[s]"})


def seconds_left(history: pd.DataFrame, epochs: int) -> float | None:
    """Return how long the epochs to come take at the most, in seconds; None before the second epoch.

    An epoch is counted from the end of the one before, so that its scoring counts too; the median of
    the last five, so that a pause between a stop and a resume does not.

    Args:
        history: see :meth:`Run.history`.
        epochs: at the most.
    """
    ends = pd.to_datetime(history["finished_at"], utc=True)
    took = ends.diff().dt.total_seconds().tail(5).dropna()
    if took.empty:
        return None
    return float(took.median()) * max(0, epochs - int(history["epoch"].iloc[-1]))


def stopped_early(status: dict, config: dict) -> bool:
    """Return whether a run ended before its last epoch because validation got no better."""
    return status["state"] == "finished" and status["epoch"] < config["epochs"]


def silent_for(
    status: dict, history: pd.DataFrame, now: datetime | None = None
) -> timedelta | None:
    """Return for how long a run that says it trains has not been heard of, or None where it is well.

    A killed training cannot say so. Without a sign for five times its slowest epoch, and ten minutes
    at the least, it is taken for dead.

    Args:
        status: see :meth:`Run.status`.
        history: see :meth:`Run.history`.
        now: for tests; with a time zone.
    """
    if status["state"] not in ACTIVE:
        return None
    silence = (now or datetime.now(UTC)) - datetime.fromisoformat(status["updated_at"])
    slowest = float(history["seconds"].max()) if len(history) else 0.0
    return silence if silence.total_seconds() > max(600.0, 5 * slowest) else None


def _facts(run: Run) -> dict:
    try:
        status, config = run.status(), run.config()
        return {key: status[key] for key in ("state", "epoch", "best_epoch", "best_dice")} | {
            "epochs": config["epochs"]
        }
    except (RunError, KeyError, TypeError):
        return {"state": DAMAGED}


def _parse_line(line: str) -> dict | None:
    try:
        row = json.loads(line)
        datetime.fromisoformat(row["finished_at"])
        numbers = [row[key] for key in HISTORY_KEYS if key != "finished_at"]
    except (ValueError, KeyError, TypeError):
        return None  # the last line of a run that was killed, or is writing it now
    return row if all(isinstance(number, int | float) for number in numbers) else None


def _json(content: dict) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
