"""Training logs as other programs write them: headers, gaps, and several trainings in one file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import RunError
from brainseg.monitoring.csv_rows import is_csv_log
from brainseg.monitoring.external_logs import add_log, find_logs, open_log
from brainseg.monitoring.nnunet_rows import NnunetRows
from brainseg.monitoring.readers import CsvReader
from brainseg.monitoring.snapshot import NNUNET as NNUNET_LOG
from brainseg.monitoring.snapshot import Snapshot

FIRST = "epoch,loss,val_loss\n0,0.9,0.8\n1,0.8,0.7\n2,0.7,0.6\n"


def shown(folder: Path, text: str) -> Snapshot:
    path = folder / "log.csv"
    path.write_text(text)
    return CsvReader(path, "log.csv").read()


def column(snapshot: Snapshot, name: str = "loss") -> dict[int, float]:
    """Return epoch -> value."""
    history = snapshot.history
    return dict(zip(history["epoch"].tolist(), history[name].tolist(), strict=True))


@pytest.mark.parametrize(
    "header",
    [
        "                  epoch,         loss,           val_loss",
        '"epoch","loss","val_loss"',
        "'epoch', loss , val_loss".replace("'", '"'),
        "Epoch,loss,val_loss",
        "\ufeffepoch,loss,val_loss",
        "epoch,\tloss,\tval_loss",
        ",epoch,loss,val_loss",
    ],
)
def test_headers_are_read_padded_in_quotes_or_with_a_column_of_row_numbers(
    tmp_path: Path, header: str
) -> None:
    rows = ["0,1.4,2.1", "1,1.2,1.8"]
    if header.startswith(","):
        rows = [f"{place},{row}" for place, row in enumerate(rows)]
    text = "\n".join([header, *(row.replace(",", ",   ") for row in rows), ""])
    assert is_csv_log(text.encode(), needs_a_row=True)
    snapshot = shown(tmp_path, text)
    assert snapshot.notes == ()
    assert column(snapshot) == {1: 1.4, 2: 1.2}
    assert column(snapshot, "validation_loss") == {1: 2.1, 2: 1.8}
    assert set(snapshot.history.columns) == {"epoch", "hours", "loss", "validation_loss"}


def test_numbers_of_a_european_spreadsheet_are_read(tmp_path: Path) -> None:
    snapshot = shown(tmp_path, 'epoch;loss;val_loss\n0;"0,9";0,8\n1;0,5;0,4\n')
    assert column(snapshot) == {1: 0.9, 2: 0.5}


def test_whole_floats_are_epochs(tmp_path: Path) -> None:
    assert column(shown(tmp_path, "epoch,loss\n0.0,3\n1.0,2\n1.5,1\n")) == {1: 3, 2: 2}


@pytest.mark.parametrize("between", ["", "epoch,loss,val_loss\n", "\n"])
@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_a_second_training_in_one_file_is_shown_alone_with_a_note(
    tmp_path: Path, between: str, epochs: int
) -> None:
    second = {epoch + 1: 2 - epoch / 10 for epoch in range(epochs)}
    rows = "".join(f"{epoch - 1},{loss},1\n" for epoch, loss in second.items())
    snapshot = shown(tmp_path, FIRST + between + rows)
    assert column(snapshot) == second
    assert snapshot.notes == ("log.csv contains 2 trainings in sequence: the last is shown.",)


def test_three_trainings_of_one_epoch_are_three(tmp_path: Path) -> None:
    snapshot = shown(tmp_path, "epoch,loss\n0,3\n0,2\n0,1\n")
    assert column(snapshot) == {1: 1}
    assert "contains 3 trainings" in snapshot.notes[0]


def test_a_second_training_with_other_metrics_has_its_own_columns(tmp_path: Path) -> None:
    snapshot = shown(tmp_path, FIRST + "epoch,dice,loss,lr\n0,0.1,5,0.01\n1,0.2,4,0.01\n")
    assert column(snapshot, "dice") == {1: 0.1, 2: 0.2}
    assert column(snapshot) == {1: 5, 2: 4}
    assert "validation_loss" not in snapshot.history.columns


def test_a_second_training_is_noticed_while_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(FIRST)
    reader = CsvReader(path, "log.csv")
    assert len(reader.read().history) == 3
    with path.open("a") as file:
        file.write("0,5,4\n")
    snapshot = reader.read()
    assert column(snapshot) == {1: 5} and "contains 2 trainings" in snapshot.notes[0]


@pytest.mark.parametrize("between", ["", "epoch,loss,val_loss\n"])
def test_a_resumed_training_replaces_the_epochs_that_it_repeats(
    tmp_path: Path, between: str
) -> None:
    snapshot = shown(tmp_path, FIRST + between + "1,0.5,0.4\n")
    assert column(snapshot) == {1: 0.9, 2: 0.5}
    assert snapshot.notes == ()
    assert column(shown(tmp_path, FIRST + between + "3,0.5,0.4\n"))[4] == 0.5


def lightning(*rows: tuple) -> str:
    """Return a metrics file as Lightning's CSVLogger writes it, with pandas for the gaps."""
    names = ["lr-Adam", "epoch", "step", "train_loss", "val_dice", "val_loss"]
    table = pd.DataFrame([dict(row) for row in rows], columns=names)
    return table.astype({"epoch": "Int64", "step": "Int64"}).to_csv(index=False)


