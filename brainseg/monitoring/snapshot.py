"""What a page shows of a training, whoever wrote it: its curves, its state, one sentence."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from brainseg.monitoring import curves
from brainseg.monitoring.warnings import TrainingWarning
from brainseg.timing import duration
from brainseg.training.runs import ACTIVE, KILLED, seconds_left, stopped_early

RUN, TENSORBOARD, CSV = "run", "TensorBoard log", "CSVLogger file"
"""What a training was read from."""

EVENT_COLUMNS = ("event", "epoch", "at", "message")


_VERSIONS = itertools.count(1)


def new_version() -> int:
    """Return a number that no snapshot of this process has yet."""
    return next(_VERSIONS)


def no_events() -> pd.DataFrame:
    """Return a table of events without one."""
    return pd.DataFrame(columns=list(EVENT_COLUMNS))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was known of one training at one look; shared by pages, so never to be changed.

    Attributes:
        name: of the run or the log.
        kind: :data:`RUN`, :data:`TENSORBOARD` or :data:`CSV`.
        history: a row an epoch: ``epoch`` (int64, ascending, each once), ``hours`` of training up to
            its end (float, NaN where nothing tells), and a float column a metric, NaN where it is
            missing.
        events: ``event``, ``epoch``, ``at`` (ISO, UTC) and ``message``, in the order they happened.
        status: see :meth:`brainseg.training.runs.Run.status`; {} where there is none.
        config: see :meth:`brainseg.training.runs.Run.config`; {} where there is none.
        state: see :meth:`brainseg.training.runs.Run.state`; "damaged" where a run's own files do
            not tell, None for a log, which never does.
        notes: sentences about what could not be read.
        invalid: column -> first epoch whose value was written as NaN or infinite, not left out.
        version: another number means other curves, events, state or notes; see :func:`new_version`.
        unit: what is counted along the curves, "epoch" or "step".
        silence_s: for how long nothing was heard of a run that says it trains, in seconds; None where
            it is well.
        warnings: see :func:`brainseg.monitoring.warnings.warnings_of`.
    """

    name: str
    kind: str
    history: pd.DataFrame
    events: pd.DataFrame = field(default_factory=no_events)
    status: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    state: str | None = None
    notes: tuple[str, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)
    version: int = 0
    unit: str = "epoch"
    silence_s: float | None = None
    warnings: tuple[TrainingWarning, ...] = ()

    @property
    def is_active(self) -> bool:
        """Return whether more is to come, as far as the files tell."""
        return self.state in ACTIVE

    @property
    def score_column(self) -> str | None:
        """Return the metric that tells which epoch is best, or None."""
        return curves.score(list(self.history))

    @property
    def best_epoch(self) -> int | None:
        """Return the epoch whose weights are kept; of a log, the one with the best score."""
        if "best_epoch" in self.status:
            return self.status["best_epoch"]
        column = self.score_column
        return None if column is None else curves.best_epoch(self.history, column)

    @property
    def early_stop(self) -> int | None:
        """Return the epoch at which it stopped early, or None."""
        if self.state != "finished" or not self.config:
            return None
        return self.status["epoch"] if stopped_early(self.status, self.config) else None

    @property
    def restarts(self) -> list[int]:
        """Return the epochs after which it went on after a stop, a failure or a kill."""
        return self.events.loc[self.events["event"] == "resumed", "epoch"].astype(int).tolist()


def sentence(snapshot: Snapshot) -> str:
    """Return in words how far a training is, its best score, and what is to come; plain text."""
    if snapshot.kind != RUN:
        return _sentence_of_log(snapshot)
    status, config = snapshot.status, snapshot.config
    if not status or not config:
        done = len(snapshot.history)
        return f"{done} epochs could be read; how the training stands is not known."
    epochs = f"epoch {status['epoch']} of {config['epochs']}"
    best = _best_of_run(status)
    if snapshot.state == "starting":
        return "The cases are being read and the network is being built."
    if snapshot.state == "training":
        return f"{epochs[0].upper()}{epochs[1:]}{_batch(status, config)}, {best}.{_left(snapshot)}"
    if snapshot.early_stop is not None:
        waited = status["epoch"] - (status["best_epoch"] or 0)
        return f"Stopped early at {epochs}: {best}, and {waited} epochs after it brought nothing better."
    if snapshot.state == "finished":
        return f"All {config['epochs']} epochs are done: {best}."
    if snapshot.state == KILLED:
        return f"The process that trained it is gone, after {epochs}: {best}."
    why = f" {status['message']}" if status["message"] else ""
    return f"Ended after {epochs}: {best}.{why}"


def seconds_to_go(snapshot: Snapshot) -> float | None:
    """Return how long a training still takes at the most, in seconds; None where nothing tells."""
    if not snapshot.is_active or not snapshot.status or not snapshot.config:
        return None
    needed = [*snapshot.history, "epoch_seconds", "seconds"]
    history = snapshot.history.reindex(columns=list(dict.fromkeys(needed)))
    left = seconds_left(history, dict(snapshot.status), dict(snapshot.config))
    return None if left is None or math.isnan(left) else left


def _left(snapshot: Snapshot) -> str:
    left = seconds_to_go(snapshot)
    return "" if left is None else f" At most {duration(left)} left."


def _batch(status: Mapping[str, object], config: Mapping[str, object]) -> str:
    step, steps = status.get("step"), config.get("steps_per_epoch")
    return f", then batch {step} of {steps}" if step and steps else ""


def _best_of_run(status: Mapping[str, object]) -> str:
    if status["best_epoch"] is None or status["best_dice"] is None:
        return "no epoch has been scored yet"
    return f"best validation Dice {status['best_dice']:.3f} at epoch {status['best_epoch']}"


def _sentence_of_log(snapshot: Snapshot) -> str:
    history = snapshot.history
    if history.empty:
        return f"This {snapshot.kind} holds no curve yet."
    many = f"{len(history)} {snapshot.unit}{'' if len(history) == 1 else 's'}"
    column, epoch = snapshot.score_column, snapshot.best_epoch
    if column is None or epoch is None:
        return f"{many} of a {snapshot.kind}."
    best = history.loc[history["epoch"] == epoch, column].iloc[0]
    where = f"{curves.in_words(column)} {best:.4g} at {snapshot.unit} {epoch}"
    return f"{many} of a {snapshot.kind}: best {where}."
