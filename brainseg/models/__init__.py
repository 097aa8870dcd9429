"""Models by their manifests: list, open and publish them. Nothing here imports Keras."""

from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure
from brainseg.models.manifest import manifest_of, model_of, open_model, with_engines
from brainseg.models.model import FoldRecord, Inference, Model
from brainseg.models.places import (
    DEFAULT_MODEL,
    MODELS,
    list_models,
    list_run_models,
    own_models,
    place_for,
)

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
    "list_run_models",
    "manifest_of",
    "model_of",
    "open_model",
    "own_models",
    "place_for",
    "with_engines",
]
