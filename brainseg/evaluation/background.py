"""Scoring beside the pages: one at a time in a process, and leaving the page loses nothing."""

import threading
import time

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation.leakage import leakage_path, measure_leakage, save_leakage
from brainseg.evaluation.scoring import evaluate
from brainseg.evaluation.store import save_scores
from brainseg.models import Model
from brainseg.timing import seconds_left

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


class Stopped(BrainsegError):
    """A person stopped the scoring before its last case."""


class Scoring(threading.Thread):
    """One model being scored on one cohort, started by :func:`start`; the result is kept at its end.

    Attributes:
        model: what is scored.
        cohort: on what.
        allow_seen: whether cases that the model learned from are scored too.
        leakage: whether it is measured instead what a split by slice would claim.
        state: :data:`RUNNING`, :data:`FINISHED`, :data:`STOPPED` or :data:`FAILED`.
        done: number of cases scored, or of batches trained.
        total: their total number, 0 until known.
        error: the reason of a failure, in a sentence, or None.
    """

    def __init__(
        self, cohort: Cohort, model: Model, allow_seen: bool = False, leakage: bool = False
    ) -> None:
        super().__init__(name=f"scoring-{model.name}", daemon=True)
        self.cohort, self.model = cohort, model
        self.allow_seen, self.leakage = allow_seen, leakage
        self.state = RUNNING
        self.error: str | None = None
        self.done, self.total = 0, 0
        self._stop_asked = threading.Event()
        self._told_at: float | None = None
        self._took_s: list[float] = []

    @property
    def seconds_left(self) -> float | None:
        """Return the estimated remaining seconds; None before the first case."""
        return seconds_left(self._took_s, self.total - self.done)

    def stop(self) -> None:
        """Ask it to stop after the current case; its scores are then discarded."""
        self._stop_asked.set()

    @property
    def stops(self) -> bool:
        """Return whether it was asked to stop."""
        return self._stop_asked.is_set()

    def run(self) -> None:
        """Score and save the result."""
        try:
            self._work()
            self.state = FINISHED
        except Stopped:
            self.state = STOPPED
        except BrainsegError as error:
            self.error, self.state = str(error), FAILED
        finally:
            if self.state == RUNNING:
                self.error = "scoring ended unexpectedly: see the server's log."
                self.state = FAILED

    def is_of(self, cohort: Cohort, model: Model) -> bool:
        """Return whether it scores exactly this model on exactly this cohort."""
        return (self.cohort.identity, self.model.digest) == (cohort.identity, model.digest)

    def does_the_same_as(self, other: "Scoring") -> bool:
        """Return whether its result would be that of another."""
        asked = (self.allow_seen, self.leakage) == (other.allow_seen, other.leakage)
        return asked and self.is_of(other.cohort, other.model)

    def _work(self) -> None:
        if self.leakage:
            leakage = measure_leakage(self.cohort, self.model, self._progress)
            save_leakage(leakage, leakage_path(self.cohort, self.model))
        else:
            scores = evaluate(self.cohort, self.model, self.allow_seen, self._progress)
            save_scores(scores, self.cohort)

    def _progress(self, done: int, total: int) -> None:
        if self._stop_asked.is_set():
            raise Stopped("stopped")
        now = time.monotonic()
        if self._told_at is not None and done > self.done:
            self._took_s.append((now - self._told_at) / (done - self.done))
        self.done, self.total, self._told_at = done, total, now


_starting = threading.Lock()
_latest: Scoring | None = None


def start(cohort: Cohort, model: Model, allow_seen: bool = False, leakage: bool = False) -> Scoring:
    """Start to score a model on a cohort, or return the scoring that already does exactly that.

    Args:
        cohort: what is scored.
        model: by which.
        allow_seen: score cases that the model learned from, too.
        leakage: measure instead what a split by slice would claim; see
            :func:`brainseg.evaluation.measure_leakage`.

    Raises:
        BrainsegError: something else is being scored: one network at a time has the processor.
    """
    global _latest
    with _starting:
        now, asked = running(), Scoring(cohort, model, allow_seen, leakage)
        if now is not None:
            if now.does_the_same_as(asked):
                return now
            raise BrainsegError(
                f"{now.model.name} is being scored on {now.cohort.root.name}: wait until it is done, "
                "or stop it first."
            )
        _latest = asked
        _latest.start()
        return _latest


def running() -> Scoring | None:
    """Return the scoring that goes on in this process, or None."""
    return _latest if _latest is not None and _latest.is_alive() else None


def forget() -> None:
    """Forget how the last scoring ended; one that goes on is not touched."""
    global _latest
    with _starting:
        if running() is None:
            _latest = None


def latest(cohort: Cohort) -> Scoring | None:
    """Return the last scoring of this process, whatever became of it, where it is of this cohort."""
    same = _latest is not None and _latest.cohort.identity == cohort.identity
    return _latest if same else None
