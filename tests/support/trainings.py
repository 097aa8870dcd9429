"""Tiny trainings for tests, and one that kills itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from brainseg.monitoring.readers import RunReader
from brainseg.training import TrainingConfig
from brainseg.training.runs import Run

TINY = {
    "name": "tiny",
    "folds": 2,
    "epochs": 3,
    "steps_per_epoch": 3,
    "batch_size": 4,
    "learning_rate": 0.03,
    "augmentation": 0.0,
    "precision": "float32",
    "workers": 1,
    "size": 64,
    "base_features": 4,
    "levels": 2,
}
"""For images of 64 x 64 px, such as ``taught_root``."""

FOLLOWED = ("loss", "validation_dice", "validation_loss", "learning_rate")
"""The columns of a history that the seed determines; the others are times."""

A_TRAINING_BEGINS_WITHIN_S = 240


def tiny_training(data: Path, **changes: object) -> TrainingConfig:
    """Return the settings of a training of seconds."""
    return TrainingConfig(data=str(data), **(TINY | changes))


def copied(run: Run, folder: Path) -> Run:
    """Return a copy of a run in a folder, to resume while the original stays unchanged."""
    return Run(Path(shutil.copytree(run.path, folder / run.name)))


def spawn(run: Run, kill_at: int = -1, *words: str) -> subprocess.Popen:
    """Train a run in a process that the test can kill, or that kills itself; see
    ``fault_injection.py``."""
    script = Path(__file__).with_name("fault_injection.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(run.path), str(kill_at), *words],
        cwd=script.parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(run: Run, epoch: int, process: subprocess.Popen | None = None) -> None:
    """Wait until ``epoch`` epochs are scored."""
    deadline = time.monotonic() + A_TRAINING_BEGINS_WITHIN_S
    while run.status()["epoch"] < epoch:
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the training ended early: {process.stderr.read()[-2000:]}")
        if time.monotonic() > deadline:
            raise AssertionError(f"epoch {epoch} was not reached: {run.status()}")
        time.sleep(0.02)


def kill(process: subprocess.Popen) -> None:
    """Kill a process as a power cut would, and wait for its end."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()


def saved_progress(run: Run) -> tuple[int, int]:
    """Return the progress that a resume starts from: whole epochs, and batches of the next one."""
    path = run.path / "checkpoints" / "progress.json"
    progress = json.loads(path.read_text()) if path.exists() else {"epoch": 0, "step": 0}
    return progress["epoch"], progress["step"]


def assert_nothing_is_torn(run: Run) -> None:
    """Check that a kill left every file readable and lost no scored epoch."""
    run.status(), run.config(), run.fold(), run.about(), run.events()
    assert not any("cannot be read" in note for note in RunReader(run).read().notes)
    history = run.history()
    assert history["epoch"].tolist() == list(range(1, len(history) + 1))
    epoch, step = saved_progress(run)
    scored_but_not_saved = len(history) - epoch
    assert scored_but_not_saved in (0, 1)
    if scored_but_not_saved:
        # Its state is saved and only its score is not: the resumed run scores it again.
        assert step == run.config()["steps_per_epoch"]


def assert_same_history(run: Run, other: Run) -> None:
    """Check that two histories agree in the columns that the seed determines."""
    for column in FOLLOWED:
        np.testing.assert_allclose(
            run.history()[column], other.history()[column], rtol=1e-5, err_msg=column
        )
