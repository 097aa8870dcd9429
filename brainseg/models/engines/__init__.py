"""Run networks: files are checked before they are opened, and outputs before they are used.

A fold is published twice: as weights for Keras, the reference, and as a graph for OpenVINO, which
starts sooner, answers faster and needs no TensorFlow. Importing this package imports neither.
"""

from brainseg.models.engines.engine import BATCH_SLICES, Engine, run_network
from brainseg.models.engines.loading import ENGINES, load_engine

__all__ = ["BATCH_SLICES", "ENGINES", "Engine", "load_engine", "run_network"]