def test_the_two_rows_that_lightning_writes_for_an_epoch_are_one(tmp_path: Path) -> None:
    rows = []
    for epoch in range(3):
        step = 20 * epoch
        trained = {"epoch": epoch, "step": step + 9, "train_loss": 0.9 - epoch / 10}
        tested = {"epoch": epoch, "step": step + 19, "val_dice": epoch / 10, "val_loss": 0.8}
        rows += [trained, tested] if epoch else [tested | {"step": 9}, trained]
    snapshot = shown(tmp_path, lightning(*rows))
    assert snapshot.notes == ()
    assert column(snapshot, "loss") == pytest.approx({1: 0.9, 2: 0.8, 3: 0.7})
    assert column(snapshot, "validation_dice") == pytest.approx({1: 0, 2: 0.1, 3: 0.2})
    assert column(snapshot, "validation_loss") == {1: 0.8, 2: 0.8, 3: 0.8}
    assert "step" not in snapshot.history.columns


def test_rows_of_steps_within_an_epoch_are_one_training(tmp_path: Path) -> None:
    rows = [
        {"lr-Adam": 0.01, "step": 0},
        {"epoch": 0, "step": 49, "train_loss": 3},
        {"epoch": 0, "step": 99, "train_loss": 2},
        {"epoch": 0, "step": 99, "val_dice": 0.5},
        {"lr-Adam": 0.001, "step": 100},
        {"epoch": 1, "step": 149, "train_loss": 1},
    ]
    snapshot = shown(tmp_path, lightning(*rows))
    assert snapshot.notes == ()
    assert column(snapshot, "loss") == {1: 2, 2: 1}
    assert column(snapshot, "learning_rate") == {1: 0.01, 2: 0.001}
    assert snapshot.history["validation_dice"].iloc[0] == 0.5
    assert np.isnan(snapshot.history["validation_dice"].iloc[1])


def test_a_second_training_of_lightning_is_shown_alone(tmp_path: Path) -> None:
    first = [{"epoch": 0, "step": 9, "train_loss": 3}, {"epoch": 0, "step": 9, "val_loss": 2}]
    second = [{"epoch": 0, "step": 4, "train_loss": 8}, {"epoch": 0, "step": 4, "val_loss": 7}]
    snapshot = shown(tmp_path, lightning(*first, *second))
    assert column(snapshot) == {1: 8} and column(snapshot, "validation_loss") == {1: 7}
    assert "contains 2 trainings" in snapshot.notes[0]


