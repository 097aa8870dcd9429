"""The public API: six functions that open, check, predict, evaluate and train.

``import brainseg`` gives them as ``brainseg.open_cohort`` and so on. Everything heavy is imported when a
function is called, so ``import brainseg`` stays fast.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainseg.checks import Checked
    from brainseg.cohort import Case, Cohort
    from brainseg.evaluation import Evaluation
    from brainseg.inference.prediction import Prediction
    from brainseg.models import Model
    from brainseg.training.runs import Run
    from brainseg.volume import Volume

Progress = Callable[[int, int], None]
"""Called with (done, total)."""

__all__ = ["check", "evaluate", "open_cohort", "open_model", "predict", "train"]


def open_cohort(path: Path | str, progress: Progress | None = None) -> "Cohort":
    """Open a folder of cases; the first time its files are indexed, later only changed ones.

    Args:
        path: the folder of cases.
        progress: called with (slices read, slices to read).

    Returns:
        The cohort: ``cohort.slices`` is a table with one row per slice, ``cohort.cases`` the names of
        the cases, ``cohort["NAME"]`` one case.

    Raises:
        CohortError: the folder is missing, not readable, or contains no image.
    """
    from brainseg.cohort import Cohort

    return Cohort.open(path, progress)


def check(cohort: "Cohort", only: list[str] | None = None) -> "Checked":
    """Run the checks over a cohort's index.

    Args:
        cohort: see :func:`open_cohort`.
        only: names of checks; all checks by default.

    Returns:
        ``findings``, a list, and ``summary``, a table with one row per check.

    Raises:
        BrainsegError: ``only`` contains an unknown check.
    """
    from brainseg.checks import check_cohort

    return check_cohort(cohort, only)


def open_model(name: Path | str | None = None) -> "Model":
    """Open a model by its name, folder or address: of this package, your own, a run, or a remote one.

    Args:
        name: ``BRAINSEG_MODEL``, or else the model that comes with brainseg, by default. A run that
            has not been prepared as a model is prepared first, which needs Keras.

    Raises:
        ModelError: there is no such model, or its manifest is invalid.
    """
    from brainseg.training.run_models import open_any

    return open_any(None if name is None else str(name))


def predict(source: "Case | Volume", model: "Model", mode: str = "standard") -> "Prediction":
    """Predict the tumour of one case or volume, by default as the model's manifest says.

    Args:
        source: a case, such as ``cohort["NAME"]``, or a volume. A case of the training data, or a volume
            of its images, is predicted by the fold that held it out.
        model: see :func:`open_model`.
        mode: which passes are averaged, a key of :data:`brainseg.inference.prediction.MODES`.

    Returns:
        ``probability``, (n, h, w) float32, 0..1, and ``mask(threshold)``, (n, h, w) bool.

    Raises:
        ModelError: the model cannot be opened, or there is no such mode.
        CohortError: the case has no slice that can be read.
    """
    from brainseg.cohort import Case
    from brainseg.inference.prediction import predict_timed

    if isinstance(source, Case):
        volume = source.volume(with_others=model.preprocessing.needs_others)
        return predict_timed(volume, model, model.exposure(source), mode)
    return predict_timed(source, model, model.exposure(None, source), mode)


def evaluate(
    cohort: "Cohort", model: "Model", allow_seen: bool = False, progress: Progress | None = None
) -> "Evaluation":
    """Score a model by case, on cases that it was not trained on.

    Args:
        cohort: with masks; slices without a usable mask are not counted.
        model: see :func:`open_model`.
        allow_seen: also score cases that the model was trained on; they are marked.
        progress: called with (cases scored, cases to score).

    Returns:
        ``scores``, one row per case, ``mean_dice`` and ``ci95``, its 95% interval.

    Raises:
        CohortError: no case is left to score.
        ModelError: the model cannot be opened.
    """
    from brainseg.evaluation import evaluate as score

    return score(cohort, model, allow_seen, progress)


def train(data: Path | str, runs: Path | str | None = None, **settings: object) -> "Run":
    """Train a network on a cohort and return the finished run.

    Args:
        data: the folder of cases.
        runs: the folder that receives the run; the cohort's own state folder by default.
        settings: such as ``epochs=5``; ``brainseg train --settings`` lists them.

    Raises:
        RunError: a setting is invalid, or the training failed.
        CohortError: the data cannot be used.
    """
    from brainseg.training import TrainingConfig, new_run
    from brainseg.training import train as run_training

    config = TrainingConfig.from_settings({**settings, "data": str(data)})
    folder = open_cohort(data).state_dir / "runs" if runs is None else Path(runs)
    return run_training(new_run(config, folder))
