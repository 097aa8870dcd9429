"""Calibration: histograms of probabilities, the reliability curve, and Dice at every threshold."""

import numpy as np
import pytest

from brainseg.metrics import (
    BINS,
    calibrated_voxels,
    dice,
    dice_by_threshold,
    expected_calibration_error,
    probability_histogram,
    reliability,
)

ALL = np.ones((1, 2, 5), bool)


def histogram_of(probability: list[float], truth: list[int]) -> np.ndarray:
    shape = (1, 1, len(probability))
    values = np.array(probability, np.float32).reshape(shape)
    return probability_histogram(values, np.array(truth, bool).reshape(shape), np.ones(shape, bool))


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(0.3, 0.6, (3, 20, 20)).astype(np.float32)
    return probability, rng.random(probability.shape) < probability


def test_the_error_of_a_hand_worked_example() -> None:
    histogram = histogram_of([0.02, 0.04, 0.35, 0.95, 0.97], [0, 0, 1, 1, 0])
    # Steps: two at a mean of 0.03 and none is tumour, one at 0.35 and it is, two at 0.96 and one is.
    expected = (2 * 0.03 + 1 * 0.65 + 2 * abs(0.96 - 0.5)) / 5
    assert expected_calibration_error(histogram) == pytest.approx(expected)
    curve = reliability(histogram)
    assert curve["from"].tolist() == pytest.approx([0.0, 0.3, 0.9])
    assert curve["voxels"].tolist() == [2, 1, 2]
    assert curve["probability"].tolist() == pytest.approx([0.03, 0.35, 0.96])
    assert curve["tumour"].tolist() == [0, 1, 0.5]


def test_every_voxel_is_in_one_step_including_the_ends() -> None:
    histogram = histogram_of([0.0, 0.01, 0.5, 0.999, 1.0], [0, 0, 1, 1, 1])
    voxels, tumour, _ = histogram
    assert voxels.sum() == 5
    assert np.flatnonzero(voxels).tolist() == [0, 1, 50, BINS - 1]
    assert tumour[BINS - 1] == 2


@pytest.mark.parametrize("seed", range(4))
def test_the_error_equals_that_of_scikit_learns_curve(seed: int) -> None:
    from sklearn.calibration import calibration_curve

    probability, truth = random_case(seed)
    histogram = probability_histogram(probability, truth, np.ones_like(truth))
    share, mean = calibration_curve(truth.ravel(), probability.ravel(), n_bins=10)
    curve = reliability(histogram)
    assert curve["tumour"].tolist() == pytest.approx(share, abs=2e-3)
    assert curve["probability"].tolist() == pytest.approx(mean, abs=2e-3)
    counts = np.histogram(probability, np.linspace(0, 1, 11))[0]
    expected = (counts * np.abs(share - mean)).sum() / counts.sum()
    assert expected_calibration_error(histogram) == pytest.approx(expected, abs=1e-3)


def test_calibrated_probabilities_have_a_small_error_and_others_a_large_one() -> None:
    rng = np.random.default_rng(9)
    probability = rng.random((4, 80, 80)).astype(np.float32)
    honest = rng.random(probability.shape) < probability
    everything = np.ones_like(honest)
    assert expected_calibration_error(probability_histogram(probability, honest, everything)) < 0.02
    wrong = probability_histogram(probability, ~honest, everything)
    assert expected_calibration_error(wrong) > 0.3


@pytest.mark.parametrize("threshold", [0.01, 0.35, 0.5, 0.99])
def test_dice_at_a_threshold_is_dice_of_the_mask_at_that_threshold(threshold: float) -> None:
    probability, truth = random_case(1)
    probability[0, 0, :4] = np.float32(threshold)  # at the threshold itself: predicted
    head = np.zeros_like(truth)
    head[:, 5:15, 5:15] = True
    counted = calibrated_voxels(head, truth, probability)
    curve = dice_by_threshold(probability_histogram(probability, truth, counted))
    row = curve[np.isclose(curve["threshold"], threshold)].iloc[0]
    assert row["dice"] == pytest.approx(dice(truth, probability >= threshold))


def test_no_error_is_lost_outside_the_head() -> None:
    head = np.zeros((1, 2, 5), bool)
    truth, probability = head.copy(), np.zeros(head.shape, np.float32)
    head[0, 0, 0] = truth[0, 0, 1] = True
    probability[0, 0, 2], probability[0, 0, 3] = 0.01, 0.009
    assert calibrated_voxels(head, truth, probability)[0].tolist() == [[1, 1, 1, 0, 0], [0] * 5]


def test_a_histogram_without_a_voxel_has_no_error() -> None:
    nothing = np.zeros((3, BINS))
    assert np.isnan(expected_calibration_error(nothing))
    assert reliability(nothing).empty
    several = np.stack([nothing, histogram_of([0.5], [1])])
    assert expected_calibration_error(several) == pytest.approx([np.nan, 0.5], nan_ok=True)


def test_steps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="7 steps do not divide 100"):
        reliability(histogram_of([0.5], [1]), bins=7)
