"""``brainseg serve``: the networks of one model, by the Open Inference Protocol v2 over HTTP.

A version in the protocol is a fold; without one, the answer is the mean of all folds. Inputs are slices
as :mod:`brainseg.preprocessing` prepares them. Beside the protocol, the metadata have the manifest, and
``/files/NAME`` the stored outputs and the hashes of training images, for :mod:`brainseg.models.remote`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brainseg import __version__
from brainseg.errors import BrainsegError, DecodeError, ModelError
from brainseg.inference.workers import PREDICTING
from brainseg.io.files import read_file
from brainseg.jobs import JobLost, Jobs, QueueFull
from brainseg.models import Model
from brainseg.models.files import read_verified
from brainseg.models.open_inference import INPUT, JSON_BYTES, OUTPUT, decoded, encoded
from brainseg.models.places import MANIFEST

MOST_BYTES = 2**26
"""Limit of a request; a batch of 12 slices of the shipped model has 16 MB."""

MOST_SLICES = 64

_Answer = Callable[[Request], Awaitable[Response]]


def serve(model: Model, host: str, port: int) -> None:
    """Serve a model until the process is ended."""
    uvicorn.run(app_of(model), host=host, port=port, log_level="warning", access_log=False)


def app_of(model: Model, jobs: Jobs = PREDICTING) -> Starlette:
    """Return the application that serves a model.

    Args:
        model: see :func:`brainseg.models.open_model`.
        jobs: the worker that runs its networks, with limits of time and memory.
    """
    one = f"/v2/models/{model.name}"
    fold = f"{one}/versions/{{fold:int}}"
    metadata, infer = partial(_metadata, model), partial(_infer, model, jobs)
    ready, about = (
        _constant({"ready": True, "live": True}),
        _constant(
            {"name": "brainseg", "version": __version__, "extensions": ["binary_tensor_data"]}
        ),
    )
    gets: dict[str, _Answer] = {"/v2": about, "/v2/health/live": ready, "/v2/health/ready": ready}
    for place in (one, fold):
        gets |= {place: metadata, f"{place}/ready": partial(_ready, model)}
    gets[f"{one}/files/{{file}}"] = partial(_file, model)
    return Starlette(
        routes=[
            *(Route(path, _or_refused(answer)) for path, answer in gets.items()),
            *(Route(f"{path}/infer", _or_refused(infer), methods=["POST"]) for path in (one, fold)),
        ]
    )


def _or_refused(answer: _Answer) -> _Answer:
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except (QueueFull, JobLost) as error:
            return JSONResponse({"error": str(error)}, 503)
        except (BrainsegError, ValueError) as error:
            return JSONResponse(
                {"error": str(error)}, 404 if isinstance(error, ModelError) else 400
            )

    return answered


def _constant(facts: dict) -> _Answer:
    async def answer(_: Request) -> Response:
        return JSONResponse(facts)

    return answer


def _folds(model: Model, request: Request) -> tuple[int, ...]:
    """Return the folds that a request names; raises ModelError if the model has no such fold."""
    if "fold" in request.path_params:
        return (model.fold(request.path_params["fold"]).number,)
    return tuple(record.number for record in model.folds)


async def _ready(model: Model, request: Request) -> Response:
    return JSONResponse({"ready": bool(_folds(model, request))})


async def _metadata(model: Model, request: Request) -> Response:
    _folds(model, request)
    size, channels = model.preprocessing.size, model.preprocessing.channels
    return JSONResponse(
        {
            "name": model.name,
            "versions": [str(record.number) for record in model.folds],
            "platform": "brainseg",
            "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, size, size, channels]}],
            "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, size, size]}],
            "parameters": {"manifest": read_file(model.folder / MANIFEST, MOST_BYTES).decode()},
        }
    )


async def _file(model: Model, request: Request) -> Response:
    """Answer with a stored output or the hashes of training images, as the manifest names them."""
    given = [record.golden for record in model.folds] + ([model.images] if model.images else [])
    hashes = {one["file"]: one["sha256"] for one in given}
    file = request.path_params["file"]
    if file not in hashes:
        raise ModelError(
            f"{model.name} gives no file of this name: choose among {', '.join(hashes)}."
        )
    return Response(read_verified(model.folder, file, hashes[file]), 200)


async def _infer(model: Model, jobs: Jobs, request: Request) -> Response:
    folds, inputs = _folds(model, request), bytearray()
    async for chunk in request.stream():
        inputs += chunk
        if len(inputs) > MOST_BYTES:
            raise DecodeError(
                f"the request has more than {MOST_BYTES >> 20} MiB: send fewer slices."
            )
    facts, tensors = decoded(bytes(inputs), request.headers.get(JSON_BYTES), "inputs")
    slices, is_binary = _checked(model, tensors), _wants_binary(facts)
    job = jobs.schedule(_run, (model.folder, folds, slices))
    try:
        found, engine, device = await asyncio.wrap_future(job)
    except asyncio.CancelledError:  # the visitor has left
        job.cancel()
        raise
    about = {
        "model_name": model.name,
        "model_version": ",".join(map(str, folds)),
        "parameters": {"engine": engine, "device": device},
        **({"id": facts["id"]} if isinstance(facts.get("id"), str) else {}),
    }
    body, headers = encoded({OUTPUT: found}, about, is_binary, "outputs")
    return Response(body, 200, headers)


def _checked(model: Model, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Return the input of a request; raises DecodeError if the network does not take it."""
    size, channels = model.preprocessing.size, model.preprocessing.channels
    slices = tensors.get(INPUT)
    if slices is None or slices.shape[1:] != (size, size, channels):
        shape = None if slices is None else [*slices.shape]
        raise DecodeError(
            f"the shape of “{INPUT}” is {shape}; expected [slices, {size}, {size}, {channels}]."
        )
    if not 1 <= len(slices) <= MOST_SLICES:
        raise DecodeError(f"{len(slices)} slices were sent; expected 1 to {MOST_SLICES}.")
    if not np.isfinite(slices).all():
        raise DecodeError("the input has values that are not numbers: prepare it again.")
    return slices


def _run(folder: Path, folds: tuple[int, ...], slices: np.ndarray) -> tuple[np.ndarray, str, str]:
    """Return the mean probability of some folds, and the names of engine and device, in a worker."""
    # The engine may import Keras, which the server does not need.
    from brainseg.models import open_model
    from brainseg.models.engines import load_engine

    networks = [load_engine(open_model(str(folder)), fold) for fold in folds]
    outputs = [network(slices) for network in networks]
    found = np.asarray(np.mean(outputs, axis=0, dtype=np.float32))
    return found, networks[0].name, networks[0].device


def _wants_binary(facts: dict) -> bool:
    """Return whether a request asks for its output as bytes.

    Raises:
        DecodeError: it asks for another output, or not as the protocol says.
    """
    try:
        outputs = facts.get("outputs") or []
        others = [one["name"] for one in outputs if one["name"] != OUTPUT]
        given = [one.get("parameters") or {} for one in (facts, *outputs)]
        is_binary = any(one.get("binary_data_output") or one.get("binary_data") for one in given)
    except (KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"outputs or parameters are damaged ({error}).") from error
    if others:
        raise DecodeError(f"the output {str(others[0])[:60]!r} is unknown: ask for “{OUTPUT}”.")
    return is_binary
