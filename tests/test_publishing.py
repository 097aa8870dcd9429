"""A finished run becomes a model; an unfinished or foreign one does not."""

import json
from pathlib import Path

import numpy as np
import pytest

from brainseg.engines import load_engine
from brainseg.errors import ModelError
from brainseg.models import open_model
from brainseg.publishing import publish
from brainseg.runs import Run


def test_a_published_model_names_the_runs_cases_threshold_and_input(tiny_run, tiny_model):
    run, model = Run.open(tiny_run), open_model(str(tiny_model))
    (record,) = model.folds
    for part in ("trained_on", "selected_on", "held_out"):
        assert list(getattr(record, part)) == run.fold()[part]
    assert model.threshold == run.status()["threshold"]
    assert model.preprocessing.size == run.config()["size"]
    assert str(tiny_run) not in (tiny_model / "manifest.json").read_text()


def test_a_published_model_gives_what_the_best_checkpoint_gives(tiny_run, tiny_model):
    from brainseg.engines import run_network
    from brainseg.networks import build_unet

    model = open_model(str(tiny_model))
    network = build_unet(**model.arguments)
    network.load_weights(tiny_run / "checkpoints" / "best.weights.h5")
    inputs = np.random.default_rng(1).standard_normal((3, 64, 64, 5)).astype(np.float32)
    np.testing.assert_array_equal(load_engine(model, 0)(inputs), run_network(network, inputs))


def test_publishing_again_replaces_the_fold_and_keeps_the_others(tiny_run, tmp_path):
    folder = tmp_path / "twice"
    publish(Run.open(tiny_run), folder)
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    other = facts["folds"][0] | {"number": 1, "held_out": []}
    manifest.write_text(json.dumps(facts | {"folds": [facts["folds"][0], other]}))
    again = publish(Run.open(tiny_run), folder)
    assert sorted(record.number for record in again.folds) == [0, 1]


def test_a_run_that_is_not_finished_is_not_published(tiny_run, tmp_path):
    import shutil

    unfinished = Run(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    unfinished.set_status("stopped", epoch=1)
    with pytest.raises(ModelError, match="only a finished one is published"):
        publish(unfinished, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_of_another_architecture_is_not_mixed_in(tiny_run, tmp_path):
    folder = tmp_path / "mixed"
    publish(Run.open(tiny_run), folder)
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["arguments"]["base_features"] = 8
    manifest.write_text(json.dumps(facts))
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    with pytest.raises(ModelError, match="publish under another name"):
        publish(Run.open(tiny_run), folder)
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