def test_a_metric_with_the_name_of_an_axis_is_a_separate_curve(tmp_path: Path) -> None:
    snapshot = shown(tmp_path, "epoch,loss,hours\n0,3,0.5\n1,2,0.7\n")
    assert column(snapshot, "hours (logged)") == {1: 0.5, 2: 0.7}
    assert snapshot.history["hours"].isna().all()


def test_a_file_with_many_restarts_is_read_in_one_pass(tmp_path: Path) -> None:
    rows = "".join(f"{epoch},1\n" for epoch in range(20_000))
    again = "19998,2\n19999,2\n" * 10_000
    assert len(shown(tmp_path, "epoch,loss\n" + rows + again).history) == 20_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch,loss\n1,3\n2,2\n", {1: 3, 2: 2}),
        ("                epoch,   train/loss\n     1,   3\n     2,   2\n", {1: 3, 2: 2}),
        ("epoch,loss\n5,3\n6,2\n", {6: 3, 7: 2}),
        ("loss;Epoch number\n3;1\n2;2\n", {1: 3, 2: 2}),
        (",loss,val_loss\n0,3,1\n1,2,1\n", {1: 3, 2: 2}),
        ("sep=;\nepoch;loss\n0;1.003,5\n1;2\n", {1: 1003.5, 2: 2}),
        ("# unet, fold 3\nepoch|loss\n0|3\n1|2\n", {1: 3, 2: 2}),
    ],
)
def test_epochs_keep_their_numbers_whatever_the_file_counts_from(
    tmp_path: Path, text: str, expected: dict[int, float]
) -> None:
    assert is_csv_log(text.encode(), needs_a_row=True)
    snapshot = shown(tmp_path, text)
    assert column(snapshot) == expected
    assert snapshot.notes == ()


def test_rows_within_an_epoch_belong_to_the_epoch_that_they_end_in(tmp_path: Path) -> None:
    rows = ["0.5,5,1.0,", "1.0,10,0.6,", "1.0,10,,0.7", "1.5,15,0.5,", "2.0,20,0.4,", "2.0,20,,0.5"]
    snapshot = shown(tmp_path, "\n".join(["epoch,step,loss,eval_loss", *rows, ""]))
    assert column(snapshot) == {1: 0.6, 2: 0.4}
    assert column(snapshot, "validation_loss") == {1: 0.7, 2: 0.5}
    assert snapshot.notes == ()


def test_the_phases_of_an_epoch_are_two_curves(tmp_path: Path) -> None:
    rows = ["0,train,0.9,0.1", "0,val,0.8,0.2", "1,train,0.7,0.3", "1,val,0.6,0.4"]
    snapshot = shown(tmp_path, "\n".join(["epoch,phase,loss,dice", *rows, ""]))
    assert column(snapshot) == {1: 0.9, 2: 0.7}
    assert column(snapshot, "validation_loss") == {1: 0.8, 2: 0.6}
    assert column(snapshot, "validation_dice") == {1: 0.2, 2: 0.4}


def test_a_table_with_row_numbers_and_no_loss_is_no_log() -> None:
    assert not is_csv_log(b",case,dice\n0,P01,0.9\n1,P02,0.8\n", needs_a_row=True)


