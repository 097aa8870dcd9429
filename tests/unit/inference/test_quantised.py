"""Two bytes per probability keep every threshold that anything in brainseg uses."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import UNITS, quantise, restore, units_from
from brainseg.models import NEW, CaseExposure


def around(edges: np.ndarray) -> np.ndarray:
    """Return float32 edges with the next number on either side of each, 0..1."""
    edges = edges.astype(np.float32)
    beside = [np.nextafter(edges, np.float32(end)) for end in (-1, 2)]
    return np.clip(np.concatenate([edges, *beside]), 0, 1)


@pytest.mark.parametrize("steps", [100, 200, 10_000, UNITS])
def test_a_threshold_cuts_the_units_as_it_cuts_the_probability(steps):
    values = around(np.arange(steps + 1) / steps)
    units = quantise(values)
    restored = restore(units)
    for step in range(0, steps + 1, max(1, steps // 1000)):
        threshold = np.float32(step / steps)
        np.testing.assert_array_equal(units >= units_from(threshold), values >= threshold)
        np.testing.assert_array_equal(restored >= threshold, values >= threshold)


def test_the_error_is_below_one_unit_and_never_upwards():
    values = np.random.default_rng(0).random(100_000, dtype=np.float32)
    error = values - restore(quantise(values))
    assert error.min() >= 0
    assert error.max() < 1 / UNITS + 1e-7
    np.testing.assert_array_equal(quantise(restore(quantise(values))), quantise(values))


def test_a_prediction_keeps_the_mask_of_its_float32_probability_in_half_the_memory():
    rng = np.random.default_rng(1)
    thresholds = np.round(rng.random(50), 4)
    probability = np.resize(around(thresholds), (4, 20, 30))
    made = Prediction(probability, probability / 4, CaseExposure(NEW, (0,)), 0.1, "Net", "CPU", 2)
    for threshold in thresholds:
        expected = probability >= np.float32(threshold)
        np.testing.assert_array_equal(made.mask(threshold), expected)
    assert made.units.nbytes == probability.nbytes // 2
    assert (made.probability.dtype, made.std.dtype) == (np.float32, np.float32)


def test_a_prediction_takes_a_fraction_of_its_arrays_and_gives_them_back():
    values = np.zeros((20, 128, 128), np.float32)
    values[8:12, 40:60, 40:70] = np.random.default_rng(0).random((4, 20, 30))
    prediction = Prediction(values, values / 4, CaseExposure(NEW, (0,)), 0.1, "Net", "CPU", 2)
    for one in (prediction, pickle.loads(pickle.dumps(prediction)), replace(prediction, seconds=2)):
        np.testing.assert_array_equal(one.units, quantise(values))
        np.testing.assert_array_equal(one.std_units, quantise(values / 4))
        assert one.nbytes < values.nbytes / 20
    assert replace(prediction, std_units=None).std is None
