"""Start, stop, go on with and find again a training in a process of its own.

The process outlives whoever started it, a server above all, and is found again by the lock that it
holds and by who it says it is in its run.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from brainseg.errors import RunError
from brainseg.storage import locking, state_dir
from brainseg.training import TrainingConfig, new_run, processes
from brainseg.training.runs import ACTIVE, Run, refuse_finished
from brainseg.training.session import lock_path
from brainseg.training.stopping import ask_to_stop

STOPS_WITHIN_S = 10.0
"""After that a training that was asked to stop is ended; what it has kept stands."""

BEGINS_WITHIN_S = 120.0
"""A process that has not said by then who it is has hung while it was starting."""

LOG = "log.txt"


def start(config: TrainingConfig, runs: Path) -> Run:
    """Start a training in the background and return its run; it outlives whoever started it.

    Raises:
        RunError: a training is running, or this one could not be started.
        CohortError: the data cannot be used, or holds too few patients.
    """
    _refuse_a_second()
    run = new_run(config, runs)
    try:
        return _spawn(run)
    except RunError:
        if run.events().empty:
            shutil.rmtree(run.path, ignore_errors=True)  # it never began
        raise


def resume(run: Run) -> Run:
    """Go on with a stopped, failed or killed run in the background, and return it.

    Raises:
        RunError: it is finished and its settings ask for no more, a training is running, or this one
            could not be started.
    """
    refuse_finished(run)
    _refuse_a_second()
    return _spawn(run)


def stop(run: Run, within_s: float = STOPS_WITHIN_S) -> dict:
    """Ask a training to stop, wait until it has, and return its status.

    It ends its batch and keeps what it has, so that nothing is lost. One that does not answer, for
    instance while its network is being compiled, is ended, and goes on from what it kept before: after
    its last whole epoch.

    Args:
        run: a training of this machine, whoever started it.
        within_s: how long it is waited for.

    Raises:
        RunError: nobody trains it, or another machine does.
    """
    who = run.process()
    if not run.is_alive() or run.status()["state"] not in ACTIVE:
        raise RunError(
            f"run {run.name} is not being trained on this machine, so there is nothing to stop."
        )
    ask_to_stop(run)
    deadline = time.monotonic() + within_s
    while processes.find(who) is not None and _is_busy_with(run):
        if time.monotonic() > deadline:
            _end(run, who)
            break
        time.sleep(0.05)
    return run.status()


def running(runs: Path) -> Run | None:
    """Return the run in this folder that is trained now, whoever started it; None where none is."""
    now = _running_anywhere()
    return now if now is not None and now.path.parent == runs.resolve() else None


def _is_busy_with(run: Run) -> bool:
    """Return whether a run is still trained, or its training has not let go of the lock yet."""
    holds = locking.read(lock_path()) == str(run.path.resolve())
    return holds or run.status()["state"] in ACTIVE


def _running_anywhere() -> Run | None:
    named = locking.read(lock_path())
    # The text outlives a killed process; who it was does not.
    run = Run(Path(named))
    return run if named and run.is_alive() else None


def _refuse_a_second() -> None:
    now = _running_anywhere()
    if now is not None:
        raise RunError(
            f"{now.name} is being trained, and one training at a time has the machine: wait until it "
            "has ended, or stop it."
        )


def _spawn(run: Run) -> Run:
    """Train a run in a process of its own, and return once it holds the lock and says so."""
    before = _last_sign(run)
    environment = os.environ | {"BRAINSEG_HOME": str(state_dir().resolve())}
    detached = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        if os.name == "nt"
        else {"start_new_session": True}  # Ctrl+C at the server's terminal is not meant for it
    )
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
    # A child that ended stays in the list of processes until its parent takes notice.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    deadline = time.monotonic() + BEGINS_WITHIN_S
    # Both: who trains it is written before the status, and whoever looks in between sees it at rest.
    while any(now == then for now, then in zip(_last_sign(run), before, strict=True)):
        if process.poll() is not None:
            raise RunError(f"the training could not be started: {_last_line(run)}")
        if time.monotonic() > deadline:
            process.kill()
            raise RunError(
                f"the training did not begin within {BEGINS_WITHIN_S:.0f} s and was ended: try again "
                "when the machine is less busy."
            )
        time.sleep(0.05)
    return run


def _last_sign(run: Run) -> tuple[dict, str | None]:
    """Return who trains or trained a run, and when its status was written."""
    return run.process(), run.status().get("updated_at")


def _last_line(run: Run) -> str:
    lines = (run.path / LOG).read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
    return last.removeprefix("brainseg: ")


def _end(run: Run, who: dict) -> None:
    """Kill a training with all that it started, and write down that it was."""
    process = processes.find(who)
    if process is None:
        return
    if process.pid == os.getpid():
        raise RunError(f"run {run.name} is trained by this process, and has not stopped yet.")
    family = [process, *process.children(recursive=True)]
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue  # it ended by itself in between
    psutil.wait_procs(family, timeout=5)
    status = run.status()
    if status["state"] not in ACTIVE:
        return  # it came to its end by itself in between, and wrote down how
    message = "ended, because it did not stop in time: resume goes on from what was kept before"
    facts = {key: status[key] for key in ("epoch", "best_epoch", "best_dice")}
    run.set_status("stopped", **facts, message=message)
    run.add_event("stopped", status["epoch"], message)
