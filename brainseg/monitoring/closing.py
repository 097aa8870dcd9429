"""The end of a training in words: its warnings, and what to do with it next."""

import shlex
from pathlib import Path

from brainseg.models.places import find_model
from brainseg.monitoring.readers import RunReader
from brainseg.training.run_models import ready_model
from brainseg.training.runs import Run


def warnings_of(run: Run) -> list[str]:
    """Return the warnings of a training as sentences, worst first."""
    return [
        f"{warning.kind}, since epoch {warning.epoch}: {warning.message}"
        for warning in RunReader(run).read().warnings
    ]


def next_steps(run: Run) -> list[str]:
    """Return the next commands for a run, or none if it is not a model."""
    model = ready_model(run)
    if model is None:
        return []
    data, name = shlex.quote(str(run.config()["data"])), shlex.quote(_name_or_path(run))
    label = run.config().get("label")
    of_label = f" --label {shlex.quote(str(label))}" if label else ""
    held_out = Path(run.config()["data"]) / next(iter(model.folds[0].held_out), "")
    return [
        f"score:    brainseg evaluate {data} --model {name}{of_label}",
        f"predict:  brainseg predict {shlex.quote(str(held_out))} --model {name} --out predictions",
        f"publish:  brainseg publish NAME {name}",
    ]


def _name_or_path(run: Run) -> str:
    """Return the name of a run if it is enough to find it, else its folder."""
    return run.name if find_model(run.name).resolve() == run.path.resolve() else str(run.path)
