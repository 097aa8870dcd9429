"""Files of a published network: weights in half precision, an exported graph, a stored output."""

import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np

from brainseg.errors import ModelError
from brainseg.models.engines import run_network
from brainseg.models.engines.exporting import export_network
from brainseg.models.engines.loading import GOLDEN_TOLERANCE
from brainseg.models.engines.openvino_graph import FLOAT32, OpenVinoGraph
from brainseg.preprocessing import Preprocessing, prepare
from brainseg.training import TrainingConfig
from brainseg.training.checkpoints import weights_of
from brainseg.volume import FLAIR, SEQUENCES, Volume

if TYPE_CHECKING:
    import keras


def halved(network: "keras.Model", config: TrainingConfig) -> bytes:
    """Round a network's weights to half precision, and return them as a Keras weights file.

    This halves the size and gives the same numbers as the exported graph, which OpenVINO also stores in
    half precision. Computations still use single precision. A network with a weight beyond the range
    of half precision, such as the variance of a normalisation early in a training, stays as it is.
    """
    from brainseg.models.networks import ARCHITECTURES
    from brainseg.training.devices import precision

    weights = network.get_weights()
    if max(float(np.abs(array).max(initial=0)) for array in weights) > float(
        np.finfo(np.float16).max
    ):
        return weights_of(network)
    with precision("float16"):
        half = ARCHITECTURES[config.network](**config.architecture_arguments)
    rounded = [weight.astype(np.float16) for weight in weights]
    half.set_weights(rounded)
    network.set_weights(rounded)
    return weights_of(half)


def graph_of(
    network: "keras.Model", fold: int, how: Preprocessing
) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return :attr:`brainseg.models.FoldRecord.engine` of a network, and its files by name.

    Raises:
        ModelError: the exported graph gives another output than the network.
    """
    graph, weights = export_network(network)
    inputs = _golden_inputs(how).astype(np.float32)
    output = OpenVinoGraph(graph, weights, FLOAT32)(inputs)
    difference = float(np.abs(output - run_network(network, inputs)).max())
    if not difference <= GOLDEN_TOLERANCE[FLOAT32]:
        raise ModelError(
            f"the exported graph of fold {fold} is off by {difference:.3f} from its network, "
            f"allowed {GOLDEN_TOLERANCE[FLOAT32]}: nothing was written; publish without OpenVINO."
        )
    name = f"fold{fold}.graph"
    engine = {
        "graph": f"{name}.xml",
        "graph_sha256": sha256_of(graph),
        "weights": f"{name}.bin",
        "weights_sha256": sha256_of(weights),
    }
    return engine, {f"{name}.xml": graph, f"{name}.bin": weights}


def golden_output(network: "keras.Model", how: Preprocessing) -> bytes:
    """Return a synthetic slice with the network's output, both float16, as an ``.npz`` file."""
    inputs = _golden_inputs(how)
    probability = run_network(network, inputs.astype(np.float32)).astype(np.float16)
    file = io.BytesIO()
    np.savez_compressed(file, inputs=inputs, probability=probability)
    return file.getvalue()


def _golden_inputs(how: Preprocessing) -> np.ndarray:
    """Return the middle one of three synthetic slices, prepared: (1, size, size, channels) float16.

    It shows a head with a spot that is bright on FLAIR. On noise any network's output is nearly zero, so
    a stored output of noise would match any weights.
    """
    planes, rows, columns = np.mgrid[-1:1:3j, -1 : 1 : how.size * 1j, -1 : 1 : how.size * 1j]
    head = (rows / 0.9) ** 2 + (columns / 0.75) ** 2 < 1
    brain = (rows / 0.8) ** 2 + (columns / 0.65) ** 2 < 1
    spot = (rows + 0.2) ** 2 + (columns - 0.25) ** 2 < (0.22 - 0.05 * np.abs(planes)) ** 2
    pixels = np.where(brain, 90, np.where(head, 150, 0))[..., np.newaxis] * np.array([1, 0.9, 1])
    pixels += 8 * np.sin(9 * rows + 5 * columns + planes)[..., np.newaxis] * head[..., np.newaxis]
    pixels[spot] += [-20, 80, -10]
    shown = pixels.clip(0, 255).astype(np.uint8)
    # Sequences that the phantom lacks show it as FLAIR does.
    flair = shown[..., SEQUENCES.index(FLAIR)]
    others = {name: flair for name in how.sequences if name not in SEQUENCES}
    return prepare(Volume(shown, others=others), how)[1:2].astype(np.float16)


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of a file's content, as a manifest states it."""
    return hashlib.sha256(content).hexdigest()
