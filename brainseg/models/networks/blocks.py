"""What several networks are made of."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


DESCRIPTION = "description"
"""The layer of each network whose largest values say what a slice shows; it passes on what it gets."""


def compiles_by_xla() -> bool | str:
    """Return the value of Keras's ``jit_compile``.

    Left to itself, Keras has XLA compile for TensorFlow; on a processor XLA's convolutions take about
    twice the time of TensorFlow's own (benchmarks/training.py), and seconds to compile.
    """
    from keras import backend

    return False if backend.backend() == "tensorflow" else "auto"


def double_convolution(
    x: "keras.KerasTensor", features: int, name: str, normalisation: Callable
) -> "keras.KerasTensor":
    """Return a Keras tensor after two convolutions of 3x3, each normalised and rectified.

    Args:
        x: (n, h, w, c).
        features: of the result, (n, h, w, features).
        name: that the layers' names begin with.
        normalisation: makes a normalising layer from its ``name``.
    """
    from keras import layers

    for part in ("a", "b"):
        x = layers.Conv2D(features, 3, padding="same", use_bias=False, name=f"{name}{part}")(x)
        x = normalisation(name=f"{name}{part}_norm")(x)
        x = layers.Activation("relu", name=f"{name}{part}_relu")(x)
    return x
