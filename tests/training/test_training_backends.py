"""The same training on each backend of Keras: one resumes the training of another.

TensorFlow is always there. For the others, install Keras with JAX or PyTorch beside it, or name the
interpreter of an environment that has them in BRAINSEG_TEST_JAX or BRAINSEG_TEST_TORCH.
"""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.trainings import FOLLOWED, saved_progress

from brainseg.cohort import Cohort
from brainseg.models.engines import run_network
from brainseg.models.networks import build_unet
from brainseg.training import TrainingConfig
from brainseg.training.data import prepare_case
from brainseg.training.previews import load_probability, load_slices
from brainseg.training.runs import Run

CHECKOUT = Path(__file__).resolve().parents[2]


def interpreter(backend: str) -> str:
    """Return a Python that has Keras on a backend, or skip."""
    named = os.environ.get(f"BRAINSEG_TEST_{backend.upper()}")
    if not named and importlib.util.find_spec(backend) is None:
        pytest.skip(
            f"{backend} is not installed, and BRAINSEG_TEST_{backend.upper()} names no Python"
        )
    return named or sys.executable


def test_a_stop_keeps_the_part_of_an_epoch_that_was_done(half):
    assert half.status()["state"] == "stopped"
    assert saved_progress(half) == (1, 1)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_continues_with_a_training_as_tensorflow_does(half, whole, backend):
    python, run = interpreter(backend), half
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(CHECKOUT)}
    subprocess.run(
        [python, "-m", "brainseg", "train", "--resume", str(run.path)],
        env=environment,
        check=True,
        timeout=250,
    )
    assert run.about()["backend"] == backend
    assert run.status()["state"] == "finished"
    for column in FOLLOWED:
        np.testing.assert_allclose(
            run.history()[column], whole.history()[column], rtol=0.01, atol=0.005, err_msg=column
        )
    assert outputs_agree(run)


def outputs_agree(run: Run) -> bool:
    """Return whether the best weights predict here as in their training."""
    config = TrainingConfig.from_settings(run.config())
    network = build_unet(**config.architecture_arguments)
    network.load_weights(run.path / "checkpoints" / "best.weights.h5")
    cohort, watched = Cohort.open(config.data), load_slices(run)
    there = load_probability(run, run.status()["best_epoch"]).astype(np.float32) / 255
    for place, (name, number) in enumerate(zip(watched.cases, watched.slice_numbers, strict=True)):
        case = prepare_case(cohort.case(name), config.preprocessing)
        here = run_network(network, case.inputs(config.preprocessing))
        found = here[case.slice_numbers.index(number)]
        np.testing.assert_allclose(found, there[place], atol=0.005)  # stored in 255 steps
    return True


def test_network_loss_and_data_import_no_backend():
    modules = [
        *(CHECKOUT / "brainseg/models/networks").glob("*.py"),
        *(
            CHECKOUT / "brainseg/training" / f"{name}.py"
            for name in ("augmentation", "callbacks", "checkpoints", "data", "loop", "optimisation")
        ),
    ]
    for module in modules:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or node.names[0].name]
        }
        assert not imported & {"tensorflow", "jax", "torch"}, module


def test_a_run_that_another_backend_trained_records_it(whole):
    assert whole.about()["backend"] == "tensorflow"
    assert "tensorflow" in whole.about()["packages"]
