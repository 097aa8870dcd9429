"""Fifty kills of one training, twenty of them inside a save; and a real one on the real cohort."""

import random
import signal
import time

import numpy as np
import pytest
from support.trainings import (
    FOLLOWED,
    assert_nothing_is_torn,
    kill,
    saved_progress,
    spawn,
    tiny_training,
    wait_for_epoch,
)

from brainseg.training import TrainingConfig, new_run, train
from brainseg.training.runs import KILLED
from brainseg.training.stopping import ask_to_stop

pytestmark = pytest.mark.long

KILLS, IN_A_SAVE = 50, 20
STEPS_OF_THREE_EPOCHS = 36
STARTS_WITHIN_S = 12
AN_EPOCH_OR_TWO_S = 0.5


def test_a_training_killed_fifty_times_continues_as_if_nothing_had_happened(taught_root, tmp_path):
    config = tiny_training(taught_root, epochs=2000, patience=2000, steps_per_epoch=2)
    run = new_run(config, tmp_path / "killed")
    chance = random.Random(0)
    inside = [place < IN_A_SAVE for place in range(KILLS)]
    chance.shuffle(inside)
    known = told_of_a_save = 0
    for in_a_save in inside:
        if in_a_save:
            told_of_a_save += "in a save" in _kill_itself(run, chance)
        else:
            _kill_at_any_moment(run, chance, known)
        assert run.state() in (KILLED, "starting")
        assert_nothing_is_torn(run)
        assert saved_progress(run)[0] >= known, "an earlier checkpoint was lost"
        known = saved_progress(run)[0]
    assert told_of_a_save == IN_A_SAVE
    assert known > KILLS / 2

    until = known + 2
    train(run, lambda epoch: ask_to_stop(run) if epoch["epoch"] >= until else None)
    other = new_run(config, tmp_path / "whole")
    train(other, lambda epoch: ask_to_stop(other) if epoch["epoch"] >= until else None)
    for column in FOLLOWED:
        np.testing.assert_allclose(
            run.history()[column][:until], other.history()[column][:until], rtol=1e-3, atol=1e-6
        )
    assert run.status()["best_epoch"] == other.status()["best_epoch"]
    assert run.events()["event"].tolist().count("killed") >= KILLS - 15


def _kill_itself(run, chance: random.Random) -> str:
    process = spawn(run, chance.randrange(STEPS_OF_THREE_EPOCHS), "saves")
    told = process.communicate(timeout=600)[1]
    assert process.returncode == -signal.SIGKILL, told
    return told


def _kill_at_any_moment(run, chance: random.Random, known: int) -> None:
    process = spawn(run)
    try:
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0, STARTS_WITHIN_S))
        else:
            wait_for_epoch(run, known + 1, process)
            time.sleep(chance.uniform(0, AN_EPOCH_OR_TWO_S))
        assert process.poll() is None, process.stderr.read()
    finally:
        kill(process)


def test_a_real_training_on_the_real_cohort_finds_tumours(real_root, tmp_path):
    config = TrainingConfig(data=str(real_root), name="short", epochs=5, steps_per_epoch=80)
    run = train(new_run(config, tmp_path))
    assert run.history()["loss"].is_monotonic_decreasing
    assert run.status()["best_dice"] > 0.3
