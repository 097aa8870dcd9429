"""The networks: each is a function from its arguments to a Keras model that returns logits."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from brainseg.models.networks.blocks import DESCRIPTION, compiles_by_xla
from brainseg.models.networks.lite_unet import build_lite_unet
from brainseg.models.networks.unet import build_unet

if TYPE_CHECKING:
    import keras

ARCHITECTURES: dict[str, "Callable[..., keras.Model]"] = {
    "unet": build_unet,
    "lite_unet": build_lite_unet,
}
"""What a manifest may name; a model of another architecture is refused."""

__all__ = ["ARCHITECTURES", "DESCRIPTION", "build_lite_unet", "build_unet", "compiles_by_xla"]
