"""Publish finished runs as a model that others can open and verify."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainseg.backends import require_keras
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError, ModelError
from brainseg.models import (
    FoldRecord,
    Model,
    manifest_of,
    model_of,
    open_model,
    with_engines,
    with_images,
)
from brainseg.models.engines import load_engine, run_network
from brainseg.models.engines.exporting import can_export, export_network
from brainseg.models.engines.loading import GOLDEN_TOLERANCE, KERAS
from brainseg.models.engines.openvino_graph import FLOAT32, OpenVinoGraph
from brainseg.models.training_images import FILE, TrainingImages, training_images_of
from brainseg.preprocessing import Preprocessing, prepare
from brainseg.storage import write_atomically
from brainseg.training import TrainingConfig
from brainseg.training.checkpoints import weights_of
from brainseg.training.runs import Run
from brainseg.volume import Volume

if TYPE_CHECKING:
    import keras


def publish(run: Run, folder: Path) -> Model:
    """Write the best weights of a run as a fold of the model in a folder, with a graph if possible.

    An existing model keeps its other folds if they have the same architecture and input. Nothing is
    written before everything is checked. Without OpenVINO, or on PyTorch, the graph is omitted, and
    :func:`export_engines` can add it elsewhere. Hashes of the training images are added if the images
    that the run started with can still be read.

    Raises:
        ModelError: the run is not finished, the existing model has another architecture or the same
            held-out cases, or the graph's output differs from the network's.
        MissingPackageError: Keras is not installed.
    """
    require_keras("Publishing")
    from brainseg.models.networks import ARCHITECTURES

    status = run.status()
    if status["state"] != "finished":
        raise ModelError(
            f"run {run.name} is {status['state']}, and only a finished one is published: resume it."
        )
    config = TrainingConfig.from_settings(run.config())
    others = _other_folds(folder, config)
    network = ARCHITECTURES[config.network](**config.architecture_arguments)
    network.load_weights(run.path / "checkpoints" / "best.weights.h5")
    weights = _halved(network, config)
    name, fold = f"fold{config.fold}", run.fold()
    golden = _golden_output(network, config.preprocessing)
    record = FoldRecord(
        number=config.fold,
        weights=f"{name}.weights.h5",
        sha256=_sha256(weights),
        trained_on=tuple(fold["trained_on"]),
        selected_on=tuple(fold["selected_on"]),
        held_out=tuple(fold["held_out"]),
        golden={"file": f"{name}.golden.npz", "sha256": _sha256(golden)},
        threshold=status["threshold"],
    )
    files = {record.weights: weights, record.golden["file"]: golden}
    if can_export():
        engine, graph = _graph_of(network, config.fold, config.preprocessing)
        record, files = replace(record, engine=engine), files | graph
    images, hashes = _training_images(run, folder)
    manifest = manifest_of(
        config.network,
        config.architecture_arguments,
        config.preprocessing,
        config.inference,
        [*others, record],
        images,
    )
    return _write(folder, files | hashes, manifest)


def _open(folder: Path) -> Model:
    return open_model(str(folder.resolve()))


def publish_images(folder: Path, cohort: Cohort) -> Model:
    """Add the hashes of the training images to a published model, so that it recognises them.

    Raises:
        ModelError: the model cannot be opened, or the cohort lacks one of its cases.
        CohortError: a case cannot be read.
    """
    model = _open(folder)
    names = {name for record in model.folds for name in record.cases}
    if missing := sorted(names - set(cohort.cases)):
        raise ModelError(
            f"{cohort.root} lacks {len(missing)} of the {len(names)} cases of {model.name}, such as "
            f"{missing[0]}: name the folder it was trained on."
        )
    images, files = _as_files(training_images_of(cohort, sorted(names)))
    manifest = (model.folder / "manifest.json").read_bytes()
    return _write(model.folder, files, with_images(manifest, images))


def _training_images(run: Run, folder: Path) -> tuple[dict[str, str] | None, dict[str, bytes]]:
    """Return :attr:`brainseg.models.Model.images` including a run's cases, and its file."""
    before = None
    if (folder / "manifest.json").exists():
        before = _open(folder).training_images
    known = before or TrainingImages({}, {})
    fold = run.fold()
    names = [*fold["trained_on"], *fold["selected_on"], *fold["held_out"]]
    try:
        cohort = Cohort.open(run.config()["data"])
        if run.about().get("data", {}).get("identity") == cohort.identity:
            known = known.with_cases(training_images_of(cohort, names))
    except BrainsegError:
        pass  # Without the images, the model is published without their hashes.
    return _as_files(known) if known.cases else (None, {})


def _as_files(images: TrainingImages) -> tuple[dict[str, str], dict[str, bytes]]:
    content = images.as_bytes()
    return {"file": FILE, "sha256": _sha256(content)}, {FILE: content}


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
            "networks are exported by Keras on TensorFlow or JAX, to OpenVINO: install "
            "requirements.txt and set KERAS_BACKEND=tensorflow."
        )
    engines: dict[int, dict[str, str]] = {}
    files: dict[str, bytes] = {}
    for record in model.folds:
        network = load_engine(model, record.number, KERAS).copy()
        engines[record.number], graph = _graph_of(network, record.number, model.preprocessing)
        files |= graph
        if progress:
            progress(len(engines), len(model.folds))
    manifest = (model.folder / "manifest.json").read_bytes()
    return _write(model.folder, files, with_engines(manifest, engines))


