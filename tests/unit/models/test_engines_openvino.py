"""A published graph gives what its network gives, without TensorFlow and without telling anybody."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from support.changed_models import accept, load

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.metrics import dice
from brainseg.models import open_model
from brainseg.models.engines import load_engine, run_network
from brainseg.models.engines.exporting import export_network
from brainseg.models.engines.openvino_graph import FLOAT32, OpenVinoGraph, fast_precision
from brainseg.models.networks import ARCHITECTURES
from brainseg.preprocessing import prepare

CHECKOUT = Path(__file__).resolve().parents[3]
PRECISIONS = sorted({FLOAT32, fast_precision()})


@pytest.fixture
def model_folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def change_constant(folder: Path, change) -> None:
    """Apply a function to the first large constant of a graph's weights."""
    layers = ElementTree.parse(folder / "fold0.graph.xml").getroot().iter("layer")
    data = next(
        data
        for layer in layers
        if layer.get("type") == "Const"
        and (data := layer.find("data")).get("element_type") == "f16"
        and int(data.get("size")) > 100
    )
    start, size = int(data.get("offset")), int(data.get("size"))
    content = bytearray((folder / "fold0.graph.bin").read_bytes())
    values = np.frombuffer(content, np.float16, size // 2, start)
    content[start : start + size] = change(values).astype(np.float16).tobytes()
    (folder / "fold0.graph.bin").write_bytes(content)
    accept(folder)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_graph_agrees_with_its_network(tiny_model, taught_root, precision):
    model = open_model(str(tiny_model))
    case = Cohort.open(taught_root).case(model.folds[0].held_out[0])
    inputs = prepare(case.volume(), model.preprocessing)
    expected = load_engine(model, 0, "keras")(inputs)
    found = load_engine(model, 0, f"openvino-{precision}")(inputs)
    assert expected.max() > 0.5
    assert np.mean(np.abs(found - expected) <= 0.01) > 0.99
    assert np.abs(found - expected).max() < (0.01 if precision == "float32" else 0.2)


@pytest.mark.parametrize(
    ("every", "most"),
    [
        pytest.param(9, 0.002, marks=pytest.mark.slow),
        pytest.param(3, 0.001, marks=pytest.mark.long),
    ],
)
def test_the_shipped_graphs_agree_on_real_cases_that_they_never_saw(real_cohort, every, most):
    model = open_model()
    near, differences = [], []
    for record in model.folds:
        for name in record.held_out[::every]:
            case = real_cohort.case(name)
            inputs, (masks, _) = prepare(case.volume(), model.preprocessing), case.masks()
            expected = load_engine(model, record.number, "keras")(inputs)
            made = [load_engine(model, record.number, f"openvino-{p}")(inputs) for p in PRECISIONS]
            near.append([np.mean(np.abs(one - expected) <= 0.01) for one in made])
            score, *scores = (dice(masks, one >= record.threshold) for one in (expected, *made))
            differences.append([one - score for one in scores])
    assert np.mean(near, axis=0).min() > 0.99
    # Of the cohort: bfloat16 moves single cases whose tumour is faint by up to 0.02, either way.
    assert np.abs(np.mean(differences, axis=0)).max() < most


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_can_be_exported(name):
    import keras

    keras.utils.set_random_seed(0)
    small = {"base_features": 4} if name == "unet" else {"decoder_features": (8, 8, 8, 8, 4)}
    network = ARCHITECTURES[name](channels=5, **small)
    inputs = np.random.default_rng(0).standard_normal((2, 64, 96, 5)).astype(np.float32)
    graph = OpenVinoGraph(*export_network(network), FLOAT32)
    np.testing.assert_allclose(graph(inputs), run_network(network, inputs), atol=0.01)


def test_slices_of_another_size_and_one_alone_come_out_as_in_keras(tiny_model):
    rng = np.random.default_rng(0)
    graph, reference = load(tiny_model, "openvino-float32"), load(tiny_model, "keras")
    for shape in ((1, 64, 64, 5), (7, 32, 96, 5), (3, 64, 64, 5)):
        inputs = rng.standard_normal(shape).astype(np.float32)
        np.testing.assert_allclose(graph(inputs), reference(inputs), atol=0.01)


def test_a_slice_is_predicted_the_same_in_any_company(tiny_model):
    inputs = np.random.default_rng(0).standard_normal((9, 64, 64, 5)).astype(np.float32)
    engine = load(tiny_model, "openvino")
    np.testing.assert_array_equal(engine(inputs), np.concatenate([engine(i[None]) for i in inputs]))


def test_a_view_that_is_not_contiguous_is_predicted_as_its_copy(tiny_model):
    inputs = np.random.default_rng(0).standard_normal((2, 64, 64, 5)).astype(np.float32)
    engine = load(tiny_model, "openvino")
    turned = inputs[:, :, ::-1]
    np.testing.assert_array_equal(engine(turned), engine(turned.copy()))


def test_a_graph_whose_weights_are_no_numbers_is_refused(model_folder):
    change_constant(model_folder, lambda values: np.full_like(values, np.nan))
    with pytest.raises(ModelError, match="not numbers"):
        load(model_folder)


def test_a_graph_that_gives_another_output_than_the_stored_one_is_refused(model_folder):
    change_constant(model_folder, lambda values: -3 * values)
    with pytest.raises(ModelError, match="does not give its stored output here with OpenVINO"):
        load(model_folder)


@pytest.mark.parametrize(
    ("file", "kept"), [("fold0.graph.xml", 3000), ("fold0.graph.xml", 0), ("fold0.graph.bin", 200)]
)
def test_a_cut_graph_with_a_right_hash_is_one_sentence(model_folder, file, kept):
    (model_folder / file).write_bytes((model_folder / file).read_bytes()[:kept])
    accept(model_folder)
    with pytest.raises(ModelError, match="OpenVINO cannot read the exported graph of tiny fold 0"):
        load(model_folder)


PREDICTS_WATCHED = """
import sys

seen = []
TALKS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork",
         "os.posix_spawn", "os.exec")
sys.addaudithook(lambda event, given: seen.append((event, given)) if event in TALKS else None)

import numpy as np
from brainseg.models import open_model
from brainseg.inference.prediction import predict_timed
from brainseg.volume import Volume

sys.path.append("tests")
from support.jobs import InThisProcess

model, volume = open_model(sys.argv[1]), Volume(np.zeros((2, 64, 64, 3), np.uint8))
exposure = model.exposure(None, volume)
predict_timed(volume, model, exposure, jobs=InThisProcess("prediction"))  # as a worker does
assert "openvino" in sys.modules
heavy = {"tensorflow", "keras", "torch"} & set(sys.modules)
assert not heavy, heavy
assert sys.modules["openvino_telemetry"] is None, "the telemetry package was imported"
assert not seen, seen
"""


def test_a_prediction_needs_no_tensorflow_and_tells_nobody(tiny_model, tmp_path):
    quiet = {"CI", "TF_BUILD", "JENKINS_URL"}  # where telemetry is off by itself
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    environment |= {name: str(tmp_path) for name in ("HOME", "USERPROFILE", "LOCALAPPDATA")}
    run = subprocess.run(
        [sys.executable, "-c", PREDICTS_WATCHED, str(tiny_model)],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []


def test_an_export_tells_nobody(tmp_path, monkeypatch):
    import keras

    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("CI", "TF_BUILD", "JENKINS_URL"):
        monkeypatch.delenv(name, raising=False)
    seen, watching = [], True

    def watch(event: str, given: tuple) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
            seen.append((event, given))

    sys.addaudithook(watch)  # for the rest of the process, so it has to be told when to stop
    inputs = keras.Input((None, None, 3))
    graph, weights = export_network(keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs)))
    watching = False
    assert graph.startswith(b"<?xml")
    assert weights
    assert sys.modules["openvino_telemetry"] is None
    assert seen == []
    assert list(tmp_path.iterdir()) == []
