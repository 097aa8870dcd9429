"""Which backend Keras runs on: the one that was asked for, or the first that is installed."""

import os
from importlib.util import find_spec

BACKENDS = ("tensorflow", "jax", "torch")
"""In the order of preference; the first is Keras's own default."""


def choose_backend() -> str | None:
    """Name an installed backend in ``KERAS_BACKEND``, unless somebody did, and return it.

    Keras asks for it once, when it is imported, and knows no other than TensorFlow by itself.

    Returns:
        One of :data:`BACKENDS`, or None where none is installed: what needs no network works all the
        same.
    """
    named = os.environ.get("KERAS_BACKEND")
    if not named and (named := next(filter(find_spec, BACKENDS), None)):
        os.environ["KERAS_BACKEND"] = named
    return named
