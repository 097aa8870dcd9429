"""A training writes a complete run, learns, and is reproducible."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from support.make_tiny_model import train_tiny_run
from support.trainings import FOLLOWED, saved_progress, tiny_training

from brainseg.errors import CohortError, RunError
from brainseg.monitoring.readers import RunReader
from brainseg.storage import locking
from brainseg.training import TrainingConfig, new_run, train
from brainseg.training.data import make_feed
from brainseg.training.previews import PREVIEW_SLICES, load_probability, load_slices, preview_epochs
from brainseg.training.provenance import git_state
from brainseg.training.runs import HISTORY_KEYS
from brainseg.training.session import lock_path


def test_a_run_contains_every_setting_and_the_cases_of_its_fold(whole, taught_root):
    settings = whole.config()
    assert list(settings) == list(asdict(tiny_training(taught_root)))
    assert TrainingConfig.from_settings(settings) == tiny_training(taught_root)
    fold = whole.fold()
    parts = [set(fold[part]) for part in ("trained_on", "selected_on", "held_out")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 10


def test_each_epoch_has_a_line_of_history_and_the_dice_of_each_validation_case(whole):
    history = whole.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert tuple(history.columns) == HISTORY_KEYS
    assert history.notna().all().all()
    assert (history["epoch_seconds"] >= history["seconds"]).all()
    assert (history["memory_mb"] > 100).all()
    scores = RunReader(whole).case_scores()
    assert set(scores.index) == set(whole.fold()["selected_on"])
    np.testing.assert_allclose(scores.mean(), history["validation_dice"])


def test_the_status_names_the_best_epoch_and_a_threshold(whole):
    status, history = whole.status(), whole.history()
    assert (status["state"], whole.state()) == ("finished", "finished")
    assert status["best_dice"] == history["validation_dice"].max()
    assert (
        history.set_index("epoch").loc[status["best_epoch"], "validation_dice"]
        == (status["best_dice"])
    )
    assert 0 < status["threshold"] < 1
    assert whole.events()["event"].tolist() == ["started", "finished"]


def test_the_best_weights_and_two_states_are_kept(whole):
    names = {path.name for path in (whole.path / "checkpoints").iterdir()}
    assert names == {
        "best.weights.h5",
        "progress.json",
        "state-0002.weights.h5",
        "state-0003.weights.h5",
    }


def test_the_same_slices_are_predicted_after_each_epoch(whole, taught_root):
    from brainseg.cohort import Cohort

    watched = load_slices(whole)
    assert preview_epochs(whole) == [1, 2, 3]
    # One case selects here, with three slices of tumour and two without.
    assert len(watched.cases) == 4 <= PREVIEW_SLICES
    assert [bool(truth.any()) for truth in watched.truth] == [True, True, True, False]
    case = Cohort.open(taught_root).case(watched.cases[0])
    np.testing.assert_array_equal(
        watched.image[0], case.slice_pixels(watched.slice_numbers[0])[..., 1]
    )
    np.testing.assert_array_equal(watched.truth[0], case.slice_mask(watched.slice_numbers[0]))
    for epoch in (1, 2, 3):
        probability = load_probability(whole, epoch)
        assert (probability.shape, probability.dtype) == (watched.image.shape, np.uint8)
    assert (load_probability(whole, 1) != load_probability(whole, 3)).any()
    with pytest.raises(RunError, match="choose one of 1, 2, 3"):
        load_probability(whole, 4)


def test_the_provenance_of_a_run_names_versions_and_data_but_no_path(whole, taught_root):
    about = whole.about()
    assert about["data"]["cases"] == 10
    assert about["data"]["slices"] == 50
    assert {"keras", "numpy", "tensorflow"} <= set(about["packages"])
    assert (about["backend"], about["precision"]) == ("tensorflow", "float32")
    written = json.dumps(about)
    assert str(taught_root) not in written
    assert str(Path.home()) not in written


def test_git_is_missing_where_there_is_no_checkout(tmp_path):
    assert git_state(tmp_path) is None
    (tmp_path / ".git").mkdir()
    assert git_state(tmp_path) is None


def test_git_is_recorded_as_a_commit_and_whether_files_were_changed(tmp_path):
    import subprocess

    def git(*words):
        author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *author, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("x")
    git("add", "file")
    git("commit", "-m", "first")
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["changed"] is False
    (tmp_path / "file").write_text("y")
    assert git_state(tmp_path)["changed"] is True


def test_a_report_comes_after_each_epoch_with_the_time_left(whole, reports):
    assert [report["epoch"] for report in reports] == [1, 2, 3]
    assert reports[0]["seconds_left"] > 0
    assert reports[-1]["seconds_left"] == 0


def test_event_files_contain_the_curves_for_tensorboard(whole):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    def curve(part: str, tag: str) -> list[float]:
        events = EventAccumulator(str(whole.path / "tensorboard" / part)).Reload()
        return [float(tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]

    history = whole.history()
    np.testing.assert_allclose(curve("train", "epoch_loss"), history["loss"], rtol=1e-6)
    for name in ("loss", "dice"):
        expected = history[f"validation_{name}"]
        np.testing.assert_allclose(curve("validation", f"epoch_{name}"), expected, rtol=1e-6)


def test_the_same_seed_gives_exactly_the_same_history(whole, taught_root, tmp_path):
    again = train(new_run(tiny_training(taught_root), tmp_path)).history()
    for column in FOLLOWED:
        assert again[column].tolist() == whole.history()[column].tolist(), column


def test_a_short_training_finds_the_squares_with_the_default_averaging(
    taught_root, tmp_path, compiled
):
    run = train_tiny_run(taught_root, tmp_path)
    assert run.config()["averaging"] == 0.99
    assert run.status()["best_dice"] > 0.8


def test_training_stops_early_when_validation_no_longer_improves(taught_root, tmp_path):
    # Steps this small change nothing, so the first epochs are the best.
    config = tiny_training(taught_root, learning_rate=1e-12, epochs=40, patience=2)
    run = train(new_run(config, tmp_path))
    status = run.status()
    assert status["message"] == "stopped early"
    assert len(run.history()) == status["best_epoch"] + 2 < 40
    assert run.events()["event"].tolist() == ["started", "early stop"]
    with pytest.raises(RunError, match="resume it with patience above 2"):
        train(run)
    run.set_config(run.config() | {"patience": 3})
    train(run)
    assert run.events()["event"].tolist() == ["started", "early stop", "resumed", "early stop"]
    assert len(run.history()) == run.status()["best_epoch"] + 3


def test_too_few_patients_are_refused_before_a_run_is_made(taught_root, tmp_path):
    with pytest.raises(CohortError, match="at least 20 patients"):
        new_run(tiny_training(taught_root, folds=10), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_phantoms_and_half_precision_apply_to_one_run_only(taught_root, tmp_path, monkeypatch):
    import keras

    from brainseg.training import loop

    fed = []

    def spied(cases, *more, **named):
        fed.append([case.name for case in cases])
        return make_feed(cases, *more, **named)

    monkeypatch.setattr(loop, "make_feed", spied)
    before = keras.config.dtype_policy().name
    config = tiny_training(taught_root, epochs=1, precision="mixed_float16", synthetic_cases=2)
    run = train(new_run(config, tmp_path))
    assert fed == [[*run.fold()["trained_on"], "", ""]]
    assert run.about()["precision"] == "mixed_float16"
    assert run.history()["loss"].notna().all()
    assert keras.config.dtype_policy().name == before


def test_a_second_training_at_the_same_time_is_refused(taught_root, tmp_path):
    first = new_run(tiny_training(taught_root, name="first", epochs=1), tmp_path)
    second = new_run(tiny_training(taught_root, name="second"), tmp_path)

    def start_another(_: dict) -> None:
        with pytest.raises(RunError, match=r"-first is being trained, and one training at a time"):
            train(second)

    train(first, start_another)
    assert second.status()["state"] == "starting"
    with locking.held(lock_path(), "free again"):
        pass


def test_a_finished_run_is_not_trained_again(whole):
    with pytest.raises(RunError, match="is finished"):
        train(whole)
    assert whole.status()["state"] == "finished"
    assert saved_progress(whole) == (3, 0)
