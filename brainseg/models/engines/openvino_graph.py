"""Run a network's exported graph with OpenVINO: without TensorFlow, Keras or telemetry."""

import re
import sys
from collections import deque
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from math import prod
from types import ModuleType
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

if TYPE_CHECKING:
    from openvino import Core

BFLOAT16, FLOAT32 = "bfloat16", "float32"

_HINTS = {BFLOAT16: "bf16", FLOAT32: "f32"}

OPERATIONS = re.compile(
    "Abs|Add|AvgPool|BatchNormInference|Broadcast|Clamp|Concat|Const|Convert|(Group)?Convolution|"
    "(Group)?ConvolutionBackpropData|Divide|Elu|Exp|Gather|Gelu|HardSigmoid|HSwish|Interpolate|"
    "LeakyRelu|Log|MatMul|MaxPool|Maximum|Minimum|Multiply|MVN|Negative|Pad|Parameter|Power|PRelu|"
    "Reduce(Max|Mean|Prod|Sum)|ReLU|Relu|Reshape|Result|ShapeOf|Sigmoid|Slice|SoftPlus|Split|Sqrt|"
    "SquaredDifference|Squeeze|StridedSlice|Subtract|Swish|Tanh|Transpose|Unsqueeze|VariadicSplit"
)
"""What a graph may contain: no loop, no branch, no state and no foreign code, so that its cost follows
from its shapes. The exporter writes about 20 of these."""

MOST_LAYERS, DEEPEST = 20_000, 16
MOST_VALUES = 2**31
"""Values that all operations together may compute for a slice; the shipped model has 27 million."""


def is_installed() -> bool:
    """Return whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def openvino() -> ModuleType:
    """Return the package, imported without telemetry.

    OpenVINO reports its import and every conversion through the package openvino_telemetry, unless a
    file in the user's home forbids it. Without that package it reports nothing, so it is hidden.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


@lru_cache(maxsize=1)
def _core() -> "Core":
    return openvino().Core()


def fast_precision() -> str:
    """Return bfloat16 where the processor computes in it, else float32."""
    able = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return BFLOAT16 if "BF16" in able else FLOAT32


class OpenVinoGraph:
    """A graph from inputs (n, h, w, c) float32 to probabilities (n, h, w) float32, on the processor.

    Slices go through one at a time, one on each of OpenVINO's streams: what a layer makes of a single
    slice stays in the processor's caches, which a batch of them overflows (benchmarks/prediction.py).

    Args:
        graph: the content of an ``.xml`` of :func:`brainseg.models.engines.exporting.export_network`.
        weights: the content of its ``.bin``.
        precision: :data:`BFLOAT16` or :data:`FLOAT32`.

    Raises:
        RuntimeError: the content is no graph that this OpenVINO reads.
        ValueError: the graph contains an operation that is not in :data:`OPERATIONS`.
    """

    def __init__(self, graph: bytes, weights: bytes, precision: str) -> None:
        refuse_other_operations(graph)
        self._model = _core().read_model(graph, weights)
        self._precision = precision
        self._grid: tuple[int, int] | None = None
        self._requests: list = []
        self.name = f"OpenVINO {precision}"
        self.device = f"CPU ({_core().get_property('CPU', 'FULL_DEVICE_NAME').strip()})"

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return probabilities (n, h, w) float32, 0..1, of inputs (n, h, w, c) float32.

        Another height or width than last time's takes some 0.3 s to prepare for.
        """
        inputs = np.ascontiguousarray(inputs, np.float32)
        if self._grid != inputs.shape[1:3]:
            self._prepare_for(inputs.shape)
        probability = np.empty(inputs.shape[:3], np.float32)
        running: deque = deque()

        def take_oldest() -> None:
            place, request = running.popleft()
            request.wait()
            probability[place] = request.get_output_tensor().data[0]

        for place in range(len(inputs)):
            if len(running) == len(self._requests):
                take_oldest()
            request = self._requests[place % len(self._requests)]
            request.start_async({0: inputs[place : place + 1]}, share_inputs=True)
            running.append((place, request))
        while running:
            take_oldest()
        # What its layers computed, 8 MiB a network of the shipped model, would wait for the next call.
        self._compiled.release_memory()
        return probability

    def count_invalid(self) -> int:
        """Return the number of weights that are not finite."""
        constants = [node for node in self._model.get_ops() if node.get_type_name() == "Constant"]
        return sum(
            int((~np.isfinite(array)).sum())
            for array in (constant.data for constant in constants)
            if array.dtype.kind == "f"
        )

    def _prepare_for(self, shape: tuple[int, ...]) -> None:
        self._model.reshape([1, *shape[1:]])
        self._refuse_other_shapes(shape)
        how = {
            "INFERENCE_PRECISION_HINT": _HINTS[self._precision],
            "PERFORMANCE_HINT": "THROUGHPUT",
            # A pinned thread waits for its processor although another may be idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = _core().compile_model(self._model, "CPU", how)
        at_once = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [self._compiled.create_infer_request() for _ in range(at_once)]
        self._grid = (shape[1], shape[2])

    def _refuse_other_shapes(self, shape: tuple[int, ...]) -> None:
        """Refuse a graph whose output is not one probability per pixel, or that computes too much."""
        outputs = [output for node in self._model.get_ops() for output in node.outputs()]
        if any(output.partial_shape.is_dynamic for output in outputs):
            raise ValueError("its shapes depend on its values")
        values = sum(prod(output.shape) for output in outputs)
        if values > MOST_VALUES:
            raise ValueError(f"it computes {values:,} values a slice, at most {MOST_VALUES:,}")
        found = [tuple(output.shape) for output in self._model.outputs]
        if found != [(1, *shape[1:3])]:
            raise ValueError(f"its output is {found}, expected {[(1, *shape[1:3])]}")


def refuse_other_operations(graph: bytes) -> None:
    """Refuse a graph before OpenVINO reads it.

    Args:
        graph: the content of an ``.xml``.

    Raises:
        ValueError: it is no XML, states entities, is nested or long as no graph is, or contains an
            operation that is not in :data:`OPERATIONS`.
    """
    if b"<!DOCTYPE" in graph or not graph.isascii():
        raise ValueError("the graph is not the XML that OpenVINO writes")
    depth = layers = 0
    for event, element in ElementTree.iterparse(BytesIO(graph), ("start", "end")):
        depth += 1 if event == "start" else -1
        layers += event == "start" and element.tag == "layer"
        if depth > DEEPEST or layers > MOST_LAYERS:
            raise ValueError("the graph is nested or long as no graph is")
        if event == "start" and element.tag == "layer":
            kind, version = element.get("type", ""), element.get("version", "")
            if not OPERATIONS.fullmatch(kind) or not version.startswith("opset"):
                raise ValueError(f"the graph contains the operation {kind} of {version}")
