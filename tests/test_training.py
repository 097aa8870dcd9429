"""A training writes a run that can be read, stopped, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import blob, head, write_pair

from brainseg.errors import CohortError, RunError
from brainseg.runs import HISTORY_KEYS, Run
from brainseg.training import TrainingConfig, train


@pytest.fixture(scope="module")
def eight_patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight patients of four slices of 64x64, the last without tumour."""
    root = tmp_path_factory.mktemp("eight")
    for patient in range(8):
        case = f"TCGA_XX_{patient:04d}_20000101"
        for number in range(1, 5):
            mask = blob(20 + patient, 20, side=12) if number < 4 else np.zeros((64, 64), np.uint8)
            image = head(seed=10 * patient + number)
            image[mask > 0, 1] = 250
            write_pair(root / case, case, number, image, mask)
    return root


@pytest.fixture
def config(eight_patients: Path) -> TrainingConfig:
    return TrainingConfig(
        data=str(eight_patients),
        name="tiny",
        folds=4,
        epochs=3,
        steps_per_epoch=3,
        batch_size=4,
        base_features=4,
        levels=3,
        size=64,
        precision="float32",
        averaging=0.5,
    )


def test_a_run_holds_config_folds_history_status_and_checkpoints(config, tmp_path):
    reports = []
    run = train(config, tmp_path, report=reports.append)

    assert run.config() == asdict(config)
    fold = run.fold()
    parts = [set(fold[part]) for part in ("trained_on", "selected_on", "held_out")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 8
    history = run.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert tuple(history.columns) == HISTORY_KEYS
    assert history["validation_dice"].between(0, 1).all()
    status = run.status()
    assert status["state"] == "finished"
    assert status["best_dice"] == history["validation_dice"].max()
    assert 0 < status["threshold"] < 1
    names = {path.name for path in (run.path / "checkpoints").iterdir()}
    assert names == {
        "best.weights.h5",
        "progress.json",
        "state-0002.weights.h5",
        "state-0003.weights.h5",
    }
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert reports[-1]["seconds_left"] == 0


def test_a_training_killed_after_an_epoch_resumes_to_the_same_history(config, tmp_path):
    whole = train(config, tmp_path / "whole").history()

    class Killed(BaseException):
        pass

    def kill_after_one(status: dict) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(config, tmp_path / "killed", report=kill_after_one)
    (path,) = (tmp_path / "killed").iterdir()
    assert Run(path).history()["epoch"].tolist() == [1]
    # What a kill inside the next epoch's save leaves behind.
    (path / "checkpoints" / "partial-state-0002.weights.h5").write_bytes(b"half")
    (path / "checkpoints" / "state-0002.weights.h5").write_bytes(b"not named by progress.json")
    resumed = train(config, tmp_path, resume=Run.open(path)).history()

    assert resumed["epoch"].tolist() == [1, 2, 3]
    for column in ("loss", "validation_dice", "learning_rate"):
        np.testing.assert_allclose(resumed[column], whole[column], rtol=1e-4, err_msg=column)


def test_the_same_seed_gives_the_same_history(config, tmp_path):
    short = replace(config, epochs=1)
    one, other = (train(short, tmp_path / name).history()["loss"] for name in "ab")
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_training_stops_early_when_the_selecting_cases_no_longer_improve(config, tmp_path):
    # Steps this small teach nothing, so a best epoch comes soon and nothing better follows.
    run = train(replace(config, learning_rate=1e-12, epochs=25, patience=2), tmp_path)
    status = run.status()
    assert status["message"] == "stopped early"
    assert len(run.history()) == status["best_epoch"] + 2 < 25


def test_a_loss_that_is_no_number_fails_with_a_sentence_and_keeps_the_best(config, tmp_path):
    run = train(replace(config, epochs=1), tmp_path)
    best = (run.path / "checkpoints" / "best.weights.h5").read_bytes()
    state = run.path / "checkpoints" / "state-0001.weights.h5"
    _poison(state)
    with pytest.raises(RunError, match="lower learning_rate"):
        train(config, tmp_path, resume=run)
    assert run.status()["state"] == "failed"
    assert "NaN" in run.status()["message"]
    assert (run.path / "checkpoints" / "best.weights.h5").read_bytes() == best


def _poison(weights: Path) -> None:
    import h5py

    with h5py.File(weights, "r+") as file:
        datasets = []
        file.visititems(lambda _, item: datasets.append(item) if hasattr(item, "shape") else None)
        kernel = next(item for item in datasets if len(item.shape) == 4)
        kernel[...] = np.nan


def test_sigterm_ends_in_a_run_that_can_be_resumed(config, tmp_path):
    long = replace(config, epochs=500, patience=500)
    code = (
        "import json, sys; from pathlib import Path;"
        "from brainseg.training import TrainingConfig, train;"
        "train(TrainingConfig(**json.loads(sys.argv[1])), Path(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(asdict(long)), str(tmp_path)]
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("*/checkpoints/progress.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline, "no epoch ended"
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
    (path,) = tmp_path.iterdir()
    run = Run.open(path)
    status = run.status()
    assert status["state"] == "stopped"
    assert "resume" in status["message"]
    epochs = status["epoch"]
    finished = train(replace(long, epochs=epochs + 1), tmp_path, resume=run)
    assert finished.history()["epoch"].tolist() == list(range(1, epochs + 2))


def test_phantoms_are_mixed_in_where_the_config_says_so(config, tmp_path):
    mixed = replace(config, epochs=1, steps_per_epoch=1, synthetic_cases=1)
    plain = replace(mixed, synthetic_cases=0)
    losses = [
        train(c, tmp_path / str(c.synthetic_cases)).history()["loss"][0] for c in (mixed, plain)
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", 0, "1 or more"),
        ("fold", 9, "0 to 4"),
        ("size", 100, "a multiple of 32"),
        ("name", "../x", "letters"),
        ("epochs", "many", "of type int"),
        ("tumour_share", 2, "0 to 1"),
        ("precision", "float128", "float32"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_its_rule(setting, value, rule):
    with pytest.raises(RunError, match=rule) as refused:
        TrainingConfig.from_settings({"data": "x", setting: value})
    assert setting in str(refused.value)


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(RunError, match=r"unknown setting epoch: choose from .*epochs"):
        TrainingConfig.from_settings({"data": "x", "epoch": 3})


def test_every_setting_is_described_on_a_line_of_its_own():
    lines = TrainingConfig.described()
    assert [line.split("=")[0] for line in lines] == list(asdict(TrainingConfig(data="x")))
    assert "epochs=36  at the most." in lines
    assert all(len(line.split("  ")[1]) > 5 for line in lines)


def test_too_few_patients_are_refused_before_a_run_is_made(config, tmp_path):
    with pytest.raises(CohortError, match="at least 20 patients"):
        train(replace(config, folds=10), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_training_leaves_the_precision_of_its_process_as_it_was(config, tmp_path):
    import keras

    before = keras.config.dtype_policy().name
    train(replace(config, epochs=1, steps_per_epoch=1, precision="mixed_bfloat16"), tmp_path)
    assert keras.config.dtype_policy().name == before
    assert os.environ.get("KERAS_BACKEND") in (None, "tensorflow")
