"""A model on another machine: our server with our client and with Triton's, and what is said of it."""

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.jobs import InThisProcess
from support.make_tiny_model import MODEL
from support.remote_models import listening
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.evaluation import scorable
from brainseg.inference.prediction import predict_timed
from brainseg.jobs import Jobs
from brainseg.models import HELD_OUT, UNKNOWN, Model, open_model
from brainseg.models.engines import load_engine
from brainseg.models.open_inference import INPUT, OUTPUT, decoded, encoded
from brainseg.models.remote import shown_name
from brainseg.preprocessing import prepare
from brainseg.serving import MOST_SLICES, app_of
from brainseg.volume import Volume


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(str(shutil.copytree(MODEL, tmp_path_factory.mktemp("served") / "tiny")))


@pytest.fixture(scope="module")
def host(local: Model) -> Iterator[str]:
    """Return host and port of a server of the tiny model, which predicts in this process."""
    where, server, thread = listening(app_of(local, InThisProcess("a test")))
    yield where
    server.should_exit = True
    thread.join()


@pytest.fixture
def address(host: str) -> str:
    return f"http://{host}/v2/models/tiny"


def slices_of(cohort: Cohort, model: Model) -> np.ndarray:
    return prepare(cohort[0].volume(), model.preprocessing)


def test_a_remote_model_predicts_as_the_same_model_here(
    address: str, local: Model, taught: Cohort
) -> None:
    remote, case = open_model(address), taught[0]
    jobs: Jobs = InThisProcess("a test")
    here, there = (
        predict_timed(case.volume(), model, model.exposure(case), jobs=jobs)
        for model in (local, remote)
    )
    assert np.array_equal(here.units, there.units)
    assert there.engine == f"{here.engine} at {address.split('/')[2]}"
    assert remote.name == shown_name(address) != local.name


def test_a_remote_model_says_what_it_learned_from(
    address: str, local: Model, taught: Cohort
) -> None:
    remote = open_model(address)
    assert (remote.digest, remote.folds) == (local.digest, local.folds)
    assert [remote.exposure(case) for case in taught] == [local.exposure(case) for case in taught]
    assert HELD_OUT in {remote.exposure(case).relation for case in taught}
    # Recognised by its images alone, too; strange images remain unknown.
    volume = taught[0].volume()
    assert remote.exposure(None, volume) == local.exposure(None, volume)
    strange = Volume(np.full((2, 64, 64, 3), 7, np.uint8))
    assert remote.exposure(None, strange).relation == UNKNOWN
    assert [case.name for case in scorable(taught, remote)[0]] == [
        case.name for case in scorable(taught, local)[0]
    ]


def test_tritons_client_gets_metadata_health_and_the_same_probabilities(
    host: str, local: Model, taught: Cohort
) -> None:
    slices = slices_of(taught, local)
    expected = load_engine(local, 0)(slices)
    with triton.InferenceServerClient(host) as client:
        assert (
            client.is_server_live() and client.is_server_ready() and client.is_model_ready("tiny")
        )
        assert not client.is_model_ready("other")
        about = client.get_model_metadata("tiny")
        assert about["versions"] == ["0"]
        assert about["inputs"][0]["shape"] == [-1, *slices.shape[1:]]
        for is_binary in (True, False):
            given = triton.InferInput(INPUT, [*slices.shape], "FP32")
            given.set_data_from_numpy(slices, binary_data=is_binary)
            wanted = [triton.InferRequestedOutput(OUTPUT, binary_data=is_binary)]
            for version in ("", "0"):
                found = client.infer("tiny", [given], version, wanted, request_id="7")
                assert np.array_equal(found.as_numpy(OUTPUT), expected)
                assert found.get_response()["id"] == "7"
        given = triton.InferInput(INPUT, [1, 8, 8, 3], "FP32")
        given.set_data_from_numpy(np.zeros((1, 8, 8, 3), np.float32))
        with pytest.raises(InferenceServerException, match="expected \\[slices, "):
            client.infer("tiny", [given])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "an entry of inputs is missing"),
        (b'{"inputs": [{"name": "input", "datatype": "INT8", "shape": [1]}]}', "is INT8"),
        (b'{"inputs": [{"name": "input", "datatype": "FP32", "shape": [-1]}]}', "the shape is"),
        (
            b'{"inputs": [{"name": "input", "datatype": "FP32", "shape": [9], "data": [1]}]}',
            "reshape",
        ),
    ],
)
def test_a_damaged_request_is_refused_with_the_reason(
    address: str, body: bytes, reason: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{address}/infer", body)
    assert refused.value.code == 400
    assert reason in json.loads(refused.value.read())["error"]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"outputs": 5}, "damaged"),
        ({"outputs": ["probability"]}, "damaged"),
        ({"parameters": "binary"}, "damaged"),
        ({"outputs": [{"name": "mask"}]}, "the output 'mask' is unknown"),
    ],
)
def test_a_wish_for_an_output_that_there_is_not_is_refused_before_the_work(
    address: str, local: Model, wish: dict, reason: str
) -> None:
    size, channels = local.preprocessing.size, local.preprocessing.channels
    slices = np.zeros((1, size, size, channels), np.float32)
    body, headers = encoded({INPUT: slices}, wish, True, "inputs")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{address}/infer", body, headers))
    assert refused.value.code == 400
    assert reason in json.loads(refused.value.read())["error"]