NNUNET = """Please cite the following paper when using nnU-Net:

2024-03-01 10:00:05.000000: unpacking dataset...
2024-03-01 10:00:05.000000: Epoch 0
2024-03-01 10:00:05.100000: Current learning rate: 0.01
2024-03-01 10:02:05.000000: train_loss -0.1
2024-03-01 10:02:05.100000: val_loss -0.2
2024-03-01 10:02:05.200000: Pseudo dice [np.float32(0.5), np.float32(0.7)]
2024-03-01 10:02:05.300000: Epoch time: 120.01 s
2024-03-01 10:02:06.000000: Yayy! New best EMA pseudo Dice: 0.6
2024-03-01 10:02:07.000000: Epoch 1
2024-03-01 10:04:05.000000: train_loss -0.3
2024-03-01 10:04:05.100000: val_loss nan
2024-03-01 10:04:05.200000: Pseudo dice [0.75, nan]
"""
NNUNET_1 = """2021-03-01 10:00:05.000000:
epoch:  0
2021-03-01 10:02:05.000000: train loss : -0.1
2021-03-01 10:02:05.100000: validation loss: -0.2
2021-03-01 10:02:05.200000: Average global foreground Dice: [0.5, 0.7]
2021-03-01 10:02:05.300000: lr: 0.0099
"""


def test_the_training_log_of_nnunet_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "training_log_2024_3_1_10_00_00.txt"
    path.write_text(NNUNET)
    (tmp_path / "notes.txt").write_text("I prefer nnU-Net.\n")
    (log,) = find_logs([tmp_path])
    snapshot = open_log(log).read()
    assert snapshot.kind == NNUNET_LOG
    assert column(snapshot) == {1: -0.1, 2: -0.3}
    assert column(snapshot, "validation_dice") == pytest.approx({1: 0.6, 2: 0.75})
    assert column(snapshot, "validation_dice_class_1") == {1: 0.5, 2: 0.75}
    assert snapshot.invalid == {"validation_loss": 2}


def test_the_log_of_the_first_nnunet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "training_log.txt"
    path.write_text(NNUNET_1)
    snapshot = CsvReader(path, "x", NnunetRows).read()
    assert column(snapshot) == {1: -0.1}
    assert column(snapshot, "validation_dice") == pytest.approx({1: 0.6})
    assert column(snapshot, "learning_rate") == {1: 0.0099}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.json", b'{"loss": [3.0, 2.0], "val_loss": [1.0, 0.5]}'),
        (
            "trainer_state.json",
            b'{"log_history": [{"epoch": 0.5, "loss": 4.0, "step": 1}, {"epoch": 1.0, "loss": 3.0, '
            b'"step": 2}, {"epoch": 1.0, "eval_loss": 1.0, "step": 2}, {"epoch": 2.0, "loss": 2.0, '
            b'"step": 4}, {"epoch": 2.0, "eval_loss": 0.5, "step": 4}]}',
        ),
        ("excel.csv", "epoch;loss;val_loss\r\n0;3,0;1\r\n1;2;0,5\r\n".encode("utf-16")),
        ("mac.csv", b"epoch,loss,val_loss\r0,3,1\r1,2,0.5\r"),
    ],
)
def test_other_files_of_a_training_are_imported_as_rows(
    tmp_path: Path, name: str, content: bytes
) -> None:
    snapshot = open_log(add_log(tmp_path, name, content)).read()
    assert column(snapshot) == {1: 3, 2: 2}
    assert column(snapshot, "validation_loss") == {1: 1, 2: 0.5}


@pytest.mark.parametrize(
    "content", [b"{", b"{}", b'{"a": 1}', b'{"log_history": [1]}', b"[" * 9999]
)
def test_other_json_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RunError, match="neither a TensorBoard event file"):
        add_log(tmp_path, "x.json", content)


def test_the_mean_of_an_epoch_is_the_metric_where_lightning_logs_each_step_too(
    tmp_path: Path,
) -> None:
    rows = ["0,9,,0.8,", "0,19,,,0.9", "0,19,0.85,,", "1,29,,0.5,", "1,39,,,0.6", "1,39,0.55,,"]
    header = "epoch,step,train_loss_epoch,train_loss_step,val_loss"
    snapshot = shown(tmp_path, "\n".join([header, *rows, ""]))
    assert column(snapshot) == {1: 0.85, 2: 0.55}
    assert column(snapshot, "loss_step") == {1: 0.8, 2: 0.5}
    assert column(snapshot, "validation_loss") == {1: 0.9, 2: 0.6}
