"""A stopped, failed or finished training continues, with the same settings or others."""

import json
from dataclasses import asdict

import h5py
import numpy as np
import pytest
from support.trainings import assert_same_history, copied, saved_progress, tiny_training

from brainseg.errors import RunError
from brainseg.training import changed, new_run, train
from brainseg.training.runs import Run
from brainseg.training.stopping import ask_to_stop


def test_a_stop_inside_an_epoch_continues_to_the_same_history(whole, half, compiled):
    # Begun eagerly and ended by a graph, which must make no difference either.
    run = half
    assert run.state() == "stopped"
    assert (run.status()["epoch"], run.status()["step"]) == saved_progress(run) == (1, 1)
    assert train(run).state() == "finished"
    assert_same_history(run, whole)
    assert run.events()["event"].tolist() == ["started", "stopped", "resumed", "finished"]
    assert run.status()["best_dice"] == pytest.approx(whole.status()["best_dice"], rel=1e-5)


def test_an_invalid_loss_fails_with_a_sentence_and_checkpoints_stay_intact(
    whole, half, monkeypatch
):
    from brainseg.training import loop

    run = half
    best = (run.path / "checkpoints" / "best.weights.h5").read_bytes()
    before = saved_progress(run)

    def poisoned(*arguments, **more):
        feed = make_feed(*arguments, **more)
        drawn = type(feed).__getitem__
        type(feed).__getitem__ = lambda self, place: tuple(x * np.nan for x in drawn(self, place))
        return feed

    make_feed = loop.make_feed
    with monkeypatch.context() as broken:
        broken.setattr(loop, "make_feed", poisoned)
        with pytest.raises(RunError, match="lower learning_rate"):
            train(run)
    assert run.state() == "failed"
    assert "NaN" in run.status()["message"]
    assert run.events()["event"].tolist()[-1] == "failed"
    assert saved_progress(run) == before
    assert (run.path / "checkpoints" / "best.weights.h5").read_bytes() == best

    end_of_batches = loop.TrainingLoop._end_of_batches

    def spoilt(training, *arguments):
        training.network.trainable_variables[-1].assign([np.nan])
        return end_of_batches(training, *arguments)

    # The last step of an epoch spoils the weights, and its loss was still a number.
    with monkeypatch.context() as broken:
        broken.setattr(loop.TrainingLoop, "_end_of_batches", spoilt)
        with pytest.raises(RunError, match="lower learning_rate"):
            train(run)
    assert saved_progress(run) == before
    train(run)
    assert_same_history(run, whole)


def test_a_run_continues_with_changed_settings(whole, half):
    run = half
    config = tiny_training(run.config()["data"])
    run.set_config(asdict(changed(config, {"epochs": 2, "learning_rate": 1e-4})))
    train(run)
    assert run.history()["epoch"].tolist() == [1, 2]
    assert run.history()["learning_rate"].iloc[1] < whole.history()["learning_rate"].iloc[1]


def test_a_finished_run_continues_with_more_epochs(whole, tmp_path):
    run = copied(whole, tmp_path)
    epochs = run.config()["epochs"]
    with pytest.raises(RunError, match=rf"is finished.*resume it with epochs above {epochs}"):
        train(run)
    run.set_config(run.config() | {"epochs": epochs + 1})
    assert train(run).state() == "finished"
    assert run.history()["epoch"].tolist() == [*range(1, epochs + 2)]
    assert run.history()["validation_dice"][:epochs].tolist() == (
        whole.history()["validation_dice"].tolist()
    )
    assert run.events()["event"].tolist() == ["started", "finished", "resumed", "finished"]


def test_a_warm_restart_equals_a_resume_with_more_epochs(taught_root, tmp_path):
    longer = train(new_run(tiny_training(taught_root, epochs=1), tmp_path / "longer"))
    for epochs in (2, 4):
        longer.set_config(longer.config() | {"epochs": epochs})
        train(longer)
    config = tiny_training(taught_root, epochs=4, rate_restarts=(1, 2))
    once, again = train(new_run(config, tmp_path / "once")).history(), longer.history()
    for column in ("loss", "validation_dice", "validation_loss"):
        np.testing.assert_allclose(once[column], again[column], rtol=1e-5, err_msg=column)
    # An epoch's rate is that of the step to come, which at an end was not to come yet.
    rates = once["learning_rate"].tolist()
    assert rates[2:] == again["learning_rate"].tolist()[2:]
    assert rates[0] > rates[1] > rates[2] > rates[3]


def test_a_run_refuses_to_continue_with_other_images(taught_root, tiny_cohort, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    run.set_config(run.config() | {"data": str(tiny_cohort)})
    with pytest.raises(RunError, match="does not contain the images"):
        train(run)


def test_a_run_of_the_first_version_still_opens_and_continues(whole, taught_root, tmp_path):
    run = new_run(tiny_training(taught_root), tmp_path)
    train(run, lambda epoch: ask_to_stop(run) if epoch["epoch"] == 2 else None)
    _make_older(run)
    assert run.about() == {}
    assert run.history()["validation_loss"].isna().all()
    train(run)
    assert run.state() == "finished"
    assert run.history()["epoch"].tolist() == [1, 2, 3]


def _make_older(run: Run) -> None:
    """Remove from a run the parts that the first version did not write."""
    for name in ("about.json", "process.json", "events.jsonl", "cases.jsonl"):
        (run.path / name).unlink()
    config = run.config()
    for setting in ("devices", "workers"):
        del config[setting]
    run.set_config(config)
    path = run.path / "history.jsonl"
    keys = ("epoch", "loss", "validation_dice", "learning_rate", "slices_per_second", "seconds")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [json.dumps({key: row[key] for key in (*keys, "finished_at")}) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    progress = run.path / "checkpoints" / "progress.json"
    state = "state-0002.weights.h5"
    facts = {"epoch": 2, "best_epoch": 1, "best_dice": 0.1, "state": state, "stopped_early": False}
    progress.write_text(json.dumps(facts))
    with h5py.File(run.path / "checkpoints" / state, "r+") as file:
        names = []
        file.visit(names.append)
        for name in (name for name in names if name.endswith("_norm/vars/4")):
            del file[name]
