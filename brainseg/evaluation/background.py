"""Scoring in the background: one model at a time per process, independent of the pages."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation.leakage import leakage_path, measure_leakage, save_leakage
from brainseg.evaluation.scoring import evaluate
from brainseg.evaluation.shipped import load_scores
from brainseg.evaluation.store import save_scores
from brainseg.models import Model
from brainseg.people import VIEWER, require
from brainseg.storage import require_writable
from brainseg.timing import seconds_left

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


class Stopped(BrainsegError):
    """The scoring was stopped before its last case."""


class Scoring(threading.Thread):
    """One model being scored on one cohort, started by :func:`start`.

    The scores so far are saved every few seconds, and a later scoring continues from them.

    Attributes:
        model, cohort: the model to score, and the cohort to score it on.
        allow_seen: whether cases that the model learned from are scored too.
        leakage: whether the effect of a split by slice is measured instead.
        state: :data:`RUNNING`, :data:`FINISHED`, :data:`STOPPED` or :data:`FAILED`.
        done: number of cases scored, or of batches trained.
        total: their total number, 0 until known.
        error: the reason of a failure, in a sentence, or None.
    """

    def __init__(self, cohort: Cohort, model: Model, allow_seen: bool, leakage: bool) -> None:
        super().__init__(name=f"scoring-{model.name}", daemon=True)
        self.cohort, self.model = cohort, model
        self.allow_seen, self.leakage = allow_seen, leakage
        self.state = RUNNING
        self.error: str | None = None
        self.done, self.total = 0, 0
        self._stop_requested = threading.Event()
        self._progress_at: float | None = None
        self._took_s: list[float] = []

    @property
    def seconds_left(self) -> float | None:
        """Return the estimated remaining seconds; None before the first case."""
        return seconds_left(self._took_s, self.total - self.done)

    def stop(self) -> None:
        """Stop after the current case; the scores so far are kept.

        Raises:
            NotAllowedError: the person who acts has not signed in.
        """
        require(VIEWER, "stop a scoring")
        self._stop_requested.set()

    @property
    def stops(self) -> bool:
        """Return whether a stop was requested."""
        return self._stop_requested.is_set()

    def is_of(self, cohort: Cohort, model: Model) -> bool:
        """Return whether it scores exactly this model on exactly this cohort."""
        return _key(self.cohort, self.model) == _key(cohort, model)

    def run(self) -> None:
        """Score and save the result."""
        try:
            require_writable(self.cohort.results_dir)
            if self.leakage:
                leakage = measure_leakage(self.cohort, self.model, self._progress)
                save_leakage(leakage, leakage_path(self.cohort, self.model))
            else:
                before = load_scores(self.cohort, self.model)
                scores = evaluate(
                    self.cohort,
                    self.model,
                    self.allow_seen,
                    self._progress,
                    before if before and (before.unscored or before.not_compared) else None,
                    partial(save_scores, cohort=self.cohort),
                )
                save_scores(scores, self.cohort)
            self.state = FINISHED
        except Stopped:
            self.state = STOPPED
        except BrainsegError as error:
            self.error, self.state = str(error), FAILED
        finally:
            if self.state == RUNNING:
                self.error = "scoring ended unexpectedly: see the server's log."
                self.state = FAILED

    def _progress(self, done: int, total: int) -> None:
        if self.stops:
            raise Stopped("stopped")
        now = time.monotonic()
        if self._progress_at is not None and done > self.done:
            self._took_s.append((now - self._progress_at) / (done - self.done))
        self.done, self.total, self._progress_at = done, total, now


_starting = threading.Lock()
_latest: Scoring | None = None
_Key = tuple[tuple[str, str | None], str]
_decided: set[_Key] = set()
"""The cohorts and models for which :func:`start_if_short` knows its answer."""

SECONDS_PER_SLICE = 0.01
"""Of one fold, on a slow machine with two cores; a recent one takes less than half of it."""
STARTS_UNASKED_S = 60.0


def start_if_short(cohort: Cohort, model: Model, cases: Iterable[Case]) -> None:
    """Start to score cases that take less than :data:`STARTS_UNASKED_S`, decided once per process.

    Nothing is decided while another scoring is running.

    Args:
        cohort, model: see :func:`start`.
        cases: that have no score yet.
    """
    key = _key(cohort, model)
    if key in _decided or running() is not None:
        return
    seconds = 0.0
    for case in cases:
        _decided.add(key)
        passes = len(case.readable) * len(model.exposure(case).folds)
        seconds += passes * SECONDS_PER_SLICE
        if seconds > STARTS_UNASKED_S:
            return
    if seconds:
        with suppress(BrainsegError):  # another visitor was faster
            start(cohort, model)


def start(cohort: Cohort, model: Model, allow_seen: bool = False, leakage: bool = False) -> Scoring:
    """Start to score a model on a cohort, or return the running scoring with the same settings.

    Args:
        cohort, model: the cohort and the model to score.
        allow_seen: also score cases that the model learned from.
        leakage: measure the effect of a split by slice instead; see
            :func:`brainseg.evaluation.measure_leakage`.

    Raises:
        BrainsegError: another scoring is running.
        NotAllowedError: the person who acts has not signed in.
    """
    require(VIEWER, "score")
    global _latest
    with _starting:
        if (now := running()) is None:
            _latest = Scoring(cohort, model, allow_seen, leakage)
            _latest.start()
            return _latest
        if now.is_of(cohort, model) and (now.allow_seen, now.leakage) == (allow_seen, leakage):
            return now
        raise BrainsegError(
            f"{now.model.name} is being scored on {now.cohort.root.name}: wait until it is done, "
            "or stop it first."
        )


def running() -> Scoring | None:
    """Return the running scoring of this process, or None."""
    return _latest if _latest is not None and _latest.is_alive() else None


def forget() -> None:
    """Forget the last scoring, unless it is still running."""
    global _latest
    with _starting:
        _latest = running()


def latest(cohort: Cohort) -> Scoring | None:
    """Return the last scoring of this process, in any state, if it is of this cohort."""
    same = _latest is not None and _latest.is_of(cohort, _latest.model)
    return _latest if same else None


def _key(cohort: Cohort, model: Model) -> _Key:
    return cohort.key, model.digest
