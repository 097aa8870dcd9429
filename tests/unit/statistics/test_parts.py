"""Tables of large indexes: parts of the cases give what the whole index gives."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from support.cohorts import FIRST

from brainseg.cohort import Cohort
from brainseg.statistics import case_measures, case_table, parts
from brainseg.statistics.parts import by_part
from brainseg.worklist import case_rows


def test_no_case_is_divided_among_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = pd.DataFrame({"case": pd.array([*"aabbbbbbcdd"], dtype="str")})
    seen = []

    def make(part: pd.DataFrame) -> pd.DataFrame:
        seen.append("".join(part["case"]))
        return part.drop_duplicates()

    for size, expected in (
        (1, ["aa", "bbbbbb", "c", "dd"]),
        (3, ["aabbbbbb", "cdd"]),
        (11, ["aabbbbbbcdd"]),
    ):
        seen.clear()
        monkeypatch.setattr(parts, "PART_SLICES", size)
        assert by_part(make, slices)["case"].tolist() == [*"abcd"]
        assert seen == expected


def tables(cohort: Cohort) -> list[pd.DataFrame]:
    return [case_table(cohort.slices), case_measures(cohort.slices), case_rows(cohort)]


def assert_parts_give(cohort: Cohort, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tables(cohort)
    with monkeypatch.context() as small:
        small.setattr(parts, "PART_SLICES", size)
        found = tables(cohort)
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_parts_of_a_cohort_give_the_tables_of_the_whole(
    real_cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_parts_give(real_cohort, 500, monkeypatch)


def test_parts_give_unusable_slices_and_missing_sequences_as_the_whole(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    cohort = Cohort.open(tiny_cohort)
    unusable = cohort.slices[cohort.slices["area_px"].isna()].reset_index(drop=True)
    assert len(unusable) == 1
    for slices in (cohort.slices, unusable, cohort.slices.head(0)):
        assert_parts_give(replace(cohort, slices=slices), 1, monkeypatch)
