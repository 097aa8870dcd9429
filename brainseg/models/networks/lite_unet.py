"""A U-Net whose encoder is EfficientNet-Lite0, for weights learned on ImageNet."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from brainseg.models.networks.blocks import DESCRIPTION, compiles_by_xla, double_convolution

if TYPE_CHECKING:
    import keras

LITE0_BLOCKS = (
    # (kernel, stride, expansion, features), one a block, of EfficientNet-Lite0
    (3, 1, 1, 16),
    *((3, 2, 6, 24), (3, 1, 6, 24)),
    *((5, 2, 6, 40), (5, 1, 6, 40)),
    *((3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)),
    *((5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)),
    *((5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)),
    (3, 1, 6, 320),
)
"""Tan and Le (2019), without squeeze-and-excitation and with ReLU6, as Google's Lite variants are."""

DESCRIBING_LEVEL = 1
"""Of the decoder, from the coarsest: neighbours by its features agreed best on whether there is a
tumour, 0.93 against 0.86 at level 0, 0.92 at level 2 and 0.81 in the encoder (held-out cases of one
fold), where few of the deepest features still answer to anything after training."""


def build_lite_unet(
    channels: int,
    decoder_features: tuple[int, ...] | list[int] = (128, 64, 32, 24, 16),
    normalisation: Callable | None = None,
    normalised_encoder: bool = False,
) -> "keras.Model":
    """Return a U-Net whose encoder is EfficientNet-Lite0, for weights learned on ImageNet.

    Batch normalisation of the encoder's wide layers costs more than their convolutions on a
    processor, so it is frozen: a scale of the filters and a bias, which
    :func:`brainseg.models.networks.encoders.load_encoder` sets, and which learn.

    Args:
        channels: of the input, see :attr:`brainseg.preprocessing.Preprocessing.channels`.
        decoder_features: of the decoder's levels from 1/16 of the resolution to the whole.
        normalisation: of the decoder, as for :func:`build_unet`.
        normalised_encoder: keep batch normalisation in the encoder; only to measure its statistics.

    Returns:
        A model from (n, h, w, channels) to logits (n, h, w, 1) float32; h and w are multiples of 32.
    """
    from keras import Input, Model, layers

    normalisation = normalisation or layers.BatchNormalization
    inputs = Input((None, None, channels))
    part = _normalised if normalised_encoder else _scaled
    x = layers.ReLU(6.0, name="stem_relu")(part(inputs, "stem", 3, 2, 32))
    skips = []
    for place, (kernel, stride, expansion, features) in enumerate(LITE0_BLOCKS):
        if stride == 2:
            skips.append(x)
        entry, name = x, f"block{place}"
        if expansion > 1:
            x = part(x, f"{name}_expand", 1, 1, x.shape[-1] * expansion)
            x = layers.ReLU(6.0, name=f"{name}_expand_relu")(x)
        x = part(x, f"{name}_depthwise", kernel, stride, None)
        x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
        x = part(x, f"{name}_project", 1, 1, features)
        if stride == 1 and entry.shape[-1] == features:
            x = layers.Add(name=f"{name}_add")([entry, x])
    for level, features in enumerate(decoder_features[:-1]):
        x = layers.Conv2DTranspose(features, 2, strides=2, name=f"up{level}_grow")(x)
        x = layers.Concatenate(name=f"up{level}_join")([skips[-1 - level], x])
        x = double_convolution(x, features, f"up{level}", normalisation)
        if level == DESCRIBING_LEVEL:
            x = layers.Identity(name=DESCRIPTION)(x)
    last = decoder_features[-1]
    x = layers.Conv2DTranspose(last, 2, strides=2, activation="relu", name="head_grow")(x)
    outputs = layers.Conv2D(1, 1, dtype="float32", name="logits")(x)
    network = Model(inputs, outputs, name="lite_unet")
    network.jit_compile = compiles_by_xla()
    return network


def _normalised(
    x: "keras.KerasTensor", name: str, kernel: int, stride: int, features: int | None
) -> "keras.KerasTensor":
    from keras import layers

    how = {"strides": stride, "padding": "same", "use_bias": False, "name": name}
    if features is None:
        x = layers.DepthwiseConv2D(kernel, **how)(x)
    else:
        x = layers.Conv2D(features, kernel, **how)(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def _scaled(
    x: "keras.KerasTensor", name: str, kernel: int, stride: int, features: int | None
) -> "keras.KerasTensor":
    # Its module imports Keras, which only who builds a network should wait for.
    from brainseg.models.networks.scaled_convolution import ScaledConvolution

    return ScaledConvolution(kernel, stride, features, name=name)(x)
