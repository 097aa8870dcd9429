"""A finished run becomes a model; an unfinished or foreign one does not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.make_tiny_model import MODEL

from brainseg.__main__ import main
from brainseg.errors import ModelError
from brainseg.models import open_model
from brainseg.models.engines import load_engine
from brainseg.models.engines.exporting import export_network
from brainseg.models.training_images import FILE
from brainseg.training.publishing import export_engines, place_to_publish, publish, publish_all
from brainseg.training.runs import Run


@pytest.fixture(scope="module")
def tiny_model(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model published now: the one that other tests open was published before."""
    return publish(Run.open(tiny_run), tmp_path_factory.mktemp("models") / "tiny").folder


def test_a_newly_published_model_matches_the_committed_one(tiny_model):
    fresh, committed = (open_model(str(folder)) for folder in (tiny_model, MODEL))
    assert contents(tiny_model).keys() == contents(MODEL).keys()
    assert fresh.folds[0].held_out == committed.folds[0].held_out
    assert fresh.folds[0].threshold == committed.folds[0].threshold
    assert (fresh.preprocessing, fresh.inference) == (committed.preprocessing, committed.inference)
    assert fresh.training_images.cases == committed.training_images.cases


def test_a_published_model_has_the_cases_threshold_and_input_of_its_run(tiny_run, tiny_model):
    run, model = Run.open(tiny_run), open_model(str(tiny_model))
    (record,) = model.folds
    for part in ("trained_on", "selected_on", "held_out"):
        assert list(getattr(record, part)) == run.fold()[part]
    assert record.threshold == model.threshold == run.status()["threshold"]
    assert model.preprocessing.size == run.config()["size"]
    assert str(tiny_run) not in (tiny_model / "manifest.json").read_text()


def test_a_published_model_predicts_as_the_best_checkpoint(tiny_run, tiny_model):
    from brainseg.models.engines import run_network
    from brainseg.models.networks import build_unet

    model = open_model(str(tiny_model))
    network = build_unet(**model.arguments)
    network.load_weights(tiny_run / "checkpoints" / "best.weights.h5")
    inputs = np.random.default_rng(1).standard_normal((3, 64, 64, 5)).astype(np.float32)
    expected = run_network(network, inputs)
    for engine in ("keras", "openvino-float32"):
        given = load_engine(model, 0, engine)(inputs)
        np.testing.assert_allclose(given, expected, atol=0.01, err_msg=engine)


def test_published_weights_are_those_of_the_checkpoint_in_half_precision(tiny_run, tiny_model):
    from brainseg.models.networks import build_unet

    model, checkpoint = open_model(str(tiny_model)), tiny_run / "checkpoints" / "best.weights.h5"
    network = build_unet(**model.arguments)
    network.load_weights(checkpoint)
    published = load_engine(model, 0, "keras").copy()
    for kept, trained in zip(published.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, trained.astype(np.float16).astype(np.float32))
    # Most of so small a file is HDF5's own.
    sizes = [path.stat().st_size for path in (tiny_model / "fold0.weights.h5", checkpoint)]
    assert sizes[1] - sizes[0] >= 1.5 * network.count_params()


def test_weights_beyond_half_precision_are_published_as_they_are(tiny_run, tmp_path):
    run = Run(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    network = scaled_network(tiny_run, 1)
    weights = network.get_weights()
    weights[6] = weights[6] + np.float32(2.5e6)  # the variance of the first normalisation
    network.set_weights(weights)
    network.save_weights(run.path / "checkpoints" / "best.weights.h5")
    model = publish(run, tmp_path / "large")
    published = load_engine(model, 0, "keras").copy().get_weights()
    np.testing.assert_array_equal(published[6], weights[6])
    assert load_engine(model, 0, "openvino-float32")


def other_fold(run: Path, dest: Path, **settings: object) -> Run:
    """Return a copy of a run of another fold: its training cases are held out."""
    copy = Run(Path(shutil.copytree(run, dest)))
    copy.set_config(copy.config() | {"fold": 1} | settings)
    fold = copy.fold()
    swapped = {"trained_on": fold["held_out"], "selected_on": [], "held_out": fold["trained_on"]}
    (copy.path / "folds.json").write_text(json.dumps(fold | {"number": 1} | swapped))
    return copy


def test_folds_are_published_one_after_the_other_and_replaced(tiny_run, tiny_model, tmp_path):
    folder, first = Path(shutil.copytree(tiny_model, tmp_path / "both")), Run.open(tiny_run)
    second = other_fold(tiny_run, tmp_path / "run")
    second.set_status("finished", threshold=0.65)
    facts = publish_all([second.path, tiny_run], folder)
    assert facts == {"model": "both", "folder": str(folder), "folds": [0, 1], "graphs": [0, 1]}
    model = open_model(str(folder))
    thresholds = [first.status()["threshold"], 0.65]
    assert [record.threshold for record in model.folds] == thresholds
    assert model.threshold == pytest.approx(np.mean(thresholds))
    assert model.threshold_for((1,)) == 0.65
    assert model.folds[1].held_out == model.folds[0].trained_on
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        FILE,
        *(file for record in model.folds for file in record.files),
    }
    for number in (0, 1):
        load_engine(model, number)


