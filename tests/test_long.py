"""Counts that take minutes: run by `make test-long`, their last result stands in the README."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.errors import DecodeError
from brainseg.formats import decode
from brainseg.runs import Run, list_runs
from brainseg.training import TrainingConfig

pytestmark = pytest.mark.long

KILLS = 20
MUTATIONS = 20_000

TRAIN = (
    "import json, sys; from pathlib import Path;"
    "from brainseg.runs import Run;"
    "from brainseg.training import TrainingConfig, train;"
    "resume = Run(Path(sys.argv[3])) if len(sys.argv) > 3 else None;"
    "train(TrainingConfig(**json.loads(sys.argv[1])), Path(sys.argv[2]), resume)"
)


def test_a_training_killed_at_any_moment_loses_at_most_one_epoch(taught_root, tmp_path):
    config = TrainingConfig(
        data=str(taught_root),
        name="killed",
        folds=2,
        epochs=4 * KILLS,
        patience=4 * KILLS,
        steps_per_epoch=2,
        batch_size=2,
        size=64,
        base_features=4,
        levels=3,
        precision="float32",
        augmentation=0.0,
    )
    chance = random.Random(0)
    known = 0
    for _ in range(KILLS):
        resume = [str(run.path) for run in list_runs(tmp_path)]
        command = [sys.executable, "-c", TRAIN, json.dumps(asdict(config)), str(tmp_path), *resume]
        process = subprocess.Popen(command)
        try:
            _wait_for_epoch(tmp_path, known + 1, process)
            # Epochs and saves take tenths of a second here, so this falls anywhere in either.
            time.sleep(chance.uniform(0, 1.0))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        (run,) = list_runs(tmp_path)
        history = run.history()
        run.status()  # never torn
        kept = _kept_epoch(run)
        assert history["epoch"].tolist() == list(range(1, len(history) + 1))
        assert len(history) - kept in (0, 1)
        assert kept > known, "each start goes on at least one epoch"
        known = kept


def _wait_for_epoch(runs: Path, epoch: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training ended by itself"
        found = list_runs(runs)
        if found and _kept_epoch(found[0]) >= epoch:
            return
        time.sleep(0.02)
    pytest.fail(f"epoch {epoch} did not come")


def _kept_epoch(run: Run) -> int:
    """Return the last epoch that a resume goes on from; 0 before the first."""
    progress = run.path / "checkpoints" / "progress.json"
    return json.loads(progress.read_text())["epoch"] if progress.exists() else 0


def test_mutated_files_are_refused_or_read_and_nothing_else():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    originals = {
        "a.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 1))[1].tobytes(),
        "b.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 5))[1].tobytes(),
        "c.tif": cv2.imencode(".tif", picture, (cv2.IMWRITE_TIFF_COMPRESSION, 8))[1].tobytes(),
        "d.png": cv2.imencode(".png", picture)[1].tobytes(),
        "e.jpg": cv2.imencode(".jpg", picture)[1].tobytes(),
    }
    for count in range(MUTATIONS):
        name, original = list(originals.items())[count % len(originals)]
        data = bytearray(original)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        cut = int(rng.integers(1, len(data))) if rng.random() < 0.3 else len(data)
        try:
            decoded = decode(bytes(data[:cut]), name)
        except DecodeError as refusal:
            assert "\n" not in str(refusal)
        else:
            assert decoded.pixels.size > 0


def test_a_real_training_on_the_real_cohort_finds_tumours(real_root, tmp_path):
    from brainseg.training import train

    config = TrainingConfig(data=str(real_root), name="short", epochs=5, steps_per_epoch=80)
    run: Run = train(config, tmp_path)
    history = run.history()
    assert history["loss"].is_monotonic_decreasing
    assert run.status()["best_dice"] > 0.3
