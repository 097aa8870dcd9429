"""The training page: how the runs of the cohort went, also while one trains or after one was killed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pages import open_page, texts

from brainseg.cohort import Cohort
from brainseg.runs import Run

FOLD = {"number": 1, "trained_on": ["a", "b"], "selected_on": ["c"], "held_out": ["d", "e", "f"]}
DICE = (0.2, 0.7, 0.6, 0.5)


@pytest.fixture
def runs(tiny_cohort):
    """Return the folder of the runs of ``tiny_cohort``."""
    return Cohort.open(tiny_cohort).home / "runs"


@pytest.fixture
def run(runs) -> Run:
    """Return a run of four epochs, the second the best, that is still training."""
    run = Run.create(runs, "unet", {"epochs": 10, "patience": 2, "batch_size": 16}, FOLD)
    for epoch, dice in enumerate(DICE, start=1):
        run.add_epoch(
            epoch=epoch,
            loss=1 / epoch,
            validation_dice=dice,
            learning_rate=1e-3,
            slices_per_second=20.0,
            seconds=50.0,
        )
    run.set_status("training", epoch=4, best_epoch=2, best_dice=0.7)
    return run


def traces(app, chart: int) -> dict:
    """Return the traces of a chart by name."""
    spec = json.loads(app.get("plotly_chart")[chart].proto.spec)
    return {trace["name"]: trace for trace in spec["data"]}


def test_without_a_run_the_page_says_how_to_start_one(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert "no training of this cohort yet" in texts(app)
    assert "python -m brainseg train DATA" in texts(app)


def test_a_training_says_how_far_it_is_and_marks_its_best_epoch(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert "**Training**: epoch 4 of 10, best validation Dice **0.700**, at epoch 2" in texts(app)
    assert "left" in texts(app)
    assert len(app.get("plotly_chart")) == 3
    assert "best epoch" in traces(app, 1)
    assert "Killed" not in texts(app)


def test_what_changed_on_disk_is_shown_when_the_page_looks_again(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training")
    run.set_status("finished", epoch=10, best_epoch=9, best_dice=0.8, threshold=0.5)
    app.run()
    assert "**Finished** after all 10 epochs: best validation Dice **0.800**" in texts(app)


def test_an_early_stop_is_said(monkeypatch, tiny_cohort, run):
    run.set_status("finished", epoch=4, best_epoch=2, best_dice=0.7, threshold=0.5)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "stopped early** at epoch 4 of 10" in texts(app)
    assert "2 epochs after it brought nothing better" in texts(app)


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_run_that_ended_before_its_time_says_why_and_how_to_go_on(
    monkeypatch, tiny_cohort, run, state
):
    run.set_status(state, epoch=4, best_epoch=2, best_dice=0.7, message="no space <b>left</b>")
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert f"**{state.capitalize()}** at epoch 4 of 10" in texts(app)
    assert f"--resume {run.path}" in app.code[0].value


def test_a_killed_training_is_not_shown_as_if_it_went_on(monkeypatch, tiny_cohort, run):
    path = run.path / "status.json"
    status = json.loads(path.read_text())
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    path.write_text(json.dumps(status | {"updated_at": long_ago.isoformat()}))
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "Nothing was heard of this training for 3 h" in texts(app)


def test_validation_dice_is_told_apart_from_the_score_on_held_out_cases(
    monkeypatch, tiny_cohort, run
):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert [(m.label, m.value) for m in app.metric] == [
        ("Trained on", "2"),
        ("Selected on", "1"),
        ("Held out", "3"),
    ]
    assert "those held out are not even read" in texts(app)
    settings = next(frame.value for frame in app.dataframe if "setting" in frame.value)
    assert settings.set_index("setting")["value"]["batch_size"] == "16"


@pytest.mark.parametrize("file", ["status.json", "config.json", "folds.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"state": "tr'])
def test_a_damaged_run_is_one_sentence(monkeypatch, tiny_cohort, run, file, content):
    (run.path / file).write_text(content)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert len(app.error) == 1
    assert "cannot be read" in app.error[0].value


def test_half_a_line_of_history_counts_as_none(monkeypatch, tiny_cohort, run):
    with (run.path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 5, "lo')
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert len(traces(app, 0)["Loss (training)"]["x"]) > 0


def test_the_address_chooses_the_run_and_an_unknown_one_gets_a_sentence(
    monkeypatch, tiny_cohort, run, runs
):
    older = Run(runs / "20200101-000000-older")
    older.path.mkdir()
    for name in ("config.json", "folds.json", "status.json", "history.jsonl"):
        (older.path / name).write_bytes((run.path / name).read_bytes())
    older.set_status("finished", epoch=10, best_epoch=2, best_dice=0.55)
    app = open_page(monkeypatch, tiny_cohort, "training", run=older.name)
    assert app.selectbox("run").value == older.name
    assert "0.550" in texts(app)
    app = open_page(monkeypatch, tiny_cohort, "training", run="../../etc")
    assert "There is no run" in app.warning[0].value
    assert app.selectbox("run").value == run.name
