"""Start, stop, resume and find a training in its own process.

The process outlives the one that started it, such as a server, and is found by its lock and by the
process identity in its run.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from brainseg.errors import RunError
from brainseg.people import OWNER, require
from brainseg.reviews import record
from brainseg.storage import locking, state_dir
from brainseg.storage.addresses import place_in_words
from brainseg.training import TrainingConfig, new_run, processes
from brainseg.training.runs import ACTIVE, Run, refuse_finished
from brainseg.training.session import is_busy, lock_path
from brainseg.training.stopping import ask_to_stop

STOPS_WITHIN_S = 10.0
"""A training that does not stop within this time is killed; its checkpoints stay valid."""

STARTS_WITHIN_S = 120.0
"""A process that has not written its identity by then counts as hung."""

LOG = "log.txt"


def start(config: TrainingConfig, runs: Path) -> Run:
    """Start a training in the background and return its run.

    Raises:
        RunError: another training is running, or this one could not be started.
        CohortError: the data cannot be used, or has too few patients.
    """
    require(OWNER, "train")
    _refuse_a_second()
    run = new_run(config, runs)
    record("train", run=run.name, data=place_in_words(config.data))
    try:
        return _spawn(run)
    except RunError:
        if run.events().empty:
            shutil.rmtree(run.path, ignore_errors=True)  # it never started
        raise


def resume(run: Run) -> Run:
    """Resume a stopped, failed or killed run in the background, and return it.

    Raises:
        RunError: the run is finished, another training is running, or this one could not be started.
    """
    require(OWNER, "resume a training")
    refuse_finished(run)
    _refuse_a_second()
    record("resume training", run=run.name)
    return _spawn(run)


def stop(run: Run, within_s: float = STOPS_WITHIN_S) -> dict:
    """Ask a training to stop, wait until it has, and return its status.

    It finishes its batch and saves its state, so that nothing is lost. One that does not respond within
    ``within_s`` seconds, for instance while its network is being compiled, is killed, and resumes from
    its last checkpoint.

    Raises:
        RunError: it is not being trained on this machine.
    """
    require(OWNER, "stop a training")
    who = run.process()
    if not run.is_alive() or run.status()["state"] not in ACTIVE:
        raise RunError(
            f"run {run.name} is not being trained on this machine, so there is nothing to stop."
        )
    record("stop training", run=run.name)
    ask_to_stop(run)
    deadline = time.monotonic() + within_s
    while processes.find(who) is not None and (
        locking.read(lock_path()) == str(run.path.resolve()) or run.status()["state"] in ACTIVE
    ):
        if time.monotonic() > deadline:
            _end(run, who)
            break
        time.sleep(0.05)
    return run.status()


def running(runs: Path) -> Run | None:
    """Return the run in this folder that is being trained, or None."""
    now = _running_anywhere()
    return now if now is not None and now.path.parent == runs.resolve() else None


def _running_anywhere() -> Run | None:
    named = locking.read(lock_path())
    # The lock's text remains after a kill, so check that the process is running.
    run = Run(Path(named))
    return run if named and run.is_alive() else None


def _refuse_a_second() -> None:
    now = _running_anywhere()
    if now is not None:
        raise is_busy(now.name)


def _spawn(run: Run) -> Run:
    """Train a run in its own process, and return when it has the lock and has written its status."""
    before = _identity_and_time(run)
    environment = os.environ | {"BRAINSEG_HOME": str(state_dir().resolve())}
    # Ctrl+C at the server's terminal must not reach it.
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        detached = {"creationflags": flags}
    with (run.path / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "brainseg", "train", "--resume", str(run.path.resolve())],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached,
        )
    # A child that ended stays listed as a process until its parent waits for it.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    deadline = time.monotonic() + STARTS_WITHIN_S
    # Wait for both, as the identity is written before the status.
    while any(now == then for now, then in zip(_identity_and_time(run), before, strict=True)):
        if process.poll() is not None:
            written = (run.path / LOG).read_text(errors="replace").splitlines()
            last = next((line for line in reversed(written) if line.strip()), "it wrote no message")
            raise RunError(f"the training could not be started: {last.removeprefix('brainseg: ')}")
        if time.monotonic() > deadline:
            process.kill()
            raise RunError(
                f"the training did not start within {STARTS_WITHIN_S:.0f} s and was ended: try again "
                "when the machine is less busy."
            )
        time.sleep(0.05)
    return run


def _identity_and_time(run: Run) -> tuple[dict, str | None]:
    """Return the identity of a run's last training process, and when its status was written."""
    return run.process(), run.status().get("updated_at")


def _end(run: Run, who: dict) -> None:
    """Kill a training and its child processes, and record that."""
    process = processes.find(who)
    if process is None:
        return
    if process.pid == os.getpid():
        raise RunError(f"run {run.name} is being trained by this process and has not stopped yet.")
    family = [process, *process.children(recursive=True)]
    for one in family:
        with suppress(psutil.NoSuchProcess):  # it has just ended
            one.kill()
    psutil.wait_procs(family, timeout=5)
    run.end(
        "stopped",
        f"did not stop in time ({STOPS_WITHIN_S:.0f} s) and was ended: resume continues from the last "
        "saved state",
    )
