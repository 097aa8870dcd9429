"""Interrupted trainings: a kill at any write, a full disk, a damaged file."""

import errno
import os
import signal
import time

import pytest
from support.trainings import (
    assert_nothing_is_torn,
    assert_same_history,
    kill,
    saved_progress,
    spawn,
    tiny_training,
    wait_for_epoch,
)

from brainseg.errors import BrainsegError, RunError
from brainseg.training import new_run, train
from brainseg.training.checkpoints import Checkpoints
from brainseg.training.runs import KILLED, Run
from brainseg.training.stopping import ask_to_stop


class PowerCut(BaseException):
    """Ends a training without a trace."""


def test_a_kill_between_a_state_and_its_score_loses_nothing(
    whole, taught_root, tmp_path, monkeypatch
):
    run = new_run(tiny_training(taught_root), tmp_path)

    def cut(*_):
        raise PowerCut

    with monkeypatch.context() as broken:
        broken.setattr(Checkpoints, "save_best", cut)
        broken.setattr(Run, "set_status", _only("starting", "training"))
        with pytest.raises(PowerCut):
            train(run)
    assert run.history().empty
    assert saved_progress(run) == (0, 3)
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


def test_an_unreadable_checkpoint_is_reported(taught_root, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    folder = run.path / "checkpoints"
    folder.mkdir()
    (folder / "progress.json").write_text("{")
    with pytest.raises(RunError, match=r"cannot be read .*start a new run"):
        train(run)
    assert run.state() == "failed"


def test_a_full_disk_fails_with_a_sentence_and_continues_when_there_is_room(whole, half):
    resource = pytest.importorskip("resource")
    run = half
    before = saved_progress(run)
    state = run.path / "checkpoints" / "state-0001+0001.weights.h5"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses to write a whole checkpoint, but small files fit.
    resource.setrlimit(resource.RLIMIT_FSIZE, (state.stat().st_size // 2, hard))
    try:
        with pytest.raises(RunError, match=r"could not be written .*free some space"):
            train(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.state() == "failed"
    assert "free some space" in run.status()["message"]
    assert saved_progress(run) == before
    assert not list((run.path / "checkpoints").glob("*.part"))
    train(run)
    assert_same_history(run, whole)


def test_a_completely_full_disk_ends_with_the_first_error(taught_root, tmp_path, monkeypatch):
    run = new_run(tiny_training(taught_root), tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill_the_disk(_: dict) -> None:
        monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(BrainsegError, match="No space left on device"):
        train(run, fill_the_disk)
    monkeypatch.undo()
    # Not even the status could be written, so it is unchanged.
    assert run.status()["epoch"] == 1
    assert saved_progress(run) == (1, 0)
    assert_nothing_is_torn(run)


# At half of the first state, at half of the best weights, and before the second state is replaced.
@pytest.mark.parametrize("kill_at", [0, 6, 13])
def test_a_kill_inside_a_save_continues_to_the_same_history(whole, taught_root, tmp_path, kill_at):
    run = new_run(tiny_training(taught_root), tmp_path)
    process = spawn(run, kill_at, "saves")
    reported = process.communicate(timeout=240)[1]
    assert process.returncode == -signal.SIGKILL, reported
    assert "in a save" in reported
    assert run.state() == KILLED
    assert_nothing_is_torn(run)
    train(run)
    assert_same_history(run, whole)
    assert {"killed", "resumed"} <= set(run.events()["event"])


def test_sigterm_saves_the_current_epoch_and_records_the_stop(taught_root, tmp_path, compiled):
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
    assert (run.status()["epoch"], run.status()["step"]) == saved_progress(run)
    assert not (run.path / "stop").exists()