def test_a_fold_with_the_same_held_out_cases_is_refused(tiny_run, tmp_path):
    folder = tmp_path / "twice"
    publish(Run.open(tiny_run), folder)
    before = contents(folder)
    again = other_fold(tiny_run, tmp_path / "run")
    shutil.copy(tiny_run / "folds.json", again.path / "folds.json")
    with pytest.raises(ModelError, match="held out by two folds"):
        publish(again, folder)
    assert contents(folder) == before


def test_graphs_are_added_to_a_published_model_without_other_changes(tiny_model, tmp_path):
    folder = Path(shutil.copytree(tiny_model, tmp_path / "old"))
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    # As manifests were before there were graphs and a threshold a fold.
    (fold,) = facts["folds"]
    facts |= {"threshold": fold.pop("threshold"), "folds": [fold]}
    del fold["engine"]
    manifest.write_text(json.dumps(facts))
    for path in folder.glob("*.graph.*"):
        path.unlink()
    old = open_model(str(folder))
    assert (old.threshold, old.folds[0].engine) == (open_model(str(tiny_model)).threshold, None)

    assert publish_all([], folder)["graphs"] == [0]
    new = open_model(str(folder))
    assert (new.digest, new.threshold, new.folds[0].golden) == (
        old.digest,
        old.threshold,
        old.folds[0].golden,
    )
    assert load_engine(new, 0).name.startswith("OpenVINO")


def test_without_an_exporter_a_fold_is_published_without_a_graph(tiny_run, tmp_path, monkeypatch):
    for module in ("publishing", "run_models"):
        monkeypatch.setattr(f"brainseg.training.{module}.can_export", lambda: False)
    model = publish(Run.open(tiny_run), tmp_path / "plain")
    assert model.folds[0].engine is None
    assert load_engine(model, 0).name == "TensorFlow float32"
    with pytest.raises(ModelError, match="exported by Keras on TensorFlow"):
        export_engines(tmp_path / "plain")


def test_a_graph_that_differs_from_its_network_is_not_written(tiny_run, tmp_path, monkeypatch):
    graph, weights = export_network(scaled_network(tiny_run, -1))
    monkeypatch.setattr(
        "brainseg.training.network_files.export_network", lambda _: (graph, weights)
    )
    with pytest.raises(ModelError, match="nothing was written"):
        publish(Run.open(tiny_run), tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def scaled_network(run: Path, factor: float):
    """Return the network of a run with all of its weights scaled."""
    from brainseg.models.networks import build_unet

    network = build_unet(channels=5, base_features=4, levels=2)
    network.load_weights(run / "checkpoints" / "best.weights.h5")
    network.set_weights([factor * weight for weight in network.get_weights()])
    return network


def test_the_stored_output_of_a_fold_shows_head_and_background(tiny_model):
    with np.load(tiny_model / "fold0.golden.npz") as golden:
        assert golden["inputs"].shape == (1, 64, 64, 5)
        assert golden["probability"].min() < 0.1
        assert golden["probability"].max() > 0.3


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_in_training_or_without_a_scored_epoch_is_not_published(tiny_run, tmp_path):
    run = Run(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    run.set_status("training", epoch=1)
    with pytest.raises(ModelError, match="is being trained: stop it"):
        publish(run, tmp_path / "model")
    run.set_status("stopped", epoch=0)
    (run.path / "checkpoints" / "best.weights.h5").unlink()
    with pytest.raises(ModelError, match="has no scored epoch yet: resume it"):
        publish(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_stopped_run_is_published_with_the_usual_threshold(tiny_run, tmp_path):
    run = Run(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    run.set_status("stopped", epoch=1, best_epoch=1, best_dice=0.5)
    assert publish(run, tmp_path / "model").threshold == 0.5


def test_a_bare_name_is_a_model_in_the_state_folder(tiny_run, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["publish", "mine", str(tiny_run)]) == 0
    assert not list(tmp_path.glob("mine"))
    model = open_model("mine")
    assert model.folder == (home / "models" / "mine").resolve()
    assert [record.run for record in model.folds] == [Run(tiny_run).name]
    with pytest.raises(ModelError, match="lgg-unet is a model of this package"):
        place_to_publish("lgg-unet")
    for name in ("", "..", ".hidden", "a b", "x" * 61):
        with pytest.raises(ModelError, match="a model cannot be called"):
            place_to_publish(name)


def test_a_fold_of_another_architecture_is_refused(tiny_run, tmp_path):
    folder = tmp_path / "mixed"
    publish(Run.open(tiny_run), folder)
    before = contents(folder)
    with pytest.raises(ModelError, match="publish under another name"):
        publish(other_fold(tiny_run, tmp_path / "run", base_features=8), folder)
    assert contents(folder) == before
