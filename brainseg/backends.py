"""Choose the backend of Keras: the one named in the environment, or the first installed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from brainseg.errors import MissingPackageError

BACKENDS = ("tensorflow", "jax", "torch")
"""In order of preference; the first is Keras's own default."""


def choose_backend() -> str | None:
    """Name an installed backend in ``KERAS_BACKEND``, unless one is named, and return it.

    Keras reads it once, when it is imported; its own default is TensorFlow.

    Returns:
        One of :data:`BACKENDS`, or None if none is installed.
    """
    named = os.environ.get("KERAS_BACKEND")
    if not named and (named := next(filter(find_spec, BACKENDS), None)):
        os.environ["KERAS_BACKEND"] = named
    return named


HOW_TO_ADD_TRAINING = (
    "`pip install 'brainseg[train]'`, or in a checkout `pip install -r requirements-train.txt`"
)


def has_keras() -> bool:
    """Return whether Keras and a backend for it are installed; imports neither."""
    backend = choose_backend()
    return backend is not None and None not in (find_spec("keras"), find_spec(backend))


def require_keras(task: str) -> None:
    """Import Keras, see :func:`check_keras`, without the log lines of its backend."""
    check_keras(task)
    if "keras" not in sys.modules:
        with _without_native_messages():
            import_module("keras")


def check_keras(task: str) -> None:
    """Refuse a task that needs Keras where it is not installed; imports nothing.

    Args:
        task: the subject of the sentence, such as “Training”.

    Raises:
        MissingPackageError: Keras or its backend is missing; the message says how to add them.
    """
    if not has_keras():
        raise MissingPackageError(
            f"{task} needs TensorFlow and Keras, which are not installed: add them with "
            f"{HOW_TO_ADD_TRAINING}."
        )


@contextmanager
def _without_native_messages() -> Iterator[None]:
    """Drop what native libraries write to standard error meanwhile.

    TensorFlow logs a few lines while it is imported, before it reads ``TF_CPP_MIN_LOG_LEVEL``. Errors
    are exceptions, and are not lost.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
