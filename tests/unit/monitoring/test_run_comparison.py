"""Comparison of runs: one row per run, one column per differing setting."""

import math

import pandas as pd

from brainseg.monitoring.comparison import (
    RESULTS,
    common_metrics,
    comparison,
    coordinates,
    differences,
)
from brainseg.monitoring.snapshot import CSV, RUN, Snapshot


def snapshot(run: str, dice: float | None = 0.5, kind: str = RUN, **config: object) -> Snapshot:
    epochs = [1, 2, 3]
    values = {"epoch": epochs, "hours": [0.5, 1.0, 1.5], "loss": [3.0, 1.0, 2.0]}
    status = {"best_dice": dice, "best_epoch": None if dice is None else 2}
    return Snapshot(
        run,
        kind,
        pd.DataFrame(values),
        status=status if kind == RUN else {},
        config=config,
        state="finished" if kind == RUN else None,
    )


def test_only_settings_that_differ_are_columns() -> None:
    table = comparison(
        [
            snapshot("a", 0.7, epochs=5, seed=0, size=128, name="a"),
            snapshot("b", 0.8, epochs=9, seed=1, size=128, name="b"),
            snapshot("c", 0.6, epochs=5, seed=1, size=256, name="c", device="cpu"),
        ]
    )
    assert list(table.columns) == [*RESULTS, "epochs", "seed", "size", "device"]
    assert table["best"].tolist() == [0.7, 0.8, 0.6]
    assert table["hours"].tolist() == [1.5, 1.5, 1.5]
    assert table["device"].tolist() == [None, None, "cpu"]


def test_true_and_one_differ_and_a_single_run_has_no_differences() -> None:
    assert list(differences({"a": {"x": True}, "b": {"x": 1}})) == ["x"]
    assert list(differences({"a": {"x": True, "y": 2}})) == []
    assert differences({}).empty


def test_a_log_has_a_best_value_and_no_settings() -> None:
    table = comparison([snapshot("a", 0.7, seed=0), snapshot("logs/b", kind=CSV)])
    assert list(table.columns) == list(RESULTS)
    log = table.set_index("run").loc["logs/b"]
    assert log["measured"] == "loss"
    assert log["best"] == 1.0
    assert log["best_epoch"] == 2
    assert log["state"] is None or pd.isna(log["state"])


def test_a_run_without_a_result_shows_it_as_missing() -> None:
    table = comparison([snapshot("a", None, seed=0), snapshot("b", 0.5, seed=1)])
    assert table["best"].isna().tolist() == [True, False]
    empty = Snapshot("c", RUN, pd.DataFrame({"epoch": [], "hours": []}))
    row = comparison([empty]).iloc[0]
    assert row["epochs_done"] == 0
    assert pd.isna(row["best"])
    assert pd.isna(row["hours"])


def test_parallel_coordinates_have_what_varies_and_the_result_last() -> None:
    runs = [
        snapshot(str(place), 0.5 + place / 10, seed=place, size=128, precision=precision)
        for place, precision in enumerate(["float32", "mixed_bfloat16", "float32"])
    ]
    parts = coordinates(comparison([*runs, snapshot("none", None, seed=9, size=128)]))
    assert list(parts.columns) == ["seed", "precision", "best"]
    assert parts.index.tolist() == ["0", "1", "2"]
    assert isinstance(parts["precision"].dtype, pd.CategoricalDtype)
    assert parts["best"].tolist() == [0.5, 0.6, 0.7]


def test_a_setting_that_a_run_lacks_is_no_axis() -> None:
    runs = [snapshot("a", 0.5, seed=0, size=1), snapshot("b", 0.6, seed=1)]
    assert "size" not in coordinates(comparison(runs))
    assert coordinates(comparison([])).empty


def test_metrics_are_compared_where_two_runs_have_them() -> None:
    one, two = snapshot("a"), snapshot("b")
    three = Snapshot("c", CSV, pd.DataFrame({"epoch": [1], "hours": [math.nan], "mae": [1.0]}))
    assert common_metrics([one, two, three], ["mae", "loss"]) == ["loss"]
    assert common_metrics([three], ["mae", "loss"]) == ["mae"]
    assert common_metrics([], ["mae"]) == ["mae"]
