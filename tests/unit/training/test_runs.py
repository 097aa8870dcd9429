"""A run on disk: readable at any moment, also one that was killed."""

import json
import math
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brainseg.errors import RunError
from brainseg.training.runs import (
    DAMAGED,
    FIRST_KEYS,
    HISTORY_KEYS,
    Run,
    list_runs,
    runs_table,
    seconds_left,
    silent_for,
    stopped_early,
)

CONFIG = {"epochs": 5, "patience": 2}
FOLD = {"trained_on": ["a"], "selected_on": ["b"], "held_out": ["c"]}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "first", CONFIG, FOLD)


def epoch(number: int, **values: float) -> dict:
    values = {"loss": 1 / number, "validation_dice": 0.5, "learning_rate": 1e-3} | values
    return {"epoch": number, "slices_per_second": 20.0, "seconds": 2.0} | values


def test_a_new_run_contains_its_settings_and_its_fold(run: Run) -> None:
    opened = Run.open(run.path)
    assert opened.config() == CONFIG
    assert opened.fold() == FOLD
    assert opened.status()["state"] == "starting"
    assert opened.history().empty
    assert list(opened.history().columns) == list(HISTORY_KEYS)
    assert run.name.endswith("-first")
    assert abs(run.started - datetime.now()) < timedelta(minutes=1)


def test_the_history_contains_the_added_epochs(run: Run) -> None:
    for number in (1, 2, 3):
        run.add_epoch(**epoch(number))
    history = run.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].tolist() == [1, 1 / 2, 1 / 3]
    lines = (run.path / "history.jsonl").read_text().splitlines()
    assert [tuple(json.loads(line)) for line in lines] == [FIRST_KEYS] * 3


@pytest.mark.parametrize("cut", [1, 2, 30, 80])
def test_a_torn_last_line_is_skipped(run: Run, cut: int) -> None:
    for number in (1, 2):
        run.add_epoch(**epoch(number))
    path = run.path / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert run.history()["epoch"].tolist() == ([1, 2] if cut == 1 else [1])


def test_an_epoch_after_a_torn_line_is_kept(run: Run) -> None:
    for number in (1, 2):
        run.add_epoch(**epoch(number))
    path = run.path / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    run.add_epoch(**epoch(2, loss=0.25))
    run.add_epoch(**epoch(3))
    history = run.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].tolist() == [1, 0.25, 1 / 3]


def test_an_epoch_repeated_after_a_resume_counts_once_with_its_newest_line(run: Run) -> None:
    for number, loss in ((1, 0.9), (2, 0.8), (3, 0.7), (2, 0.6)):
        run.add_epoch(**epoch(number, loss=loss))
    history = run.history()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["loss"].tolist() == [0.9, 0.6, 0.7]


def test_invalid_lines_are_skipped(run: Run) -> None:
    run.add_epoch(**epoch(1))
    with (run.path / "history.jsonl").open("ab") as file:
        file.write(b"[1, 2]\n\nnull\n{}\n\xff\xfe\n" + b'{"epoch": 9}\n')
    run.add_epoch(**epoch(2, loss=math.nan))
    assert run.history()["epoch"].tolist() == [1, 2]
    assert math.isnan(run.history()["loss"].iloc[1])


@pytest.mark.parametrize(
    "values",
    [{"epoch": 0}, {"epoch": 1.5}, {"loss": True}, {"finished_at": "today"}, {"memory_mb": "1"}],
)
def test_a_line_with_an_invalid_value_is_skipped(run: Run, values: dict) -> None:
    run.add_epoch(**epoch(1))
    path = run.path / "history.jsonl"
    path.write_text(path.read_text() + json.dumps(json.loads(path.read_text()) | values))
    assert run.history()["epoch"].tolist() == [1]
    assert run.history()["loss"].tolist() == [1.0]


def test_an_epoch_with_other_keys_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="an epoch has the keys"):
        run.add_epoch(epoch=1, loss=0.3)
    assert not (run.path / "history.jsonl").exists()


def test_a_history_that_cannot_be_written_or_read_is_reported(run: Run) -> None:
    (run.path / "history.jsonl").mkdir()
    with pytest.raises(RunError, match="could not be written"):
        run.add_epoch(**epoch(1))
    with pytest.raises(RunError, match="cannot be read"):
        run.history()


def test_a_reader_never_sees_half_a_status(run: Run) -> None:
    stop = threading.Event()

    def write() -> None:
        for number in range(150):
            run.set_status("training", epoch=number, message="x" * number * 20)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    epochs = [run.status()["epoch"]]
    while not stop.is_set():
        epochs.append(run.status()["epoch"])
    writer.join()
    assert epochs == sorted(epochs)
    assert run.status()["epoch"] == 149
    assert not [path for path in run.path.iterdir() if path.name.endswith(".part")]


