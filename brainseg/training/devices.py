"""What a training runs on: one device or all of them, and the precision that is fast there.

The only module of a training that knows one backend from another.
"""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
import numpy as np
from keras import ops

from brainseg.errors import RunError
from brainseg.training.config import AUTO, TrainingConfig

EAGER_ENVIRONMENT = "BRAINSEG_TEST_EAGER"
"""For tests only: 1 runs networks operation by operation, as tracing dominates a tiny training."""

WORTH_IT = 1.1
"""Half the bits are taken where they are at least this much faster: near 1 it would be a toss-up."""


def runs_eagerly() -> bool:
    """Return whether :data:`EAGER_ENVIRONMENT` asks for networks that are not compiled."""
    return os.environ.get(EAGER_ENVIRONMENT) == "1"


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build and run in a precision of Keras, and leave the process as it was."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def precision_of(config: TrainingConfig) -> str:
    """Return the precision to train in; ``auto`` is measured, in a second or two.

    A processor or accelerator without bfloat16 arithmetic emulates it, at several times the time.
    """
    if config.precision != AUTO:
        return config.precision
    whole, half = (seconds_per_convolution(dtype) for dtype in ("float32", "bfloat16"))
    return "mixed_bfloat16" if whole > WORTH_IT * half else "float32"


def seconds_per_convolution(dtype: str) -> float:
    """Return how long a convolution of the network's middle takes, in seconds, the best of five."""
    rng = np.random.default_rng(0)
    images = ops.cast(rng.standard_normal((16, 64, 64, 32), np.float32), dtype)
    kernel = ops.cast(rng.standard_normal((3, 3, 32, 64), np.float32), dtype)
    took = []
    for _ in range(6):
        started = time.perf_counter()
        result = ops.mean(ops.conv(images, kernel, padding="same"))
        ops.convert_to_numpy(ops.cast(result, "float32"))  # waits until it is there
        took.append(time.perf_counter() - started)
    return min(took[1:])  # the first one compiles


def repeatable() -> None:
    """Let the same seed come to the same numbers on the same machine, at some cost on accelerators.

    It is for the whole process, and for a process in which nothing has been computed yet.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    elif backend == "jax" and "deterministic_ops" not in os.environ.get("XLA_FLAGS", ""):
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join([*flags, "--xla_gpu_deterministic_ops=true"])


class Devices:
    """Where the network is built and trained.

    Args:
        config: ``devices`` is "one" or "all"; all need Keras's TensorFlow backend.

    Raises:
        RunError: the backend is another, or a batch cannot be divided between the devices.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._strategy = None
        self.names = ["one"]
        if config.devices != "all":
            return
        if keras.backend.backend() != "tensorflow":
            raise RunError(
                f"devices is all, which needs the TensorFlow backend, but Keras runs on "
                f"{keras.backend.backend()}: set devices=one or KERAS_BACKEND=tensorflow."
            )
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        self.names = [device.name for device in found]
        # A replica with fewer slices than the others, or none, breaks batch normalisation.
        if config.batch_size % len(found):
            raise RunError(
                f"batch_size is {config.batch_size}, but must be a multiple of the {len(found)} devices "
                "of this machine, for each gets a part of every batch: change it, or set devices=one."
            )
        self._strategy = tf.distribute.MirroredStrategy(self.names)

    def scope(self) -> AbstractContextManager:
        """Return the context in which the network is built."""
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def facts(self) -> dict:
        """Return ``backend``, and ``devices``: the names of those that share each batch."""
        return {"backend": keras.backend.backend(), "devices": self.names}
