"""A training goes on after whatever ended it: a stop, a kill, a full disk, an invalid loss."""

import errno
import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.trainings import (
    FOLLOWED,
    assert_nothing_is_torn,
    copied,
    kept,
    kill,
    spawn,
    tiny_training,
    wait_for_epoch,
)

from brainseg import storage as home_module
from brainseg.errors import BrainsegError, RunError
from brainseg.training import changed, new_run, train
from brainseg.training.checkpoints import Checkpoints
from brainseg.training.runs import KILLED, Run
from brainseg.training.stopping import ask_to_stop


@pytest.fixture(scope="module")
def whole(taught_root, tmp_path_factory) -> Run:
    """Return a run that nothing has interrupted."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("home")))
        return train(new_run(tiny_training(taught_root), tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="module")
def stopped(taught_root, tmp_path_factory) -> Run:
    """Return a run that was stopped after its first epoch and a batch: go on with a copy of it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BRAINSEG_HOME", str(tmp_path_factory.mktemp("home")))
        run = new_run(tiny_training(taught_root), tmp_path_factory.mktemp("stopped"))
        return train(run, lambda _: ask_to_stop(run))


@pytest.fixture
def half(stopped, tmp_path) -> Run:
    """Return a copy of ``stopped`` that a test may go on with."""
    return copied(stopped, tmp_path)


def assert_same_history(run: Run, other: Run) -> None:
    for column in FOLLOWED:
        np.testing.assert_allclose(
            run.history()[column], other.history()[column], rtol=1e-5, err_msg=column
        )


class PowerCut(BaseException):
    """Ends a training without a word."""


def test_a_stop_inside_an_epoch_goes_on_to_the_same_history(whole, half):
    run = half
    assert run.state() == "stopped"
    assert (run.status()["epoch"], run.status()["step"]) == kept(run) == (1, 1)
    assert train(run).state() == "finished"
    assert_same_history(run, whole)
    for column in ("validation_dice", "learning_rate"):
        assert run.history()[column].tolist() == whole.history()[column].tolist(), column
    assert run.events()["event"].tolist() == ["started", "stopped", "resumed", "finished"]
    assert run.status()["best_dice"] == whole.status()["best_dice"]


def test_a_kill_between_a_state_and_its_score_loses_nothing(
    whole, taught_root, tmp_path, monkeypatch
):
    run = new_run(tiny_training(taught_root), tmp_path)

    def cut(*_):
        raise PowerCut

    with monkeypatch.context() as broken:
        broken.setattr(Checkpoints, "keep_best", cut)
        broken.setattr(Run, "set_status", _only("starting", "training"))
        with pytest.raises(PowerCut):
            train(run)
    assert run.history().empty
    assert kept(run) == (0, 3)
    train(run)
    assert_same_history(run, whole)


def _only(*states):
    whole_status = Run.set_status

    def set_status(run, state, **facts):
        if state in states:
            whole_status(run, state, **facts)

    return set_status


