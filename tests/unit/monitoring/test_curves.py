"""Curves: grouping, names, smoothing and downsampling."""

import math

import numpy as np
import pandas as pd
import pytest

from brainseg.monitoring import curves
from brainseg.monitoring.curves import Group


def test_training_and_validation_of_a_metric_share_a_chart() -> None:
    of_the_machine = ("slices_per_second", "seconds", "memory_mb", "cpu_percent", "finished_at")
    found = curves.groups(
        [
            "epoch",
            "hours",
            "loss",
            "validation_dice",
            "learning_rate",
            "validation_loss",
            *of_the_machine,
        ]
    )
    assert found == [
        Group("loss", {"loss": "training", "validation_loss": "validation"}),
        Group("dice", {"validation_dice": "validation"}),
        Group("learning_rate", {"learning_rate": "training"}),
        Group("slices_per_second", {"slices_per_second": "training"}),
        Group("memory_mb", {"memory_mb": "training"}),
        Group("cpu_percent", {"cpu_percent": "training"}),
    ]
    assert [group.title for group in found][:3] == ["Loss", "Validation Dice", "Learning rate"]


def test_column_names_of_other_programs_are_translated_without_collisions() -> None:
    assert curves.canonical(["loss", "val_loss", "lr", "Dice/val", "mae"]) == {
        "loss": "loss",
        "val_loss": "validation_loss",
        "lr": "learning_rate",
        "Dice/val": "validation_dice",
        "mae": "mae",
    }
    names = curves.canonical(["loss", "train_loss", "training/loss", "val_loss", "Loss/val"])
    assert len(set(names.values())) == 5


def test_metrics_have_plain_names_in_sentences() -> None:
    assert curves.in_words("validation_dice") == "validation Dice"
    assert curves.in_words("loss") == "training loss"
    assert curves.in_words("validation_loss") == "validation loss"
    assert curves.in_words("learning_rate") == "learning rate"
    assert curves.in_words("mae") == "mae"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["loss", "validation_loss", "validation_dice", "dice"], "validation_dice"),
        (["loss", "validation_loss", "validation_accuracy"], "validation_accuracy"),
        (["loss", "validation_loss"], "validation_loss"),
        (["loss", "accuracy"], "accuracy"),
        (["learning_rate", "something"], None),
    ],
)
def test_the_score_prefers_validation_metrics(columns, expected) -> None:
    assert curves.score(["epoch", *columns]) == expected


def test_the_best_epoch_is_the_first_with_the_best_finite_value() -> None:
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4, 5],
            "validation_dice": [0.1, 0.7, math.nan, 0.7, math.inf],
            "loss": [3.0, -math.inf, 1.0, math.nan, 2.0],
            "dice": [math.nan] * 5,
        }
    )
    assert curves.best_epoch(history, "validation_dice") == 2
    assert curves.best_epoch(history, "loss") == 3
    assert curves.best_epoch(history, "dice") is None


def test_smoothing_is_the_debiased_average_that_tensorboard_draws() -> None:
    values = pd.Series([1.0, 2.0, math.nan, 4.0, 3.0])
    strength, last, weight, expected = 0.6, 0.0, 0, []
    for value in values:
        if math.isnan(value):
            expected.append(math.nan)
            continue
        last = last * strength + (1 - strength) * value
        weight += 1
        expected.append(last / (1 - strength**weight))
    np.testing.assert_allclose(curves.smoothed(values, strength), expected)


def test_smoothing_ignores_infinite_values() -> None:
    values = pd.Series([1.0, math.inf, 3.0])
    assert curves.smoothed(values, 0).tolist()[::2] == [1.0, 3.0]
    assert curves.smoothed(pd.Series([2.0, math.inf, 2.0]), 0.9).tolist()[::2] == [2.0, 2.0]
    assert curves.smoothed(pd.Series([5.0] * 9), 0.95).tolist() == pytest.approx([5.0] * 9)


def test_downsampling_keeps_ends_spikes_and_gaps() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_000)
    values[4_321], values[8_765] = 50.0, -50.0
    values[5_000:5_003] = math.nan
    kept = curves.downsample(values, 1200)
    assert len(kept) < 1500
    assert kept[0] == 0
    assert kept[-1] == 9_999
    assert {4_321, 8_765} <= set(kept)
    assert np.isnan(values[kept]).any()
    assert (np.diff(kept) > 0).all()
    assert curves.downsample(values[:1200], 1200).tolist() == list(range(1200))


def test_downsampling_a_curve_without_values_keeps_its_ends() -> None:
    kept = curves.downsample(np.full(5_000, math.nan), 100)
    assert kept[0] == 0
    assert kept[-1] == 4_999


def test_the_title_of_a_validation_metric_continues_in_lower_case():
    (group,) = curves.groups(["validation_volume_ratio"])
    assert group.title == "Validation predicted volume / mask volume"
