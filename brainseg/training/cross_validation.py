"""Cross-validation: train every fold once, so that each case is held out once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import RunError
from brainseg.executors import map_parts
from brainseg.training.config import CHANGEABLE, TrainingConfig
from brainseg.training.runs import Run, list_runs
from brainseg.training.session import new_run, only_one, train

Report = Callable[[int, dict], None]
"""Called after each epoch with the fold's number and the values of :data:`session.Report`."""


def cross_validate(
    config: TrainingConfig,
    runs: Path,
    report: Report | None = None,
    executor: Executor | None = None,
    folds: Sequence[int] | None = None,
) -> list[Run]:
    """Train folds of a cohort with the same settings, and return the finished runs in order.

    Finished runs of these settings are reused, and stopped or killed ones are resumed. The same call,
    repeated, therefore continues where the last one ended.

    Args:
        config: the settings; ``fold`` is ignored.
        runs: parent folder of the runs; each is named ``<name>-fold<number>``.
        report: called after each epoch; with an executor, after each fold with its last epoch.
        executor: trains one fold per worker at the same time; see :mod:`brainseg.executors`. By default
            one fold after the other.
        folds: numbers of the folds, from 0; by default every fold.

    Raises:
        CohortError: the data cannot be used, or has too few patients.
        RunError: another training is running, or one of these failed; its status shows the reason.
    """
    root = str(Cohort.open(config.data).root)
    settings = [
        replace(config, data=root, fold=number, name=f"{config.name}-fold{number}")
        for number in (range(config.folds) if folds is None else folds)
    ]
    train_folds = _in_turn if executor is None else partial(_at_once, executor)
    finished: list[Run] = []
    for run in train_folds((_run_of(fold, runs) for fold in settings), report):
        if run.status()["state"] != "finished":
            left = len(settings) - len(finished)
            raise RunError(
                f"fold {run.config()['fold']} was stopped, and {left} of {len(settings)} are left: "
                "repeat the command to continue."
            )
        finished.append(run)
    return finished


def _run_of(fold: TrainingConfig, runs: Path) -> Run:
    run = _newest_run(fold, runs)
    if run is None:
        return new_run(fold, runs)
    if run.config() != asdict(fold):
        # Changeable settings, such as workers, take their new values.
        run.set_config(asdict(fold))
    return run


def _in_turn(runs: Iterable[Run], report: Report | None) -> Iterator[Run]:
    for run in runs:
        if run.status()["state"] != "finished":
            train(run, partial(report, run.config()["fold"]) if report else None)
        yield run


def _at_once(executor: Executor, runs: Iterable[Run], report: Report | None) -> Iterator[Run]:
    every = [*runs]
    waiting = [run for run in every if run.status()["state"] != "finished"]
    with only_one(every[0]):
        for path in map_parts(executor, _train_fold, ((run.path,) for run in waiting)):
            run = Run(path)
            if report:
                last = run.history().iloc[-1].to_dict()
                report(run.config()["fold"], last | run.status() | {"seconds_left": 0.0})
    yield from every


def _train_fold(path: Path) -> Path:
    run = Run(path)
    # Of its own, so that folds are trained at the same time, but none twice.
    train(run, lock=path / "training.lock")
    return path


def _newest_run(config: TrainingConfig, runs: Path) -> Run | None:
    """Return the newest run of these settings, or None."""
    wanted = _fixed(asdict(config))
    for run in list_runs(runs):
        try:
            if _fixed(run.config()) == wanted:
                return run
        except RunError:
            continue  # a damaged run does not block a new one
    return None


def _fixed(settings: dict) -> dict:
    """Return the settings that identify a training; the others may change between two calls."""
    known = asdict(TrainingConfig.from_settings(settings))
    changeable = set(CHANGEABLE) - {"data", "epochs", "learning_rate", "weight_decay"}
    return {name: value for name, value in known.items() if name not in changeable}