def test_a_request_beyond_the_limits_is_refused(
    address: str, local: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, channels = local.preprocessing.size, local.preprocessing.channels

    def refused(slices: np.ndarray) -> str:
        body, headers = encoded({INPUT: slices}, {}, True, "inputs")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(urllib.request.Request(f"{address}/infer", body, headers))
        assert error.value.code == 400
        return json.loads(error.value.read())["error"]

    many = np.zeros((MOST_SLICES + 1, size, size, channels), np.float32)
    assert refused(many) == f"{MOST_SLICES + 1} slices were sent; expected 1 to {MOST_SLICES}."
    assert "not numbers" in refused(np.full_like(many[:1], np.nan))
    monkeypatch.setattr("brainseg.serving.MOST_BYTES", 2**10)
    assert "send fewer slices" in refused(many[:1])


def test_a_full_line_and_an_unknown_fold_have_codes_of_their_own(local: Model) -> None:
    where, server, thread = listening(app_of(local, Jobs("a test", workers=1, most_waiting=0)))
    slices = np.zeros((1, 64, 64, local.preprocessing.channels), np.float32)
    body, headers = encoded({INPUT: slices}, {}, True, "inputs")
    codes = []
    for path in (
        "tiny/infer",
        "tiny/versions/9/infer",
        "other/infer",
        "tiny/files/fold0.weights.h5",
    ):
        sent = None if "files" in path else body
        with pytest.raises(urllib.error.HTTPError) as error:
            request = urllib.request.Request(f"http://{where}/v2/models/{path}", sent, headers)
            urllib.request.urlopen(request)
        codes.append(error.value.code)
    server.should_exit = True
    thread.join()
    assert codes == [503, 404, 404, 404]


def test_a_server_that_does_not_say_what_its_model_learned_from_is_refused() -> None:
    async def bare(_: object) -> JSONResponse:
        return JSONResponse({"name": "bare", "versions": ["1"]})

    where, server, thread = listening(Starlette(routes=[Route("/v2/models/bare", bare)]))
    with pytest.raises(ModelError, match="does not say what its model learned from"):
        open_model(f"http://{where}/v2/models/bare")
    server.should_exit = True
    thread.join()
    with pytest.raises(ModelError, match="nothing answers at"):
        open_model(f"http://{where}/v2/models/gone")
    with pytest.raises(
        ModelError, match=r"is not the address of a model: it ends with /v2/models/NAME"
    ):
        open_model(f"http://{where}/tiny")


@pytest.mark.parametrize("place", ["localhost:port", "[::1", "127.0.0.1:{other}"])
def test_an_address_of_something_else_is_refused_in_a_sentence(place: str) -> None:
    def answer() -> None:
        with suppress(OSError):  # no client has connected
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=answer, daemon=True).start()
        address = place.format(other=listener.getsockname()[1])
        with pytest.raises(ModelError, match=r"nothing answers at|is not an address"):
            open_model(f"http://{address}/v2/models/tiny")


def test_a_server_with_other_networks_than_its_manifest_is_not_used(
    local: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "brainseg.serving._run",
        lambda folder, folds, slices: (np.full(slices.shape[:3], 0.5, np.float32), "x", "y"),
    )
    where, server, thread = listening(app_of(local, InThisProcess("a test")))
    remote = open_model(f"http://{where}/v2/models/tiny")
    with pytest.raises(ModelError, match="does not give its stored output here"):
        load_engine(remote, 0)
    server.should_exit = True
    thread.join()


def test_tensors_survive_both_ways_of_writing_them() -> None:
    tensor = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    for is_binary in (True, False):
        body, headers = encoded({"x": tensor}, {"id": "1"}, is_binary, "inputs")
        facts, found = decoded(body, headers.get("Inference-Header-Content-Length"), "inputs")
        assert facts["id"] == "1" and np.array_equal(found["x"], tensor)
    with pytest.raises(ValueError, match="but the body has 2 bytes"):
        decoded(b"{}", "9", "inputs")
