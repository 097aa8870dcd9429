"""The monitor of runs that grow, end, are killed or damaged, and of CSV logs."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.monitoring.readers import Columns, CsvReader, RunReader
from brainseg.monitoring.snapshot import seconds_to_go, sentence
from brainseg.training.runs import HISTORY_KEYS, Run, runs_table

CONFIG = {"epochs": 10, "patience": 4, "steps_per_epoch": 20}
FOLD = {"trained_on": ["a"], "selected_on": ["b"], "held_out": ["c"]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "first", CONFIG, FOLD)


@pytest.fixture
def reader(run: Run) -> RunReader:
    return RunReader(run)


def add(run: Run, *epochs: int, **values: float) -> None:
    for epoch in epochs:
        row = {"loss": 1 / epoch, "validation_dice": epoch / 20, "learning_rate": 1e-3}
        row |= {"slices_per_second": 20.0, "seconds": 30.0, "epoch_seconds": 36.0}
        run.add_epoch(epoch=epoch, **(row | values))


def append(run: Run, name: str, text: str) -> None:
    with (run.path / name).open("a") as file:
        file.write(text)


def test_a_new_run_has_no_curve_and_a_sentence(reader: RunReader) -> None:
    snapshot = reader.read()
    assert snapshot.history.empty
    assert snapshot.warnings == ()
    assert snapshot.notes == ()
    assert "cases are being read" in sentence(snapshot)


def test_each_read_adds_new_epochs_and_changes_the_version(run: Run, reader: RunReader) -> None:
    add(run, 1, 2)
    run.set_status("training", epoch=2, best_epoch=2, best_dice=0.1)
    first = reader.read()
    assert first.history["epoch"].tolist() == [1, 2]
    assert reader.read().version == first.version
    add(run, 3)
    second = reader.read()
    assert second.version != first.version
    assert second.history["loss"].tolist() == [1.0, 0.5, 1 / 3]
    assert first.history["epoch"].tolist() == [1, 2], "what was handed out stays as it was"


def test_the_history_agrees_with_that_of_the_run_after_kills_and_resumes(
    run: Run, reader: RunReader
) -> None:
    add(run, 1, 2, 3)
    reader.read()
    append(run, "history.jsonl", '{"epoch": 4, "lo')
    assert reader.read().history["epoch"].tolist() == [1, 2, 3]
    add(run, 3, loss=0.25)
    add(run, 4, 5, validation_loss=0.5)
    snapshot = reader.read()
    whole = run.history()
    for column in set(HISTORY_KEYS) - {"finished_at"} & set(snapshot.history):
        np.testing.assert_array_equal(snapshot.history[column], whole[column])
    assert snapshot.history["loss"].iloc[2] == 0.25
    assert len(snapshot.notes) == 1
    assert "1 line was skipped in history.jsonl" in snapshot.notes[0]


def test_time_is_that_of_training_without_the_pauses(run: Run, reader: RunReader) -> None:
    add(run, 1, 2, 3)
    assert reader.read().history["hours"].tolist() == pytest.approx([0.01, 0.02, 0.03])


def test_an_older_run_without_later_keys_has_its_curves(run: Run, reader: RunReader) -> None:
    line = {"epoch": 1, "loss": 1.0, "validation_dice": 0.5, "learning_rate": 0.1}
    line |= {"slices_per_second": 9.0, "seconds": 36.0, "finished_at": "2026-01-01T00:00:00+00:00"}
    append(run, "history.jsonl", json.dumps(line) + "\n")
    history = reader.read().history
    assert "memory_mb" not in history
    assert history["hours"].tolist() == pytest.approx([0.01])


@pytest.mark.parametrize(
    "damage",
    [
        "{}\n",
        "[1]\n",
        "null\n",
        "\x00\x00\n",
        '{"epoch": true}\n',
        '{"epoch": 3, "loss": "x"}\n',
        '{"epoch": -1, "loss": 1}\n',
        '{"epoch": 1e999}\n',
    ],
)
def test_a_damaged_line_leaves_the_last_valid_epoch_and_one_note(
    run: Run, reader: RunReader, damage: str
) -> None:
    add(run, 1, 2)
    append(run, "history.jsonl", damage)
    append(run, "events.jsonl", damage)
    snapshot = reader.read()
    assert snapshot.history["epoch"].tolist() == [1, 2]
    assert len(snapshot.notes) == 2
    assert all("1 line was skipped" in note for note in snapshot.notes)


def test_a_history_that_was_cut_or_replaced_is_read_again(run: Run, reader: RunReader) -> None:
    add(run, 1, 2, 3)
    reader.read()
    path = run.path / "history.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    assert reader.read().history["epoch"].tolist() == [1]
    path.unlink()
    assert reader.read().history.empty


@pytest.mark.parametrize("name", ["status.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"{}"])
def test_a_damaged_small_file_leaves_its_last_content_and_one_note(
    run: Run, reader: RunReader, name: str, content: bytes
) -> None:
    add(run, 1)
    run.set_status("training", epoch=1, best_epoch=1, best_dice=0.5)
    reader.read()
    (run.path / name).write_bytes(content)
    snapshot = reader.read()
    assert len(snapshot.notes) == 1
    assert name in snapshot.notes[0]
    assert snapshot.history["epoch"].tolist() == [1]
    assert snapshot.status["best_dice"] == 0.5
    fresh = RunReader(run).read()
    assert fresh.history["epoch"].tolist() == [1]
    assert sentence(fresh)


@pytest.mark.parametrize(
    ("name", "key"),
    [("status.json", key) for key in ("state", "epoch", "best_epoch", "best_dice", "updated_at")]
    + [("status.json", "step"), ("config.json", "epochs"), ("config.json", "steps_per_epoch")],
)
@pytest.mark.parametrize("value", ["x", -1.5, [], {}, True, 1e308, "2026-01-01"])
def test_an_invalid_value_in_a_small_file_is_one_note(
    run: Run, reader: RunReader, name: str, key: str, value: object
) -> None:
    add(run, 1, 2)
    run.set_status("training", epoch=2, best_epoch=2, best_dice=0.1, step=1)
    reader.read()
    content = json.loads((run.path / name).read_text())
    (run.path / name).write_text(json.dumps(content | {key: value}))
    snapshot = reader.read()
    is_any_number = key == "best_dice" and isinstance(value, float)
    assert len(snapshot.notes) == (0 if is_any_number else 1)
    assert all(f"{key} is “" in note for note in snapshot.notes)
    assert snapshot.history["epoch"].tolist() == [1, 2]
    assert sentence(snapshot)
    assert len(runs_table([run])) == 1
    seconds_to_go(snapshot)


def test_a_history_that_cannot_be_opened_is_one_note(run: Run, reader: RunReader) -> None:
    add(run, 1)
    reader.read()
    path = run.path / "history.jsonl"
    path.rename(path.with_name("aside"))
    path.mkdir()
    snapshot = reader.read()
    assert "history.jsonl of run" in snapshot.notes[0]
    assert "cannot be read" in snapshot.notes[0]
    assert snapshot.history["epoch"].tolist() == [1]


def test_a_deleted_folder_leaves_notes(run: Run, reader: RunReader) -> None:
    for path in run.path.iterdir():
        path.unlink()
    run.path.rmdir()
    snapshot = reader.read()
    assert snapshot.state == "damaged"
    assert len(snapshot.notes) == 2
    assert sentence(snapshot) == ("0 epochs could be read; the state of the training is unknown.")


def test_an_invalid_value_differs_from_a_missing_one(run: Run, reader: RunReader) -> None:
    add(run, 1)
    add(run, 2, loss=math.nan, validation_loss=math.inf)
    snapshot = reader.read()
    assert snapshot.invalid == {"loss": 2, "validation_loss": 2}
    assert snapshot.warnings[0].kind == "not a number"
    add(run, 2, loss=0.5, validation_loss=0.5)
    assert reader.read().invalid == {}


def test_scores_by_case_are_a_table_with_gaps_where_one_is_missing(
    run: Run, reader: RunReader
) -> None:
    assert reader.case_scores().empty
    run.add_case_scores(1, {"b": 0.5, "a": 0.25})
    assert reader.case_scores().loc["a", 1] == 0.25
    append(run, "cases.jsonl", '{"epoch": 2, "dice": {"a": "x"}}\n{"epoch')
    run.add_case_scores(2, {"a": 0.75})
    run.add_case_scores(1, {"b": 0.125, "a": 0.5})
    table = reader.case_scores()
    assert table.index.tolist() == ["a", "b"]
    assert table.columns.tolist() == [1, 2]
    assert table.loc["a"].tolist() == [0.5, 0.75]
    assert table.loc["b", 1] == 0.125
    assert math.isnan(table.loc["b", 2])


def test_events_are_marks_and_a_resume_is_a_restart(run: Run, reader: RunReader) -> None:
    add(run, 1, 2)
    run.add_event("started", 0)
    run.add_event("resumed", 1, "by hand")
    snapshot = reader.read()
    assert snapshot.restarts == [1]
    assert snapshot.events["event"].tolist() == ["started", "resumed"]


def test_the_sentence_says_state_epoch_best_score_and_time_left(
    run: Run, reader: RunReader
) -> None:
    run.set_process()
    add(run, 1, 2)
    run.set_status("training", epoch=2, best_epoch=2, best_dice=0.1, step=10)
    snapshot = reader.read()
    assert seconds_to_go(snapshot) == pytest.approx(7.5 * 36)
    assert sentence(snapshot) == (
        "Epoch 2 of 10, then batch 10 of 20, best validation Dice 0.100 at epoch 2. "
        "At most 4 min left."
    )


def test_the_sentence_of_an_ended_run_gives_the_reason(run: Run, reader: RunReader) -> None:
    add(run, 1)
    for state, facts, expected in (
        ("finished", {"epoch": 10, "best_epoch": 9}, "All 10 epochs are done: best"),
        ("finished", {"epoch": 6, "best_epoch": 2}, "Stopped early at epoch 6 of 10: best"),
        ("stopped", {"epoch": 3, "best_epoch": 2}, "Ended after epoch 3 of 10: best"),
        ("failed", {"epoch": 3, "best_epoch": 2, "message": "no space."}, "no space."),
        ("failed", {"epoch": 0}, "no epoch has been scored yet"),
    ):
        run.set_status(state, best_dice=0.5, **facts)
        assert expected in sentence(reader.read())
    assert "no improvement for 4 epochs" in _early(run, reader)


def _early(run: Run, reader: RunReader) -> str:
    run.set_status("finished", epoch=6, best_epoch=2, best_dice=0.5)
    return sentence(reader.read())


def test_a_run_whose_process_has_ended_is_shown_as_killed(run: Run, reader: RunReader) -> None:
    run.set_process()
    path = run.path / "process.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1}))
    run.set_status("training", epoch=3, best_epoch=2, best_dice=0.5)
    snapshot = reader.read()
    assert snapshot.state == "killed"
    assert not snapshot.is_active
    assert "The training process ended unexpectedly after epoch 3 of 10" in sentence(snapshot)


def test_a_silent_run_of_another_machine_has_its_silence(run: Run, reader: RunReader) -> None:
    add(run, 1)
    run.set_status("training", epoch=1, best_epoch=1, best_dice=0.5)
    path = run.path / "status.json"
    assert reader.read().silence_s is None
    long_ago = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"updated_at": long_ago}))
    assert reader.read().silence_s == pytest.approx(3 * 3600, abs=60)


def test_a_metric_may_start_at_a_later_epoch() -> None:
    columns = Columns()
    columns.add(1, {"a": 1.0})
    columns.add(2, {"a": 2.0, "b": 5.0})
    columns.add(1, {"b": 7.0})
    columns.add(3, {"a": None, "b": 10**400})
    history = columns.history(lambda rows: pd.Series(0.0, rows.index))
    assert history["epoch"].tolist() == [1, 2, 3]
    assert np.isnan(history["a"].to_numpy()).tolist() == [True, False, True]
    assert history["b"].tolist() == [7.0, 5.0, math.inf]
    assert columns.invalid() == {"b": 3}


CSV = "epoch,loss,val_loss,lr\n0,1.5,2.5,0.1\n1,1.25,nan,0.1\n"


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(CSV)
    return path


def test_a_file_of_csvlogger_is_followed_with_epochs_from_one(csv_path: Path) -> None:
    reader = CsvReader(csv_path, "logs/log.csv")
    first = reader.read()
    assert first.history["epoch"].tolist() == [1, 2]
    assert first.history["validation_loss"].iloc[0] == 2.5
    assert first.history["learning_rate"].tolist() == [0.1, 0.1]
    assert first.invalid == {"validation_loss": 2}
    assert first.state is None
    assert reader.read().version == first.version
    with csv_path.open("a") as file:
        file.write("2,1.0,2.0,0.05\n3,0.9,1")
    second = reader.read()
    assert second.history["epoch"].tolist() == [1, 2, 3]
    assert sentence(second) == ("3 epochs of a CSVLogger file: best validation loss 2 at epoch 3.")


@pytest.mark.parametrize(
    "line", ["x,1,2,3", "2,1", "2,1,2,3,4", "-1,1,2,3", "\x00,,", "1" * 40 + ",1,1,1"]
)
def test_an_invalid_row_is_skipped_with_one_note(csv_path: Path, line: str) -> None:
    with csv_path.open("a") as file:
        file.write(line + "\n2,1.0,2.0,0.05\n")
    snapshot = CsvReader(csv_path, "logs/log.csv").read()
    assert snapshot.history["epoch"].tolist() == [1, 2, 3]
    assert len(snapshot.notes) == 1
    assert "1 line was skipped" in snapshot.notes[0]


def test_missing_cells_lists_and_a_second_header_are_no_error(
    csv_path: Path,
) -> None:
    with csv_path.open("a") as file:
        file.write('epoch,loss,val_loss,lr\n2,"[0.1, 0.2]",NA,\r\n')
    snapshot = CsvReader(csv_path, "logs/log.csv").read()
    assert snapshot.notes == ()
    assert np.isnan(snapshot.history.iloc[2][["loss", "validation_loss", "learning_rate"]]).all()
    assert snapshot.invalid == {"validation_loss": 2}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_found_in_the_header(csv_path: Path, separator: str) -> None:
    csv_path.write_text(CSV.replace(",", separator))
    assert CsvReader(csv_path, "log").read().history["loss"].tolist() == [1.5, 1.25]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"epoch", b"\xff\xfe\x00", b"epoch,loss\n"])
def test_an_empty_or_foreign_file_is_a_log_without_a_curve(csv_path: Path, content: bytes) -> None:
    csv_path.write_bytes(content)
    snapshot = CsvReader(csv_path, "log").read()
    assert snapshot.history.empty
    assert sentence(snapshot) == "This CSVLogger file has no curves yet."
