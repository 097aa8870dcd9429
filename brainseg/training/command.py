"""The command ``brainseg train``: read the settings, then train as the page does."""

import json
import shlex
import tomllib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, CohortError, RunError
from brainseg.reviews import record
from brainseg.storage import real_path, require_writable
from brainseg.storage.addresses import place_in_words
from brainseg.timing import duration
from brainseg.training.config import TrainingConfig, changed
from brainseg.training.cross_validation import cross_validate
from brainseg.training.publishing import place_to_publish, publish
from brainseg.training.run_models import as_model
from brainseg.training.runs import Run, find_run
from brainseg.training.session import new_run, train


def run_training(options: Namespace, data: Callable[[], Path], say: Callable[[str], None]) -> dict:
    """Train as the options say and return the run's status, with ``run`` and, if published, ``model``.

    With ``all_folds`` it is the status of the last run, and ``runs`` lists all of them. The page starts
    this command with ``--resume``, as it has already created the run.

    ``data`` is called for the cohort's folder if neither options nor settings name it, ``say`` with one
    line per epoch.

    Raises:
        BrainsegError: as for :func:`brainseg.training.train`, or a setting is refused.
    """
    if options.publish:
        require_writable(place_to_publish(options.publish))
    if options.all_folds:
        return _train_all_folds(options, data, say)
    if options.resume:
        run = _resumed(options)
    else:
        config = _config(options, data)
        run = new_run(config, _runs(options, config))
        record("train", run=run.name, data=place_in_words(config.data))
    epochs = run.config()["epochs"]
    status = train(run, lambda epoch: say(line_of_epoch(epoch, epochs))).status()
    facts = {"run": str(run.path)} | status
    return facts | (_published([run], options, say) if status["state"] == "finished" else {})


def _train_all_folds(
    options: Namespace, data: Callable[[], Path], say: Callable[[str], None]
) -> dict:
    if options.resume:
        raise RunError("--all-folds resumes automatically: repeat the command without --resume.")
    config = _config(options, data)

    def report(fold: int, epoch: dict) -> None:
        say(f"fold {fold + 1} of {config.folds}: {line_of_epoch(epoch, config.epochs)}")

    record("train", folds=config.folds, data=place_in_words(config.data))
    finished = cross_validate(config, _runs(options, config), report, options.pool)
    facts = {"run": str(finished[-1].path), "runs": [str(run.path) for run in finished]}
    return facts | finished[-1].status() | _published(finished, options, say)


def _published(runs: list[Run], options: Namespace, say: Callable[[str], None]) -> dict:
    """Prepare each run as a model, and publish all of them if the options ask for it."""
    try:
        for run in runs:
            as_model(run)
    except BrainsegError as error:
        say(f"the run cannot be used as a model yet: {error}")
    if not options.publish:
        return {}
    folder = place_to_publish(options.publish)
    return {"model": [publish(run, folder).name for run in runs][-1]}


def _config(options: Namespace, data: Callable[[], Path]) -> TrainingConfig:
    settings = settings_of(options)
    settings["data"] = str(options.data or settings.get("data") or data())
    return TrainingConfig.from_settings(settings)


def _runs(options: Namespace, config: TrainingConfig) -> Path:
    """Return the parent folder of the runs."""
    return options.runs or Cohort.open(config.data).state_dir / "runs"


def _resumed(options: Namespace) -> Run:
    run = find_run(options.resume)
    changes = settings_of(options)
    if options.data:
        changes |= {"data": str(real_path(Path(options.data)))}
    if changes:
        if run.is_alive():
            raise RunError(f"run {run.name} is being trained: stop it before changing it.")
        before = TrainingConfig.from_settings(run.config())
        after = changed(before, changes)
        if after.precision != before.precision:
            run.add_about(precision=None)  # what "auto" had chosen
        run.set_config(asdict(after))
    return run


def settings_of(options: Namespace) -> dict:
    """Return the settings of ``--config`` (JSON or TOML), overridden by those of ``--set``."""
    settings = _read(options.config) if options.config else {}
    for pair in options.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise CohortError(f"--set is “{pair}”, but must be KEY=VALUE.")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value  # strings need no quotes
    return settings


def command_of(config: TrainingConfig, runs: Path | None = None) -> str:
    """Return the command that starts a training, with every setting that is not the default.

    Args:
        config: the settings.
        runs: the folder for the run, if it is not the usual one.
    """
    words = ["python", "-m", "brainseg", "train", config.data]
    for setting in fields(config):
        value = getattr(config, setting.name)
        if setting.name != "data" and value != setting.default:
            words += ["--set", f"{setting.name}={_as_word(value)}"]
    return shlex.join(words + (["--runs", str(runs)] if runs else []))


def _as_word(value: object) -> str:
    """Return a value as ``--set`` takes it: JSON, or a text that is not mistaken for JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def _read(path: Path) -> dict:
    kind = "TOML" if path.suffix.lower() == ".toml" else "JSON"
    try:
        text = path.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if kind == "TOML" else json.loads(text)
    except (OSError, ValueError) as error:
        raise CohortError(
            f"{path} cannot be read as {kind} ({error}): correct the file or omit it."
        ) from error
    if not isinstance(settings, dict):
        raise CohortError(f"{path} is not a JSON object: write {{}} around its settings.")
    return settings


def line_of_epoch(epoch: dict, epochs: int) -> str:
    """Return what a terminal shows of an epoch; see :data:`brainseg.training.session.Report`."""
    return (
        f"epoch {epoch['epoch']} of {epochs}: loss {epoch['loss']:.3f}, "
        f"validation Dice {epoch['validation_dice']:.3f} (best {epoch['best_dice']:.3f}), "
        f"{epoch['slices_per_second']:.0f} slices/s, {epoch['memory_mb']:.0f} MiB, "
        f"{duration(epoch['seconds_left'])} left"
    )
