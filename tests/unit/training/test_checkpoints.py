"""Checkpoints: two states and the best weights, replaced as a whole or not at all."""

import json
import os

import keras
import numpy as np
import pytest
from support.trainings import tiny_training

from brainseg.errors import RunError
from brainseg.training.checkpoints import Checkpoints, Progress
from brainseg.training.optimisation import build_network


@pytest.fixture(scope="module")
def network(taught_root):
    return build_network(tiny_training(taught_root))


@pytest.fixture
def checkpoints(tmp_path, network) -> Checkpoints:
    network.optimizer.build(network.trainable_variables)
    return Checkpoints(tmp_path, network)


def fill(network: keras.Model, value: float) -> None:
    network.set_weights([np.full_like(array, value) for array in network.get_weights()])


def first(network: keras.Model) -> float:
    return float(network.get_weights()[0].ravel()[0])


def test_without_a_checkpoint_a_training_begins_at_the_beginning(checkpoints):
    assert checkpoints.restore() == Progress()


def test_the_newest_state_comes_back_with_its_progress(checkpoints, network, tmp_path):
    for epoch in (1, 2, 3):
        fill(network, epoch)
        checkpoints.save_state(
            Progress(epoch=epoch, best_dice=0.5, best_epoch=1), f"state-{epoch:04d}"
        )
    fill(network, 0)
    progress = Checkpoints(tmp_path, network).restore()
    assert (progress.epoch, progress.best_dice, progress.best_epoch) == (3, 0.5, 1)
    assert first(network) == 3
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["progress.json", "state-0002.weights.h5", "state-0003.weights.h5"]


@pytest.mark.parametrize("damage", [b"", b"no HDF5", None])
def test_a_damaged_state_is_replaced_by_the_previous_one(checkpoints, network, tmp_path, damage):
    for epoch in (1, 2):
        fill(network, epoch)
        checkpoints.save_state(Progress(epoch=epoch), f"state-{epoch:04d}")
    newest = tmp_path / "checkpoints" / "state-0002.weights.h5"
    if damage is None:
        newest.unlink()
    else:
        newest.write_bytes(damage)
    assert Checkpoints(tmp_path, network).restore().epoch == 1
    assert first(network) == 1


def test_partial_files_of_a_killed_save_are_deleted_by_the_next_one(checkpoints, network, tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / ".state-0001.weights.h5.123-456.part").write_bytes(b"half")
    (folder / ".best.weights.h5.123-456.part").write_bytes(b"half")
    (folder / "state-0009.weights.h5").write_bytes(b"never named")
    checkpoints.save_state(Progress(epoch=1), "state-0001")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["progress.json", "state-0001.weights.h5"]


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    checkpoints, network, tmp_path, monkeypatch
):
    checkpoints.save_state(Progress(epoch=1), "state-0001")
    before = json.loads(checkpoints.progress_path.read_text())

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(RunError, match=r"could not be written \(No space left on device\)"):
            checkpoints.save_state(Progress(epoch=2), "state-0002")
    assert list((tmp_path / "checkpoints").glob("*0002*")) == []
    assert json.loads(checkpoints.progress_path.read_text()) == before
    assert Checkpoints(tmp_path, network).restore().epoch == 1


def test_a_score_is_added_without_writing_the_state_again(checkpoints, network, tmp_path):
    progress = Progress(epoch=0, step=3)
    checkpoints.save_state(progress, "state-0001")
    state = tmp_path / "checkpoints" / "state-0001.weights.h5"
    written = state.stat().st_mtime_ns
    progress.epoch, progress.step, progress.best_dice = 1, 0, 0.7
    checkpoints.save_progress(progress)
    restored = Checkpoints(tmp_path, network).restore()
    assert (restored.epoch, restored.step, restored.best_dice) == (1, 0, 0.7)
    assert state.stat().st_mtime_ns == written
