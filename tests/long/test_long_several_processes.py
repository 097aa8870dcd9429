"""One training by two processes, with Keras on JAX: the same weights as by one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support.servers import free_port
from support.trainings import FOLLOWED, saved_progress, tiny_training, wait_for_epoch

from brainseg.training import new_run
from brainseg.training.runs import Run
from brainseg.training.stopping import ask_to_stop

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not find_spec("jax"), reason="the extra `jax` is not installed"),
]
ENDS_WITHIN_S = 600


def start(runs: list[Run], folder: Path) -> list[subprocess.Popen]:
    """Train runs together, each in a process with a ``BRAINSEG_HOME`` of its own."""
    coordinator, processes = f"127.0.0.1:{free_port()}", []
    for number, run in enumerate(runs):
        environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        environment["BRAINSEG_HOME"] = str(folder / f"home{number}")
        if len(runs) > 1:
            environment["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = coordinator
            environment["KERAS_DISTRIBUTION_NUM_PROCESSES"] = str(len(runs))
            environment["KERAS_DISTRIBUTION_PROCESS_ID"] = str(number)
        command = [sys.executable, "-m", "brainseg", "train", "--resume", str(run.path)]
        processes.append(
            subprocess.Popen(
                command, env=os.environ | environment, stderr=subprocess.PIPE, text=True
            )
        )
    return processes


def end(processes: list[subprocess.Popen]) -> list[tuple[int, str]]:
    """Wait for processes, and return their exit codes and what they said."""
    try:
        said = [process.communicate(timeout=ENDS_WITHIN_S)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [(process.returncode, one) for process, one in zip(processes, said, strict=True)]


def weights_of(run: Run) -> bytes:
    return (run.path / "checkpoints" / "best.weights.h5").read_bytes()


def test_two_processes_stop_resume_and_end_with_equal_weights_and_the_loss_of_one(
    taught_root, tmp_path
):
    config = tiny_training(taught_root, devices="all", epochs=6, patience=6)
    first, second, alone = (new_run(config, tmp_path / name) for name in ("a", "b", "alone"))

    processes = start([first, second], tmp_path)
    wait_for_epoch(first, 1, processes[0])
    ask_to_stop(second)
    assert [code for code, _ in end(processes)] == [0, 0]
    assert saved_progress(first) == saved_progress(second) != (6, 0)
    assert first.status()["state"] == second.status()["state"] == "stopped"

    assert [code for code, _ in end(start([first, second], tmp_path))] == [0, 0]
    assert [code for code, _ in end(start([alone], tmp_path))] == [0]
    assert len(first.about()["devices"]) == 2 and len(alone.about()["devices"]) == 1
    assert weights_of(first) == weights_of(second)
    for column in FOLLOWED:
        np.testing.assert_array_equal(first.history()[column], second.history()[column])
        np.testing.assert_allclose(
            first.history()[column], alone.history()[column], atol=1e-4, err_msg=column
        )

    other = new_run(tiny_training(taught_root, devices="all", seed=1), tmp_path / "other")
    third = new_run(config, tmp_path / "third")
    for code, said in end(start([third, other], tmp_path)):
        assert code == 2 and "have different settings, cases or checkpoints" in said
