"""Logs of other programs: found, read in a worker process, cached and refused."""

import json
import multiprocessing
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from brainseg.errors import RunError
from brainseg.monitoring import event_files, tensorboard
from brainseg.monitoring.csv_rows import is_csv_log
from brainseg.monitoring.external_logs import (
    Log,
    add_log,
    configured_folders,
    find_logs,
    open_log,
    remove_log,
)
from brainseg.monitoring.snapshot import CSV, TENSORBOARD, Snapshot, sentence
from brainseg.monitoring.tensorboard import TensorBoardReader

CSV_TEXT = "epoch,loss,val_loss\n0,1.5,2.5\n1,1.25,2.25\n"

WRITES_LOGS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from tensorboard.summary import Writer

folder = sys.argv[1]
network = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
network.compile("adam", "mse")
x = np.random.default_rng(0).random((32, 3)).astype("float32")
network.fit(
    x, x.sum(1), validation_split=0.25, epochs=4, verbose=0,
    callbacks=[
        keras.callbacks.TensorBoard(folder + "/keras", update_freq=1),
        keras.callbacks.CSVLogger(folder + "/keras.csv"),
    ],
)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of logs that Keras's callbacks wrote in four epochs: do not change it."""
    folder = tmp_path_factory.mktemp("written")
    subprocess.run([sys.executable, "-c", WRITES_LOGS, str(folder)], check=True)
    return folder


