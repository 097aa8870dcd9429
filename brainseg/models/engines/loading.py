"""Open the engine of a fold: every file is checked, and the stored output reproduced."""

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from brainseg.backends import require_keras
from brainseg.errors import ModelError, refused_as
from brainseg.models import FoldRecord, Model, open_model, remote
from brainseg.models.engines import openvino_graph
from brainseg.models.engines.engine import Engine, KerasRunner
from brainseg.models.engines.openvino_graph import BFLOAT16, FLOAT32, OpenVinoGraph
from brainseg.models.files import arrays_of, read_verified
from brainseg.models.model import ENGINE_PARTS

if TYPE_CHECKING:
    import keras

AUTO, KERAS, REMOTE = "auto", "keras", "remote"

ENGINES = {
    AUTO: "the exported graph where there is one, in the processor's fastest precision, else Keras",
    "openvino": "the exported graph, in the processor's fastest precision",
    f"openvino-{BFLOAT16}": "the exported graph in half precision",
    f"openvino-{FLOAT32}": "the exported graph in single precision",
    KERAS: "the weights in Keras, in single precision: the reference",
}
"""What ``BRAINSEG_ENGINE`` may name."""

GOLDEN_TOLERANCE = {FLOAT32: 0.03, BFLOAT16: 0.2}
"""Processors round differently, the more so the shorter the numbers; damage to a weight that matters
moves probabilities further. A graph keeps filters times scales in half precision, and moved a pixel
by 0.022 in single precision; bfloat16 has moved one of them by 0.12, and of real cases by 0.17."""

KEPT_ENGINES = 12
"""Two models of five folds, and two more; the first loaded is dropped first."""

_kept: dict[tuple, Engine] = {}
_loading = threading.Lock()


def load_engine(model: Model, fold: int, engine: str | None = None) -> Engine:
    """Return the network of one fold; the next call returns the same one.

    Args:
        model: see :func:`brainseg.models.open_model`.
        fold: its number.
        engine: a key of :data:`ENGINES`; by default ``BRAINSEG_ENGINE``, or ``auto``.

    Raises:
        ModelError: a file is missing, is not the one the manifest names, does not fit the
            architecture, contains invalid numbers, or does not reproduce the stored output; or the
            engine is not available. A refused engine is not replaced by another.
    """
    record = model.fold(fold)
    named = engine or os.environ.get("BRAINSEG_ENGINE") or AUTO
    chosen = REMOTE if remote.address_of(model.folder) else _choose(model, record, named)
    key = (model.folder, model.digest, tuple(record.files.items()), fold, chosen)
    # Without the lock, because another engine may be loading for a while.
    found = _kept.get(key)
    if found is not None:
        return found
    with _loading:
        if key not in _kept:
            loaded = _load(model, record, chosen)
            while len(_kept) >= KEPT_ENGINES:
                del _kept[next(iter(_kept))]
            _kept[key] = loaded
        return _kept[key]


def _choose(model: Model, record: FoldRecord, engine: str) -> str:
    """Return the precision of the exported graph, or :data:`KERAS`."""
    if engine not in ENGINES:
        raise ModelError(f"unknown engine “{engine[:40]}”: choose from {', '.join(ENGINES)}.")
    if engine == AUTO and not (record.engine and openvino_graph.is_installed()):
        return KERAS
    if engine == KERAS:
        return KERAS
    if not record.engine:
        raise ModelError(
            f"{model.name} fold {record.number} has no exported graph: write it with `python -m "
            "brainseg publish MODEL`, or choose the engine keras."
        )
    if not openvino_graph.is_installed():
        raise ModelError(
            "OpenVINO is not installed: install requirements.txt, or choose the engine keras."
        )
    if engine == f"openvino-{FLOAT32}":
        return FLOAT32
    fastest = openvino_graph.fast_precision()
    if engine == f"openvino-{BFLOAT16}" and fastest != BFLOAT16:
        raise ModelError(
            "this processor does not compute in bfloat16: choose the engine openvino-float32."
        )
    return fastest


