"""Publish finished runs as a model that others can open and verify."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from brainseg.backends import require_keras
from brainseg.errors import ModelError
from brainseg.models import (
    MODELS,
    FoldRecord,
    Model,
    list_models,
    open_model,
    own_models,
    place_for,
    with_engines,
)
from brainseg.models.engines import load_engine
from brainseg.models.engines.exporting import can_export
from brainseg.models.engines.loading import KERAS
from brainseg.models.places import MANIFEST, find_model
from brainseg.models.training_images import TrainingImages
from brainseg.people import OWNER, require
from brainseg.reviews import history
from brainseg.storage import remove_folder
from brainseg.training.config import NAME_RULE, TrainingConfig, is_name
from brainseg.training.network_files import graph_of
from brainseg.training.run_models import (
    content_of,
    images_entry,
    manifest_with,
    target_of,
    write_model,
)
from brainseg.training.runs import Run, find_run


def publish(run: Run, folder: Path) -> Model:
    """Write the best weights of a run as a fold of the model in a folder, with a graph if possible.

    An existing model keeps its other folds if they have the same architecture and input. Nothing is
    written before everything is checked. Without OpenVINO, or on PyTorch, the graph is omitted, and
    :func:`export_engines` can add it elsewhere. Hashes of the training images are added if the images
    that the run started with can still be read.

    Raises:
        ModelError: the run is being trained or has no scored epoch, the existing model has another
            architecture or the same held-out cases, or the graph's output differs from the network's.
        MissingPackageError: Keras is not installed, and the run has not been prepared as a model.
    """
    require(OWNER, "publish a model")
    others, known = _other_folds(folder, run)
    found = content_of(run)
    images = known.with_cases(found.images) if known and found.images else known or found.images
    entry, hashes = images_entry(images)
    records = [*others, replace(found.record, run=run.name)]
    history.record("publish", run=run.name, model=folder.name)
    return write_model(folder, found.files | hashes, manifest_with(records, found, entry))


def place_to_publish(name: str | Path) -> Path:
    """Return the folder that a model is published to: a bare name is one of the user's own models.

    Raises:
        ModelError: the name is empty, hidden, too long or that of a model of this package.
    """
    bare = str(name)
    if Path(bare).name == bare:
        if not is_name(bare) or bare.startswith("."):
            raise ModelError(
                f"a model cannot be called “{bare[:60]}”: use {NAME_RULE}, no dot first."
            )
        if bare in list_models(MODELS):
            raise ModelError(f"{bare} is a model of this package: choose another name.")
    return place_for(bare)


def delete_model(name: str) -> None:
    """Delete one of the user's own models; the runs that it comes from stay.

    Raises:
        ModelError: there is no such model.
        BrainsegError: it cannot be deleted.
    """
    require(OWNER, "delete a model")
    if name not in list_models(own_models()):
        raise ModelError(f"you have no model {name[:60]}: reload the list of models.")
    history.record("delete model", model=name)
    remove_folder(own_models() / name)


def _open(folder: Path) -> Model:
    return open_model(str(folder.resolve()))


def export_engines(folder: Path, progress: Callable[[int, int], None] | None = None) -> Model:
    """Add an OpenVINO graph to every fold of a published model; nothing else changes.

    Raises:
        ModelError: the model cannot be opened, networks cannot be exported here, or a graph's output
            differs from its network's.
        MissingPackageError: Keras is not installed.
    """
    require_keras("Exporting a graph")
    model = _open(folder)
    if not can_export():
        raise ModelError(
            "networks are exported by Keras on TensorFlow, to OpenVINO: install "
            "requirements.txt and set KERAS_BACKEND=tensorflow."
        )
    engines: dict[int, dict[str, str]] = {}
    files: dict[str, bytes] = {}
    for record in model.folds:
        network = load_engine(model, record.number, KERAS).copy()
        engines[record.number], graph = graph_of(network, record.number, model.preprocessing)
        files |= graph
        if progress:
            progress(len(engines), len(model.folds))
    manifest = (model.folder / MANIFEST).read_bytes()
    return write_model(model.folder, files, with_engines(manifest, engines))


def publish_all(
    runs: Sequence[Path], model: Path, progress: Callable[[int, int], None] | None = None
) -> dict:
    """Publish runs or, without any, add graphs to a model; return the model's content.

    Args:
        runs: names or folders.
        model: its name or folder; see :func:`place_to_publish`.
        progress: called with (runs or folds done, their number).

    Returns:
        ``model``, its name; ``folder``; ``folds``, their numbers; ``graphs``, the numbers
        of folds with a graph.

    Raises:
        BrainsegError: as for :func:`publish` and :func:`export_engines`, or a folder is not a run.
    """
    folder = place_to_publish(model) if runs else find_model(str(model))
    for done, run in enumerate(runs, 1):
        published = publish(find_run(run), folder)
        if progress:
            progress(done, len(runs))
    if not runs:
        published = export_engines(folder, progress)
    return {
        "model": published.name,
        "folder": str(published.folder),
        "folds": [record.number for record in published.folds],
        "graphs": [record.number for record in published.folds if record.engine],
    }


def _other_folds(folder: Path, run: Run) -> tuple[list[FoldRecord], TrainingImages | None]:
    """Return the folds of the model in a folder that a run does not replace, and its images."""
    if not (folder / MANIFEST).exists():
        return [], None
    model, config = _open(folder), TrainingConfig.from_settings(run.config())
    target = target_of(run)
    if model.target != target:
        raise ModelError(
            f"{model.name} predicts “{model.target}”, and {run.name} learned “{target}”: publish under "
            "another name."
        )
    ours = config.network, config.architecture_arguments, config.preprocessing
    if (model.architecture, model.arguments, model.preprocessing) != ours:
        raise ModelError(
            f"{model.name} has folds of another architecture or input: publish under another name."
        )
    others = [record for record in model.folds if record.number != config.fold]
    return others, model.training_images
