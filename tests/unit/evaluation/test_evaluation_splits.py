"""Halves by patient and by slice, and the neighbours that a split by slice separates."""

import numpy as np
import pandas as pd
import pytest

from brainseg.evaluation.splits import (
    TEST,
    TRAINING,
    Neighbours,
    halves_by_patient,
    halves_by_slice,
    likeness,
    separated_neighbours,
    share_beside_training,
    split_table,
)


def test_a_patient_is_in_one_half_of_a_split_by_patient():
    patients = ["a", "b", "a", "c", "d"]
    halves = halves_by_patient([5, 6, 7, 8, 9], [1, 2, 3, 4, 5], patients, seed=0)
    by_patient = {}
    for patient, half in zip(patients, halves, strict=True):
        by_patient.setdefault(patient, set()).update(half.tolist())
    assert all(len(half) == 1 for half in by_patient.values())
    assert sorted(half.pop() for half in by_patient.values()) == [0, 0, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_patients_with_tumours_of_similar_size_go_to_different_halves(seed):
    halves = halves_by_patient([5, 5, 5, 5], [1, 2, 3, 4], list("abcd"), seed)
    first, second, third, fourth = (half[0] for half in halves)
    assert first != second
    assert third != fourth


def test_a_split_by_slice_has_slices_of_each_case_in_both_halves():
    halves = halves_by_slice([20, 30, 25], seed=0)
    assert [len(half) for half in halves] == [20, 30, 25]
    assert all(set(half.tolist()) == {0, 1} for half in halves)
    assert abs(np.concatenate(halves).mean() - 0.5) < 0.01


def table(*rows: tuple[str, int, float, str]) -> pd.DataFrame:
    columns = ["case", "slice_number", "area_px", "by_slice"]
    return pd.DataFrame(rows, columns=columns)


def test_the_table_of_a_cohort_has_the_halves_of_the_measurement(taught):
    found = split_table(taught.slices)
    usable = taught.slices[taught.slices["area_px"].notna()]
    assert len(found) == len(usable)
    assert set(found["by_slice"]) == set(found["by_patient"]) == {TRAINING, TEST}
    assert (found.groupby("case")["by_patient"].nunique() == 1).all()
    assert share_beside_training(found, "by_patient") == 0
    assert share_beside_training(found, "by_slice") > 0.5
    pair = separated_neighbours(found)
    parts = found.set_index(["case", "slice_number"])["by_slice"]
    assert abs(pair.training - pair.test) == 1
    assert (parts[pair.case, pair.training], parts[pair.case, pair.test]) == (TRAINING, TEST)


def test_slices_without_a_usable_mask_are_in_no_half(taught):
    slices = taught.slices.assign(area_px=pd.NA)
    assert split_table(slices).empty
    assert separated_neighbours(split_table(slices)) is None


def test_a_neighbour_in_another_case_does_not_count():
    rows = table(("a", 1, 5, TEST), ("b", 1, 5, TRAINING), ("b", 2, 5, TEST), ("b", 3, 5, TEST))
    assert share_beside_training(rows, "by_slice") == pytest.approx(1 / 3)
    assert separated_neighbours(rows) == Neighbours("b", 1, 2)


def test_the_example_is_the_separated_pair_with_the_largest_tumour_in_both():
    rows = table(
        ("a", 1, 90, TRAINING),
        ("a", 2, 1, TEST),
        ("a", 3, 50, TEST),
        ("a", 4, 60, TRAINING),
        ("b", 8, 99, TEST),
        ("b", 9, 99, TEST),
    )
    assert separated_neighbours(rows) == Neighbours("a", 4, 3)


def test_without_tumour_there_is_no_example():
    assert separated_neighbours(table(("a", 1, 0, TRAINING), ("a", 2, 0, TEST))) is None


def test_likeness_is_the_correlation_outside_of_the_background():
    first = np.array([[0, 0, 10, 20], [0, 30, 40, 50]], np.uint8)
    assert likeness(first, first) == pytest.approx(1)
    assert likeness(first, np.where(first, 255 - first, 0)) == pytest.approx(-1)
