"""Snapshot of a training, from a run or a log: curves, state and a sentence."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from brainseg.monitoring import curves
from brainseg.monitoring.warnings import TrainingWarning
from brainseg.timing import duration
from brainseg.training.runs import ACTIVE, KILLED, seconds_left, stopped_early

RUN, TENSORBOARD, CSV, NNUNET = "run", "TensorBoard log", "CSVLogger file", "nnU-Net log"
"""Kinds of sources of a training."""

EVENT_COLUMNS = ("event", "epoch", "at", "message")

_VERSIONS = itertools.count(1)


def new_version() -> int:
    """Return a number that no other snapshot of this process has."""
    return next(_VERSIONS)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of one training at one time; shared between pages, so do not modify it.

    Attributes:
        name: name of the run or log.
        kind: :data:`RUN`, :data:`TENSORBOARD`, :data:`CSV` or :data:`NNUNET`.
        history: one row per epoch: ``epoch`` (int64, ascending, unique), ``hours`` of training up to its
            end (float, NaN if unknown), and a float column per metric, NaN where missing.
        events: ``event``, ``epoch``, ``at`` (ISO, UTC) and ``message``, in order of time.
        status: see :meth:`brainseg.training.runs.Run.status`; {} if there is none.
        config: see :meth:`brainseg.training.runs.Run.config`; {} if there is none.
        state: see :meth:`brainseg.training.runs.Run.state`; "damaged" if the run's files cannot be
            read, None for a log.
        notes: sentences about what could not be read.
        invalid: column -> first epoch whose value was logged as NaN or infinite.
        version: changes with the curves, events, state or notes; see :func:`new_version`.
        unit: unit along the curves, "epoch" or "step".
        silence_s: seconds since the last sign of life of an active run, if suspiciously long, else None.
        warnings: see :func:`brainseg.monitoring.warnings.find_warnings`.
    """

    name: str
    kind: str
    history: pd.DataFrame
    events: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(EVENT_COLUMNS)))
    status: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    state: str | None = None
    notes: tuple[str, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)
    version: int = field(default_factory=new_version)
    unit: str = "epoch"
    silence_s: float | None = None
    warnings: tuple[TrainingWarning, ...] = ()

    @property
    def is_active(self) -> bool:
        """Return True if the training is still running, according to its files."""
        return self.state in ACTIVE

    @property
    def score_column(self) -> str | None:
        """Return the metric that decides which epoch is best, or None."""
        return curves.score(list(self.history))

    @property
    def best_epoch(self) -> int | None:
        """Return the epoch of the best weights; for a log, the one with the best score."""
        if "best_epoch" in self.status:
            return self.status["best_epoch"]
        column = self.score_column
        return None if column is None else curves.best_epoch(self.history, column)

    @property
    def early_stop(self) -> int | None:
        """Return the epoch of the early stop, or None."""
        if self.state != "finished" or not self.config:
            return None
        return self.status["epoch"] if stopped_early(self.status, self.config) else None

    @property
    def restarts(self) -> list[int]:
        """Return the epochs after which it was resumed."""
        return self.events.loc[self.events["event"] == "resumed", "epoch"].astype(int).tolist()


def sentence(snapshot: Snapshot) -> str:
    """Describe progress, best score and remaining time of a training in plain text."""
    if snapshot.kind != RUN:
        return _sentence_of_log(snapshot)
    status, config = snapshot.status, snapshot.config
    if not status or not config:
        done = len(snapshot.history)
        return f"{done} epochs could be read; the state of the training is unknown."
    epochs = f"epoch {status['epoch']} of {config['epochs']}"
    best = "no epoch has been scored yet"
    if status["best_epoch"] is not None and status["best_dice"] is not None:
        best = f"best validation Dice {status['best_dice']:.3f} at epoch {status['best_epoch']}"
    if snapshot.state == "starting":
        return "The cases are being read and the network is being built."
    if snapshot.state == "training":
        step, steps, left = (
            status.get("step"),
            config.get("steps_per_epoch"),
            seconds_to_go(snapshot),
        )
        batch = f", then batch {step} of {steps}" if step and steps else ""
        time = "" if left is None else f" At most {duration(left)} left."
        return f"{epochs[0].upper()}{epochs[1:]}{batch}, {best}.{time}"
    if snapshot.early_stop is not None:
        waited = status["epoch"] - (status["best_epoch"] or 0)
        return f"Stopped early at {epochs}: {best}, no improvement for {waited} epochs."
    if snapshot.state == "finished":
        return f"All {config['epochs']} epochs are done: {best}."
    if snapshot.state == KILLED:
        return f"The training process ended unexpectedly after {epochs}: {best}."
    why = f" {status['message']}" if status["message"] else ""
    return f"Ended after {epochs}: {best}.{why}"


def seconds_to_go(snapshot: Snapshot) -> float | None:
    """Return the longest remaining time of a training in seconds; None if unknown."""
    if not snapshot.is_active or not snapshot.status or not snapshot.config:
        return None
    needed = [*snapshot.history, "epoch_seconds", "seconds"]
    history = snapshot.history.reindex(columns=list(dict.fromkeys(needed)))
    left = seconds_left(history, dict(snapshot.status), dict(snapshot.config))
    return None if left is None or math.isnan(left) else left


def _sentence_of_log(snapshot: Snapshot) -> str:
    history = snapshot.history
    if history.empty:
        return f"This {snapshot.kind} has no curves yet."
    count = f"{len(history)} {snapshot.unit}{'' if len(history) == 1 else 's'}"
    column, epoch = snapshot.score_column, snapshot.best_epoch
    if column is None or epoch is None:
        return f"{count} of a {snapshot.kind}."
    best = history.loc[history["epoch"] == epoch, column].iloc[0]
    where = f"{curves.in_words(column)} {best:.4g} at {snapshot.unit} {epoch}"
    return f"{count} of a {snapshot.kind}: best {where}."
