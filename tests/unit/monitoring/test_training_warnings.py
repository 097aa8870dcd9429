"""Each rule fires on a curve made for it, on no other, and on no epoch of a training that went well."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from brainseg.monitoring.warnings import (
    DEAD_LEARNING_RATE,
    DIVERGENCE,
    EVERYTHING_MARKED,
    NOT_A_NUMBER,
    NOTHING_FOUND,
    OVERFITTING,
    PLATEAU,
    VOLUME_RATIO,
    find_warnings,
)

EPOCHS = 60
CONFIG = {"patience": 12, "epochs": EPOCHS}


def well(epochs: int = EPOCHS, seed: int = 0) -> pd.DataFrame:
    """Return a training that goes well to its end: noisy, better and better, its rate a cosine."""
    rng, place = np.random.default_rng(seed), np.arange(1, epochs + 1)
    share = place / epochs
    return pd.DataFrame(
        {
            "epoch": place,
            "loss": 0.1 + 1.4 * np.exp(-6 * share) + rng.normal(0, 0.008, epochs),
            "validation_loss": 0.2 + 1.2 * np.exp(-6 * share) + rng.normal(0, 0.015, epochs),
            "validation_dice": 0.6 + 0.2 * share - 0.5 * np.exp(-8 * share),
            "learning_rate": 1e-3 * (0.01 + 0.99 * (1 + np.cos(math.pi * share)) / 2),
        }
    )


def kinds(history: pd.DataFrame, **more: object) -> list[str]:
    return [warning.kind for warning in find_warnings(history, CONFIG, **more)]


def first_fired(history: pd.DataFrame, kind: str) -> int | None:
    """Return the epoch at which a warning is first seen by who watches, None if it never is."""
    for row in range(1, len(history) + 1):
        if kind in kinds(history.iloc[:row]):
            return int(history["epoch"].iloc[row - 1])
    return None


@pytest.mark.parametrize("seed", range(8))
def test_a_good_training_has_no_warning(seed: int) -> None:
    history = well(seed=seed)
    assert [kinds(history.iloc[:row]) for row in range(1, EPOCHS + 1)] == [[]] * EPOCHS


def test_the_first_training_of_our_network_has_no_warning() -> None:
    # The curve of a real training of 50 epochs on the LGG cohort, patience 20, rounded.
    dice = [0.181, 0.191, 0.590, 0.706, 0.729, 0.733, 0.750, 0.759, 0.756, 0.751, 0.764, 0.759]
    dice += [0.766, 0.765, 0.773, 0.775, 0.777, 0.774, 0.770, 0.767, 0.770, 0.770, 0.772, 0.771]
    dice += [0.772, 0.771, 0.766, 0.766, 0.774, 0.779, 0.778, 0.779, 0.781, 0.7855, 0.7856, 0.786]
    dice += [0.785, 0.783, 0.774, 0.772, 0.773, 0.770, 0.779, 0.781, 0.782, 0.781, 0.779, 0.778]
    dice += [0.778, 0.777]
    loss = [1.486, 0.931, 0.578, 0.407, 0.331, 0.326, 0.273, 0.270, 0.276, 0.264, 0.242, 0.204]
    loss += [0.224, 0.213, 0.197, 0.183, 0.180, 0.193, 0.169, 0.177, 0.170, 0.157, 0.170, 0.156]
    loss += [0.165, 0.153, 0.143, 0.151, 0.144, 0.146, 0.140, 0.141, 0.130, 0.142, 0.134, 0.139]
    loss += [0.135, 0.134, 0.133, 0.125, 0.133, 0.129, 0.140, 0.126, 0.127, 0.127, 0.133, 0.119]
    loss += [0.132, 0.136]
    rate = well(50)["learning_rate"]
    history = pd.DataFrame(
        {"epoch": range(1, 51), "loss": loss, "validation_dice": dice, "learning_rate": rate}
    )
    for row in range(1, 51):
        assert find_warnings(history.iloc[:row], {"patience": 20, "epochs": 50}) == []


def not_a_number(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[29:, "loss"] = math.nan
    return history


def diverging(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[30:, "loss"] = 0.12 * 1.3 ** np.arange(EPOCHS - 30)
    return history


def never_learning_and_worse(history: pd.DataFrame) -> pd.DataFrame:
    history["loss"] = 1.4 + 0.1 * np.arange(EPOCHS)
    return history


def overfitting_by_dice(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[20:, "validation_dice"] = 0.66 - 0.01 * np.arange(EPOCHS - 20)
    return history


def overfitting_by_loss(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[20:, "validation_loss"] = 0.35 + 0.02 * np.arange(EPOCHS - 20)
    return history


def on_a_plateau(history: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    history.loc[20:, "validation_dice"] = 0.655 - np.abs(rng.normal(0, 0.003, EPOCHS - 20))
    history.loc[20, "validation_dice"] = 0.66
    return history


def rate_gone(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[25:, "learning_rate"] = 1e-8
    return history


def rate_zero(history: pd.DataFrame) -> pd.DataFrame:
    history.loc[25:, "learning_rate"] = 0.0
    return history


def unmoved(history: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    history["loss"] = 1.4 + rng.normal(0, 0.004, EPOCHS)
    history["learning_rate"] = 1e-9
    return history


@pytest.mark.parametrize(
    ("made", "kind", "earliest", "latest"),
    [
        (diverging, DIVERGENCE, 33, 41),
        (never_learning_and_worse, DIVERGENCE, 5, 9),
        (overfitting_by_dice, OVERFITTING, 23, 31),
        (overfitting_by_loss, OVERFITTING, 23, 31),
        (on_a_plateau, PLATEAU, 30, 30),
        (rate_gone, DEAD_LEARNING_RATE, 28, 31),
        (rate_zero, DEAD_LEARNING_RATE, 28, 31),
        (unmoved, DEAD_LEARNING_RATE, 10, 10),
    ],
)
def test_each_rule_fires_soon_after_its_cause_and_no_other_does(
    made: Callable, kind: str, earliest: int, latest: int
) -> None:
    history = made(well())
    fired = first_fired(history, kind)
    assert fired is not None
    assert earliest <= fired <= latest
    assert kinds(history.iloc[:fired]) == [kind]
    (warning,) = find_warnings(history.iloc[:fired], CONFIG)
    assert 1 <= warning.epoch <= fired
    assert warning.message.endswith(".")


def test_an_invalid_value_is_named_with_its_epoch() -> None:
    history = not_a_number(well())
    (warning, *_) = find_warnings(history, CONFIG, invalid={"loss": 30, "validation_dice": 31})
    assert warning.kind == NOT_A_NUMBER
    assert warning.epoch == 30
    assert "Training loss was not a number at epoch 30" in warning.message
    assert "learning_rate" in warning.message


def test_a_missing_value_is_not_invalid() -> None:
    history = well()
    history["validation_loss"] = math.nan
    history.loc[::3, "loss"] = math.nan
    assert kinds(history) == []


def test_an_invalid_machine_metric_is_no_warning() -> None:
    assert kinds(well(), invalid={"cpu_percent": 3}) == []


def test_an_ended_training_has_no_warnings_about_its_continuation() -> None:
    assert kinds(on_a_plateau(well()), is_active=False) == []
    assert kinds(rate_gone(well()), is_active=False) == []
    assert kinds(diverging(well()), is_active=False) == [DIVERGENCE]


def test_a_warning_disappears_with_its_condition() -> None:
    history = well()
    history.loc[30:35, "loss"] = 5.0
    assert DIVERGENCE in kinds(history.iloc[:35])
    assert kinds(history) == []


def test_a_validation_metric_that_worsens_with_the_training_loss_is_no_overfitting() -> None:
    history = overfitting_by_dice(well())
    history.loc[20:, "loss"] = 0.3 + 0.004 * np.arange(EPOCHS - 20)
    assert OVERFITTING not in kinds(history)


def test_a_score_near_zero_is_no_overfitting() -> None:
    history = well()
    history["validation_dice"] = np.where(history["epoch"] < 6, 0.01, 0.0)
    assert OVERFITTING not in kinds(history)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 9])
def test_few_epochs_have_no_warning(rows: int) -> None:
    assert kinds(well().iloc[:rows]) == []
    assert find_warnings(pd.DataFrame({"epoch": [1, 2], "something": [1.0, 2.0]})) == []


def test_a_negative_loss_is_compared_with_its_range() -> None:
    history = well()
    history["loss"] -= 1.0
    history["validation_loss"] -= 1.0
    assert [kinds(history.iloc[:row]) for row in range(1, EPOCHS + 1)] == [[]] * EPOCHS
    assert first_fired(diverging(well()).assign(loss=lambda h: h["loss"] - 1.0), DIVERGENCE)


def useless(dice: list[float], ratio: float | None, loss: float = 0.5) -> pd.DataFrame:
    """Return a training whose loss falls to ``loss`` while it predicts a share of the masks' volume."""
    epochs = len(dice)
    history = pd.DataFrame(
        {
            "epoch": range(1, epochs + 1),
            "loss": np.linspace(1.4, loss, epochs),
            "validation_dice": dice,
        }
    )
    return history if ratio is None else history.assign(**{VOLUME_RATIO: ratio})


