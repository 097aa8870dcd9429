"""The engine behind every prediction, and its reference: Keras."""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from brainseg.backends import require_keras
from brainseg.errors import ModelError
from brainseg.models.networks import DESCRIPTION

if TYPE_CHECKING:
    import keras

BATCH_SLICES = 12

_running = threading.Lock()
"""One lock for all engines: two that ran at once would share the processors, and both end later."""


class Runner(Protocol):
    """Computes probabilities from prepared inputs, in one thread at a time.

    Attributes:
        name: such as “OpenVINO bfloat16”.
        device: where it runs, such as “CPU (AMD EPYC)”.
    """

    name: str
    device: str

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, h, w) float32, 0..1, of inputs (n, h, w, c) float32."""
        ...


class Engine:
    """One fold's network, ready to run; safe to share between threads.

    Args:
        runner: what makes the predictions.
        open_network: returns the same network as a Keras model from (n, h, w, c) to logits
            (n, h, w, 1); called once, when more than predictions are needed.
    """

    def __init__(self, runner: Runner, open_network: Callable[[], "keras.Model"]) -> None:
        self._runner = runner
        self._open_network = open_network

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, h, w) float32, 0..1, of prepared inputs (n, h, w, c) float32."""
        with _running:
            return self._runner(inputs)

    @property
    def name(self) -> str:
        """Return what runs the network, such as “OpenVINO bfloat16”."""
        return self._runner.name

    @property
    def device(self) -> str:
        """Return where it runs, such as “CPU (AMD EPYC)”."""
        return self._runner.device

    def copy(self) -> "keras.Model":
        """Return a copy of the network, whose weights may be changed."""
        require_keras("Copying a network")
        import keras

        with _running:
            twin = keras.models.clone_model(self._network)
            twin.set_weights(self._network.get_weights())
        return twin

    def description(self, inputs: np.ndarray) -> np.ndarray:
        """Return the output of the network's description layer, (n, h, w, features) float32.

        Args:
            inputs: prepared, (n, h, w, c) float32.

        Raises:
            ModelError: the network has no layer called :data:`brainseg.models.networks.DESCRIPTION`.
        """
        with _running:
            return _in_batches(self._describing, inputs)

    @cached_property
    def _network(self) -> "keras.Model":
        return self._open_network()

    @cached_property
    def _describing(self) -> "keras.Model":
        """Return the part of the network that leads to its description."""
        require_keras("Describing slices by a network")
        import keras

        layers = [one for one in self._network.layers if one.name == DESCRIPTION]
        if not layers:
            raise ModelError(
                f"this network has no layer “{DESCRIPTION}” to take features from: choose a model "
                "whose architecture names one, or describe the slices by their images."
            )
        return keras.Model(self._network.inputs, layers[0].output)


class KerasRunner:
    """The reference: a network as it was trained, on the backend that Keras has.

    Args:
        network: from (n, h, w, c) to logits (n, h, w, 1).
    """

    def __init__(self, network: "keras.Model") -> None:
        import keras

        backend = keras.backend.backend()
        known = {"tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}
        self.name = f"{known.get(backend, backend)} {network.compute_dtype}"
        self.device = _device_of_keras(backend)
        self._network = network

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities, as :class:`Runner` says."""
        return run_network(self._network, inputs)


def run_network(network: "keras.Model", inputs: np.ndarray) -> np.ndarray:
    """Return probabilities (n, h, w) float32, 0..1, of prepared inputs (n, h, w, c) float32."""
    return 1 / (1 + np.exp(-_in_batches(network, inputs)[..., 0]))


def _in_batches(network: "keras.Model", inputs: np.ndarray) -> np.ndarray:
    parts = [
        np.asarray(network.predict_on_batch(inputs[i : i + BATCH_SLICES]), np.float32)
        for i in range(0, len(inputs), BATCH_SLICES)
    ]
    return np.concatenate(parts)


def _device_of_keras(backend: str) -> str:
    """Return the kind of device that Keras computes on by default."""
    if backend == "tensorflow":
        import tensorflow as tf

        return "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    if backend == "torch":
        import torch

        return "GPU" if torch.cuda.is_available() else "CPU"
    import jax

    return jax.default_backend().upper()
