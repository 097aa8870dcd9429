"""Which files are a cohort: layouts, names, copies, and folders that cannot be used."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from support.cohorts import CHECKOUT, FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair

from brainseg.cohort.case_names import patient_of
from brainseg.cohort.discovery import list_files
from brainseg.errors import CohortError
from brainseg.io.folders import MAX_DEPTH

TINY_SLICES = {FIRST: [1, 2, 10], FLAIR_REPEATED: [1, 2, 3], OTHER_SITE: [1, 2]}

OPEN_WITHOUT_RIGHTS = """
import json, os, sys
import imagecodecs, pyarrow.parquet, tifffile
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    cohort = Cohort.open(sys.argv[1])
except CohortError as error:
    answer = {"refused": str(error)}
else:
    errors = cohort.slices["image_error"].dropna().tolist()
    answer = {"cases": cohort.cases, "notes": cohort.notes, "errors": errors}
sys.stdout.write(json.dumps(answer))
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Return a folder that other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="brainseg-rights-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def opened_by_nobody(root: Path) -> dict:
    """Return what a user without rights gets who opens a cohort."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN_WITHOUT_RIGHTS, str(root)],
        cwd=CHECKOUT,
        env={**os.environ, "BRAINSEG_HOME": str(root.parent / "nobody")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers(files: pd.DataFrame) -> dict[str, list[int]]:
    return {case: rows["slice_number"].tolist() for case, rows in files.groupby("case")}


def refusal(root: Path) -> str:
    with pytest.raises(CohortError) as error:
        list_files(root)
    message = str(error.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("above", ["", "kaggle_3m", "lgg-mri-segmentation/kaggle_3m"])
def test_the_lgg_layout_is_found_at_the_root_and_below_it(tiny_cohort: Path, above: str) -> None:
    root = tiny_cohort
    if above:
        root = tiny_cohort.parent / "download"
        (root / above).parent.mkdir(parents=True, exist_ok=True)
        tiny_cohort.rename(root / above)
    found = list_files(root)
    assert numbers(found.files) == TINY_SLICES
    assert found.notes == ()
    assert found.tables["data.csv"].is_file()
    assert all((root / path).is_file() for path in found.files["image_path"])


def test_folders_deeper_than_the_limit_are_not_searched(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcde"[:MAX_DEPTH])
    write_pair(deep, "case", 1, head(1), blob(9, 9))
    assert len(list_files(tmp_path).files) == 1
    deep.rename(deep.parent / "x")
    (deep.parent / "y").mkdir()
    (deep.parent / "x").rename(deep.parent / "y" / "x")
    assert "contains no TIFF or PNG image" in refusal(tmp_path)


def test_slices_sort_by_number_and_not_by_text(tiny_cohort: Path) -> None:
    files = list_files(tiny_cohort).files
    assert files.loc[files["case"] == FIRST, "slice_number"].tolist() == [1, 2, 10]


def test_the_two_copies_of_the_kaggle_archive_are_indexed_once_with_a_note(
    tiny_cohort: Path, tmp_path: Path
) -> None:
    root = tmp_path / "archive"
    shutil.copytree(tiny_cohort, root / "kaggle_3m")
    shutil.copytree(tiny_cohort, root / "lgg-mri-segmentation" / "kaggle_3m")
    found = list_files(root)
    assert numbers(found.files) == TINY_SLICES
    assert found.files["image_path"].str.startswith("kaggle_3m").all()
    assert len(found.notes) == 1
    assert found.notes[0].startswith("3 case(s) were found twice")


def test_a_copy_that_lacks_slices_gives_way_to_the_whole_case(tiny_cohort: Path) -> None:
    again = tiny_cohort / "again"
    shutil.copytree(tiny_cohort / FIRST, again / FIRST)
    (again / FIRST / f"{FIRST}_2.tif").unlink()
    (again / FIRST / f"{FIRST}_2_mask.tif").unlink()
    found = list_files(tiny_cohort)
    assert numbers(found.files) == TINY_SLICES
    assert "1 case(s) were found twice" in found.notes[0]


def test_two_folders_of_one_name_with_other_files_become_two_cases_of_one_patient(
    tiny_cohort: Path,
) -> None:
    write_pair(tiny_cohort / "second" / FIRST, FIRST, 1, head(50), blob(5, 5))
    files = list_files(tiny_cohort).files
    assert numbers(files) == TINY_SLICES | {f"second-{FIRST}": [1]}
    both = files[files["case"].str.endswith(FIRST)]
    assert set(both["patient_id"]) == {"TCGA_XX_0001"}


def test_a_second_folder_with_further_slices_loses_none_of_them(tiny_cohort: Path) -> None:
    again = tiny_cohort / "again"
    shutil.copytree(tiny_cohort / FIRST, again / FIRST)
    for name in ("_1.tif", "_1_mask.tif"):
        (again / FIRST / f"{FIRST}{name}").unlink()
    write_pair(again / FIRST, FIRST, 11, head(11), blob(9, 9))
    assert numbers(list_files(tiny_cohort).files)[f"again-{FIRST}"] == [2, 10, 11]


def test_a_case_whose_copy_has_another_mask_is_no_copy(tiny_cohort: Path) -> None:
    shutil.copytree(tiny_cohort / FIRST, tiny_cohort / "corrected" / FIRST)
    write_pair(tiny_cohort / "corrected" / FIRST, FIRST, 1, None, blob(25, 25))
    assert f"corrected-{FIRST}" in numbers(list_files(tiny_cohort).files)


def test_several_repeated_names_in_one_folder_stay_apart(tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 10), ("c", 20)):
        for place, case in enumerate(("x", "y")):
            for number in (1, 2):
                write_pair(tmp_path / folder, case, number, head(seed + place), blob(9, 9))
    found = numbers(list_files(tmp_path).files)
    assert found == {name: [1, 2] for name in ("x", "y", "b-x", "b-y", "c-x", "c-y")}


def test_a_flat_folder_of_pairs_holds_a_case_for_each_beginning(tmp_path: Path) -> None:
    for case, number in (("knee", 1), ("knee", 2), (FIRST, 3)):
        write_pair(tmp_path, case, number, head(number), blob(9, 9))
    files = list_files(tmp_path).files
    assert numbers(files) == {"knee": [1, 2], FIRST: [3]}
    assert files["mask_path"].notna().all()


def test_a_folder_with_one_beginning_gives_the_case_its_name(tmp_path: Path) -> None:
    for number in ("001", "002", "010"):
        write_pair(tmp_path / "patient seven", "img", number, head(1), None)
    files = list_files(tmp_path).files
    assert numbers(files) == {"patient seven": [1, 2, 10]}
    assert files["mask_path"].isna().all()


def test_images_without_numbers_are_slices_by_name(tmp_path: Path) -> None:
    for name in ("apex", "base", "middle"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), head(1))
    files = list_files(tmp_path).files
    assert files["slice_number"].tolist() == [1, 2, 3]
    assert [Path(path).stem for path in files["image_path"]] == ["apex", "base", "middle"]


def test_a_number_is_read_behind_dots_and_an_identifier_is_no_number(tmp_path: Path) -> None:
    for name in ("scan.v2.3", "scan.v2.12", "1.2.840.10008"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), head(1))
    identifier = "9" * 40
    (tmp_path / "dump").mkdir()
    cv2.imwrite(str(tmp_path / "dump" / f"{identifier}.png"), head(1))
    found = numbers(list_files(tmp_path).files)
    assert found["scan.v2."] == [3, 12]
    assert found["dump"] == [1]


def test_a_number_before_the_end_of_the_name_orders_the_slices(tmp_path: Path) -> None:
    folder = tmp_path / "P01"
    folder.mkdir()
    for number in (1, 2, 10):
        for name in (f"x_{number}_img", f"x_{number}_img_mask"):
            cv2.imwrite(str(folder / f"{name}.png"), head(1))
    files = list_files(tmp_path).files
    assert files["slice_number"].tolist() == [1, 2, 10]
    assert files["case"].unique().tolist() == ["P01"]
    assert files["mask_path"].notna().all()


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".TIF"])
def test_png_and_both_spellings_of_tiff_are_images(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    for name, pixels in (("case_1", head(1)), ("case_1_mask", blob(9, 9))):
        (folder / f"{name}{suffix}").write_bytes(cv2.imencode(suffix.lower(), pixels)[1].tobytes())
    files = list_files(tmp_path).files
    assert files[["image_path", "mask_path"]].values.tolist() == [
        [f"case/case_1{suffix}", f"case/case_1_mask{suffix}"]
    ]


def test_one_number_as_tiff_and_as_png_is_two_slices_with_their_own_masks(tmp_path: Path) -> None:
    write_pair(tmp_path / "case", "case", 1, head(1), blob(9, 9))
    cv2.imwrite(str(tmp_path / "case" / "case_1.png"), head(2))
    cv2.imwrite(str(tmp_path / "case" / "case_1_mask.png"), blob(20, 20))
    files = list_files(tmp_path).files
    assert files["slice_number"].tolist() == [1, 1]
    for row in files.itertuples():
        assert Path(row.image_path).suffix == Path(row.mask_path).suffix


def test_an_image_without_mask_and_a_mask_without_image_are_rows_all_the_same(
    tmp_path: Path,
) -> None:
    write_pair(tmp_path / "case", "case", 1, head(1), None)
    write_pair(tmp_path / "case", "case", 2, None, blob(9, 9))
    files = list_files(tmp_path).files
    assert files["slice_number"].tolist() == [1, 2]
    assert files["image_path"].isna().tolist() == [False, True]
    assert files["mask_path"].isna().tolist() == [True, False]


def test_patient_and_institution_follow_from_an_lgg_name_and_from_no_other() -> None:
    assert patient_of("TCGA_CS_4941_19960909") == ("TCGA_CS_4941", "CS")
    assert patient_of("SYNTH_S1_0001_20260101") == ("SYNTH_S1_0001", "S1")
    for other in ("knee", "TCGA_CS_4941", "TCGA_CS_4941_1996", "a-TCGA_CS_4941_19960909"):
        assert patient_of(other) == (other, None)


def test_rows_are_sorted_by_institution_case_and_slice(tiny_cohort: Path) -> None:
    write_pair(tiny_cohort / "AAA", "AAA", 1, head(1), None)
    files = list_files(tiny_cohort).files
    assert files["case"].drop_duplicates().tolist() == [FIRST, FLAIR_REPEATED, OTHER_SITE, "AAA"]
    assert files["institution"].isna().tolist() == [False] * 8 + [True]


def test_hidden_files_and_folders_are_passed_over(tiny_cohort: Path) -> None:
    shutil.copytree(tiny_cohort / FIRST, tiny_cohort / ".trash" / "old")
    shutil.copy(tiny_cohort / FIRST / f"{FIRST}_1.tif", tiny_cohort / FIRST / f"._{FIRST}_1.tif")
    (tiny_cohort / FIRST / "Thumbs.db").write_bytes(b"x")
    assert numbers(list_files(tiny_cohort).files) == TINY_SLICES


def test_linked_folders_are_followed_and_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    write_pair(tmp_path / "store" / "case", "case", 1, head(1), blob(9, 9))
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    (cohort / "chosen").symlink_to(tmp_path / "store" / "case")
    (cohort / "round").symlink_to(cohort)
    (cohort / "gone_1.tif").symlink_to(tmp_path / "nowhere.tif")
    (cohort / "itself.tif").symlink_to(cohort / "itself.tif")
    found = numbers(list_files(cohort).files)
    assert found["chosen"] == [1]
    assert sum(map(len, found.values())) == 3


def test_names_that_are_not_utf_8_are_left_out_with_a_note(tiny_cohort: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tiny_cohort / FIRST) + b"/caf\xe9_1.tif")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    found = list_files(tiny_cohort)
    assert numbers(found.files) == TINY_SLICES
    assert found.notes[0].startswith("1 file(s) were left out because their names are not UTF-8")
    assert found.notes[0].encode()


@pytest.mark.parametrize("name", ["<img src=x>", "**bold**", "ü ñ 漢", "a" * 200, "..x", "a\nb"])
def test_any_name_that_a_folder_can_have_is_a_case(tmp_path: Path, name: str) -> None:
    write_pair(tmp_path / name, "img", 1, head(1), blob(9, 9))
    expected = {} if name.startswith(".") else {name: [1]}
    if expected:
        assert numbers(list_files(tmp_path).files) == expected
    else:
        assert "contains no TIFF or PNG" in refusal(tmp_path)


def test_the_current_folder_can_be_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "here", "img", 4, head(1), None)
    monkeypatch.chdir(tmp_path / "here")
    files = list_files(Path()).files
    assert numbers(files) == {"here": [4]}
    assert files["image_path"].tolist() == ["img_4.tif"]


def test_a_folder_that_is_missing_is_refused_with_what_to_do(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == (
        f"{tmp_path / 'nowhere'} does not exist: name a folder of cases, or write synthetic ones "
        "with `brainseg sample DEST`."
    )


def test_a_file_or_an_archive_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert "is not a folder but a file" in refusal(tmp_path / "notes.txt")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w"):
        pass
    assert "an archive: unpack it first" in refusal(tmp_path / "archive.zip")


def test_an_empty_folder_and_one_without_images_are_refused(tmp_path: Path) -> None:
    assert "contains no TIFF or PNG image" in refusal(tmp_path)
    (tmp_path / "readme.md").write_text("x")
    (tmp_path / "sub").mkdir()
    assert "expected images with masks, or volumes" in refusal(tmp_path)


def test_a_path_that_no_system_takes_is_refused(tmp_path: Path) -> None:
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300))
    assert "does not exist" in refusal(Path("\0"))


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another matter there")
def test_a_closed_root_is_refused_with_what_to_do(open_to_all: Path) -> None:
    root = open_to_all / "cohort"
    write_pair(root / "case", "case", 1, head(1), blob(9, 9))
    root.chmod(0o700 if os.geteuid() == 0 else 0)
    assert opened_by_nobody(root) == {
        "refused": f"{root} may not be read by this user: grant the right to read and list the "
        "folder."
    }


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another matter there")
def test_a_closed_case_is_noted_and_a_closed_file_is_a_row_with_its_error(
    open_to_all: Path,
) -> None:
    root = open_to_all / "cohort"
    closed = 0o700 if os.geteuid() == 0 else 0
    for case in ("a", "b"):
        write_pair(root / case, case, 1, head(1), blob(9, 9))
    image = write_pair(root / "a", "a", 2, head(2), blob(9, 9))
    image.chmod(closed & 0o600)
    (root / "b").chmod(closed)
    answer = opened_by_nobody(root)
    assert answer["cases"] == ["a"]
    assert answer["errors"] == ["image cannot be opened (Permission denied)"]
    assert any(
        note == "1 folder(s) could not be opened, the first is b: grant this user the right to "
        "read them."
        for note in answer["notes"]
    )
    (root / "a").chmod(closed)
    assert "2 closed folder(s)" in opened_by_nobody(root)["refused"]


def test_the_real_cohort_is_found_whole(real_root: Path) -> None:
    found = list_files(real_root)
    folders = {image.parent for image in real_root.rglob("*_mask.tif")}
    assert found.files["case"].nunique() == len({folder.name for folder in folders})
    assert found.files["mask_path"].notna().all()
    assert found.files["institution"].notna().all()
    steps = found.files.groupby("case")["slice_number"].diff().dropna()
    assert (steps == 1).all()
    assert np.all(found.files.groupby("case")["slice_number"].min() == 1)