def publish_all(
    runs: Sequence[Path], folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict:
    """Publish finished runs or, without any, add graphs to a model; return the model's content.

    Returns:
        ``model``, its name; ``folds``, their numbers; ``graphs``, the numbers of folds with a graph.

    Raises:
        BrainsegError: as for :func:`publish` and :func:`export_engines`, or a folder is not a run.
    """
    for done, run in enumerate(runs, 1):
        model = publish(Run.open(run), folder)
        if progress:
            progress(done, len(runs))
    if not runs:
        model = export_engines(folder, progress)
    return {
        "model": model.name,
        "folds": [record.number for record in model.folds],
        "graphs": [record.number for record in model.folds if record.engine],
    }


def _other_folds(folder: Path, config: TrainingConfig) -> list[FoldRecord]:
    if not (folder / "manifest.json").exists():
        return []
    model = _open(folder)
    ours = config.network, config.architecture_arguments, config.preprocessing
    if (model.architecture, model.arguments, model.preprocessing) != ours:
        raise ModelError(
            f"{model.name} has folds of another architecture or input: publish under another name."
        )
    return [record for record in model.folds if record.number != config.fold]


def _halved(network: "keras.Model", config: TrainingConfig) -> bytes:
    """Round a network's weights to half precision, and return them as a Keras weights file.

    This halves the size and gives the same numbers as the exported graph, which OpenVINO also stores in
    half precision. Computations still use single precision.
    """
    from brainseg.models.networks import ARCHITECTURES
    from brainseg.training.devices import precision

    with precision("float16"):
        half = ARCHITECTURES[config.network](**config.architecture_arguments)
    rounded = [weight.astype(np.float16) for weight in network.get_weights()]
    half.set_weights(rounded)
    network.set_weights(rounded)
    return weights_of(half)


def _graph_of(
    network: "keras.Model", fold: int, how: Preprocessing
) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return :attr:`brainseg.models.FoldRecord.engine` of a network, and its files."""
    graph, weights = export_network(network)
    inputs = _golden_inputs(how).astype(np.float32)
    output = OpenVinoGraph(graph, weights, FLOAT32)(inputs)
    difference = float(np.abs(output - run_network(network, inputs)).max())
    if not difference <= GOLDEN_TOLERANCE[FLOAT32]:
        raise ModelError(
            f"the exported graph of fold {fold} is off by {difference:.3f} from its network, "
            f"allowed {GOLDEN_TOLERANCE[FLOAT32]}: nothing was written; publish without OpenVINO."
        )
    name = f"fold{fold}.graph"
    engine = {
        "graph": f"{name}.xml",
        "graph_sha256": _sha256(graph),
        "weights": f"{name}.bin",
        "weights_sha256": _sha256(weights),
    }
    return engine, {f"{name}.xml": graph, f"{name}.bin": weights}


def _golden_output(network: "keras.Model", how: Preprocessing) -> bytes:
    """Return a synthetic slice with the network's output, both float16, as an ``.npz`` file."""
    inputs = _golden_inputs(how)
    probability = run_network(network, inputs.astype(np.float32)).astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, inputs=inputs, probability=probability)
    return file.getvalue()


def _golden_inputs(how: Preprocessing) -> np.ndarray:
    """Return the middle one of three synthetic slices, prepared: (1, size, size, channels) float16.

    It shows a head with a spot that is bright on FLAIR. On noise any network's output is nearly zero, so
    a stored output of noise would match any weights.
    """
    planes, rows, columns = np.mgrid[-1:1:3j, -1 : 1 : how.size * 1j, -1 : 1 : how.size * 1j]
    head = (rows / 0.9) ** 2 + (columns / 0.75) ** 2 < 1
    brain = (rows / 0.8) ** 2 + (columns / 0.65) ** 2 < 1
    spot = (rows + 0.2) ** 2 + (columns - 0.25) ** 2 < (0.22 - 0.05 * np.abs(planes)) ** 2
    pixels = np.where(brain, 90, np.where(head, 150, 0))[..., np.newaxis] * np.array([1, 0.9, 1])
    pixels += 8 * np.sin(9 * rows + 5 * columns + planes)[..., np.newaxis] * head[..., np.newaxis]
    pixels[spot] += [-20, 80, -10]
    volume = Volume(pixels.clip(0, 255).astype(np.uint8))
    return prepare(volume, how)[1:2].astype(np.float16)


def _write(folder: Path, files: dict[str, bytes], manifest: bytes) -> Model:
    model_of(manifest, folder.resolve())  # refuses an invalid manifest before anything is written
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / "manifest.json", manifest)
    return _open(folder)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
