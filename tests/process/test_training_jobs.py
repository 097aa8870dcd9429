"""A training in a process of its own: started, stopped, found again, and never two at once."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from support.trainings import saved_progress, tiny_training, wait_for_epoch

from brainseg.errors import RunError
from brainseg.storage import locking
from brainseg.training import jobs, processes
from brainseg.training.devices import EAGER_ENVIRONMENT
from brainseg.training.runs import KILLED, Run
from brainseg.training.session import lock_path

pytestmark = pytest.mark.usefixtures("eager")

LONG = {"epochs": 5000, "patience": 5000}


@pytest.fixture
def started(taught_root, tmp_path):
    """Return start(**settings) -> Run; trainings that still run at the end are killed."""
    runs = tmp_path / "runs"

    def start(**settings: object) -> Run:
        return jobs.start(tiny_training(taught_root, **(LONG | settings)), runs)

    yield start
    for path in runs.glob("*"):
        process = processes.find(Run(path).process())
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def wait_until_gone(run: Run) -> None:
    deadline = time.monotonic() + 60
    while run.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_training_is_started_stopped_resumed_killed_and_resumed(started, monkeypatch):
    with monkeypatch.context() as environment:
        environment.delenv(EAGER_ENVIRONMENT)
        run = started()
    runs = run.path.parent
    assert jobs.running(runs) == run
    assert jobs.running(runs / "elsewhere") is None
    with pytest.raises(RunError, match="one training at a time"):
        started(name="second")
    assert [path.name for path in runs.iterdir()] == [run.name]
    wait_for_epoch(run, 1)

    status = jobs.stop(run)
    assert status["state"] == "stopped"
    assert (status["epoch"], status["step"]) == saved_progress(run)
    assert jobs.running(runs) is None
    with pytest.raises(RunError, match="nothing to stop"):
        jobs.stop(run)

    jobs.resume(run)
    assert jobs.running(runs) == run
    wait_for_epoch(run, status["epoch"] + 1)
    os.kill(run.process()["pid"], signal.SIGKILL)
    wait_until_gone(run)
    assert run.state() == KILLED
    assert jobs.running(runs) is None

    jobs.resume(run)
    wait_for_epoch(run, saved_progress(run)[0] + 1)
    assert jobs.stop(run)["state"] == "stopped"
    reported = run.events()["event"].tolist()
    assert reported == ["started", "stopped", "resumed", "killed", "resumed", "stopped"]
    assert (run.path / jobs.LOG).read_text().count("epoch") >= 2


def test_a_training_outlives_the_process_that_started_it_and_is_found_again(
    started, taught_root, tmp_path, compiled
):
    code = (
        "import sys; from pathlib import Path; from support.trainings import tiny_training;"
        "from brainseg.training import jobs;"
        "jobs.start(tiny_training(sys.argv[1], epochs=5000, patience=5000), Path(sys.argv[2]))"
    )
    runs = tmp_path / "runs"
    subprocess.run(
        [sys.executable, "-c", code, str(taught_root), str(runs)],
        cwd=Path(__file__).parents[1],
        check=True,
        timeout=200,
    )
    run = jobs.running(runs)
    assert run is not None
    # Stopped while it starts: TensorFlow is being imported, or the network compiled.
    assert jobs.stop(run)["state"] == "stopped"
    assert jobs.running(runs) is None


def test_an_unresponsive_training_is_killed_with_its_child_processes(
    started, tmp_path, monkeypatch
):
    script = (
        "import subprocess, sys, time; from pathlib import Path; from brainseg.training.runs import Run;"
        "run = Run(Path(sys.argv[1])); run.set_process(); run.set_status('training', epoch=3);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
    )
    run = Run.create(tmp_path / "runs", "deaf", {"epochs": 9, "patience": 9}, {})
    deaf = subprocess.Popen([sys.executable, "-c", script, str(run.path)])
    deadline = time.monotonic() + 60
    while not run.is_alive() or not psutil.Process(deaf.pid).children():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (child,) = psutil.Process(deaf.pid).children()
    status = jobs.stop(run, within_s=0.2)
    assert status["state"] == "stopped"
    assert "did not stop in time" in status["message"]
    assert status["epoch"] == 3
    deaf.wait(10)
    # An ended process stays listed until its parent waits for it.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert run.events()["event"].tolist() == ["stopped"]


def test_a_later_process_with_the_same_number_is_not_the_training(tmp_path):
    run = Run.create(tmp_path / "runs", "old", {"epochs": 9, "patience": 9}, {})
    run.set_process()
    run.set_status("training", epoch=3)
    assert run.is_alive() is True
    who = run.process()
    (run.path / "process.json").write_text(
        f'{{"pid": {who["pid"]}, "created": {who["created"] - 3600}, "host": "{who["host"]}"}}'
    )
    assert run.is_alive() is False
    assert run.state() == KILLED
    with pytest.raises(RunError, match="nothing to stop"):
        jobs.stop(run)


def test_a_run_of_another_machine_is_neither_alive_nor_dead(tmp_path):
    run = Run.create(tmp_path / "runs", "far", {"epochs": 9, "patience": 9}, {})
    run.set_status("training", epoch=3)
    assert run.is_alive() is None
    (run.path / "process.json").write_text('{"pid": 1, "created": 0, "host": "elsewhere"}')
    assert run.is_alive() is None
    assert run.state() == "training"


def test_a_training_that_cannot_start_leaves_no_run_and_gives_the_reason(
    started, tmp_path, taught_root, monkeypatch
):
    monkeypatch.setattr(jobs.sys, "executable", sys.executable)
    with (
        locking.held(lock_path(), str(tmp_path / "20260101-000000-other")),
        pytest.raises(RunError, match="20260101-000000-other is being trained"),
    ):
        started()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_lock_is_exclusive_and_released_by_a_kill(tmp_path):
    path = tmp_path / "a.lock"
    code = (
        "import sys, time; from pathlib import Path; from brainseg.storage import locking\n"
        "with locking.held(Path(sys.argv[1]), 'the child'):\n"
        "    print('held', flush=True); time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(locking.Taken, match="the child"), locking.held(path, "me"):
            pass
        assert locking.read(path) == "the child"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    with locking.held(path, "me"):
        assert locking.read(path) == "me"
    assert locking.read(path) == ""


def test_of_two_simultaneous_starts_only_one_trains(started, taught_root, tmp_path):
    reported: list[object] = []

    def start(name: str) -> None:
        try:
            reported.append(started(name=name))
        except RunError as error:
            reported.append(str(error))

    both = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    runs = [one for one in reported if isinstance(one, Run)]
    assert len(runs) == 1, reported
    assert "one training at a time" in next(one for one in reported if isinstance(one, str))
    assert jobs.running(tmp_path / "runs") == runs[0]
    assert jobs.stop(runs[0])["state"] == "stopped"
