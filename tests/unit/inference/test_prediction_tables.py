"""The numbers beside a prediction: areas and Dice by slice and by case, missing where no mask is."""

import numpy as np
import pytest

from brainseg.inference.prediction import area_by_slice, dice_of_case, predict, predict_timed
from brainseg.models import HELD_OUT, SEEN, open_model
from brainseg.volume import Volume


def planes(*areas: int) -> np.ndarray:
    """Return (n, 4, 4) bool with so many pixels set from the first corner."""
    return np.stack([np.arange(16).reshape(4, 4) < area for area in areas])


def test_areas_and_dice_are_by_slice():
    table = area_by_slice(planes(4, 0, 2), [1, 2, 10], planes(4, 0, 6), np.ones(3, bool))
    assert table["slice_number"].tolist() == [1, 2, 10]
    assert table["predicted_px"].tolist() == [4, 0, 2]
    assert table["mask_px"].tolist() == [4, 0, 6]
    assert table["dice"].tolist() == [1, 1, 0.5]


def test_a_slice_without_a_mask_has_no_dice_and_no_mask_area():
    has_mask = np.array([True, False])
    table = area_by_slice(planes(4, 4), [1, 2], planes(0, 0), has_mask)
    assert table["dice"].isna().tolist() == [False, True]
    assert table["mask_px"].isna().tolist() == [False, True]
    assert table["predicted_px"].tolist() == [4, 4]
    assert table["dice"][0] == 0


def test_dice_of_a_case_is_of_one_volume_over_the_slices_with_a_mask():
    has_mask = np.array([True, True, False])
    assert dice_of_case(planes(4, 2, 16), planes(4, 6, 0), has_mask) == pytest.approx(12 / 16)
    assert dice_of_case(planes(4), planes(0), np.zeros(1, bool)) is None


def test_a_prediction_knows_who_made_it_and_needs_no_network_for_another_threshold(
    tiny_model, taught_root
):
    from brainseg.cohort import Cohort

    model, cohort = open_model(str(tiny_model)), Cohort.open(taught_root)
    (record,) = model.folds
    volume = cohort.case(record.held_out[0]).volume()
    prediction = predict_timed(volume, model, model.exposure(cohort.case(record.held_out[0])))
    assert prediction.exposure.relation == HELD_OUT
    assert model.exposure(cohort.case(record.trained_on[0])).relation == SEEN
    assert np.array_equal(prediction.probability, predict(volume, model))
    assert prediction.mask(0.2).sum() >= prediction.mask(0.8).sum()
    assert prediction.seconds > 0


def test_a_threshold_is_included(tiny_model):
    model = open_model(str(tiny_model))
    volume = Volume(np.zeros((1, 64, 64, 3), np.uint8))
    prediction = predict_timed(volume, model, model.exposure(None))
    assert prediction.mask(float(prediction.probability.max())).any()