def test_a_damaged_newest_state_costs_one_epoch_and_no_more(whole, taught_root, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    train(run, lambda epoch: ask_to_stop(run) if epoch["epoch"] == 2 else None)
    newest = run.path / "checkpoints" / "state-0002+0001.weights.h5"
    newest.write_bytes(newest.read_bytes()[:1000])
    train(run)
    assert_same_history(run, whole)


def test_a_checkpoint_of_which_nothing_can_be_read_is_told(taught_root, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    folder = run.path / "checkpoints"
    folder.mkdir()
    (folder / "progress.json").write_text("{")
    with pytest.raises(RunError, match=r"cannot be read .*start a new run"):
        train(run)
    assert run.state() == "failed"


def test_an_invalid_loss_fails_with_a_sentence_and_what_was_kept_stands(whole, half, monkeypatch):
    from brainseg.training import loop

    run = half
    best = (run.path / "checkpoints" / "best.weights.h5").read_bytes()
    before = kept(run)

    def poisoned(*arguments, **more):
        feed = make_feed(*arguments, **more)
        drawn = type(feed).__getitem__
        type(feed).__getitem__ = lambda self, place: tuple(x * np.nan for x in drawn(self, place))
        return feed

    make_feed = loop.make_feed
    with monkeypatch.context() as broken:
        broken.setattr(loop, "make_feed", poisoned)
        with pytest.raises(RunError, match="lower learning_rate"):
            train(run)
    assert run.state() == "failed"
    assert "NaN" in run.status()["message"]
    assert run.events()["event"].tolist()[-1] == "failed"
    assert kept(run) == before
    assert (run.path / "checkpoints" / "best.weights.h5").read_bytes() == best

    end_of_batches = loop.Fitting._end_of_batches

    def spoilt(fit, *arguments):
        fit.network.trainable_variables[-1].assign([np.nan])
        return end_of_batches(fit, *arguments)

    # The last step of an epoch spoils the weights, and its loss was still a number.
    with monkeypatch.context() as broken:
        broken.setattr(loop.Fitting, "_end_of_batches", spoilt)
        with pytest.raises(RunError, match="lower learning_rate"):
            train(run)
    assert kept(run) == before
    train(run)
    assert_same_history(run, whole)


def test_a_full_disk_fails_with_a_sentence_and_goes_on_when_there_is_room(whole, half):
    resource = pytest.importorskip("resource")
    run = half
    before = kept(run)
    state = run.path / "checkpoints" / "state-0001+0001.weights.h5"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system itself refuses to write a checkpoint to its end; small files still fit.
    resource.setrlimit(resource.RLIMIT_FSIZE, (state.stat().st_size // 2, hard))
    try:
        with pytest.raises(RunError, match=r"could not be written .*free some space"):
            train(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.state() == "failed"
    assert "free some space" in run.status()["message"]
    assert kept(run) == before
    assert not list((run.path / "checkpoints").glob("*.part"))
    train(run)
    assert_same_history(run, whole)


def test_a_disk_without_a_byte_left_still_ends_with_the_first_reason(
    taught_root, tmp_path, monkeypatch
):
    run = new_run(tiny_training(taught_root), tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill_the_disk(_: dict) -> None:
        monkeypatch.setattr(home_module.os, "fsync", full)

    with pytest.raises(BrainsegError, match="No space left on device"):
        train(run, fill_the_disk)
    monkeypatch.undo()
    # Not even the status could be written, so it stands as it was; nobody trains it.
    assert run.status()["epoch"] == 1
    assert kept(run) == (1, 0)
    assert_nothing_is_torn(run)


def test_a_run_goes_on_with_other_settings_where_they_may_change(whole, half):
    run = half
    config = tiny_training(run.config()["data"])
    run.set_config(asdict(changed(config, {"epochs": 2, "learning_rate": 1e-4})))
    train(run)
    assert run.history()["epoch"].tolist() == [1, 2]
    assert run.history()["learning_rate"].iloc[1] < whole.history()["learning_rate"].iloc[1]


def test_a_finished_run_goes_on_where_it_is_given_more_epochs(whole, tmp_path):
    run = copied(whole, tmp_path)
    epochs = run.config()["epochs"]
    with pytest.raises(RunError, match=rf"is finished.*resume it with epochs above {epochs}"):
        train(run)
    run.set_config(run.config() | {"epochs": epochs + 1})
    assert train(run).state() == "finished"
    assert run.history()["epoch"].tolist() == [*range(1, epochs + 2)]
    assert run.history()["validation_dice"][:epochs].tolist() == (
        whole.history()["validation_dice"].tolist()
    )
    assert run.events()["event"].tolist() == ["started", "finished", "resumed", "finished"]


def test_a_restart_is_what_comes_of_going_on_with_more_epochs(taught_root, tmp_path):
    longer = train(new_run(tiny_training(taught_root, epochs=1), tmp_path / "longer"))
    for epochs in (2, 4):
        longer.set_config(longer.config() | {"epochs": epochs})
        train(longer)
    config = tiny_training(taught_root, epochs=4, rate_restarts=(1, 2))
    once, again = train(new_run(config, tmp_path / "once")).history(), longer.history()
    for column in ("loss", "validation_dice", "validation_loss"):
        np.testing.assert_allclose(once[column], again[column], rtol=1e-5, err_msg=column)
    # An epoch's rate is that of the step to come, which at an end was not to come yet.
    rates = once["learning_rate"].tolist()
    assert rates[2:] == again["learning_rate"].tolist()[2:]
    assert rates[0] > rates[1] > rates[2] > rates[3]


def test_other_images_than_those_it_began_with_are_refused(taught_root, tiny_cohort, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    run.set_config(run.config() | {"data": str(tiny_cohort)})
    with pytest.raises(RunError, match="does not hold the images"):
        train(run)


def test_a_run_of_the_first_version_still_opens_and_goes_on(whole, taught_root, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    train(run, lambda epoch: ask_to_stop(run) if epoch["epoch"] == 2 else None)
    _make_older(run)
    assert run.about() == {}
    assert run.history()["validation_loss"].isna().all()
    train(run)
    assert run.state() == "finished"
    assert run.history()["epoch"].tolist() == [1, 2, 3]


def _make_older(run: Run) -> None:
    """Take from a run what the first version did not write."""
    for name in ("about.json", "process.json", "events.jsonl", "cases.jsonl"):
        (run.path / name).unlink()
    config = run.config()
    for setting in ("devices", "workers"):
        del config[setting]
    run.set_config(config)
    path = run.path / "history.jsonl"
    keys = ("epoch", "loss", "validation_dice", "learning_rate", "slices_per_second", "seconds")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [json.dumps({key: row[key] for key in (*keys, "finished_at")}) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    progress = run.path / "checkpoints" / "progress.json"
    state = "state-0002.weights.h5"
    facts = {"epoch": 2, "best_epoch": 1, "best_dice": 0.1, "state": state, "stopped_early": False}
    progress.write_text(json.dumps(facts))
    with h5py.File(run.path / "checkpoints" / state, "r+") as file:
        names = []
        file.visit(names.append)
        for name in (name for name in names if name.endswith("_norm/vars/4")):
            del file[name]


# At half of the first state, at half of the best weights, and before the second state is replaced.
@pytest.mark.parametrize("kill_at", [0, 6, 13])
def test_a_kill_inside_a_save_goes_on_to_the_same_history(whole, taught_root, tmp_path, kill_at):
    run = new_run(tiny_training(taught_root), tmp_path)
    process = spawn(run, kill_at, "saves")
    told = process.communicate(timeout=240)[1]
    assert process.returncode == -signal.SIGKILL, told
    assert "in a save" in told
    assert run.state() == KILLED
    assert_nothing_is_torn(run)
    train(run)
    assert_same_history(run, whole)
    assert {"killed", "resumed"} <= set(run.events()["event"])


def test_sigterm_keeps_the_part_of_an_epoch_and_says_so(taught_root, tmp_path):
    run = new_run(tiny_training(taught_root, epochs=500, patience=500), tmp_path)
    process = spawn(run)
    try:
        wait_for_epoch(run, 1, process)
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() == 0
    finally:
        kill(process)
    assert run.state() == "stopped"
    assert "resume" in run.status()["message"]
    assert (run.status()["epoch"], run.status()["step"]) == kept(run)
    assert Path(run.path / "stop").exists() is False
