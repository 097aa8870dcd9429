"""Saved tables of a large cohort: the values of those in memory, made once and only for their index."""

from pathlib import Path

import pandas as pd
import pytest
from support.cohorts import FIRST, blob, write_pair

from brainseg import statistics, worklist
from brainseg.cohort import Cohort, saved_index
from brainseg.cohort.mapped_table import map_table, write_table_of_parts
from brainseg.errors import BrainsegError
from brainseg.statistics import parts, saved_tables
from brainseg.statistics.saved_tables import save_tables


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every index for a large one, of more than one part."""
    monkeypatch.setattr(saved_index, "MAPPED_FROM", 0)
    monkeypatch.setattr(parts, "PART_SLICES", 1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the parts that are counted."""
    sizes, make = [], saved_tables.tumours.slice_measures

    def noted(slices: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(slices))
        return make(slices)

    monkeypatch.setattr(saved_tables.tumours, "slice_measures", noted)
    return sizes


def saved_files(cohort: Cohort) -> list[Path]:
    return sorted((cohort.results_dir / "tables").glob("*"))


def tumour_rows(cohort: Cohort) -> pd.DataFrame:
    measures = saved_tables.slice_measures(cohort)
    return saved_tables.tumour_slices(cohort, measures).reset_index(drop=True)


def assert_tables_are_those_in_memory(cohort: Cohort, expected: Cohort) -> None:
    for one, other in (
        (saved_tables.case_table(cohort), statistics.case_table(expected.slices)),
        (saved_tables.case_measures(cohort), statistics.case_measures(expected.slices)),
        (saved_tables.slice_measures(cohort), statistics.slice_measures(expected.slices)),
        (saved_tables.file_counts(cohort), saved_tables.file_counts(expected)),
        (worklist.case_rows(cohort), worklist.case_rows(expected)),
        (tumour_rows(cohort), tumour_rows(expected)),
        (
            statistics.tumour_shares_of_cases(saved_tables.case_table(cohort)),
            statistics.tumour_shares(expected.slices),
        ),
    ):
        pd.testing.assert_frame_equal(one, other)


def test_saved_tables_are_those_in_memory(
    tiny_cohort: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    assert [path.name for path in saved_files(cohort)] == [
        "cases.arrow",
        "slices.arrow",
        "tumours.arrow",
    ]
    monkeypatch.undo()
    in_memory = Cohort(cohort.root, cohort.slices.copy(), cohort.identity, cohort.patients)
    in_memory.slices.attrs.clear()
    assert_tables_are_those_in_memory(cohort, in_memory)


def test_saved_tables_of_the_real_cohort_are_those_in_memory(
    real_root: Path, real_cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_index, "MAPPED_FROM", 0)
    monkeypatch.setattr(parts, "PART_SLICES", 500)
    cohort, seen = Cohort.open(real_root), []
    save_tables(cohort, lambda done, total: seen.append((done, total)))
    assert len(seen) > 3
    assert seen[-1] == (len(cohort.slices), len(cohort.slices))
    assert_tables_are_those_in_memory(cohort, real_cohort)


def test_tables_are_made_once_and_opened_by_the_next_process(
    tiny_cohort: Path, large: None, counted: list[int]
) -> None:
    save_tables(Cohort.open(tiny_cohort))
    assert sum(counted) == len(Cohort.open(tiny_cohort).slices)
    counted.clear()
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    saved_tables.case_measures(cohort)
    saved_tables.slice_measures(cohort)
    assert counted == []


def test_values_of_saved_tables_stay_on_disk(tiny_cohort: Path, large: None) -> None:
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    table = saved_tables.slice_measures(cohort)
    assert not table["compactness"].array._data.flags.writeable
    assert not saved_tables.case_table(cohort)["tumour_vx"].array._mask.flags.writeable


def test_tables_of_another_index_are_made_again_and_the_old_ones_removed(
    tiny_cohort: Path, large: None
) -> None:
    before = Cohort.open(tiny_cohort)
    save_tables(before)
    old = saved_files(before)
    write_pair(tiny_cohort / FIRST, FIRST, 2, None, blob(20, 20, 5))
    after = Cohort.open(tiny_cohort)
    assert not any(path.exists() for path in old)
    save_tables(after)
    expected = statistics.case_table(after.slices)
    pd.testing.assert_frame_equal(saved_tables.case_table(after), expected)
    # Files of another index under this cohort's name are refused.
    for path in saved_files(after):
        path.unlink()
    after.slices.attrs[saved_index.ABOUT] = "another"
    save_tables(after)
    assert saved_tables._mapped(after, "cases") is not None
    assert saved_tables._mapped(Cohort.open(tiny_cohort), "cases") is None


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_damaged_tables_are_made_again(tiny_cohort: Path, large: None, damage: str) -> None:
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    path, expected = saved_files(cohort)[0], saved_tables.case_table(cohort).copy()
    whole = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    pd.testing.assert_frame_equal(saved_tables.case_table(cohort), expected)
    save_tables(cohort)
    assert path.read_bytes() == whole


def test_tables_that_cannot_be_saved_are_made_in_memory(
    tiny_cohort: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise BrainsegError("no space")

    monkeypatch.setattr(saved_tables, "write_table_of_parts", full)
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    assert saved_files(cohort) == []
    expected = statistics.case_table(cohort.slices)
    pd.testing.assert_frame_equal(saved_tables.case_table(cohort), expected)


def test_a_small_cohort_saves_no_tables(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    save_tables(cohort)
    assert saved_files(cohort) == []


def test_a_full_disk_is_an_error_that_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": pd.array([1.5, None], "Float64")})
    write_table_of_parts(tmp_path / "t.arrow", [table, table], "one")
    expected = pd.concat([table, table], ignore_index=True)
    pd.testing.assert_frame_equal(map_table(tmp_path / "t.arrow", "one"), expected)

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("brainseg.cohort.mapped_table.TemporaryFile", full)
    with pytest.raises(BrainsegError, match="No space left"):
        write_table_of_parts(tmp_path / "other.arrow", [table], "one")
    assert [path.name for path in tmp_path.iterdir()] == ["t.arrow"]
