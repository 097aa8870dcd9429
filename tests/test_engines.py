"""Weights are checked before they are opened, and proved before they are used."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from brainseg.engines import Engine, load_engine
from brainseg.errors import ModelError
from brainseg.models import list_models, open_model, sha256_of


@pytest.fixture
def model_folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def accept(folder: Path, file: str = "weights") -> None:
    """Write the hash of a changed file into the manifest, as a careless publisher would."""
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    fold = facts["folds"][0]
    if file == "weights":
        fold["sha256"] = sha256_of(folder / fold["weights"])
    else:
        fold["golden"]["sha256"] = sha256_of(folder / fold["golden"]["file"])
    manifest.write_text(json.dumps(facts))


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


def test_threads_that_share_an_engine_get_what_one_alone_gets(tiny_model):
    engine = load_engine(open_model(str(tiny_model)), 0)
    inputs = np.random.default_rng(0).standard_normal((8, 1, 64, 64, 5)).astype(np.float32)
    alone = [engine(one) for one in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine, inputs))
    np.testing.assert_array_equal(alone, together)


def test_a_weights_file_that_is_not_the_manifests_is_not_opened(model_folder):
    weights = model_folder / "fold0.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_engine(open_model(str(model_folder)), 0)


def test_a_missing_file_is_named(model_folder):
    (model_folder / "fold0.weights.h5").unlink()
    with pytest.raises(ModelError, match=r"lacks its file fold0\.weights\.h5"):
        load_engine(open_model(str(model_folder)), 0)


def test_weights_that_are_no_numbers_are_refused(model_folder):
    change_kernel(model_folder, lambda kernel: np.full_like(kernel, np.nan))
    accept(model_folder)
    with pytest.raises(ModelError, match="not numbers"):
        load_engine(open_model(str(model_folder)), 0)


def test_weights_of_another_shape_are_refused(model_folder):
    manifest = model_folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["arguments"]["base_features"] = 8
    manifest.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="do not fit its architecture"):
        load_engine(open_model(str(model_folder)), 0)


def test_an_architecture_that_is_not_ours_is_refused(model_folder):
    manifest = model_folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"architecture": "lambda"}))
    with pytest.raises(ModelError, match="known is unet"):
        load_engine(open_model(str(model_folder)), 0)


def test_weights_that_give_another_output_than_the_stored_one_are_refused(model_folder):
    change_kernel(model_folder, lambda kernel: -3 * kernel)
    accept(model_folder)
    with pytest.raises(ModelError, match="does not give its stored output"):
        load_engine(open_model(str(model_folder)), 0)


def test_a_stored_output_that_was_changed_is_refused(model_folder):
    golden = model_folder / "fold0.golden.npz"
    golden.write_bytes(golden.read_bytes() + b" ")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_engine(open_model(str(model_folder)), 0)


def test_a_damaged_weights_file_with_a_right_hash_is_one_sentence(model_folder):
    weights = model_folder / "fold0.weights.h5"
    weights.write_bytes(weights.read_bytes()[:5000])
    accept(model_folder)
    with pytest.raises(ModelError, match="do not fit"):
        load_engine(open_model(str(model_folder)), 0)


def test_a_refused_model_leaves_the_one_before_it_in_use(tiny_model, model_folder):
    good = open_model(str(tiny_model))
    engine = load_engine(good, 0)
    (model_folder / "fold0.weights.h5").unlink()
    with pytest.raises(ModelError):
        load_engine(open_model(str(model_folder)), 0)
    assert load_engine(good, 0) is engine


@pytest.mark.parametrize("name", list_models())
def test_every_fold_that_is_shipped_gives_its_stored_output(name):
    model = open_model(name)
    for record in model.folds:
        load_engine(model, record.number)
        assert (model.folder / record.weights).stat().st_size < 50e6


def test_a_network_without_a_bottleneck_says_what_to_do_instead():
    import keras

    inputs = keras.Input((8, 8, 3))
    engine = Engine(keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs)))
    with pytest.raises(ModelError, match="no bottleneck"):
        engine.bottleneck(np.zeros((1, 8, 8, 3), np.float32))
