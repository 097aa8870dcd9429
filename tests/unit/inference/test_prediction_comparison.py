"""Two predictions of one case: what each fold knows of it, and numbers by hand."""

import numpy as np
import pytest
from support.cohorts import FIRST

from brainseg.cohort import Cohort
from brainseg.inference.comparison import difference_of, exposure_of_fold
from brainseg.models import open_model
from brainseg.models.exposure import HELD_OUT, NEW, SEEN, UNKNOWN, CaseExposure


def test_the_numbers_are_those_of_a_small_example():
    left, right = np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 2), np.float32)
    left[0] = [[0.9, 0.6], [0.0, 0.0]]
    right[0] = [[0.7, 0.1], [0.5, 0.0]]
    apart = difference_of(left, right, (left >= 0.5, right >= 0.4), (3, 7))
    assert apart.dice == pytest.approx(2 * 1 / (2 + 2))
    assert apart.volumes_vx == (2, 2)
    assert apart.differing_vx == 2
    assert apart.mean == pytest.approx((0.2 + 0.5 + 0.5) / 3)
    assert apart.largest == pytest.approx(0.5)
    assert apart.by_slice.to_numpy().tolist() == [[3, 2, 2, 2], [7, 0, 0, 0]]


def test_two_that_find_nothing_agree_and_have_no_mean_difference():
    nothing = np.full((1, 4, 4), 0.01, np.float32)
    apart = difference_of(nothing, nothing / 2, (nothing > 1, nothing > 1), (1,))
    assert (apart.dice, apart.differing_vx, apart.mean) == (1.0, 0, None)


def test_a_fold_knows_the_cases_it_learned_or_was_selected_on(taught, tiny_model):
    model = open_model(str(tiny_model))
    record = model.folds[0]
    for name, relation in (
        (record.held_out[0], HELD_OUT),
        (record.trained_on[0], SEEN),
        (record.selected_on[0], SEEN),
    ):
        assert exposure_of_fold(model, 0, taught.case(name)) == CaseExposure(relation, (0,))
    assert exposure_of_fold(model, 0, None) == CaseExposure(UNKNOWN, (0,))


def test_a_case_of_another_patient_is_new_to_a_fold(tiny_cohort, tiny_model):
    stranger = Cohort.open(tiny_cohort).case(FIRST)
    assert exposure_of_fold(open_model(str(tiny_model)), 0, stranger).relation == NEW
