"""Encoders that learned elsewhere: checked, adapted to the sequences, and put into a network."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainseg.errors import ModelError
from brainseg.models import MODELS
from brainseg.models.networks.lite_unet import build_lite_unet
from brainseg.preprocessing import context_channel
from brainseg.volume import SEQUENCES

if TYPE_CHECKING:
    import keras


ENCODERS = {
    "efficientnet-lite0": "5d50f56d326b8e96f0eff5e1f947e20b1534a83b96d09ac26f82a325ada8c19a",
}
"""The encoders there are, by the name of their folder in models/, with the SHA-256 of their file."""

FILE = "encoder.npz"


def open_encoder(name: str, folder: Path = MODELS) -> dict[str, np.ndarray]:
    """Return the weights of an encoder by ``<layer>/<variable>``; nothing but arrays is read.

    Args:
        name: one of :data:`ENCODERS`.
        folder: where models are kept.

    Raises:
        ModelError: there is no such encoder, or its file is missing or another one.
    """
    if name not in ENCODERS:
        raise ModelError(f"unknown encoder “{name[:60]}”: choose from {', '.join(ENCODERS)}.")
    path = folder / name / FILE
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != ENCODERS[name]:
        raise ModelError(
            f"{name}/{FILE} is missing or not the file that it should be (its SHA-256 differs): "
            "restore models/ from the repository, or train without an encoder."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def load_encoder(
    network: "keras.Model",
    weights: dict[str, np.ndarray],
    batches: Iterable[np.ndarray],
    sequences: tuple[str, ...] = SEQUENCES,
    **arguments: Any,
) -> None:
    """Put weights learned on ImageNet into the encoder of :func:`build_lite_unet`.

    The stem saw red, green and blue. Pre- and post-contrast take red's and blue's filters; FLAIR and
    its neighbours share green's, so that a slice like its neighbours gives what it gave in green. Fewer
    or more sequences share the three in turn.
    Normalisation is measured anew on slices that train, then frozen into scales and biases.

    Args:
        network: of :func:`brainseg.models.networks.build_lite_unet`.
        weights: by ``<layer>/<variable>``, see :func:`open_encoder`.
        batches: inputs (b, h, w, channels) float32 to measure normalisation on.
        sequences: of the first channels; the others are neighbours.
        arguments: of :func:`brainseg.models.networks.build_lite_unet` that made the network.
    """
    measured = build_lite_unet(**arguments, normalised_encoder=True)
    for name in sorted({key.split("/")[0] for key in weights}):
        layer = measured.get_layer(name)
        arrays = [weights[f"{name}/{variable.name}"] for variable in layer.weights]
        if name == "stem":
            arrays = [_stem_filters(arrays[0], layer.kernel.shape[2], sequences)]
        layer.set_weights(arrays)
        if name.endswith("_norm"):
            # Its own 0.99 would need hundreds of batches to forget ImageNet.
            layer.momentum = 0.9
    for batch in batches:
        measured(batch, training=True)
    for layer in measured.layers:
        if layer.name.endswith("_norm") and not layer.name.startswith("up"):
            name = layer.name.removesuffix("_norm")
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            kernel = measured.get_layer(name).get_weights()[0]
            network.get_layer(name).set_weights([kernel, scale, beta - mean * scale])


def _stem_filters(rgb: np.ndarray, channels: int, sequences: tuple[str, ...]) -> np.ndarray:
    """Return (3, 3, channels, f) filters of (3, 3, 3, f) filters of red, green and blue."""
    count, context = len(sequences), context_channel(sequences)
    shares = np.zeros((3, count), np.float32)
    for place in range(max(3, count)):
        shares[place % 3, place % count] = 1
    shares /= shares.sum(axis=1, keepdims=True)
    filters = np.zeros((*rgb.shape[:2], channels, rgb.shape[3]), np.float32)
    filters[:, :, :count] = np.einsum("hwcf,cs->hwsf", rgb, shares)
    neighbours = channels - count
    if neighbours:
        filters[:, :, context] /= 2
        filters[:, :, count:] = filters[:, :, context : context + 1] / neighbours
    return filters