def _load(model: Model, record: FoldRecord, chosen: str) -> Engine:
    if open_model(str(model.folder)).fold(record.number) != record:
        raise ModelError(f"{model.name} was replaced while it was in use: reload to open it again.")
    if address := remote.address_of(model.folder):
        return _remote(model, record, address)
    # All files, whichever engine was chosen: a fold is used completely or not at all.
    contents = {
        file: read_verified(model.folder, file, sha256) for file, sha256 in record.files.items()
    }
    open_network = partial(_network, model, record)
    if chosen == KERAS:
        network = open_network()
        engine, precision = Engine(KerasRunner(network), lambda: network), FLOAT32
    else:
        engine, precision = Engine(_graph(model, record, contents, chosen), open_network), chosen
    _prove(engine, model, contents[record.golden["file"]], GOLDEN_TOLERANCE[precision])
    return engine


class _RemoteEngine(Engine):
    """A network on another machine, which leaves the processors here free."""

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities, as :meth:`Engine.__call__` does."""
        return self._runner(inputs)


def _remote(model: Model, record: FoldRecord, address: str) -> Engine:
    """Return the network of a fold on another machine, which must give the stored output, too."""

    def refuse() -> NoReturn:
        raise ModelError(
            f"the weights of {model.name} are on another machine: use a model in a folder for this."
        )

    golden = read_verified(model.folder, record.golden["file"], record.golden["sha256"])
    engine = _RemoteEngine(remote.RemoteNetwork(address, record.number), refuse)
    _prove(engine, model, golden, max(GOLDEN_TOLERANCE.values()))
    return engine


def _graph(
    model: Model, record: FoldRecord, contents: dict[str, bytes], precision: str
) -> OpenVinoGraph:
    files = record.engine or {}
    graph, weights = (contents[files[part]] for part in ENGINE_PARTS)
    unreadable = (
        f"OpenVINO cannot read the exported graph of {model.name} fold {record.number} ({{reason}}): "
        "publish it again with `python -m brainseg publish MODEL`, or choose the engine keras."
    )
    with refused_as(ModelError, unreadable):
        opened = OpenVinoGraph(graph, weights, precision)
        invalid = opened.count_invalid()
    _refuse_invalid(model, record, invalid)
    return opened


def _network(model: Model, record: FoldRecord) -> "keras.Model":
    require_keras("The engine keras")
    from brainseg.models.networks import ARCHITECTURES

    if model.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(
            f"{model.name} names the architecture “{model.architecture}”; known is {known}."
        )
    # Verified again, as the fold may have been loaded as a graph long before.
    read_verified(model.folder, record.weights, record.sha256)
    misfit = (
        f"the weights of {model.name} fold {record.number} do not fit its architecture: publish them "
        "again with the arguments that they were trained with."
    )
    with refused_as(ModelError, misfit):
        network = ARCHITECTURES[model.architecture](**model.arguments)
        network.load_weights(model.folder / record.weights)
    invalid = sum(int((~np.isfinite(array)).sum()) for array in network.get_weights())
    _refuse_invalid(model, record, invalid)
    return network


def _refuse_invalid(model: Model, record: FoldRecord, invalid: int) -> None:
    if invalid:
        raise ModelError(
            f"{model.name} fold {record.number} has {invalid} weights that are not numbers: "
            "publish it again from a good checkpoint."
        )


def _prove(engine: Engine, model: Model, golden: bytes, tolerance: float) -> None:
    size, channels = model.preprocessing.size, model.preprocessing.channels
    failed = (
        f"{model.name} does not give its stored output here with {engine.name} ({{reason}}): restore "
        "models/, or install the versions of requirements.txt."
    )
    with refused_as(ModelError, failed):
        stored = arrays_of(golden)
        inputs = stored["inputs"].astype(np.float32)
        expected = stored["probability"].astype(np.float32)
        shapes = inputs.shape, expected.shape
        if shapes != ((1, size, size, channels), (1, size, size)):
            raise ValueError(f"its shape is {shapes}")
        furthest = float(np.abs(engine(inputs) - expected).max())
        # Written so that a result that is no number fails, too.
        if not furthest <= tolerance:
            raise ValueError(f"off by {furthest:.3f}, allowed {tolerance}")
