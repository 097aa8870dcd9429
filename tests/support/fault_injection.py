"""Train a run and, at a chosen moment of its writing, die as by a power cut.

    python tests/support/fault_injection.py RUN KILL_AT [saves]

The disk is written to in small steps: half a file, a whole one, replaced, removed, half a line. The
process kills itself at step number KILL_AT, counted over all that it writes, or with "saves" over its
checkpoints alone; -1 is never.
"""

import os
import signal
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from brainseg.training import train
from brainseg.training.checkpoints import Checkpoints
from brainseg.training.runs import Run

run, kill_at, only_saves = Run(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3:] == ["saves"]
steps, saves = 0, 0


def is_the_moment() -> bool:
    """Count a step, and return whether it is the chosen one."""
    global steps
    if only_saves and not saves:
        return False
    steps += 1
    return steps - 1 == kill_at


def die(moment: str) -> None:
    sys.stderr.write(f"killed {moment}{' in a save' if saves else ''}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def between(name: str, function):
    """Return the function with a step before and one behind it."""

    def stepped(*arguments, **more):
        if is_the_moment():
            die(f"before {name}")
        result = function(*arguments, **more)
        if is_the_moment():
            die(f"after {name}")
        return result

    return stepped


def sync(descriptor: int) -> None:
    """Sync, but where the moment has come let no more than half of the file stand."""
    if is_the_moment():
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        die("at half of a file")
    whole_sync(descriptor)


def append(run: Run, name: str, content: dict) -> None:
    """Append, but where the moment has come let no more than half of the line stand."""
    path = run.path / name
    before = path.stat().st_size if path.exists() else 0
    whole_append(run, name, content)
    if is_the_moment():
        os.truncate(path, (before + path.stat().st_size) // 2)
        die("at half of a line")


def counted_as_a_save(function):
    """Return the function, during which steps are those of a save."""

    def counted(*arguments, **more):
        global saves
        saves += 1
        try:
            return function(*arguments, **more)
        finally:
            saves -= 1

    return counted


whole_sync, os.fsync = os.fsync, sync
whole_append, Run._append = Run._append, append
Path.replace = between("a file is replaced", Path.replace)
Path.unlink = between("a file is removed", Path.unlink)
for method in ("save_state", "save_progress", "save_best"):
    setattr(Checkpoints, method, counted_as_a_save(getattr(Checkpoints, method)))

train(run)
