"""A run as a model: its best weights, opened and verified as any other model, under the run's name.

The model's files are in the run's own folder, next to its settings. They are made when a training ends,
or on demand, and are made again if the run was trained further.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brainseg.backends import require_keras
from brainseg.cohort import Cohort
from brainseg.cohort.case_names import FLAIR_ABNORMALITY
from brainseg.errors import BrainsegError, ModelError, RunError
from brainseg.jobs import Job, Jobs
from brainseg.models import FoldRecord, Model, manifest_of, model_of, open_model
from brainseg.models.engines.exporting import can_export
from brainseg.models.files import read_verified
from brainseg.models.places import MANIFEST, find_model
from brainseg.models.remote import is_address
from brainseg.models.training_images import FILE, TrainingImages, training_images_of
from brainseg.people import OWNER, require
from brainseg.storage import write_atomically
from brainseg.training import TrainingConfig
from brainseg.training.config import LONGEST_TARGET
from brainseg.training.network_files import golden_output, graph_of, halved, sha256_of
from brainseg.training.runs import ACTIVE, Run, find_run

UNFINISHED_THRESHOLD = 0.5
"""Of a run that did not finish: the end of a training chooses the threshold."""

PREPARING = Jobs(
    "a run to become a model",
    workers=1,
    longest_s=900,
    memory_bytes=6 * 2**30,
    environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
)
"""The worker that prepares a run for a page, so that no server imports Keras."""


@dataclass(frozen=True)
class RunModel:
    """What a manifest says of a run's best weights, and the files of its fold by name."""

    config: TrainingConfig
    record: FoldRecord
    files: dict[str, bytes]
    images: TrainingImages | None
    target: str


def as_model(run: Run) -> Model:
    """Return a run as a model, and prepare it if needed; this takes some seconds.

    Raises:
        ModelError: no epoch has been scored, or the run is being trained.
        MissingPackageError: it needs to be prepared, and Keras is not installed.
    """
    model = ready_model(run)
    if model is not None:
        return model
    found = _built(run)
    images, hashes = images_entry(found.images)
    manifest = manifest_with([found.record], found, images)
    return write_model(run.path, found.files | hashes, manifest)


def open_any(name: str | None = None) -> Model:
    """Return a model by its name, folder or address, also a training run, which is prepared if needed.

    Args:
        name: see :func:`brainseg.models.open_model`.

    Raises:
        ModelError: there is no such model or run, or it cannot be used.
        MissingPackageError: a run needs to be prepared, and Keras is not installed.
    """
    named = name or os.environ.get("BRAINSEG_MODEL")
    folder = find_model(named) if named and not is_address(named) else None
    if folder and _may_be_a_run(folder):
        with suppress(RunError):
            run = find_run(folder if folder.is_dir() else Path(folder.name))
            return as_model(run)
    return open_model(name)


