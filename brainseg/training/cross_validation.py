"""Cross-validation: train every fold once, so that each case is held out once."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import RunError
from brainseg.training.config import CHANGEABLE, TrainingConfig
from brainseg.training.runs import Run, list_runs
from brainseg.training.session import new_run, train

Report = Callable[[int, dict], None]
"""Called after each epoch with the fold's number and the values of :data:`session.Report`."""


def cross_validate(config: TrainingConfig, runs: Path, report: Report | None = None) -> list[Run]:
    """Train every fold of a cohort with the same settings, and return the finished runs in order.

    Finished runs of these settings are reused, and stopped or killed ones are resumed. The same call,
    repeated, therefore continues where the last one ended.

    Args:
        config: the settings; ``fold`` is ignored, as every fold is trained.
        runs: parent folder of the runs; each is named ``<name>-fold<number>``.
        report: called after each epoch.

    Raises:
        CohortError: the data cannot be used, or has too few patients.
        RunError: another training is running, or one of these failed; its status shows the reason.
    """
    root = str(Cohort.open(config.data).root)
    finished = []
    for number in range(config.folds):
        fold = replace(config, data=root, fold=number, name=f"{config.name}-fold{number}")
        run = _newest_run(fold, runs)
        if run is None:
            run = new_run(fold, runs)
        elif run.config() != asdict(fold):
            # Changeable settings, such as workers, take their new values.
            run.set_config(asdict(fold))
        if run.status()["state"] != "finished":
            train(run, partial(report, number) if report else None)
        if run.status()["state"] != "finished":
            raise RunError(
                f"fold {number} was stopped, and {config.folds - number} of {config.folds} are left: "
                "repeat the command to continue."
            )
        finished.append(run)
    return finished


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
