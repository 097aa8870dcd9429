"""Random slices: the seed brings them back, and the filters hold."""

import numpy as np
import pandas as pd
import pytest

from brainseg.cohort import Cohort
from brainseg.cohort.random_slices import random_slices


@pytest.fixture
def slices(tiny_cohort) -> pd.DataFrame:
    return Cohort.open(tiny_cohort).slices


def named(rows: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(rows["case"], rows["slice_number"], strict=True))


def test_the_same_seed_draws_the_same_slices_in_whatever_order_the_index_stands(slices):
    shuffled = slices.sample(frac=1, random_state=3)
    assert named(random_slices(slices, 5, 7)) == named(random_slices(shuffled, 5, 7))


def test_a_smaller_count_is_the_beginning_of_a_larger_one(slices):
    assert named(random_slices(slices, 1, 11)) == named(random_slices(slices, 6, 11))[:1]


def test_other_seeds_draw_other_slices(slices):
    assert len({named(random_slices(slices, 1, seed))[0] for seed in range(30)}) > 3


def test_no_slice_is_drawn_twice_and_no_more_than_there_are(slices):
    drawn = named(random_slices(slices, 100, 0))
    assert sorted(drawn) == sorted(named(slices))


def test_with_and_without_tumour_share_out_the_slices_that_have_a_usable_mask(slices):
    slices = slices.copy()
    slices.loc[0, "area_px"] = pd.NA
    with_tumour = random_slices(slices, 100, 0, "with")
    without = random_slices(slices, 100, 0, "without")
    assert (with_tumour["area_px"] > 0).all()
    assert (without["area_px"] == 0).all()
    assert len(with_tumour) + len(without) == len(slices) - 1


def test_one_case_alone_can_be_drawn_from(slices):
    case = slices["case"].iloc[-1]
    assert set(random_slices(slices, 100, 0, case=case)["case"]) == {case}


def test_a_slice_that_cannot_be_read_is_never_drawn(slices):
    slices = slices.copy()
    slices.loc[1, "height"] = pd.NA
    left_out = named(slices.loc[[1]])[0]
    assert left_out not in named(random_slices(slices, 100, 0))


def test_nothing_to_draw_from_is_an_empty_table_with_the_same_columns(slices):
    drawn = random_slices(slices, 3, 0, case="no such case")
    assert drawn.empty
    assert list(drawn.columns) == list(slices.columns)


def test_each_slice_has_the_same_chance(slices):
    first = [named(random_slices(slices, 1, seed))[0] for seed in range(1600)]
    _, counts = np.unique([f"{case} {number}" for case, number in first], return_counts=True)
    assert len(counts) == len(slices)
    # Six standard deviations of a binomial count: a biased draw is far outside.
    expected = 1600 / len(slices)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected)