def _may_be_a_run(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file() or not (folder / MANIFEST).is_file()
    except OSError:  # such as a name that is too long
        return False


def prepare(run: Run) -> Job[None]:
    """Prepare a run as a model in a worker process.

    Raises:
        NotAllowedError: the person who acts is no owner.
    """
    require(OWNER, "prepare a run as a model")
    return PREPARING.schedule(_prepare, (run.path,), key=run.path)


def _prepare(path: Path) -> None:
    as_model(Run(path))


def ready_model(run: Run) -> Model | None:
    """Return a run as a model if it has been prepared since its last change, or None."""
    try:
        config, threshold = TrainingConfig.from_settings(run.config()), _threshold(run)
        prepared = (run.path / MANIFEST).stat().st_mtime_ns
        if prepared < (run.path / "checkpoints" / "best.weights.h5").stat().st_mtime_ns:
            return None
        model = open_model(str(run.path.resolve()))
    except (OSError, BrainsegError):
        return None
    is_same = (model.inference, model.folds[0].threshold) == (config.inference, threshold)
    return model if is_same else None


def content_of(run: Run) -> RunModel:
    """Return a run's record, files and training images; the run's folder stays as it is.

    Raises:
        ModelError: as for :func:`as_model`.
        MissingPackageError: as for :func:`as_model`.
    """
    model = ready_model(run)
    if model is None:
        return _built(run)
    (record,) = model.folds
    files = {name: read_verified(model.folder, name, sha) for name, sha in record.files.items()}
    config = TrainingConfig.from_settings(run.config())
    return RunModel(config, record, files, model.training_images, target_of(run))


def _threshold(run: Run) -> float:
    return run.status().get("threshold") or UNFINISHED_THRESHOLD


def _built(run: Run) -> RunModel:
    require_keras("Publishing")
    from brainseg.models.networks import ARCHITECTURES

    weights_path = run.path / "checkpoints" / "best.weights.h5"
    if run.state() in ACTIVE:
        raise ModelError(f"run {run.name} is being trained: stop it, or wait until it has ended.")
    if not weights_path.is_file():
        raise ModelError(f"run {run.name} has no scored epoch yet: resume it.")
    config, fold = TrainingConfig.from_settings(run.config()), run.fold()
    network = ARCHITECTURES[config.network](**config.architecture_arguments)
    network.load_weights(weights_path)
    weights = halved(network, config)
    name = f"fold{config.fold}"
    golden = golden_output(network, config.preprocessing)
    files = {f"{name}.weights.h5": weights, f"{name}.golden.npz": golden}
    engine = None
    if can_export():
        engine, graph = graph_of(network, config.fold, config.preprocessing)
        files |= graph
    record = FoldRecord(
        number=config.fold,
        weights=f"{name}.weights.h5",
        sha256=sha256_of(weights),
        trained_on=tuple(fold["trained_on"]),
        selected_on=tuple(fold["selected_on"]),
        held_out=tuple(fold["held_out"]),
        golden={"file": f"{name}.golden.npz", "sha256": sha256_of(golden)},
        threshold=_threshold(run),
        engine=engine,
    )
    return RunModel(config, record, files, _images_of(run), target_of(run))


def target_of(run: Run) -> str:
    """Return what the masks of a run's training outline."""
    target = run.about().get("data", {}).get("target") or FLAIR_ABNORMALITY
    return str(target)[:LONGEST_TARGET]


def _images_of(run: Run) -> TrainingImages | None:
    """Return the hashes of a run's images, or None if they are not those that it started with."""
    fold = run.fold()
    names = [*fold["trained_on"], *fold["selected_on"], *fold["held_out"]]
    try:
        cohort = Cohort.open(run.config()["data"])
        if run.about().get("data", {}).get("identity") == cohort.identity:
            return training_images_of(cohort, names)
    except BrainsegError:
        pass  # Without the images, the model does not recognise them in uploads.
    return None


def images_entry(
    images: TrainingImages | None,
) -> tuple[dict[str, str] | None, dict[str, bytes]]:
    """Return :attr:`brainseg.models.Model.images` for some training images, and its file."""
    if images is None or not images.cases:
        return None, {}
    content = images.as_bytes()
    return {"file": FILE, "sha256": sha256_of(content)}, {FILE: content}


def manifest_with(records: list[FoldRecord], run: RunModel, images: dict[str, str] | None) -> bytes:
    """Return the manifest of some folds that were trained with the settings of a run."""
    config = run.config
    return manifest_of(
        config.network,
        config.architecture_arguments,
        config.preprocessing,
        config.inference,
        records,
        images,
        run.target,
    )


def write_model(folder: Path, files: dict[str, bytes], manifest: bytes) -> Model:
    """Write the files of a model, its manifest last, and return the model.

    Raises:
        ModelError: the manifest is invalid; nothing was written.
        BrainsegError: the folder cannot be written to.
    """
    model_of(manifest, folder.resolve())
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / MANIFEST, manifest)
    return open_model(str(folder.resolve()))
