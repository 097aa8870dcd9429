"""Several devices of one machine share each batch equally, or the training is refused."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest
from support.trainings import saved_progress, tiny_training

from brainseg.errors import RunError
from brainseg.training import TrainingConfig, new_run
from brainseg.training.devices import Devices, precision_of, seconds_per_convolution
from brainseg.training.runs import Run

TWO_DEVICES = """
import sys
from pathlib import Path
import tensorflow as tf
one = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(one, [tf.config.LogicalDeviceConfiguration()] * 2)
from brainseg.errors import RunError
from brainseg.training.runs import Run
from brainseg.training import TrainingConfig, train
from brainseg.training.devices import Devices
from brainseg.training.stopping import ask_to_stop
try:
    Devices(TrainingConfig(data="", devices="all", batch_size=5))
except RunError as error:
    print(error)
run = Run(Path(sys.argv[1]))
train(run, lambda _: ask_to_stop(run))
print(run.state())
train(run)
"""


def test_a_training_on_two_devices_is_stopped_resumed_and_ended(taught_root, tmp_path, compiled):
    config = tiny_training(taught_root, devices="all", epochs=2)
    run = new_run(config, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(run.path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refusal, stopped = done.stdout.splitlines()
    assert refusal.startswith("batch_size is 5, but must be a multiple of the 2 devices")
    assert stopped == "stopped"
    assert len(run.about()["devices"]) == 2
    assert run.state() == "finished"
    history = run.history()
    assert history["loss"].is_monotonic_decreasing
    assert saved_progress(run) == (2, 0)
    assert Run.open(run.path).status()["best_dice"] is not None


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"float32": 1.0, "bfloat16": 0.5}, "mixed_bfloat16"),
        ({"float32": 1.0, "bfloat16": 0.95}, "float32"),
        ({"float32": 1.0, "bfloat16": 4.0}, "float32"),
    ],
)
def test_half_precision_is_chosen_where_it_is_clearly_faster(monkeypatch, seconds, chosen):
    monkeypatch.setattr("brainseg.training.devices.seconds_per_convolution", seconds.get)
    assert precision_of(TrainingConfig(data="")) == chosen


def test_the_time_of_a_convolution_is_measured_in_both_precisions():
    for dtype in ("float32", "bfloat16"):
        assert 0 < seconds_per_convolution(dtype) < 60


def test_a_given_precision_is_not_measured(taught_root, monkeypatch):
    monkeypatch.setattr("brainseg.training.devices.seconds_per_convolution", None)
    assert precision_of(tiny_training(taught_root, precision="mixed_float16")) == "mixed_float16"


def test_all_devices_need_tensorflow_and_one_device_does_not(taught_root, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert Devices(tiny_training(taught_root)).facts() == {"backend": "jax", "devices": ["one"]}
    with pytest.raises(RunError, match="set devices=one or KERAS_BACKEND=tensorflow"):
        Devices(tiny_training(taught_root, devices="all"))
