"""Where models are: with the package, in the user's state folder, and in training runs."""

from collections.abc import Iterator
from pathlib import Path

from brainseg.bundled import BUNDLED
from brainseg.storage import real_path, state_dir

MODELS = BUNDLED / "models"
"""The folder of models, in the repository or in the installed package."""

DEFAULT_MODEL = "lgg-unet"

MANIFEST = "manifest.json"

WITH_SAMPLE = "came-with-the-sample"
"""File in a run that was not trained here; see :mod:`brainseg.training.sample_run`."""


def own_models() -> Path:
    """Return the folder of the user's own published models."""
    return state_dir() / "models"


def list_models(folder: Path | None = None) -> list[str]:
    """Return the names of the models in a folder; by default the package's, then the user's own.

    The default model is the first.
    """
    folders = [MODELS, own_models()] if folder is None else [folder]
    names = dict.fromkeys(path.name for place in folders for path in sorted(_models_in(place)))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def run_folders() -> Iterator[Path]:
    """Yield the folders of runs in the user's state, one per cohort."""
    yield from (state_dir() / "cohorts").glob("*/runs")


def list_run_models(identity: str | None = None) -> list[str]:
    """Return the names of the training runs that can be opened as models, the newest first.

    Args:
        identity: of a cohort; the run that came with the sample is only listed for its own cohort.
    """
    names = {
        path.name
        for folder in run_folders()
        for path in _models_in(folder)
        if folder.parent.name == identity or not (path / WITH_SAMPLE).exists()
    }
    return sorted(names, reverse=True)


def find_model(name: str, folder: Path = MODELS) -> Path:
    """Return the folder of a model, which need not exist.

    Args:
        name: of a model in ``folder``, of one of the user's own, or of a training run; or a path.
        folder: contains the models.
    """
    if Path(name).name != name:
        return Path(name)
    places = [folder, *([own_models(), *run_folders()] if folder == MODELS else [])]
    found = (place / name for place in places if _is_file(place / name / MANIFEST))
    return next(found, folder / name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # such as a name that is too long: opening the model says so
        return False


def remedy_for(folder: Path) -> str:
    """Return how to repair a model whose files are missing or damaged: another model, a run, a copy."""
    place = real_path(folder).parent
    if place == real_path(MODELS):
        return "restore models/ from the repository"
    if place == real_path(own_models()):
        return "delete it on the training page and publish its run again"
    if place in [real_path(runs) for runs in run_folders()]:
        return "prepare the run as a model again on the training page"
    return f"restore the files of {folder.name} from where they were published"


def place_for(name: str) -> Path:
    """Return the folder to publish a model to: a bare name is one of the user's own models."""
    return own_models() / name if Path(name).name == name else Path(name)


def _models_in(folder: Path) -> Iterator[Path]:
    """Yield the folders of models; hidden ones are being removed."""
    paths = (path.parent for path in folder.glob(f"*/{MANIFEST}"))
    yield from (path for path in paths if not path.name.startswith("."))
