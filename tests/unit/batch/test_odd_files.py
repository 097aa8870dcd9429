"""A folder with pipes, devices and huge files: each is one row or sentence, and the rest is read."""

from pathlib import Path

import pytest
from support.cohorts import FIRST, blob, head, write_pair
from support.dicom_series import written_series
from support.odd_files import ODD, REASONS

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.monitoring.external_logs import find_logs
from brainseg.volume import FLAIR


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_in_a_cohort_is_the_error_of_its_row(tiny_cohort: Path, kind: str) -> None:
    ODD[kind](tiny_cohort / FIRST / f"{FIRST}_11.tif")
    write_pair(tiny_cohort / FIRST, FIRST, 12, head(12), None)
    ODD[kind](tiny_cohort / FIRST / f"{FIRST}_12_mask.tif")
    (tiny_cohort / "data.csv").unlink()
    for name in ("data.csv", "codebook.csv", "README.md"):
        ODD[kind](tiny_cohort / name)
    cohort = Cohort.open(tiny_cohort)
    rows = cohort.slices[cohort.slices["case"] == FIRST].set_index("slice_number")
    assert rows["image_error"][11] == f"image cannot be opened ({REASONS[kind]})"
    assert rows["mask_error"][12] == f"mask cannot be opened ({REASONS[kind]})"
    assert len(cohort.case(FIRST).volume()) == 4
    tables = [note for note in cohort.notes if note.startswith(("data.csv", "codebook.csv"))]
    limit = "16 MiB" if kind == "sparse" else ""
    assert len(tables) == 2
    assert all(REASONS[kind].replace("256 MiB", limit) in note for note in tables)


def test_two_sparse_copies_of_a_case_are_not_compared_byte_by_byte(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_pair(tmp_path / folder / FIRST, FIRST, 1, head(1), blob(20, 20))
        ODD["sparse"](tmp_path / folder / FIRST / f"{FIRST}_2.tif")
    assert len(Cohort.open(tmp_path)) == 2


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["x.jpg", "x.nii.gz", "x.dcm", "x.zip"])
def test_an_odd_file_to_predict_is_one_sentence(tmp_path: Path, kind: str, name: str) -> None:
    ODD[kind](tmp_path / name)
    ODD[kind](tmp_path / "DICOMDIR")
    (found,) = find_inputs(tmp_path)
    assert found.content()
    with pytest.raises(BrainsegError) as refusal:
        found.open()
    assert str(refusal.value) == f"{name} cannot be opened ({REASONS[kind]})."


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_in_a_study_is_left_out_of_it_by_name(tmp_path: Path, kind: str) -> None:
    _, files = written_series()
    for number, file in enumerate(files):
        (tmp_path / f"{number}.dcm").write_bytes(file.data)
    ODD[kind](tmp_path / "odd.dcm")
    (found,) = find_inputs(tmp_path)
    opened = found.open(sequences={FLAIR: "1"})
    assert opened.left_out is not None
    assert f"odd.dcm cannot be opened ({REASONS[kind]})." in opened.left_out


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_among_logs_is_no_log(tmp_path: Path, kind: str) -> None:
    for name in ("x.csv", "events.out.tfevents.1"):
        ODD[kind](tmp_path / name)
    assert [log for log in find_logs([tmp_path]) if log.path.is_file()] == []
