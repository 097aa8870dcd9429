"""Create, start and resume runs; one training at a time, and each end is recorded."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from brainseg.backends import check_keras, require_keras
from brainseg.cohort import Cohort
from brainseg.cohort.splits import Fold, make_folds
from brainseg.errors import BrainsegError, RunError
from brainseg.storage import locking, state_dir
from brainseg.training.config import TrainingConfig
from brainseg.training.provenance import about
from brainseg.training.runs import ACTIVE, Run, progress_in, refuse_finished
from brainseg.training.stopping import Stopped, StopRequest

Report = Callable[[dict], None]
"""Called after each epoch with the run's status, the epoch's history and ``seconds_left``."""

LONGEST_MESSAGE = 600


def new_run(config: TrainingConfig, runs: Path) -> Run:
    """Return a run in a folder of runs that is ready for training.

    Raises:
        CohortError: the data cannot be used, has too few patients, or lacks a sequence.
        RunError: the run's folder cannot be made.
        MissingPackageError: Keras is not installed.
    """
    check_keras("Training")
    cohort = cohort_of(config)
    fold = make_folds(cohort.slices, config.folds, config.seed)[config.fold]
    if config.preprocessing.needs_others:
        # Imported here: it loads the library of templates, which no page needs.
        from brainseg.training.data import read_sequences

        read_sequences(cohort.case(fold.trained_on[0]), config.preprocessing)
    settings = asdict(replace(config, data=str(cohort.root)))
    return Run.create(runs, config.name, settings, asdict(fold), about(cohort))


def cohort_of(config: TrainingConfig) -> Cohort:
    """Return the cohort of a training, with the masks that it learns.

    Raises:
        CohortError: the data cannot be used, or the masks do not have the label.
    """
    return Cohort.open(config.data).of_label(config.label or None)


def train(run: Run, report: Report | None = None, lock: Path | None = None) -> Run:
    """Train a new run, or resume one from its last checkpoint, and return it.

    The best weights are those of the epoch with the highest mean Dice of the validation cases; the
    held-out cases are not read. One training runs at a time.

    Args:
        run: see :func:`new_run`.
        report: see :data:`Report`.
        lock: held during the training instead of that of this user's trainings.

    Raises:
        CohortError: the data cannot be used.
        RunError: another training is running, the loss became invalid, the disk is full, or the run
            cannot be resumed. The status shows the reason; earlier checkpoints are intact.
        MissingPackageError: Keras is not installed.
    """
    require_keras("Training")
    with only_one(run, lock):
        stop = StopRequest(run)
        before = run.status()
        run.set_process()
        try:
            _record_start(run, before)
            with stop.listening():
                _fit(run, stop, report)
        except BaseException as error:
            _record_end(run, error)
            if not isinstance(error, Stopped):
                raise
    return run


@contextmanager
def only_one(run: Run, lock: Path | None = None) -> Iterator[None]:
    """Hold a lock for a run, by default that of this user's trainings."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locking.held(lock or lock_path(), str(run.path.resolve())))
        except locking.Taken as taken:
            raise is_busy(Path(str(taken)).name or "another run") from taken
        yield


def is_busy(name: str) -> RunError:
    """Return the error of a second training while the run of this name is being trained."""
    return RunError(
        f"{name} is being trained, and one training at a time can run: wait until it has ended, or "
        "stop it."
    )


def lock_path() -> Path:
    """Return the lock file of a training; its text is the run's folder."""
    return state_dir() / "training.lock"


def _record_start(run: Run, before: dict) -> None:
    refuse_finished(run)
    resumed = not run.events().empty or not run.history().empty
    if resumed and before["state"] in ACTIVE:
        run.add_event("killed", before["epoch"], at=before["updated_at"])
    run.add_event("resumed" if resumed else "started", before["epoch"])
    run.set_status("starting", **progress_in(before))


def _record_end(run: Run, error: BaseException) -> None:
    """Record why a training ended early, unless the disk is full."""
    stopped = isinstance(error, Stopped | KeyboardInterrupt)
    message = "stopped: resume to continue" if stopped else str(error) or type(error).__name__
    with contextlib.suppress(BrainsegError):
        run.end("stopped" if stopped else "failed", message[:LONGEST_MESSAGE])


def _fit(run: Run, stop: StopRequest, report: Report | None) -> None:
    config = TrainingConfig.from_settings(run.config())
    parts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in run.fold().items()
    }
    fold = Fold(**parts)
    cohort = cohort_of(config)
    _refuse_other_data(run, fold, cohort)
    # This imports Keras, which pages that only start a training do not need.
    from brainseg.training.loop import TrainingLoop

    TrainingLoop(run, config, stop, report).train(cohort, fold)


def _refuse_other_data(run: Run, fold: Fold, cohort: Cohort) -> None:
    known = run.about().get("data", {}).get("identity", cohort.identity)
    missing = {*fold.trained_on, *fold.selected_on} - set(cohort.cases)
    if known != cohort.identity or missing:
        raise RunError(
            f"{cohort.place} does not contain the images that run {run.name} started with: restore "
            "them, name their folder, or start a new run."
        )
