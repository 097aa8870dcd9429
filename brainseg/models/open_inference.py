"""The Open Inference Protocol (KServe v2) over HTTP: how tensors are written and read.

With the extension of binary tensors, the body is the JSON, whose length a header states, and then the
bytes of the tensors; see kserve.github.io/website and Triton's protocol/extension_binary_data.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

JSON_BYTES = "Inference-Header-Content-Length"
"""The header that states the length of the JSON if tensors follow it."""

INPUT, OUTPUT = "input", "probability"
"""The tensors of a network: (n, h, w, c) and (n, h, w), both FP32."""

_FP32 = "FP32"


def encoded(
    tensors: Mapping[str, np.ndarray], facts: Mapping[str, Any], is_binary: bool, kind: str
) -> tuple[bytes, dict[str, str]]:
    """Return a body and its headers.

    Args:
        tensors: float32, by name.
        facts: the other entries of the JSON.
        is_binary: whether the tensors follow the JSON as bytes.
        kind: "inputs" or "outputs".
    """
    entries, tail = [], b""
    for name, tensor in tensors.items():
        entry: dict[str, Any] = {"name": name, "shape": [*tensor.shape], "datatype": _FP32}
        if is_binary:
            content = np.ascontiguousarray(tensor, "<f4").tobytes()
            entry["parameters"] = {"binary_data_size": len(content)}
            tail += content
        else:
            entry["data"] = tensor.astype(float).ravel().tolist()
        entries.append(entry)
    head = json.dumps({**facts, kind: entries}).encode()
    if not is_binary:
        return head, {"Content-Type": "application/json"}
    return head + tail, {"Content-Type": "application/octet-stream", JSON_BYTES: str(len(head))}


def decoded(body: bytes, json_bytes: str | None, kind: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the JSON of a body, and its tensors as float32, by name.

    Args:
        body: of a request or a response.
        json_bytes: the value of the header :data:`JSON_BYTES`, or None.
        kind: "inputs" or "outputs".

    Raises:
        ValueError: the body does not follow the protocol, or has a tensor that is not FP32.
    """
    length = len(body) if json_bytes is None else int(json_bytes)
    if not 0 <= length <= len(body):
        raise ValueError(f"{JSON_BYTES} is {length}, but the body has {len(body)} bytes")
    try:
        facts, at = json.loads(body[:length]), length
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    tensors: dict[str, np.ndarray] = {}
    try:
        for entry in facts[kind]:
            if entry["datatype"] != _FP32:
                raise ValueError(f"{entry['name']} is {entry['datatype']} instead of {_FP32}")
            shape = _shape(entry["shape"])
            size = (entry.get("parameters") or {}).get("binary_data_size")
            if size is None:
                values = np.array(entry["data"], np.float32).ravel()
            else:
                values = np.frombuffer(body[at : at + int(size)], "<f4")
                at += int(size)
            tensors[str(entry["name"])] = values.reshape(shape).astype(np.float32, copy=False)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"an entry of {kind} is missing or damaged ({error})") from error
    return facts, tensors


def _shape(given: Sequence[Any]) -> tuple[int, ...]:
    if not all(isinstance(one, int) and one >= 0 for one in given):
        raise ValueError(f"the shape is {given}")
    return tuple(given)
