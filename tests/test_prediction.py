"""A volume of any size gives a probability on its own grid."""

import cv2
import numpy as np
import pytest

from brainseg.cohort import Cohort
from brainseg.metrics import dice
from brainseg.models import open_model
from brainseg.prediction import predict
from brainseg.volume import Volume


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


@pytest.fixture
def held_out(model, taught_root):
    return Cohort.open(taught_root).case(model.folds[0].held_out[0])


def test_a_case_that_the_model_never_saw_is_found(model, held_out):
    probability = predict(held_out.volume(), model, (0,))
    masks, _ = held_out.masks()
    assert probability.shape == masks.shape
    assert probability.dtype == np.float32
    assert dice(masks, probability >= model.threshold) > 0.5


def test_a_volume_of_another_size_gets_its_probability_on_its_own_grid(model, held_out):
    volume = held_out.volume()
    size = (150, 100)  # columns, rows
    larger = Volume(np.stack([cv2.resize(plane, size) for plane in volume.pixels]))
    probability = predict(larger, model)
    assert probability.shape == (len(volume), 100, 150)
    place = int(np.argmax(probability.sum(axis=(1, 2))))
    truth = held_out.masks()[0][place].astype(np.float32)
    centre = np.argwhere(cv2.resize(truth, size) > 0.5).mean(axis=0)
    found = np.argwhere(probability[place] >= model.threshold).mean(axis=0)
    assert np.abs(centre - found).max() < 6


def test_one_slice_alone_is_a_volume(model, held_out):
    alone = Volume(held_out.volume().pixels[2:3])
    assert predict(alone, model).shape == (1, 64, 64)


def test_folds_are_averaged(model, held_out):
    volume = held_out.volume()
    once, twice = predict(volume, model, (0,)), predict(volume, model, (0, 0))
    np.testing.assert_allclose(once, twice, atol=1e-6)


def test_a_black_volume_has_a_finite_answer(model):
    probability = predict(Volume(np.zeros((2, 64, 64, 3), np.uint8)), model)
    assert np.isfinite(probability).all()
