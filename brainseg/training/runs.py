"""Run: one training on disk, readable at any moment, also while it is written."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from brainseg import timing
from brainseg.errors import RunError
from brainseg.storage import write_atomically
from brainseg.training import processes, run_files
from brainseg.training.run_files import STATES, is_count, is_text

FIRST_KEYS = (
    "epoch",
    "loss",
    "validation_dice",
    "learning_rate",
    "slices_per_second",
    "seconds",
    "finished_at",
)
"""What each line of ``history.jsonl`` has, also of the oldest runs; ``epoch`` counts from 1."""

LATER_KEYS = ("validation_loss", "epoch_seconds", "memory_mb", "cpu_percent")
"""What newer runs have as well.

``seconds`` are those of training alone, ``epoch_seconds`` count scoring and saving, too;
``memory_mb`` is what the process held at the end (resident, MiB); ``cpu_percent`` is of one core, so
that two busy ones are 200.
"""

HISTORY_KEYS = (*FIRST_KEYS, *LATER_KEYS)
"""The columns of a history; :data:`LATER_KEYS` are missing (NaN) where a run is older."""

EVENTS = ("started", "resumed", "killed", "stopped", "failed", "early stop", "finished")
"""What ``events.jsonl`` tells of; "killed" is written by the resume that found it so."""

_NOT_IN_NAMES = '/\\:*?"<>|'
"""What some system keeps out of the name of a folder."""

ACTIVE = ("starting", "training")
"""The states of a run that is still being written."""

KILLED = "killed"
"""What :meth:`Run.state` says where the status is active and its process has ended."""

DAMAGED = "damaged"
"""What a table says of a run whose files cannot be read; a run itself is never in this state."""


@dataclass(frozen=True)
class Run:
    """A folder of files that can each be read at any moment.

    ``config.json`` holds every setting, ``folds.json`` the cases of each part, ``about.json`` what it
    was made with, ``process.json`` who trains it, ``status.json`` how far it is; ``history.jsonl``,
    ``cases.jsonl`` and ``events.jsonl`` grow by a line; ``samples/`` holds the slices that are watched
    (:mod:`brainseg.training.previews`), ``checkpoints/`` the weights, ``tensorboard/`` its event
    files, and ``log.txt`` what a training in the background said.

    Attributes:
        path: the folder, named ``<time>-<name>``.
    """

    path: Path

    @classmethod
    def create(
        cls, folder: Path, name: str, config: dict, fold: dict, about: dict | None = None
    ) -> "Run":
        """Return a new run with its configuration and its fold written.

        Args:
            folder: where runs are kept.
            name: what a person calls it.
            config: every setting, defaults included.
            fold: the cases of each part; see :class:`brainseg.cohort.splits.Fold`.
            about: what it is made with; see :func:`brainseg.training.provenance.about`.

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
        write_atomically(path / "folds.json", _json(fold))
        write_atomically(path / "about.json", _json(about or {}))
        run.set_status("starting")
        # Last, for it makes the folder a run: a list never meets half of one.
        write_atomically(path / "config.json", _json(config))
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
        return self._read_json("config.json")

    def set_config(self, config: dict) -> None:
        """Replace every setting, where a run goes on otherwise than it began."""
        write_atomically(self.path / "config.json", _json(config))

    def fold(self) -> dict:
        """Return the cases trained on, selected on and held out."""
        return self._read_json("folds.json")

    def about(self) -> dict:
        """Return ``git``, ``data``, ``packages``, ``backend`` and more; {} of a run without them."""
        if not (self.path / "about.json").exists():
            return {}
        return self._read_json("about.json")

    def add_about(self, **facts: object) -> None:
        """Add what only the process that trains can know, such as its devices."""
        write_atomically(self.path / "about.json", _json(self.about() | facts))

    def status(self) -> dict:
        """Return ``state``, ``epoch``, ``best_epoch``, ``best_dice``, ``updated_at``, ``message``.

        While it trains there are also ``step``, batches done of the epoch to come,
        ``slices_per_second`` and ``memory_mb``; a finished run has its ``threshold``.
        """
        return self._read_json("status.json")

    def state(self) -> str:
        """Return one of :data:`STATES`, or :data:`KILLED` where it is active and nobody trains it."""
        state = self.status()["state"]
        return KILLED if state in ACTIVE and self.is_alive() is False else state

    def is_alive(self) -> bool | None:
        """Return whether the process that trains it lives; None where this machine cannot know."""
        return processes.is_running(self.process())

    def process(self) -> dict:
        """Return who trains it or last did, see :func:`identity`; {} if unknown."""
        try:
            return self._read_json("process.json")
        except RunError:
            return {}

    def set_process(self) -> None:
        """Write down that this process trains it."""
        write_atomically(self.path / "process.json", _json(processes.identity()))

    def set_status(self, state: str, **facts: object) -> None:
        """Replace the status as a whole, so that a reader never meets half of one."""
        if state not in STATES:
            raise ValueError(f"state is “{state}”; expected one of {', '.join(STATES)}")
        status = {"state": state, "epoch": 0, "best_epoch": None, "best_dice": None, "message": ""}
        status |= facts | {"updated_at": _now()}
        write_atomically(self.path / "status.json", _json(status))

    def add_epoch(self, **values: float) -> None:
        """Append one epoch to the history: :data:`FIRST_KEYS` and what is known of the later ones."""
        row = values | {"finished_at": _now()}
        if not set(FIRST_KEYS) <= set(row) <= set(HISTORY_KEYS):
            raise ValueError(f"an epoch has the keys {HISTORY_KEYS}, not {tuple(row)}")
        self._append("history.jsonl", {key: row[key] for key in HISTORY_KEYS if key in row})

    def history(self) -> pd.DataFrame:
        """Return a row an epoch with :data:`HISTORY_KEYS`, also while the last line is being written.

        An epoch that was repeated after a resume counts once, with its newest line.
        """
        rows = self._lines("history.jsonl", epoch_of)
        history = pd.DataFrame(rows, columns=list(HISTORY_KEYS))
        history = history.astype(dict.fromkeys(LATER_KEYS, "float64"))
        return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)

    def add_case_scores(self, epoch: int, scores: dict[str, float]) -> None:
        """Append Dice by case, 0..1, after an epoch."""
        self._append("cases.jsonl", {"epoch": epoch, "dice": scores})

    def case_scores(self) -> pd.DataFrame:
        """Return ``epoch``, ``case`` and ``dice`` (0..1) of the cases that select; a row each."""
        found = {line["epoch"]: line["dice"] for line in self._lines("cases.jsonl", case_scores_of)}
        rows = [
            (epoch, case, score)
            for epoch, scores in sorted(found.items())
            for case, score in scores.items()
        ]
        return pd.DataFrame(rows, columns=["epoch", "case", "dice"])

    def add_event(self, event: str, epoch: int, message: str = "", at: str | None = None) -> None:
        """Append what happened, one of :data:`EVENTS`, after how many whole epochs, now or then."""
        if event not in EVENTS:
            raise ValueError(f"event is “{event}”; expected one of {', '.join(EVENTS)}")
        line = {"event": event, "epoch": epoch, "at": at or _now(), "message": message}
        self._append("events.jsonl", line)

    def events(self) -> pd.DataFrame:
        """Return ``event``, ``epoch``, ``at`` (ISO, UTC) and ``message`` in the order they happened."""
        rows = self._lines("events.jsonl", event_of)
        return pd.DataFrame(rows, columns=["event", "epoch", "at", "message"])

    def _append(self, name: str, content: dict) -> None:
        line = json.dumps(content).encode() + b"\n"
        try:
            with (self.path / name).open("a+b") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    # A killed run leaves half a line, which must not swallow the next one.
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
        except OSError as error:
            raise RunError(
                f"{name} of run {self.name} could not be written ({error.strerror}): free some "
                "space and resume the run."
            ) from error

    def _lines(self, name: str, parse: Callable[[str], dict | None]) -> list[dict]:
        path = self.path / name
        try:
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        except OSError as error:
            raise RunError(
                f"{name} of run {self.name} cannot be read ({error.strerror}): give this user "
                "the right to read its folder."
            ) from error
        return [row for row in map(parse, lines) if row is not None]

    def _read_json(self, name: str) -> dict:
        try:
            return run_files.read(self.path / name)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError(
                f"{name} of run {self.name} cannot be read ({reason}): restore the file, or delete "
                "the run's folder."
            ) from error


