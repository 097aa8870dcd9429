"""How certain a prediction is: counted from its passes, and put into words that say no more."""

from dataclasses import replace

import numpy as np
import pytest

from brainseg.inference.prediction import Prediction
from brainseg.inference.uncertainty import (
    SINGLE_PASS,
    agreement_of,
    said_of,
    slices_in_words,
    where_in_doubt,
)
from brainseg.models import HELD_OUT, NEW, CaseExposure


def looked(looks: np.ndarray, folds: tuple[int, ...] = (0, 1)) -> Prediction:
    """Return the prediction of (members, n, h, w) looks."""
    exposure = CaseExposure(NEW if len(folds) > 1 else HELD_OUT, folds)
    mean, std = looks.mean(axis=0, dtype=np.float32), looks.std(axis=0, dtype=np.float32)
    return Prediction(mean, std, exposure, 0.1, "Net", "CPU", len(looks))


def two_looks() -> np.ndarray:
    """Return two looks at 3 slices of 4 x 4: they agree on 4 voxels, and 2 each has for itself."""
    looks = np.zeros((2, 3, 4, 4), np.float32)
    looks[:, 1, :2, :2] = 1
    looks[0, 2, 0, 0] = looks[1, 2, 3, 3] = 1
    return looks


def test_voxels_are_agreed_upon_where_the_threshold_is_further_than_a_deviation():
    agreement = agreement_of(looked(two_looks()), 0.4)
    assert (agreement.agreed_vx, agreement.possible_vx, agreement.predicted_vx) == (4, 6, 6)
    assert agreement.share == pytest.approx(4 / 6)
    assert agreement.doubtful_px.tolist() == [0, 0, 2]


def test_the_sentence_says_how_many_and_where():
    said = said_of(looked(two_looks()), 0.4, [7, 8, 9])
    assert said == (
        "The 2 passes (2 folds) agree on 67% of the predicted voxels (4 of 6, including those that one "
        "standard deviation would add).",
        "All uncertain voxels lie on slice 9.",
    )


def test_one_network_with_its_mirror_image_is_not_called_several():
    (counted, _) = said_of(looked(two_looks(), (3,)), 0.4, [7, 8, 9])
    assert counted.startswith("The two passes (original and mirrored) agree on 67%")
    mirrored = np.concatenate([two_looks()] * 2)
    assert said_of(looked(mirrored), 0.4, [7, 8, 9])[0].startswith(
        "The 4 passes (2 folds, original and mirrored) agree on 67%"
    )


def test_a_single_pass_says_nothing_of_uncertainty():
    one = two_looks()[:1]
    prediction = Prediction(one[0], None, CaseExposure(NEW, (0,)), 0.1, "Net", "CPU", 1)
    assert agreement_of(prediction, 0.4) is None
    assert said_of(prediction, 0.4, [7, 8, 9]) == (SINGLE_PASS,)


def test_nothing_found_by_any_look_is_agreement_and_no_division_by_zero():
    prediction = looked(np.zeros((2, 3, 4, 4), np.float32))
    assert agreement_of(prediction, 0.4).share is None
    (said,) = said_of(prediction, 0.4, [7, 8, 9])
    assert said == "The 2 passes (2 folds) agree that there is no tumour at the threshold 0.4."


def test_full_agreement_names_no_slice_and_a_single_slice_is_not_pointed_at():
    same = np.stack([two_looks()[0]] * 2)
    assert len(said_of(looked(same), 0.4, [7, 8, 9])) == 1
    assert len(said_of(looked(two_looks()[:, 2:]), 0.4, [1])) == 1


def test_a_share_is_not_rounded_to_all_or_nothing():
    looks = np.zeros((2, 1, 40, 40), np.float32)
    looks[:, 0] = 1
    looks[0, 0, 0, 0] = 0
    assert "on 99% of" in said_of(looked(looks), 0.4, [1])[0]


@pytest.mark.parametrize(
    ("by_slice", "sentence"),
    [
        ([4, 4], "Half of all uncertain voxels lie on slice 7."),
        ([0, 4], "All uncertain voxels lie on slice 8."),
        ([6, 4], "60% of all uncertain voxels lie on slice 7."),
    ],
)
def test_the_share_of_the_named_slices_is_of_the_uncertain_voxels(by_slice, sentence):
    looks = np.zeros((2, 2, 4, 4), np.float32)
    looks[:, :, 3] = 1
    for place, count in enumerate(by_slice):
        looks[0, place].ravel()[:count] = 1
    assert said_of(looked(looks), 0.4, [7, 8])[1] == sentence


def test_a_removed_component_is_no_doubt():
    looks = np.zeros((2, 2, 12, 12), np.float32)
    looks[:, 0, :5, :5] = 1
    looks[0, 0, 0, 5] = 1  # the only voxel in doubt
    looks[:, 1, 10, 10:] = 0.8
    looks[0, 1, 10, 10:] = 1
    looks[0, 1, 11, 10] = 1  # beside the removed component, and removed with it
    kept_all = agreement_of(looked(looks), 0.4)
    assert kept_all.doubtful_px.tolist() == [1, 1]
    without = agreement_of(replace(looked(looks), min_component_fraction=0.2), 0.4)
    assert (without.agreed_vx, without.possible_vx, without.predicted_vx) == (25, 26, 26)
    assert without.doubtful_px.tolist() == [1, 0]


def test_the_fewest_slices_that_hold_half_of_the_doubt_are_named():
    assert where_in_doubt(np.array([0, 5, 1, 4])) == ([1], 0.5)
    places, share = where_in_doubt(np.array([1, 1, 1, 1]))
    assert (places, share) == ([0, 1], 0.5)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([3], "slice 3"),
        ([12, 13, 14], "slices 12–14"),
        ([1, 3], "slices 1 and 3"),
        ([1, 2, 7, 20, 21], "slices 1–2, 7 and 20–21"),
        ([1, 3, 5, 7, 8], "slices 1, 3, 7–8 and others"),
    ],
)
def test_slices_are_named_in_runs(numbers, words):
    assert slices_in_words(numbers) == words
