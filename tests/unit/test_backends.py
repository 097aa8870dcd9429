"""The backend: the one asked for, else the first that is installed."""

import os
import subprocess
import sys

import pytest

from brainseg import backends


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [
        ({"tensorflow", "jax", "torch"}, "tensorflow"),
        ({"jax", "torch"}, "jax"),
        ({"torch"}, "torch"),
        (set(), None),
    ],
)
def test_the_first_installed_backend_is_chosen(monkeypatch, installed, chosen):
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setattr(backends, "find_spec", lambda name: name in installed or None)
    assert backends.choose_backend() == chosen
    assert os.environ["KERAS_BACKEND"] == (chosen or "")


def test_the_backend_that_was_asked_for_stands(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert backends.choose_backend() == "torch"


@pytest.mark.slow
def test_the_log_lines_of_tensorflow_stay_out_of_the_terminal():
    program = "from brainseg.backends import require_keras; require_keras('This'); import keras"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
