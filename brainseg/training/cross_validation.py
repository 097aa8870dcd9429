"""Cross-validation: every fold trained once, one after the other, so that each case is held out once."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import RunError
from brainseg.training.config import CHANGEABLE, TrainingConfig
from brainseg.training.runs import Run, list_runs
from brainseg.training.session import new_run, train

Report = Callable[[int, dict], None]
"""Called after each epoch with the fold's number and what :data:`Report` gets."""


def cross_validate(config: TrainingConfig, runs: Path, report: Report | None = None) -> list[Run]:
    """Train every fold of a cohort with the same settings, and return the finished runs in order.

    What was trained before stands: a finished run of these settings is taken as it is, and one that was
    stopped or killed is gone on with. So the same call, given again, goes on where the last one ended.

    Args:
        config: the settings; its ``fold`` does not matter, for each has its turn.
        runs: the folder of the runs; a fold's is named ``<name>-fold<number>``.
        report: called after each epoch.

    Raises:
        CohortError: the data cannot be used, or holds too few patients.
        RunError: another training is running, or one of these failed; its status says why.
    """
    root = str(Cohort.open(config.data).root)
    finished = []
    for number in range(config.folds):
        fold = replace(config, data=root, fold=number, name=f"{config.name}-fold{number}")
        run = _begun(fold, runs)
        if run is None:
            run = new_run(fold, runs)
        elif run.config() != asdict(fold):
            # What may change counts as it is told now: workers, say, or how a model is asked.
            run.set_config(asdict(fold))
        if run.status()["state"] != "finished":
            train(run, (lambda epoch, number=number: report(number, epoch)) if report else None)
        if run.status()["state"] != "finished":
            raise RunError(
                f"fold {number} was stopped, and {config.folds - number} of {config.folds} are left: "
                "give the same command again to go on."
            )
        finished.append(run)
    return finished


def _begun(config: TrainingConfig, runs: Path) -> Run | None:
    """Return the newest run of these settings, or None."""
    wanted = _fixed(asdict(config))
    for run in list_runs(runs):
        try:
            if _fixed(run.config()) == wanted:
                return run
        except RunError:
            continue  # a damaged one is no obstacle to a new one
    return None


def _fixed(settings: dict) -> dict:
    """Return the settings that make a training what it is; those left out may change as it goes on."""
    known = asdict(TrainingConfig.from_settings(settings))
    changeable = set(CHANGEABLE) - {"data", "epochs", "learning_rate", "weight_decay"}
    return {name: value for name, value in known.items() if name not in changeable}
