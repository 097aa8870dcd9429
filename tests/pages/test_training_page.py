"""The training page's monitor: a run that grows, ends, is stopped, killed or damaged."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from support.pages import open_page, texts
from support.runs import (
    add_epoch,
    button,
    copy_of,
    drawn,
    layout,
    said,
    traces,
    watch_slices,
)

from brainseg.errors import RunError
from brainseg.monitoring.readers import RunReader
from brainseg.plotting.curves import TIME, Drawing, epochs_between
from brainseg.training import TrainingConfig, jobs


def test_without_a_run_the_page_says_how_to_begin_and_shows_the_form(monkeypatch, tiny_cohort):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert "No training runs yet. Start one below" in said(app)
    assert "folds need at least 10 patients" in said(app)
    assert app.number_input(key="setting_epochs").value == TrainingConfig(data="x").epochs
    for view in ("Monitor", "Compare", "Logs"):
        assert not open_page(monkeypatch, tiny_cohort, "training", view=view).exception


def test_a_training_shows_its_progress_and_marks_its_best_epoch(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert "Epoch 4 of 10, best validation Dice 0.700 at epoch 2" in said(app)
    assert "At most 6 min left" in said(app)
    assert len(app.get("plotly_chart")) == 4
    dice = traces(app, "Validation Dice")
    assert list(dice) == ["validation", "best"]
    assert set(traces(app, "Loss")) == {"training", "validation", "best"}
    assert "has not reported" not in said(app).lower()


def test_changes_on_disk_are_shown_with_the_next_update(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training")
    add_epoch(run, 5, 0.8)
    run.set_status("finished", epoch=10, best_epoch=5, best_dice=0.8, threshold=0.5)
    app.run()
    assert "All 10 epochs are done: best validation Dice 0.800" in said(app)


def test_an_early_stop_is_described_and_marked(monkeypatch, tiny_cohort, run):
    run.set_status("finished", epoch=4, best_epoch=2, best_dice=0.7, threshold=0.5)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "Stopped early at epoch 4 of 10" in said(app)
    assert "no improvement for 2 epochs" in said(app)
    assert "stopped early" in [note["text"] for note in layout(app)["annotations"]]


def test_a_resume_is_marked_at_its_epoch(monkeypatch, tiny_cohort, run):
    run.add_event("resumed", 2)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert [note["text"] for note in layout(app)["annotations"]] == ["resumed"]
    assert layout(app)["shapes"][0]["x0"] == 2


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_an_unfinished_run_shows_the_reason_and_how_to_resume(monkeypatch, tiny_cohort, run, state):
    run.set_status(state, epoch=4, best_epoch=2, best_dice=0.7, message="no space <b>left</b>")
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "Ended after epoch 4 of 10" in said(app)
    assert r"\<b\>left" in texts(app)
    assert f"--resume {run.path}" in app.code[0].value
    assert button(app, "Resume")


def test_resume_calls_the_job_and_shows_its_error(monkeypatch, tiny_cohort, run):
    run.set_status("stopped", epoch=4, best_epoch=2, best_dice=0.7)
    asked = []
    monkeypatch.setattr(jobs, "resume", lambda run: asked.append(run) or run)
    app = open_page(monkeypatch, tiny_cohort, "training")
    button(app, "Resume").click().run()
    assert asked == [run]

    def refuse(_):
        raise RunError("another training goes on: stop it first.")

    monkeypatch.setattr(jobs, "resume", refuse)
    button(app, "Resume").click().run()
    assert "another training goes on" in app.error[0].value


def test_a_killed_training_is_not_shown_as_running(monkeypatch, tiny_cohort, run):
    run.set_process()
    path = run.path / "process.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "The training process ended unexpectedly" in said(app)
    assert button(app, "Resume")
    assert "Stop" not in [one.label for one in app.button]


def test_a_silent_run_of_another_machine_has_a_warning(monkeypatch, tiny_cohort, run):
    path = run.path / "status.json"
    status = json.loads(path.read_text())
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    path.write_text(json.dumps(status | {"updated_at": long_ago.isoformat()}))
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "This training has not reported for 3 h" in said(app)


def test_a_warning_is_shown_while_its_condition_is_true(monkeypatch, tiny_cohort, run):
    add_epoch(run, 5, 0.5, loss=math.nan)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert "**Not a number**, since epoch 5" in said(app)
    add_epoch(run, 5, 0.5)
    app.run()
    assert "Not a number" not in said(app)


def test_validation_dice_is_distinguished_from_the_held_out_score(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert [(m.label, m.value) for m in app.metric] == [
        ("Training", "2"),
        ("Validation", "1"),
        ("Held out", "3"),
    ]
    assert "Held-out cases are not read in" in said(app)
    settings = next(frame.value for frame in app.dataframe if "setting" in frame.value)
    assert settings.set_index("setting")["value"]["batch_size"] == "16"


@pytest.mark.parametrize("file", ["status.json", "config.json", "folds.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"state": "tr'])
def test_a_damaged_file_is_one_note_and_the_curves_stay(
    monkeypatch, tiny_cohort, run, file, content
):
    (run.path / file).write_text(content)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert not app.error
    assert len([one for one in app.info if "cannot be read" in one.value]) == 1
    assert len(app.get("plotly_chart")) == 4


def test_an_incomplete_line_of_history_is_ignored(monkeypatch, tiny_cohort, run):
    with (run.path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 5, "lo')
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert not app.info
    assert len(app.get("plotly_chart")) == 4


def test_the_address_chooses_the_run_and_an_unknown_one_gets_a_warning(
    monkeypatch, tiny_cohort, run, runs
):
    older = copy_of(run, runs / "20200101-000000-older")
    older.set_status("finished", epoch=10, best_epoch=2, best_dice=0.55)
    app = open_page(monkeypatch, tiny_cohort, "training", run=older.name)
    assert app.selectbox("run").value == older.name
    assert "0.550" in said(app)
    app = open_page(monkeypatch, tiny_cohort, "training", run="../../etc")
    assert "Unknown run" in app.warning[0].value
    assert app.selectbox("run").value == run.name


def test_the_address_reopens_how_the_curves_are_drawn(monkeypatch, tiny_cohort, run):
    add_epoch(run, 5, 0.4)
    address = {"smoothing": 60, "scale": "log", "by": "time", "last": 30}
    app = open_page(monkeypatch, tiny_cohort, "training", **address)
    assert app.slider("smoothing").value == 60
    assert layout(app)["yaxis"]["type"] == "log"
    assert layout(app)["xaxis"]["title"]["text"] == "training time (min)"
    dice = traces(app, "Validation Dice")
    assert list(dice) == ["validation, raw", "validation", "best"]
    for wrong in ({"smoothing": 61}, {"scale": "cubic"}, {"last": 7}, {"by": "x"}, {"view": "X"}):
        app = open_page(monkeypatch, tiny_cohort, "training", **wrong)
        assert not app.exception
        assert len(app.get("plotly_chart")) == 4


def test_the_address_chooses_epochs_and_a_button_shows_all(monkeypatch, tiny_cohort, run):
    app = open_page(monkeypatch, tiny_cohort, "training", epochs="3..4")
    dice = traces(app, "Validation Dice")
    assert list(dice) == ["validation"], "the best epoch, 2, is not among those shown"
    assert drawn(dice["validation"], "customdata") == [3, 4]
    button(app, "Show all (now epochs 3 to 4)").click().run()
    assert "epochs" not in app.query_params
    assert drawn(traces(app, "Validation Dice")["validation"], "customdata") == [1, 2, 3, 4]
    for wrong in ("4..3", "x", "3", "1..2..3", "٣..٤", "1..99999999999"):
        app = open_page(monkeypatch, tiny_cohort, "training", epochs=wrong)
        assert not app.exception
        assert list(traces(app, "Validation Dice")) == ["validation", "best"]


@pytest.mark.parametrize(
    ("drawing", "left", "right", "epochs"),
    [
        (Drawing(), 1.5, 3.2, (2, 3)),
        (Drawing(), -5.0, 1.0, (1, 1)),
        (Drawing(), 2.1, 2.9, None),
        (Drawing(by=TIME), 1.5, 3.5, (2, 3)),
        (Drawing(last=2), 0.0, 9.0, (3, 4)),
        (Drawing(epochs=(2, 3)), 0.0, 9.0, (2, 3)),
    ],
)
def test_a_drag_chooses_the_epochs_below_it(run, drawing, left, right, epochs):
    snapshot = RunReader(run).read()
    assert epochs_between([snapshot, snapshot], drawing, left, right) == epochs


def test_the_preview_slices_follow_the_newest_epoch_and_the_address(monkeypatch, tiny_cohort, run):
    watch_slices(run, 1, 2, 3)
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert app.select_slider("epoch").value == 3
    assert len(app.get("plotly_chart")) == 5
    captions = [caption.value for caption in app.caption if ", slice " in caption.value]
    assert captions == ["c, slice 3 · Dice 0.00", "c, slice 9 · no tumour in the mask"]
    watch_slices(run, 10)
    app.run()
    assert app.select_slider("epoch").value == 10
    assert "c, slice 3 · Dice 1.00" in said(app)
    app = open_page(monkeypatch, tiny_cohort, "training", epoch=2)
    assert app.select_slider("epoch").value == 2
    button(app, "Next epoch").click().run()
    assert app.query_params["epoch"] == "3"
    button(app, "Newest").click().run()
    assert "epoch" not in app.query_params
    assert app.select_slider("epoch").value == 10
    app = open_page(monkeypatch, tiny_cohort, "training", epoch=99)
    assert "No slices were saved after epoch “99”" in said(app)


@pytest.mark.parametrize("name", ["slices.npz", "epoch-0003.npz"])
def test_damaged_preview_slices_are_one_note(monkeypatch, tiny_cohort, run, name):
    watch_slices(run, 1, 2, 3)
    (run.path / "samples" / name).write_bytes(b"PK\x03\x04 damaged")
    app = open_page(monkeypatch, tiny_cohort, "training")
    assert not app.exception
    assert len([one for one in app.info if "cannot be read" in one.value]) == 1