@pytest.mark.parametrize(
    ("kind", "ratio", "says"),
    [
        (NOTHING_FOUND, 0.0, "finds nothing (0.0% of the volume of the masks)"),
        (EVERYTHING_MARKED, 40.0, "marks 40 times the volume of the masks"),
        (NOTHING_FOUND, None, "finds nothing or marks everything"),
    ],
)
def test_a_network_that_finds_nothing_or_marks_everything_is_warned_of(kind, ratio, says) -> None:
    history = useless([0.008, 0.001, 0.0, 0.0, 0.0], ratio)
    assert first_fired(history, kind) == 3
    (warning,) = find_warnings(history, {"steps_per_epoch": 20}, is_active=False)
    assert (warning.kind, warning.severe, warning.epoch) == (kind, True, 1)
    assert "although the training loss fell from 1.4 to 0.5" in warning.message
    assert says in warning.message
    assert (
        "100 batches are too few; train longer, or start from network=lite_unet" in warning.message
    )


def test_a_network_that_finds_tumours_late_or_whose_loss_stays_is_not_called_useless() -> None:
    late = useless([0.0, 0.0, 0.75, 0.8], None)
    late[VOLUME_RATIO] = [0.0, 0.0, 0.9, 1.0]
    assert kinds(late.iloc[:2]) == kinds(late, is_active=False) == []
    assert NOTHING_FOUND not in kinds(useless([0.0] * 4, 0.0, loss=1.39))
    assert kinds(useless([0.1] * 4, 2.0)) == []


@pytest.mark.parametrize(
    ("settings", "ratio", "says"),
    [
        ({"tumour_share": 0.05}, 0.0, "tumour_share=0.05 shows it hardly any tumour"),
        ({"tumour_share": 1.0}, 30.0, "tumour_share=1 shows it hardly any healthy slice"),
        ({"steps_per_epoch": 10, "encoder": "efficientnet-lite0"}, 0.0, "too few; train longer."),
        ({"steps_per_epoch": 100}, 0.0, "a learning rate that is too high, or masks"),
    ],
)
def test_the_warning_of_a_useless_network_names_the_likely_cause(settings, ratio, says) -> None:
    (warning,) = find_warnings(useless([0.0] * 4, ratio), settings, is_active=False)
    assert says in warning.message
