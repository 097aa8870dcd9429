"""The cases that can be scored: a large cohort gets the answers that its cases get one by one."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from brainseg.cohort import Cohort
from brainseg.evaluation import scorable, scorable_names
from brainseg.models import Model, open_model
from brainseg.statistics import parts


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return open_model(str(tiny_model))


def assert_large_answers_are_equal(
    cohort: Cohort, model: Model, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], dict[str, str]]:
    for allow_seen in (True, False):
        expected = scorable(cohort, model, allow_seen)
        with monkeypatch.context() as large:
            large.setattr("brainseg.evaluation.cases_to_score.MAPPED_FROM", 0)
            large.setattr(parts, "PART_SLICES", 7)
            names, refused = scorable_names(cohort, model, allow_seen)
        assert names == [case.name for case in expected[0]]
        assert refused == expected[1]
        assert [*refused] == [*expected[1]], "in the order of the cohort"
    return names, refused


def test_seen_cases_are_refused(taught: Cohort, model: Model, monkeypatch) -> None:
    names, refused = assert_large_answers_are_equal(taught, model, monkeypatch)
    assert (len(names), len(refused)) == (5, 5)


def test_a_patient_is_known_by_the_images_under_another_name(taught, model, monkeypatch) -> None:
    slices = taught.slices.assign(
        **{name: "X" + taught.slices[name] for name in ("case", "patient_id")}
    )
    renamed = replace(taught, slices=slices)
    names, refused = assert_large_answers_are_equal(renamed, model, monkeypatch)
    assert len(names) + len(refused) == 10


def test_unreadable_cases_and_those_without_masks_are_refused(
    tiny_cohort: Path, model: Model, monkeypatch
) -> None:
    cohort = Cohort.open(tiny_cohort)
    first, second, *_ = cohort.cases
    slices = cohort.slices.copy()
    of_first, of_second = (slices["case"] == name for name in (first, second))
    slices.loc[of_first, "area_px"] = pd.NA
    slices.loc[of_second, "image_use_error"] = "it is damaged"
    names, refused = assert_large_answers_are_equal(
        replace(cohort, slices=slices), model, monkeypatch
    )
    assert refused == {first: "it has no usable mask", second: "no slice of it can be read"}
    # The only mask is on a slice of another size than most.
    slices = cohort.slices.copy()
    rows = slices.index[of_first]
    slices.loc[rows[1:], "area_px"] = pd.NA
    slices.loc[rows[0], "height"] = slices.loc[rows[0], "height"] + 1
    names, refused = assert_large_answers_are_equal(
        replace(cohort, slices=slices), model, monkeypatch
    )
    assert refused == {first: "it has no usable mask"}
    assert names == [*cohort.cases[1:]]