def list_runs(folder: Path) -> list[Run]:
    """Return the runs in a folder, newest first; other folders in it are passed over."""
    if not folder.is_dir():
        return []
    paths = (path for path in folder.iterdir() if (path / "config.json").is_file())
    return [Run(path) for path in sorted(paths, key=lambda path: path.name, reverse=True)]


def runs_table(runs: list[Run]) -> pd.DataFrame:
    """Return a row a run in the order given, also for a run whose files cannot all be read.

    Returns:
        ``run``, its folder's name; ``state``, see :meth:`Run.state`, or :data:`DAMAGED`; ``epoch``,
        done so far, and ``epochs``, at the most; ``best_epoch`` (these three Int64); ``best_dice``,
        0..1 (Float64); ``started``, the local time in the folder's name (missing where it holds none).
    """
    rows = [{"run": run.name, "started": run.started} | _facts(run) for run in runs]
    columns = ["run", "state", "epoch", "epochs", "best_epoch", "best_dice", "started"]
    kinds = dict.fromkeys(("epoch", "epochs", "best_epoch"), "Int64") | {"best_dice": "Float64"}
    return pd.DataFrame(rows, columns=columns).astype(kinds | {"started": "datetime64[s]"})


def seconds_left(history: pd.DataFrame, status: dict, config: dict) -> float | None:
    """Return how long a run still trains at the most, in seconds; None before its first epoch ended.

    Scoring and saving count, pauses between a stop and a resume do not.

    Args:
        history: see :meth:`Run.history`.
        status: see :meth:`Run.status`.
        config: see :meth:`Run.config`.
    """
    took = history["epoch_seconds"].fillna(history["seconds"])
    begun = (status.get("step") or 0) / config.get("steps_per_epoch", 1)
    return timing.seconds_left(took.tolist(), config["epochs"] - status["epoch"] - begun)