def test_a_status_has_all_its_keys_and_only_a_known_state(run: Run) -> None:
    run.set_status("training", epoch=3)
    status = run.status()
    assert {"state", "epoch", "best_epoch", "best_dice", "message", "updated_at"} <= set(status)
    assert datetime.fromisoformat(status["updated_at"]).tzinfo is not None
    with pytest.raises(ValueError, match="state is “sleeping”"):
        run.set_status("sleeping")
    assert run.status() == status


def test_another_folder_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(RunError, match=r"is not a run, as it has no config\.json"):
        Run.open(tmp_path / "photos")
    with pytest.raises(RunError, match="is not a run"):
        Run.open(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"text"', b"{}", b"null"])
def test_a_damaged_file_of_a_run_is_reported_with_a_remedy(run: Run, content: bytes) -> None:
    for name, read in (
        ("config.json", run.config),
        ("folds.json", run.fold),
        ("status.json", run.status),
    ):
        (run.path / name).write_bytes(content)
        with pytest.raises(RunError, match=rf"{name} of run .* cannot be read .*restore the file"):
            read()


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", "a\nb", "what?", "c:d"])
def test_a_name_that_cannot_name_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="a run cannot be called"):
        Run.create(tmp_path / "runs", name, CONFIG, FOLD)
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be created"):
        Run.create(tmp_path / "file", "first", CONFIG, FOLD)


def test_runs_are_listed_newest_first_and_other_folders_are_skipped(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == []
    for name in ("20260101-090000-b", "20251231-235959-z", "20260101-090001-a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "20270101-000000-photos").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    names = [run.name for run in list_runs(tmp_path)]
    assert names == ["20260101-090001-a", "20260101-090000-b", "20251231-235959-z"]


def test_the_table_of_runs_includes_damaged_ones(run: Run, tmp_path: Path) -> None:
    run.set_status("finished", epoch=4, best_epoch=2, best_dice=0.8)
    run.path.rename(run.path.with_name("20260101-090000-good"))
    broken = tmp_path / "runs" / "renamed"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    table = runs_table(list_runs(tmp_path / "runs")).set_index("run")
    assert table.loc["20260101-090000-good", "best_dice"] == 0.8
    assert table.loc["20260101-090000-good", "epochs"] == 5
    assert table.loc["20260101-090000-good", "started"] == datetime(2026, 1, 1, 9)
    assert table.loc["renamed", "state"] == DAMAGED
    assert table.loc["renamed", ["epoch", "best_dice", "started"]].isna().all()
    assert runs_table([]).empty


def test_time_left_includes_scoring_and_saving_and_the_current_epoch(
    run: Run,
) -> None:
    config = {"epochs": 5, "steps_per_epoch": 10}
    assert seconds_left(run.history(), {"epoch": 0, "step": 5}, config) is None
    for number in (1, 2, 3):
        run.add_epoch(**epoch(number, seconds=8.0), epoch_seconds=10.0)
    history = run.history()
    assert seconds_left(history, {"epoch": 3, "step": 0}, config) == 20
    assert seconds_left(history, {"epoch": 3, "step": 5}, config) == 15
    assert seconds_left(history, {"epoch": 5}, config) == 0


def test_time_left_of_an_older_run_uses_its_training_time(run: Run) -> None:
    run.add_epoch(**epoch(1, seconds=8.0))
    assert seconds_left(run.history(), {"epoch": 1}, {"epochs": 3}) == 16


def test_a_silent_run_is_detected_by_its_last_sign_of_life(run: Run) -> None:
    run.set_status("training", epoch=1)
    run.add_epoch(**epoch(1, seconds=600.0))
    now = datetime.now(UTC)
    assert silent_for(run.status(), run.history(), now) is None
    assert silent_for(run.status(), run.history(), now + timedelta(seconds=2900)) is None
    later = now + timedelta(seconds=3100)
    assert silent_for(run.status(), run.history(), later) > timedelta(seconds=3000)
    run.set_status("finished", epoch=1)
    assert silent_for(run.status(), run.history(), later) is None


def test_an_early_stop_is_a_finished_run_with_epochs_to_go(run: Run) -> None:
    for state, done, early in (
        ("finished", 3, True),
        ("finished", 5, False),
        ("stopped", 3, False),
    ):
        run.set_status(state, epoch=done)
        assert stopped_early(run.status(), run.config()) is early
