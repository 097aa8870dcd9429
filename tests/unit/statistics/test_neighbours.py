"""The slices most similar to one, and the agreement of such neighbours."""

import numpy as np
import pandas as pd
import pytest

from brainseg.errors import CohortError
from brainseg.statistics import embeddings
from brainseg.statistics.embeddings import Features
from brainseg.statistics.neighbours import agreement, neighbours


def made(cases: list[str], numbers: list[int], vectors: list, **more) -> Features:
    vectors = np.array(vectors, np.float32).reshape(len(cases), -1)
    places = np.zeros((len(cases), 2), np.float32)
    return Features("x", np.array(cases), np.array(numbers), vectors, places, "PCA", **more)


def test_neighbours_come_nearest_first_and_from_other_cases_if_asked():
    found = made(["A", "A", "B", "B", "C"], [1, 2, 1, 2, 7], [0, 1, 2, 3, 10])
    near = neighbours(found, "A", 1, 9)
    assert near["case"].tolist() == ["B", "B", "C"]
    assert near["distance"].tolist() == [2, 3, 10]
    every = neighbours(found, "A", 1, 2, other_cases=False)
    assert list(zip(every["case"], every["slice_number"], strict=True)) == [("A", 2), ("B", 1)]
    assert neighbours(found, "A", 1, 9, one_a_case=True)["case"].tolist() == ["B", "C"]


def test_a_slice_without_features_is_one_sentence():
    with pytest.raises(CohortError, match="A slice 9 has no features"):
        neighbours(made(["A"], [1], [0]), "A", 9, 3)


def index_of(cases: list[str], places: list[int], areas: list[int | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": cases,
            "patient_id": cases,
            "slice_number": [place + 1 for place in places],
            "slice_index": places,
            "area_px": pd.array(areas, "Int64"),
        }
    )


def test_agreement_is_counted_among_other_patients_and_compared_with_chance():
    cases, places = ["A"] * 2 + ["B"] * 2 + ["C"] * 2, [0, 1] * 3
    slices = index_of(cases, places, [0, 5, 0, 7, 0, 9])
    like_their_state = made(cases, [1, 2] * 3, [0, 10, 1, 11, 2, 12])
    found = agreement(like_their_state, slices, most=2)
    assert (found.same_state, found.same_state_by_chance) == (1, 0.5)
    assert (found.same_state_by_position, found.apart, found.apart_by_chance) == (1, 0, 0.5)
    upside_down = made(cases, [1, 2] * 3, [0, 10, 11, 1, 2, 12])
    assert agreement(upside_down, slices, most=1).same_state < 1


def test_slices_without_a_mask_and_training_cases_are_left_out():
    cases = ["A", "A", "B", "B", "C", "C"]
    slices = index_of(cases, [0, 1] * 3, [0, 5, None, 7, 0, 9])
    found = made(cases, [1, 2] * 3, [0, 10, 1, 11, 2, 12], seen=("A",))
    measured = agreement(found, slices, most=1)
    assert (measured.slices, measured.seen_left_out) == (3, 1)
    assert "1 cases were left out" in measured.in_words()[-1]
    every_one_seen = made(cases, [1, 2] * 3, [0, 10, 1, 11, 2, 12], seen=("A", "B", "C"))
    assert agreement(every_one_seen, slices, most=1).seen_left_out == 0


def test_one_patient_alone_has_no_agreement():
    slices = index_of(["A", "A"], [0, 1], [0, 5])
    assert agreement(made(["A", "A"], [1, 2], [0, 1]), slices) is None


@pytest.mark.slow
def test_on_the_real_cohort_neighbours_agree_better_than_slices_of_the_same_place(real_cohort):
    measured = agreement(embeddings.describe_images(real_cohort), real_cohort.slices)
    assert measured.slices == 3101
    assert measured.same_state > measured.same_state_by_position + 0.05
    assert measured.apart < 0.3 * measured.apart_by_chance
