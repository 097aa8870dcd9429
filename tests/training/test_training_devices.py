"""Several devices of one machine share each batch equally, or the training is refused."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest
from support.trainings import saved_progress, tiny_training

from brainseg.errors import RunError
from brainseg.models.engines.exporting import can_export
from brainseg.training import TrainingConfig, devices, new_run
from brainseg.training.devices import (
    Devices,
    precision_of,
    refuse_unlike_processes,
    seconds_per_convolution,
)
from brainseg.training.runs import Run
from brainseg.training.stopping import SharedStop, Stopped, StopRequest

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


def test_all_devices_need_tensorflow_or_jax_and_one_device_does_not(taught_root, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    assert Devices(tiny_training(taught_root)).facts() == {"backend": "torch", "devices": ["one"]}
    with pytest.raises(RunError, match="set devices=one or KERAS_BACKEND=tensorflow"):
        Devices(tiny_training(taught_root, devices="all"))


def test_a_stop_of_any_process_stops_all_of_them(taught_root, tmp_path):
    stop = StopRequest(new_run(tiny_training(taught_root), tmp_path))
    shared = SharedStop(stop, lambda number: [number, 1])
    assert not stop.is_set and shared.is_set
    with pytest.raises(Stopped):
        shared.raise_if_set()
    assert not SharedStop(stop, lambda number: [number, 0]).is_set


def test_processes_with_other_settings_are_refused_and_none_is_left_to_measure_its_precision(
    taught_root, monkeypatch
):
    refuse_unlike_processes("a process alone")
    monkeypatch.setattr(devices, "from_all_processes", lambda number: [number, number + 1])
    with pytest.raises(RunError, match="different settings, cases or checkpoints"):
        refuse_unlike_processes("one of two")
    monkeypatch.setattr(devices, "processes", lambda: 2)
    with pytest.raises(RunError, match="precision is auto, which each process would measure"):
        Devices(tiny_training(taught_root, devices="all", precision="auto"))


def test_networks_are_exported_on_tensorflow_only(monkeypatch):
    assert can_export()
    for backend in ("jax", "torch"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        assert not can_export()