def stopped_early(status: dict, config: dict) -> bool:
    """Return whether a run ended before its last epoch because validation got no better."""
    return status["state"] == "finished" and status["epoch"] < config["epochs"]


def refuse_finished(run: Run) -> None:
    """Refuse to go on with a finished run, unless its settings ask for more than it has done.

    Raises:
        RunError: its epochs are done, or its patience has ended it.
    """
    status, config = run.status(), run.config()
    if status["state"] != "finished":
        return
    waited = status["epoch"] - (status.get("best_epoch") or 0)
    if status["epoch"] >= config["epochs"] or waited >= config["patience"]:
        setting = "epochs" if status["epoch"] >= config["epochs"] else "patience"
        raise RunError(
            f"run {run.name} is finished, so there is nothing to go on with: to train it further, "
            f"resume it with {setting} above {config[setting]} (--set {setting}=NUMBER)."
        )


def silent_for(
    status: dict, history: pd.DataFrame, now: datetime | None = None
) -> timedelta | None:
    """Return for how long a run that says it trains has not been heard of, or None where it is well.

    For what :meth:`Run.is_alive` cannot know, a run of another machine or of an older version: without
    a sign for five times its slowest epoch, and ten minutes at the least, it is taken for dead.

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
        return {key: status[key] for key in ("epoch", "best_epoch", "best_dice")} | {
            "state": run.state(),
            "epochs": config["epochs"],
        }
    except RunError:
        return {"state": DAMAGED}


def epoch_of(line: str) -> dict | None:
    """Return a line of ``history.jsonl``, or None of half a line or of something else."""
    try:
        row = json.loads(line)
        datetime.fromisoformat(row["finished_at"])
        numbers = [row[key] for key in FIRST_KEYS if key != "finished_at"]
        numbers += [row.get(key) for key in LATER_KEYS if row.get(key) is not None]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # the last line of a run that was killed, or is writing it now
    return row if all(isinstance(number, int | float) for number in numbers) else None


def case_scores_of(line: str) -> dict | None:
    """Return a line of ``cases.jsonl``, or None of half a line or of something else."""
    try:
        row = json.loads(line)
        whole = isinstance(row["epoch"], int) and all(
            isinstance(score, int | float) for score in row["dice"].values()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return row if whole else None


def event_of(line: str) -> dict | None:
    """Return a line of ``events.jsonl``, or None of half a line or of something else."""
    try:
        row = json.loads(line)
        datetime.fromisoformat(row["at"])
        whole = row["event"] in EVENTS and is_count(row["epoch"]) and is_text(row["message"])
        return row if whole else None
    except (ValueError, KeyError, TypeError):
        return None


def _json(content: dict) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
