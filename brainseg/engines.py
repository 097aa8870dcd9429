"""What runs a network: weights are checked before they are opened, and proved before they are used."""

import threading
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import ModelError
from brainseg.models import FoldRecord, Model, open_model, sha256_of

if TYPE_CHECKING:
    import keras

GOLDEN_TOLERANCE = 0.02
"""Processors round differently; damage to a weight that matters moves probabilities further."""

BATCH_SLICES = 12
KEPT_ENGINES = 6

_loading = threading.Lock()


class Engine:
    """One fold's network, ready to run; safe to share between threads.

    Args:
        network: a Keras model from (n, h, w, c) to logits (n, h, w, 1).
    """

    def __init__(self, network: "keras.Model") -> None:
        self._network = network
        self._running = threading.Lock()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, h, w) float32, 0..1, of prepared inputs (n, h, w, c) float32."""
        with self._running:
            return run_network(self._network, inputs)

    def copy(self) -> "keras.Model":
        """Return a network of its own with the same weights, for who wants to change them."""
        import keras

        with self._running:
            twin = keras.models.clone_model(self._network)
            twin.set_weights(self._network.get_weights())
        return twin

    def bottleneck(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the network holds at its coarsest resolution, (n, h, w, features) float32.

        Args:
            inputs: prepared, (n, h, w, c) float32.

        Raises:
            ModelError: the network has no layer whose name starts with "bottleneck".
        """
        with self._running:
            parts = [
                np.asarray(self._down.predict_on_batch(inputs[i : i + BATCH_SLICES]), np.float32)
                for i in range(0, len(inputs), BATCH_SLICES)
            ]
        return np.concatenate(parts)

    @cached_property
    def _down(self) -> "keras.Model":
        """Return the half of the network that leads to its bottleneck."""
        import keras

        layers = [one for one in self._network.layers if one.name.startswith("bottleneck")]
        if not layers:
            raise ModelError(
                "this network has no bottleneck to take features from: choose a model whose "
                "architecture names one, or describe the slices by their images."
            )
        return keras.Model(self._network.inputs, layers[-1].output)


def load_engine(model: Model, fold: int) -> Engine:
    """Return the network of one fold; it is kept for the next call.

    Raises:
        ModelError: a file is missing, is not the one the manifest names, does not fit the
            architecture, holds invalid numbers, or does not give the stored output.
    """
    with _loading:
        return _load(model.folder, model.digest, fold)


def run_network(network: "keras.Model", inputs: np.ndarray) -> np.ndarray:
    """Return probabilities (n, h, w) float32, 0..1, of prepared inputs (n, h, w, c) float32."""
    parts = [
        np.asarray(network.predict_on_batch(inputs[i : i + BATCH_SLICES]), np.float32)
        for i in range(0, len(inputs), BATCH_SLICES)
    ]
    return 1 / (1 + np.exp(-np.concatenate(parts)[..., 0]))


@lru_cache(maxsize=KEPT_ENGINES)
def _load(folder: Path, digest: str, fold: int) -> Engine:
    model = open_model(str(folder))
    if model.digest != digest:
        raise ModelError(f"{model.name} was replaced while it was in use: reload to open it again.")
    record = model.fold(fold)
    weights = _verified(model, record.weights, record.sha256)
    golden = _verified(model, record.golden["file"], record.golden["sha256"])
    engine = Engine(_build(model, record, weights))
    _prove(engine, model, golden)
    return engine


def _verified(model: Model, file: str, sha256: str) -> Path:
    path = model.folder / file
    if not path.is_file():
        raise ModelError(
            f"{model.name} lacks its file {file}: restore models/ from the repository."
        )
    if sha256_of(path) != sha256:
        raise ModelError(
            f"{file} of {model.name} is not the file its manifest names (its SHA-256 differs): it "
            "was not opened; restore models/ from the repository."
        )
    return path


def _build(model: Model, record: FoldRecord, weights: Path) -> "keras.Model":
    from brainseg.networks import ARCHITECTURES

    if model.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(
            f"{model.name} names the architecture “{model.architecture}”; known is {known}."
        )
    try:
        network = ARCHITECTURES[model.architecture](**model.arguments)
        network.load_weights(weights)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ModelError(
            f"the weights of {model.name} fold {record.number} do not fit its architecture: publish "
            "them again with the arguments that they were trained with."
        ) from error
    invalid = sum(int((~np.isfinite(array)).sum()) for array in network.get_weights())
    if invalid:
        raise ModelError(
            f"{model.name} fold {record.number} holds {invalid} weights that are not numbers: "
            "publish it again from a good checkpoint."
        )
    return network


def _prove(engine: Engine, model: Model, golden: Path) -> None:
    with np.load(golden, allow_pickle=False) as stored:
        inputs = stored["inputs"].astype(np.float32)
        expected = stored["probability"].astype(np.float32)
    furthest = float(np.abs(engine(inputs) - expected).max())
    # Written so that a result that is no number fails, too.
    if not furthest <= GOLDEN_TOLERANCE:
        raise ModelError(
            f"{model.name} does not give its stored output here (off by {furthest:.3f}, allowed "
            f"{GOLDEN_TOLERANCE}): restore models/, or install the versions of requirements.txt."
        )