def event_file(path: Path, *events: tuple[int, dict[str, float]]) -> Path:
    """Write an event file as PyTorch does, with scalars as plain numbers."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1000.0, file_version="brain.Event:2").SerializeToString())
        for step, values in events:
            summary = Summary(
                value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
            )
            event = Event(wall_time=1000.0 + 36 * step, step=step, summary=summary)
            writer.write(event.SerializeToString())
    return path


def steps(count: int, first: int = 0) -> list[tuple[int, dict[str, float]]]:
    return [(step, {"loss": 1 / (step + 1)}) for step in range(first, first + count)]


def read(folder: Path) -> Snapshot:
    """Return the snapshot of a log."""
    return TensorBoardReader(folder, "logs/x").read(wait=True)


def read_with(folder: Path, with_tensorflow: bool) -> dict:
    """Return the content of a log that one of the two readers finds."""
    program = (
        "import sys; from brainseg.monitoring import event_files;"
        "from pathlib import Path;"
        "event_files.read_to(Path(sys.argv[2]), Path(sys.argv[1]), sys.argv[3] == 'True');"
        "print('tensorflow' in sys.modules)"
    )
    result = folder.parent / f"{folder.name}.json"
    command = [sys.executable, "-c", program, str(folder), str(result), str(with_tensorflow)]
    reported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert reported.strip() == str(with_tensorflow)
    return json.loads(result.read_text())


def fail(*_: object) -> None:
    """End the worker of a reader; a worker finds this function by its name."""
    os._exit(3)


def hang(*_: object) -> None:
    time.sleep(600)


def test_logs_are_found_with_their_parts_and_other_files_are_ignored(tmp_path: Path) -> None:
    for path in ("a/train", "a/validation", "b", "deep/1/2", "deep/1/2/3/4"):
        event_file(tmp_path / path / "events.out.tfevents.1.host")
    (tmp_path / "log.csv").write_text(CSV_TEXT)
    event_file(tmp_path / ".hidden" / "events.out.tfevents.1.host")
    (tmp_path / "data.csv").write_text("Patient,age\nx,1\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "notes.txt").write_text("epoch,loss\n")
    (tmp_path / "README.md").write_text("epoch, loss and Dice\nmean, what they say\n")
    (tmp_path / "model.bin").write_bytes(bytes(range(256)) * 40)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.csv")
    found = [(log.name, log.kind) for log in find_logs([tmp_path])]
    assert found == [
        ("logs/a", TENSORBOARD),
        ("logs/b", TENSORBOARD),
        ("logs/deep/1/2", TENSORBOARD),
        ("logs/log.csv", CSV),
    ]
    (alone,) = find_logs([tmp_path / "b"])
    assert alone == Log("logs/b", tmp_path / "b", TENSORBOARD)


@pytest.mark.parametrize("name", ["training.log", "history.txt", "LOG", "metrics.tsv", "x.csv.1"])
def test_a_log_of_csvlogger_is_found_under_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CSV_TEXT)
    (log,) = find_logs([tmp_path])
    assert (log.name, log.kind) == (f"logs/{name}", CSV)
    assert open_log(log).read().history["loss"].tolist() == [1.5, 1.25]


def test_logs_of_the_same_name_get_different_names(tmp_path: Path) -> None:
    for root in ("one", "two"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "log.csv").write_text(CSV_TEXT)
    names = [log.name for log in find_logs([tmp_path / "one", tmp_path / "two"])]
    assert names == ["logs/log.csv", "logs/log.csv (two)"]


def test_logs_in_linked_folders_are_found(tmp_path: Path) -> None:
    event_file(tmp_path / "elsewhere" / "run" / "events.out.tfevents.1.host")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "linked").symlink_to(tmp_path / "elsewhere")
    assert [log.name for log in find_logs([tmp_path / "logs"])] == ["logs/linked/run"]


def test_a_missing_folder_contains_no_logs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BRAINSEG_LOGS", os.pathsep.join([str(tmp_path / "no"), "", str(tmp_path)]))
    assert configured_folders() == [tmp_path / "no", tmp_path]
    assert find_logs(configured_folders()) == []
    monkeypatch.delenv("BRAINSEG_LOGS")
    assert configured_folders() == []


def test_both_logs_of_keras_give_the_same_curves(written: Path) -> None:
    logs = {log.kind: log for log in find_logs([written])}
    events = open_log(logs[TENSORBOARD]).read(wait=True)
    lines = open_log(logs[CSV]).read()
    assert events.notes == ()
    assert events.unit == "epoch"
    assert events.history["epoch"].tolist() == lines.history["epoch"].tolist() == [1, 2, 3, 4]
    for column in ("loss", "validation_loss"):
        np.testing.assert_allclose(events.history[column], lines.history[column], rtol=1e-5)
    assert "batch_loss" not in events.history, "what is of each batch does not count by epoch"
    assert (events.history["hours"].diff().dropna() >= 0).all()
    assert "4 epochs of a TensorBoard log: best validation loss" in sentence(events)


def test_a_log_is_read_in_the_background_and_its_result_is_cached(
    written: Path, home: Path
) -> None:
    reader = TensorBoardReader(written / "keras", "logs/keras")
    first = reader.read()
    assert first.history.empty
    assert first.notes == ("logs/keras is being read; this takes a few seconds.",)
    assert reader.read(wait=True).history["epoch"].tolist() == [1, 2, 3, 4]
    (kept,) = (home / "logs-read").iterdir()
    again = TensorBoardReader(written / "keras", "logs/keras").read()
    assert again.history["epoch"].tolist() == [1, 2, 3, 4], "nothing is read a second time"
    kept.write_text("{")
    assert TensorBoardReader(written / "keras", "k").read().history.empty


def test_reading_a_log_imports_no_tensorflow_in_this_process(written: Path, home: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from brainseg.monitoring.tensorboard import TensorBoardReader;"
        "print(len(TensorBoardReader(Path(sys.argv[1]), 'x').read(wait=True).history));"
        "print({'tensorflow', 'tensorboard', 'keras'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(written / "keras")]
    reported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert reported.splitlines() == ["4", "set()"]


def test_plain_scalars_are_indexed_by_step_with_their_time(tmp_path: Path) -> None:
    event_file(tmp_path / "events.out.tfevents.1", *steps(3))
    snapshot = read(tmp_path)
    assert snapshot.unit == "step"
    assert snapshot.history["epoch"].tolist() == [0, 1, 2]
    assert snapshot.history["hours"].tolist() == pytest.approx([0, 0.01, 0.02])
    assert snapshot.history["loss"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])


@pytest.mark.parametrize(
    "tag", ["time/epoch_seconds", "epoch_time", "mean_epoch_loss", "epoch_loss", "epoch"]
)
def test_a_tag_with_the_word_epoch_hides_no_other_curve(tmp_path: Path, tag: str) -> None:
    values = [(step, {"Loss/train": 1.0, "Dice/val": 0.5, tag: 9.0}) for step in (1, 2)]
    event_file(tmp_path / "events.out.tfevents.1", *values)
    snapshot = read(tmp_path)
    assert snapshot.unit == "step"
    assert snapshot.history["epoch"].tolist() == [1, 2]
    assert len(set(snapshot.history.columns) - {"epoch", "hours"}) == 3


def test_a_custom_curve_beside_those_of_keras_is_kept(tmp_path: Path) -> None:
    batches = [(step, {"batch_loss": 2.0}) for step in range(20)]
    epochs = [(step, {"epoch_loss": 1.0, "my_dice": 0.5}) for step in range(2)]
    event_file(tmp_path / "train" / "events.out.tfevents.1", *batches, *epochs)
    event_file(tmp_path / "validation" / "events.out.tfevents.1", (0, {"epoch_loss": 3.0}))
    snapshot = read(tmp_path)
    assert snapshot.unit == "epoch"
    assert snapshot.history["epoch"].tolist() == [1, 2]
    assert {"loss", "my_dice", "validation_loss"} <= set(snapshot.history.columns)
    assert "batch_loss" not in snapshot.history.columns


def test_a_restart_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    event_file(tmp_path / "events.out.tfevents.1", *steps(6))
    event_file(tmp_path / "events.out.tfevents.2", (3, {"loss": 9.0}), (4, {"loss": 8.0}))
    history = read(tmp_path).history
    assert history["epoch"].tolist() == [0, 1, 2, 3, 4]
    assert history["loss"].tolist()[3:] == [9.0, 8.0]


def test_nan_is_invalid_and_a_gap_is_missing(tmp_path: Path) -> None:
    event_file(
        tmp_path / "events.out.tfevents.1",
        (0, {"loss": 1.0, "acc": 0.5}),
        (1, {"loss": float("nan")}),
    )
    snapshot = read(tmp_path)
    assert snapshot.invalid == {"loss": 1}
    assert np.isnan(snapshot.history["acc"].iloc[1])
    assert [warning.kind for warning in snapshot.warnings] == ["not a number"]


@pytest.mark.parametrize("with_tensorflow", [True, False])
def test_damaged_files_give_the_values_before_the_damage_and_a_note(
    tmp_path: Path, with_tensorflow: bool
) -> None:
    whole = event_file(tmp_path / "whole" / "events.out.tfevents.1", *steps(5)).read_bytes()
    flipped = bytearray(whole)
    flipped[-30] ^= 0xFF
    cases = {
        "torn": (whole[:-7], 4),
        "flipped": (bytes(flipped), 4),
        "random": (np.random.default_rng(0).bytes(500), 0),
        "length": (whole + struct.pack("<Q", 2**60) + b"\x00" * 40, 5),
    }
    for place, (name, (content, _)) in enumerate(cases.items()):
        part = tmp_path / "log" / ("" if place == 0 else ("train", "val", "test")[place - 1])
        part.mkdir(parents=True, exist_ok=True)
        (part / f"events.out.tfevents.{name}").write_bytes(content)
    (tmp_path / "log" / "events.out.tfevents.empty").touch()
    held = read_with(tmp_path / "log", with_tensorflow)
    assert len(held["notes"]) == 4
    assert all("damaged after" in note for note in held["notes"])
    assert {
        tag: len([v for v in values if v is not None]) for tag, values in held["tags"].items()
    } == {"loss": 4, "validation_loss": 5}


def test_an_empty_event_file_is_a_log_without_a_curve_yet(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").touch()
    snapshot = read(tmp_path)
    assert sentence(snapshot) == "This TensorBoard log has no curves yet."
    assert snapshot.notes == ()


def test_a_reader_that_fails_or_hangs_leaves_a_note_and_is_not_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_file(tmp_path / "events.out.tfevents.1", *steps(2))
    for read_to, within_s in ((fail, 60.0), (hang, 0.3)):
        monkeypatch.setattr(tensorboard, "READS_WITHIN_S", within_s)
        monkeypatch.setattr(tensorboard, "read_to", read_to)
        reader = TensorBoardReader(tmp_path, "logs/x")
        snapshot = reader.read(wait=True)
        assert "could not be read by TensorBoard's reader" in snapshot.notes[0]
        monkeypatch.setattr(tensorboard, "read_to", None)
        assert reader.read().version == snapshot.version


def test_one_log_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        event_file(tmp_path / name / "events.out.tfevents.1", *steps(2))
    first = TensorBoardReader(tmp_path / "a", "logs/a")
    second = TensorBoardReader(tmp_path / "b", "logs/b")
    first.read()
    assert "is waiting" in second.read().notes[0]
    assert len(second.read(wait=True).history) == 2
    assert len(first.read(wait=True).history) == 2


def test_no_worker_remains_after_a_log_was_read(tmp_path: Path) -> None:
    event_file(tmp_path / "events.out.tfevents.1", *steps(2))
    before = {worker.pid for worker in multiprocessing.active_children()}  # of other tests
    reader = TensorBoardReader(tmp_path, "logs/x")
    reader.read()
    deadline = time.monotonic() + 120
    for is_expected in (True, False):
        while is_expected == ({one.pid for one in multiprocessing.active_children()} <= before):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert len(reader.read().history) == 2


def test_an_uploaded_file_becomes_a_log(tmp_path: Path, written: Path) -> None:
    folder = tmp_path / "logs"
    added = add_log(folder, "../../my <run> 1.csv", CSV_TEXT.encode())
    assert added.kind == CSV
    assert added.path.is_relative_to(folder)
    assert added.name.startswith("logs/my-run-1-")
    assert open_log(added).read().history["epoch"].tolist() == [1, 2]
    assert add_log(folder, "../../my <run> 1.csv", CSV_TEXT.encode()) == added
    events = next((written / "keras" / "train").glob("*tfevents*"))
    log = add_log(folder, events.name, events.read_bytes())
    assert log.kind == TENSORBOARD
    assert len(find_logs([folder])) == 2
    remove_log(folder, added)
    assert [one.name for one in find_logs([folder])] == [log.name]
    with pytest.raises(RunError, match="is not removed"):
        remove_log(folder, Log("logs/keras", written / "keras", TENSORBOARD))


@pytest.mark.parametrize(
    "content", [b"", b"Patient,age\nx,1\n", b"\x89PNG\r\n\x1a\n", b"epoch\n1\n", b"\x00" * 100]
)
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(
        RunError, match=r"x\.csv was not used: it is neither a TensorBoard event file"
    ):
        add_log(tmp_path / "logs", "x.csv", content)
    assert not (tmp_path / "logs").exists()


def test_a_header_of_csvlogger_is_recognised_with_any_separator() -> None:
    assert is_csv_log(b"epoch;loss\r\n0;1\n")
    assert is_csv_log(b"\xef\xbb\xbfepoch,loss\n")
    assert not is_csv_log(b"epochs,loss\n")


def test_a_long_log_is_read_again_less_often(tmp_path: Path, monkeypatch) -> None:
    event_file(tmp_path / "events.out.tfevents.1", *steps(2))
    assert not event_files.is_long(tmp_path)
    monkeypatch.setattr(event_files, "MOST_BYTES_IN_PYTHON", 10)
    assert event_files.is_long(tmp_path)


def test_a_growing_log_is_read_again_after_a_pause_without_a_note(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = event_file(tmp_path / "events.out.tfevents.1", *steps(2))
    reader = TensorBoardReader(tmp_path, "logs/x")
    before = reader.read(wait=True)
    event_file(path, *steps(5))
    assert reader.read().version == before.version, "so soon it is not read again"
    monkeypatch.setattr(tensorboard, "READS_AGAIN_AFTER_S", 0.0)
    versions = [before.version]
    while len(reader.read().history) == 2:
        versions.append(reader.read().version)
        time.sleep(0.02)
    assert set(versions[:-1]) == {before.version}
    assert len(reader.read().history) == 5


def test_the_cached_result_of_a_growing_log_is_replaced(tmp_path: Path, home: Path) -> None:
    path = event_file(tmp_path / "events.out.tfevents.1", *steps(2))
    reader = TensorBoardReader(tmp_path, "logs/x")
    assert len(reader.read(wait=True).history) == 2
    event_file(path, *steps(5))
    grown = TensorBoardReader(tmp_path, "logs/x").read(wait=True)
    assert len(grown.history) == 5
    (kept,) = (home / "logs-read").iterdir()
    assert json.loads(kept.read_text())["unit"] == "step"
