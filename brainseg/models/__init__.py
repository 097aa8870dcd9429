"""Models by their manifests: list, open and publish them. Nothing here imports Keras."""

from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.manifest import (
    DEFAULT_MODEL,
    MODELS,
    list_models,
    manifest_of,
    model_of,
    open_model,
    with_engines,
    with_images,
)
from brainseg.models.model import FoldRecord, Inference, Model

__all__ = [
    "DEFAULT_MODEL",
    "HELD_OUT",
    "MODELS",
    "NEW",
    "SEEN",
    "UNKNOWN",
    "CaseExposure",
    "FoldRecord",
    "Inference",
    "Model",
    "list_models",
    "manifest_of",
    "model_of",
    "open_model",
    "with_engines",
    "with_images",
]
