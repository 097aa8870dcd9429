"""A finished run becomes a model that others can open, with what proves it."""

from pathlib import Path

import numpy as np

from brainseg.engines import run_network
from brainseg.errors import ModelError
from brainseg.home import write_atomically
from brainseg.models import FoldRecord, Model, manifest_of, open_model, sha256_of
from brainseg.preprocessing import prepare
from brainseg.runs import Run
from brainseg.training import TrainingConfig
from brainseg.volume import Volume

GOLDEN_SIZE_PX = 64


def publish(run: Run, folder: Path) -> Model:
    """Write the best weights of a finished run as a fold of a model.

    A model that is there keeps its other folds, if they are of the same architecture and input.

    Args:
        run: a finished training.
        folder: ``models/<name>``; made where it is missing.

    Raises:
        ModelError: the run is not finished, or the model there is of another kind.
    """
    status = run.status()
    if status["state"] != "finished":
        raise ModelError(
            f"run {run.name} is {status['state']}, and only a finished one is published: resume it."
        )
    config = TrainingConfig.from_settings(run.config())
    weights = (run.path / "checkpoints" / "best.weights.h5").read_bytes()
    name = f"fold{config.fold}"
    write_atomically(folder / f"{name}.weights.h5", weights)
    golden = folder / f"{name}.golden.npz"
    _write_golden(golden, folder / f"{name}.weights.h5", config)
    fold = run.fold()
    record = FoldRecord(
        number=config.fold,
        weights=f"{name}.weights.h5",
        sha256=sha256_of(folder / f"{name}.weights.h5"),
        trained_on=tuple(fold["trained_on"]),
        selected_on=tuple(fold["selected_on"]),
        held_out=tuple(fold["held_out"]),
        golden={"file": golden.name, "sha256": sha256_of(golden)},
    )
    manifest = manifest_of(
        "unet",
        config.architecture_arguments,
        config.preprocessing,
        status["threshold"],
        [*_other_folds(folder, config), record],
    )
    write_atomically(folder / "manifest.json", manifest)
    return open_model(str(folder.resolve()))


def _other_folds(folder: Path, config: TrainingConfig) -> list[FoldRecord]:
    if not (folder / "manifest.json").exists():
        return []
    there = open_model(str(folder.resolve()))
    same = (there.arguments, there.preprocessing) == (
        config.architecture_arguments,
        config.preprocessing,
    )
    if not same:
        raise ModelError(
            f"{there.name} holds folds of another architecture or input: publish under another name."
        )
    return [record for record in there.folds if record.number != config.fold]


def _write_golden(path: Path, weights: Path, config: TrainingConfig) -> None:
    """Keep a small input with what these weights make of it, both as float16."""
    import io

    from brainseg.networks import build_unet

    rng = np.random.default_rng(config.seed)
    shape = (1, GOLDEN_SIZE_PX, GOLDEN_SIZE_PX, 3)
    noise = Volume(rng.integers(0, 256, shape, dtype=np.uint8))
    inputs = prepare(noise, config.preprocessing)[:, :GOLDEN_SIZE_PX, :GOLDEN_SIZE_PX]
    inputs = inputs.astype(np.float16)
    network = build_unet(**config.architecture_arguments)
    network.load_weights(weights)
    probability = run_network(network, inputs.astype(np.float32)).astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, inputs=inputs, probability=probability)
    write_atomically(path, file.getvalue())
