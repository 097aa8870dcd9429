"""Export a Keras network as a graph that runs without Keras; needs TensorFlow."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from brainseg.models.engines.openvino_graph import is_installed, openvino

if TYPE_CHECKING:
    import keras


def can_export() -> bool:
    """Return whether networks can be exported here.

    PyTorch would fix the size of the slices, and JAX cannot trace these networks without a size.
    """
    import keras

    return is_installed() and keras.backend.backend() == "tensorflow"


def export_network(network: "keras.Model") -> tuple[bytes, bytes]:
    """Return a network as an OpenVINO graph and its weights, the contents of an .xml and a .bin.

    Args:
        network: from (n, h, w, c) to logits (n, h, w, 1), any n, h and w.

    Returns:
        A graph from the same inputs to probabilities (n, h, w) float32, 0..1, its weights stored as
        float16: half the size, and less of a change than bfloat16 arithmetic makes.
    """
    import keras

    runtime = openvino()  # before Keras imports it
    probability = keras.ops.sigmoid(network.output[..., 0])
    whole = keras.Model(network.inputs, probability)
    with tempfile.TemporaryDirectory() as folder:
        raw, small = Path(folder) / "raw.xml", Path(folder) / "small.xml"
        whole.export(str(raw), format="openvino", verbose=False)
        # From memory: a file that is mapped cannot be deleted on Windows.
        parts = (path.read_bytes() for path in (raw, raw.with_suffix(".bin")))
        runtime.save_model(runtime.Core().read_model(*parts), small, compress_to_fp16=True)
        return small.read_bytes(), small.with_suffix(".bin").read_bytes()
