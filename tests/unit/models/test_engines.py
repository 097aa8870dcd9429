"""Files are checked before they are opened, and proved before they are used, by either engine."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.changed_models import accept, load

from brainseg.errors import ModelError
from brainseg.models import list_models, open_model
from brainseg.models.engines import Engine, load_engine, openvino_graph
from brainseg.models.engines.engine import KerasRunner
from brainseg.models.engines.openvino_graph import BFLOAT16, FLOAT32

EVERY_FILE = ("fold0.weights.h5", "fold0.golden.npz", "fold0.graph.xml", "fold0.graph.bin")


@pytest.fixture
def model_folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def change_kernel(folder: Path, change) -> None:
    """Apply a function to the first convolution's kernel in the weights' file."""
    with h5py.File(folder / "fold0.weights.h5", "r+") as file:
        found = []
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "shape") else None)
        kernel = next(item for item in found if len(item.shape) == 4)
        kernel[...] = change(kernel[...])


def test_an_engine_gives_probabilities_and_is_loaded_once(tiny_model):
    model = open_model(str(tiny_model))
    engine = load_engine(model, 0)
    probability = engine(np.zeros((2, 64, 64, model.preprocessing.channels), np.float32))
    assert probability.shape == (2, 64, 64)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    assert load_engine(open_model(str(tiny_model)), 0) is engine


@pytest.mark.parametrize("name", ["keras", "openvino"])
def test_threads_that_share_an_engine_get_what_one_alone_gets(tiny_model, name):
    engine = load(tiny_model, name)
    inputs = np.random.default_rng(0).standard_normal((8, 1, 64, 64, 5)).astype(np.float32)
    alone = [engine(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine, inputs))
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_file_that_is_not_the_manifests_is_not_opened_and_no_other_steps_in(model_folder, file):
    content = bytearray((model_folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (model_folder / file).write_bytes(content)
    for engine in ("keras", "openvino"):
        with pytest.raises(ModelError, match=f"{file} of tiny is not the file its manifest names"):
            load(model_folder, engine)


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_missing_file_is_named(model_folder, file):
    (model_folder / file).unlink()
    with pytest.raises(ModelError, match=f"lacks its file {file}"):
        load(model_folder)


def test_weights_that_are_no_numbers_are_refused(model_folder):
    change_kernel(model_folder, lambda kernel: np.full_like(kernel, np.nan))
    accept(model_folder)
    with pytest.raises(ModelError, match="not numbers"):
        load(model_folder, "keras")


def test_weights_of_another_shape_are_refused(model_folder):
    manifest = model_folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["arguments"]["base_features"] = 8
    manifest.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="do not fit its architecture"):
        load(model_folder, "keras")


def test_an_architecture_that_is_not_ours_is_refused(model_folder):
    manifest = model_folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"architecture": "lambda"}))
    with pytest.raises(ModelError, match="known is unet"):
        load(model_folder, "keras")


def test_weights_that_give_another_output_than_the_stored_one_are_refused(model_folder):
    change_kernel(model_folder, lambda kernel: -3 * kernel)
    accept(model_folder)
    with pytest.raises(ModelError, match="does not give its stored output"):
        load(model_folder, "keras")


def test_a_damaged_weights_file_with_a_right_hash_is_one_sentence(model_folder):
    weights = model_folder / "fold0.weights.h5"
    weights.write_bytes(weights.read_bytes()[:5000])
    accept(model_folder)
    with pytest.raises(ModelError, match="do not fit"):
        load(model_folder, "keras")


def test_a_refused_model_leaves_the_one_before_it_in_use(tiny_model, model_folder):
    engine = load(tiny_model)
    (model_folder / "fold0.weights.h5").unlink()
    with pytest.raises(ModelError):
        load(model_folder)
    assert load(tiny_model) is engine


@pytest.mark.parametrize("engine", [pytest.param("keras", marks=pytest.mark.slow), "auto"])
@pytest.mark.parametrize("name", list_models())
def test_every_fold_that_is_shipped_gives_its_stored_output(name, engine):
    model = open_model(name)
    for record in model.folds:
        load_engine(model, record.number, engine)
        for file in record.files:
            assert (model.folder / file).stat().st_size < 50e6


def test_a_network_without_a_description_says_what_to_do_instead():
    import keras

    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
    engine = Engine(KerasRunner(network), lambda: network)
    with pytest.raises(ModelError, match="no layer “description”"):
        engine.description(np.zeros((1, 8, 8, 3), np.float32))


def test_a_graph_is_asked_for_more_than_predictions_and_keras_answers(tiny_model):
    inputs = np.random.default_rng(0).standard_normal((3, 64, 64, 5)).astype(np.float32)
    graph, reference = (load(tiny_model, name) for name in ("openvino", "keras"))
    np.testing.assert_array_equal(graph.description(inputs), reference.description(inputs))
    for ours, theirs in zip(
        graph.copy().get_weights(), reference.copy().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_environment_or_an_argument_chooses_the_engine(tiny_model, monkeypatch):
    fastest = openvino_graph.fast_precision()
    assert load(tiny_model).name == f"OpenVINO {fastest}"
    assert load(tiny_model).device.startswith("CPU (")
    monkeypatch.setenv("BRAINSEG_ENGINE", "keras")
    assert load(tiny_model).name == "TensorFlow float32"
    assert load(tiny_model).device in ("CPU", "GPU")
    assert load(tiny_model, "openvino-float32").name == "OpenVINO float32"
    monkeypatch.setenv("BRAINSEG_ENGINE", "abacus")
    with pytest.raises(ModelError, match="unknown engine “abacus”: choose from auto, openvino"):
        load(tiny_model)


def test_without_openvino_keras_runs_unless_openvino_was_asked_for(tiny_model, monkeypatch):
    monkeypatch.setattr(openvino_graph, "is_installed", lambda: False)
    assert load(tiny_model).name == "TensorFlow float32"
    with pytest.raises(ModelError, match="OpenVINO is not installed"):
        load(tiny_model, "openvino")


def test_half_precision_is_refused_where_the_processor_lacks_it(tiny_model, monkeypatch):
    monkeypatch.setattr(openvino_graph, "fast_precision", lambda: FLOAT32)
    with pytest.raises(ModelError, match="does not compute in bfloat16"):
        load(tiny_model, f"openvino-{BFLOAT16}")
    assert load(tiny_model, "openvino").name == "OpenVINO float32"


def test_a_model_that_was_published_without_graphs_runs_on_keras(model_folder):
    manifest = model_folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["folds"][0]["engine"]
    manifest.write_text(json.dumps(facts))
    assert load(model_folder).name == "TensorFlow float32"
    with pytest.raises(ModelError, match="no exported graph"):
        load(model_folder, "openvino")
