"""A volume of any size gives a probability on its own grid."""

import cv2
import numpy as np
import pytest

from brainseg.cohort import Cohort
from brainseg.errors import ModelError
from brainseg.inference import prediction
from brainseg.inference.prediction import FAST, FULL, MODES, STANDARD, predict, predict_timed
from brainseg.metrics import dice
from brainseg.models import NEW, CaseExposure, open_model
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


def looks_of(model, volume, mode, folds=(0, 0)):
    return predict_timed(volume, model, CaseExposure(NEW, folds), mode)


def test_each_mode_names_its_folds_and_its_number_of_passes(model, held_out):
    volume = held_out.volume()
    looked = {mode: looks_of(model, volume, mode) for mode in MODES}
    assert {mode: one.ensemble_size for mode, one in looked.items()} == {
        FAST: 1,
        STANDARD: 2,
        FULL: 4,
    }
    assert looked[FAST].exposure.folds == (0,)
    assert looked[FULL].exposure.folds == (0, 0)
    assert looked[FAST].std is None
    assert {mode: one.flip_tta for mode, one in looked.items()} == {
        FAST: False,
        STANDARD: False,
        FULL: True,
    }
    np.testing.assert_array_equal(looked[FAST].probability, predict(volume, model, (0,)))
    for one in looked.values():
        assert one.engine
        assert one.device
        assert one.seconds > 0
    with pytest.raises(ModelError, match="unknown mode “much”"):
        looks_of(model, volume, "much")


def test_mean_and_spread_are_those_of_a_slice_and_its_mirror_image(model, held_out):
    pixels = held_out.volume().pixels
    once = predict(Volume(pixels), model)
    mirrored = predict(Volume(np.ascontiguousarray(pixels[:, :, ::-1])), model)[:, :, ::-1]
    looked = looks_of(model, Volume(pixels), FULL, (0,))
    np.testing.assert_allclose(looked.probability, (once + mirrored) / 2, atol=6e-5)
    np.testing.assert_allclose(looked.std, np.abs(once - mirrored) / 2, atol=6e-5)
    assert looked.std.max() > 0.01
    assert looked.std.dtype == np.float32


def test_in_parts_or_at_once_a_case_comes_out_the_same(model, held_out, monkeypatch):
    volume = held_out.volume()
    whole = predict(volume, model)
    monkeypatch.setattr(prediction, "SLICES_AT_ONCE", 2)
    told = []
    looked = predict_timed(
        volume, model, CaseExposure(NEW, (0,)), progress=lambda done, n: told.append((done, n))
    )
    np.testing.assert_allclose(looked.probability, whole, atol=1e-6)
    assert told[-1] == (len(volume), len(volume))
    assert len(told) == 1 + -(-len(volume) // 2), "once as its turn comes"


def test_memory_does_not_grow_with_the_number_of_slices(model):
    import tracemalloc

    volume = Volume(
        np.repeat(np.arange(0, 240, 2, dtype=np.uint8), 96 * 96 * 3).reshape(-1, 96, 96, 3)
    )
    predict(volume, model)
    tracemalloc.start()
    try:
        predict(volume, model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    answer = volume.pixels.shape[0] * 96 * 96 * 4
    inputs = prediction.SLICES_AT_ONCE * 64 * 64 * model.preprocessing.channels * 4
    assert peak < 3 * answer + 6 * inputs


def test_pixels_that_are_not_square_are_shown_to_the_network_at_their_true_proportions(
    model, held_out
):
    volume = held_out.volume()
    squeezed = np.stack([cv2.resize(plane, (64, 32)) for plane in volume.pixels])
    known = predict(Volume(squeezed, spacing_mm=(5.0, 2.0, 1.0)), model)
    unknown = predict(Volume(squeezed), model)
    masks, _ = held_out.masks()
    small = np.stack([cv2.resize(m.astype(np.uint8), (64, 32)) for m in masks]) > 0
    assert known.shape == small.shape
    scores = [dice(small, found >= model.threshold) for found in (known, unknown)]
    assert scores[0] > 0.5
    assert scores[0] > scores[1]
