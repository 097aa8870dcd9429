"""Devices and precision of a training.

The only training module with code for particular Keras backends.
"""

import os
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from brainseg.errors import RunError
from brainseg.training.config import AUTO, TrainingConfig

EAGER_ENVIRONMENT = "BRAINSEG_TEST_EAGER"
"""For tests only: 1 runs networks operation by operation, as tracing dominates a tiny training."""

LEAST_SPEED_UP = 1.1
"""Half precision is used if it is at least this much faster; near 1 the choice would be random."""


def runs_eagerly() -> bool:
    """Return whether :data:`EAGER_ENVIRONMENT` asks for networks that are not compiled."""
    return os.environ.get(EAGER_ENVIRONMENT) == "1"


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build and run networks in a Keras precision, and restore the previous one afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def precision_of(config: TrainingConfig) -> str:
    """Return the precision to train in; ``auto`` measures it in a second or two.

    Hardware without bfloat16 arithmetic emulates it and is several times slower.
    """
    if config.precision != AUTO:
        return config.precision
    single, half = (seconds_per_convolution(dtype) for dtype in ("float32", "bfloat16"))
    return "mixed_bfloat16" if single > LEAST_SPEED_UP * half else "float32"


def seconds_per_convolution(dtype: str) -> float:
    """Return the time of a convolution typical of the network, in seconds: the best of five."""
    rng = np.random.default_rng(0)
    images = ops.cast(rng.standard_normal((16, 64, 64, 32), np.float32), dtype)
    kernel = ops.cast(rng.standard_normal((3, 3, 32, 64), np.float32), dtype)
    took = []
    for _ in range(6):
        started = time.perf_counter()
        result = ops.mean(ops.conv(images, kernel, padding="same"))
        ops.convert_to_numpy(ops.cast(result, "float32"))  # waits for the result
        took.append(time.perf_counter() - started)
    return min(took[1:])  # the first one compiles


def make_deterministic() -> None:
    """Make the same seed give the same result on the same machine; accelerators become slower.

    This applies to the whole process and must be called before the first computation.
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
    """The devices on which the network is built and trained.

    Args:
        config: its ``devices`` is "one" or "all"; "all" needs Keras's TensorFlow or JAX backend.

    Raises:
        RunError: the backend cannot, or the batch size is not a multiple of the devices.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._strategy: Any = None
        self.names = ["one"]
        if config.devices != "all":
            return
        backend = keras.backend.backend()
        if backend not in ("tensorflow", "jax"):
            raise RunError(
                "devices is all, which needs the TensorFlow or JAX backend, but Keras runs on "
                f"{backend}: set devices=one or KERAS_BACKEND=tensorflow."
            )
        join_processes()
        if processes() > 1 and config.precision == AUTO:
            raise RunError(
                "precision is auto, which each process would measure for itself: set "
                "precision=float32, or another one, in all of them."
            )
        if backend == "jax":
            self.names = keras.distribution.list_devices()
        else:
            import tensorflow as tf

            found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
            self.names = [device.name for device in found]
        # A replica with fewer slices than the others breaks batch normalisation.
        if config.batch_size % len(self.names):
            raise RunError(
                f"batch_size is {config.batch_size}, but must be a multiple of the {len(self.names)} "
                "devices, which share each batch equally: change it, or set devices=one."
            )
        if backend == "jax":
            self._strategy = keras.distribution.DataParallel(auto_shard_dataset=False)
        else:
            self._strategy = tf.distribute.MirroredStrategy(self.names)

    def scope(self) -> AbstractContextManager:
        """Return the context in which the network is built."""
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def fitting(self) -> AbstractContextManager:
        """Return the context in which the network is trained."""
        return self.scope() if keras.backend.backend() == "jax" else nullcontext()

    def facts(self) -> dict:
        """Return ``backend``, and ``devices``, the names of the devices in use."""
        return {"backend": keras.backend.backend(), "devices": self.names}


def join_processes() -> None:
    """Join the other processes of a training, if Keras's environment variables name them."""
    if "KERAS_DISTRIBUTION_JOB_ADDRESSES" not in os.environ or keras.backend.backend() != "jax":
        return
    import jax

    if not jax.distributed.is_initialized():
        keras.distribution.initialize()


def processes() -> int:
    """Return the number of processes that train together."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return int(jax.process_count())


def of_this_process(batch: np.ndarray) -> np.ndarray:
    """Return the part of a batch that this process trains on."""
    if (count := processes()) == 1:
        return batch
    import jax

    each = len(batch) // count
    return batch[jax.process_index() * each :][:each]


def from_all_processes(number: int) -> list[int]:
    """Return the numbers, 0 to 2**31 - 1, that all processes pass to this call, in their order."""
    if processes() == 1:
        return [number]
    from jax.experimental import multihost_utils

    return [int(one) for one in multihost_utils.process_allgather(np.int32(number))]


def refuse_unlike_processes(facts: object) -> None:
    """Raise unless all processes pass the same facts: they would take different steps.

    Raises:
        RunError: in each of them.
    """
    if len(set(from_all_processes(zlib.crc32(repr(facts).encode()) >> 1))) > 1:
        raise RunError(
            "the processes of this training have different settings, cases or checkpoints: start or "
            "resume all of them with the same ones."
        )


@contextmanager
def apart() -> Iterator[None]:
    """Compute in this process alone, also while a network is trained by several."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)
