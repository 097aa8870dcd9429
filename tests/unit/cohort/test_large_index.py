"""A large index: it is mapped from a copy on disk, and answers as one in memory does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.cohorts import FIRST, blob, write_pair

from brainseg.checks import check_cohort
from brainseg.cohort import Cohort, mapped_table, saved_index
from brainseg.cohort.index import read_index
from brainseg.cohort.mapped_table import map_table, write_table
from brainseg.errors import BrainsegError
from brainseg.statistics import case_measures, case_table, counts, file_table, slice_measures
from brainseg.worklist import case_rows


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every index for a large one."""
    monkeypatch.setattr(saved_index, "MAPPED_FROM", 0)


def opened_both_ways(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Cohort, Cohort]:
    in_memory = Cohort.open(root)
    monkeypatch.setattr(saved_index, "MAPPED_FROM", 0)
    return in_memory, Cohort.open(root)


def copy_of(cohort: Cohort) -> Path:
    return cohort.state_dir / "index.arrow"


def test_a_table_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "text": pd.array(["a", None, "ä\n"], dtype="str"),
            "whole": [1, 2, 3],
            "small": pd.array([1, None, 3], dtype="Int32"),
            "share": [0.1, np.nan, np.inf],
            "known": pd.array([0.5, None, 1.0], dtype="Float64"),
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
        }
    )
    for rows in (table, table.head(0)):
        write_table(tmp_path / "table.arrow", rows.items(), "one")
        found = map_table(tmp_path / "table.arrow", "one")
        pd.testing.assert_frame_equal(found, rows)
    assert map_table(tmp_path / "table.arrow", "another") is None
    assert map_table(tmp_path / "missing.arrow", "one") is None


def test_a_table_that_was_cut_anywhere_is_not_mapped(tmp_path: Path) -> None:
    path = tmp_path / "table.arrow"
    write_table(path, pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).items(), "one")
    whole = path.read_bytes()
    for end in range(0, len(whole) - 8, 8):
        path.write_bytes(whole[:end])
        assert map_table(path, "one") is None, f"cut at byte {end} of {len(whole)}"


def test_only_columns_that_are_used_take_memory(tiny_cohort: Path, mapped: None) -> None:
    slices = Cohort.open(tiny_cohort).slices
    in_memory = [
        name
        for name in slices.columns
        if slices[name].dtype in ("int64", "float64") and slices[name].to_numpy().flags.writeable
    ]
    assert in_memory == []
    for name in ("area_px", "contrast_copy"):
        assert not slices[name].array._data.flags.writeable
        assert not slices[name].array._mask.flags.writeable


def test_a_mapped_index_answers_as_one_in_memory(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory, on_disk = opened_both_ways(tiny_cohort, monkeypatch)
    assert copy_of(on_disk).is_file()
    pd.testing.assert_frame_equal(on_disk.slices, in_memory.slices)
    assert (on_disk.identity, on_disk.notes) == (in_memory.identity, in_memory.notes)
    assert (on_disk.cases, on_disk._facts()) == (in_memory.cases, in_memory._facts())
    assert counts(on_disk.slices) == counts(in_memory.slices)
    for table in (case_table, case_measures, slice_measures, file_table):
        pd.testing.assert_frame_equal(table(on_disk.slices), table(in_memory.slices))
    pd.testing.assert_frame_equal(case_rows(on_disk), case_rows(in_memory))
    assert check_cohort(on_disk).findings == check_cohort(in_memory).findings
    for one, other in zip(on_disk, in_memory, strict=True):
        pd.testing.assert_frame_equal(one.slices, other.slices)
        assert np.array_equal(one.volume().pixels, other.volume().pixels)


def test_the_index_of_the_real_cohort_is_the_same_on_disk(
    real_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory, on_disk = opened_both_ways(real_root, monkeypatch)
    pd.testing.assert_frame_equal(on_disk.slices, in_memory.slices)
    pd.testing.assert_frame_equal(case_rows(on_disk), case_rows(in_memory))
    pd.testing.assert_frame_equal(case_measures(on_disk.slices), case_measures(in_memory.slices))
    assert check_cohort(on_disk).findings == check_cohort(in_memory).findings


def test_a_changed_file_changes_the_mapped_index(tiny_cohort: Path, mapped: None) -> None:
    first = Cohort.open(tiny_cohort)
    before = first.slices.copy()
    write_pair(tiny_cohort / FIRST, FIRST, 2, None, blob(20, 20, 5))
    second = Cohort.open(tiny_cohort)
    assert second.case(FIRST).slices["area_px"].tolist() == [100, 25, 0]
    assert not copy_of(first).exists()  # else each change would keep one more
    pd.testing.assert_frame_equal(first.slices, before)
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, second.slices)


@pytest.mark.parametrize("damage", ["missing", "emptied", "cut", "text"])
def test_a_damaged_copy_is_made_again_without_reading_images(
    tiny_cohort: Path, mapped: None, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = Cohort.open(tiny_cohort)
    whole, expected = copy_of(cohort).read_bytes(), cohort.slices.copy()
    content = {"emptied": b"", "cut": whole[: len(whole) // 2], "text": b"no table"}
    copy_of(cohort).unlink()  # not cut in place: the open cohort has mapped it
    if damage in content:
        copy_of(cohort).write_bytes(content[damage])
    monkeypatch.setattr("brainseg.cohort.index.read_rows", None)
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, expected)
    assert copy_of(cohort).read_bytes() == whole


def test_a_large_index_without_room_for_its_copy_takes_memory_and_says_so(
    tiny_cohort: Path, mapped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise BrainsegError("index.arrow could not be written (No space left on device)")

    monkeypatch.setattr(saved_index, "write_table", full)
    for cohort in (Cohort.open(tiny_cohort), Cohort.open(tiny_cohort)):
        (note,) = cohort.notes
        assert note.startswith("The index takes memory")
        assert "No space left" in note
        assert read_index(cohort.state_dir / "index.parquet").equals(cohort.slices)


def test_a_damaged_parquet_file_is_not_copied(tiny_cohort: Path, mapped: None) -> None:
    cohort = Cohort.open(tiny_cohort)
    path, expected = cohort.state_dir / "index.parquet", cohort.slices.copy()
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(byte ^ 255 for byte in whole[4:3000]) + whole[3000:])
    assert saved_index.open_index(path) == (None, [])
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, expected)


def test_a_failed_copy_leaves_no_part(tmp_path: Path) -> None:
    def columns():
        yield "a", pd.Series([1])
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        mapped_table.write_table(tmp_path / "table.arrow", columns(), "one")
    assert list(tmp_path.iterdir()) == []
