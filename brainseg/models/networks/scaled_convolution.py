"""A layer of ours; importing it imports Keras."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("brainseg")
class ScaledConvolution(keras.layers.Layer):
    """A convolution whose filters have a scale each: what frozen normalisation leaves behind.

    Args:
        size: of the kernel, px a side.
        stride: of the convolution.
        features: of the output; None makes it depthwise.
        names: ``name`` and what else a layer of Keras takes.
    """

    def __init__(self, size: int, stride: int, features: int | None, **names: object) -> None:
        super().__init__(**names)
        self.size, self.stride, self.features = size, stride, features

    def build(self, shape: tuple) -> None:
        """Make the weights for an input (n, h, w, c)."""
        features = self.features or shape[-1]
        last = (shape[-1], features) if self.features else (shape[-1], 1)
        self.kernel = self.add_weight(
            shape=(self.size, self.size, *last), initializer="he_normal", name="kernel"
        )
        self.scale = self.add_weight(shape=(features,), initializer="ones", name="scale")
        self.bias = self.add_weight(shape=(features,), initializer="zeros", name="bias")

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Return (n, h / stride, w / stride, features), sides rounded up."""
        sides = [side and -(-side // self.stride) for side in shape[1:3]]
        return (shape[0], *sides, self.features or shape[-1])

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the convolved input, (n, h, w, c) to :meth:`compute_output_shape`."""
        how = {"strides": self.stride, "padding": "same"}
        if self.features:
            return ops.conv(x, self.kernel * self.scale, **how) + self.bias
        return ops.depthwise_conv(x, self.kernel * self.scale[:, None], **how) + self.bias

    def get_config(self) -> dict:
        """Return the arguments that make the layer again."""
        ours = {"size": self.size, "stride": self.stride, "features": self.features}
        return super().get_config() | ours
