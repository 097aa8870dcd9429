"""Training logs as other programs write them: headers, gaps, and several trainings in one file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainseg.monitoring.csv_rows import is_csv_log
from brainseg.monitoring.readers import CsvReader
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
    follower = CsvReader(path, "log.csv")
    assert len(follower.read().history) == 3
    with path.open("a") as file:
        file.write("0,5,4\n")
    snapshot = follower.read()
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
