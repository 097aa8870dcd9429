"""Cohort and Case: what a folder of cases is once it is open, and how its slices are read."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair

from brainseg.cohort import Cohort
from brainseg.errors import CohortError


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Return every path below a folder with its size and time of change."""
    return {
        str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in [root, *sorted(root.rglob("*"))]
    }


def test_the_tiny_cohort_opens_with_its_cases_in_order(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    assert cohort.cases == [FIRST, FLAIR_REPEATED, OTHER_SITE]
    assert cohort.notes == ()
    first = cohort.case(FIRST)
    assert first.patient_id == "TCGA_XX_0001"
    assert first.slices["slice_number"].tolist() == [1, 2, 10]
    assert first.slices["slice_index"].tolist() == [0, 1, 2]
    assert first.slices["area_px"].tolist() == [100, 144, 0]
    assert len(cohort) == len([*cohort]) == 3
    assert pd.concat([case.slices for case in cohort], ignore_index=True).equals(cohort.slices)


def test_a_volume_holds_the_pixels_of_the_files_in_order(tiny_cohort: Path) -> None:
    case = Cohort.open(tiny_cohort).case(FIRST)
    volume = case.volume()
    assert np.array_equal(volume.pixels, np.stack([head(1), head(2), head(10)]))
    assert volume.notes == ()
    assert volume.spacing_mm is None
    masks, there = case.masks()
    expected = np.stack([blob(20, 20), blob(22, 22, 12), np.zeros((64, 64))]) > 0
    assert np.array_equal(masks, expected)
    assert there.all()


def test_one_slice_is_read_without_the_others(tiny_cohort: Path) -> None:
    case = Cohort.open(tiny_cohort).case(FIRST)
    for other in (1, 2):
        (tiny_cohort / FIRST / f"{FIRST}_{other}.tif").unlink()
    assert np.array_equal(case.slice_pixels(10), head(10))
    assert case.slice_mask(10).dtype == bool
    assert not case.slice_mask(10).any()
    with pytest.raises(CohortError, match=r"cannot be opened now .*restore it"):
        case.slice_pixels(1)


def test_an_unknown_case_or_slice_is_refused_with_what_there_is(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    with pytest.raises(
        CohortError, match=r"unknown case “\.\./\.\./etc/passwd”: choose one of the 3"
    ):
        cohort.case("../../etc/passwd")
    with pytest.raises(CohortError, match="has no slice 3: choose one of 1 to 10"):
        cohort.case(FIRST).slice_pixels(3)


def test_slices_that_cannot_be_stacked_are_left_out_and_named(tiny_cohort: Path) -> None:
    folder = tiny_cohort / FIRST
    (folder / f"{FIRST}_3.tif").write_bytes(b"II*\0 half copied")
    write_pair(folder, FIRST, 4, head(4, 80, 64), blob(9, 9))
    write_pair(folder, FIRST, 5, np.zeros((64, 64, 5), np.uint8), blob(9, 9), planarconfig="contig")
    write_pair(folder, FIRST, 6, None, blob(9, 9))
    nothing = np.full((64, 64, 3), np.nan, np.float32)
    write_pair(folder, FIRST, 7, nothing, None, photometric="rgb")
    case = Cohort.open(tiny_cohort).case(FIRST)
    volume = case.volume()
    assert len(volume) == len(case.readable) == len(case.masks()[0]) == 3
    assert volume.notes == ("left out, because unusable or of another size: slice 3, 4, 5, 6, 7",)
    reasons = {
        3: "file is incomplete or damaged",
        5: "5 channels; expected 1 or 3",
        6: "image is missing",
        7: "12288 invalid pixels",
    }
    for number, reason in reasons.items():
        with pytest.raises(CohortError, match=f"slice {number} cannot be shown .{reason}"):
            case.slice_pixels(number)


def test_a_case_without_one_readable_slice_says_so(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case_1.tif").write_bytes(b"")
    cohort = Cohort.open(tmp_path)
    assert cohort.slices["image_error"].tolist() == ["file is empty"]
    with pytest.raises(CohortError, match="case has no slice that can be read"):
        cohort.case("case").volume()


def test_conversions_are_told_once_a_case(tmp_path: Path) -> None:
    for number in (1, 2):
        write_pair(tmp_path / "grey", "grey", number, head(number)[..., 0], None)
    assert Cohort.open(tmp_path).case("grey").volume().notes == (
        "one grey channel, used for all three sequences",
    )


def test_a_half_copied_folder_opens_and_says_what_is_missing(tiny_cohort: Path) -> None:
    image = tiny_cohort / FIRST / f"{FIRST}_2.tif"
    image.write_bytes(image.read_bytes()[:5000])
    (tiny_cohort / FIRST / f"{FIRST}_10_mask.tif").unlink()
    cohort = Cohort.open(tiny_cohort)
    assert cohort.slices["area_px"].isna().tolist() == [False, True, True, *[False] * 5]
    assert cohort.notes == (
        "2 of 8 slices have no usable image and mask and are left out of the statistics: "
        "`brainseg check` names each.",
    )
    masks, there = cohort.case(FIRST).masks()
    assert there.tolist() == [True, False]
    assert not masks[1].any()
    assert cohort.case(FIRST).slice_mask(10) is None


def test_a_folder_without_masks_opens_and_says_so_once(tiny_cohort: Path) -> None:
    for mask in tiny_cohort.rglob("*_mask.tif"):
        mask.unlink()
    cohort = Cohort.open(tiny_cohort)
    assert cohort.slices["area_px"].isna().all()
    assert len(cohort.notes) == 1
    assert cohort.notes[0].startswith("No mask was found")


def test_a_file_that_changed_since_the_index_is_refused_instead_of_misread(
    tiny_cohort: Path,
) -> None:
    case = Cohort.open(tiny_cohort).case(FIRST)
    write_pair(tiny_cohort / FIRST, FIRST, 1, head(1, 80, 80), np.full((64, 64), 7, np.uint8))
    for read in (case.volume, case.masks, lambda: case.slice_mask(1), lambda: case.slice_pixels(1)):
        with pytest.raises(CohortError, match="has changed since the cohort was indexed"):
            read()
    (tiny_cohort / FIRST / f"{FIRST}_1.tif").write_bytes(b"II*\0")
    with pytest.raises(CohortError, match="was not used: file is incomplete or damaged"):
        case.volume()


def test_data_csv_is_joined_by_patient_and_its_gap_stays_a_gap(tiny_cohort: Path) -> None:
    patients = Cohort.open(tiny_cohort).patients
    assert patients.columns[0] == "patient_id"
    assert patients["patient_id"].tolist() == ["TCGA_XX_0001", "TCGA_XX_0002", "TCGA_YY_0003"]
    assert patients["neoplasm_histologic_grade"].isna().tolist() == [False, True, False]


def test_a_patient_who_stands_twice_in_data_csv_counts_once_with_a_note(tiny_cohort: Path) -> None:
    table = "Patient,grade\nTCGA_XX_0001,1\n TCGA_XX_0001 ,2\n,3\nTCGA_YY_0003,2\n"
    (tiny_cohort / "data.csv").write_text(table)
    cohort = Cohort.open(tiny_cohort)
    assert cohort.patients["grade"].tolist() == [1, 2]
    assert cohort.notes[0].startswith("2 row(s) of data.csv were left out")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "No columns to parse from file"),
        (b"a,b\n1,2\n", "it has no column patient"),
        (b"Patient|grade\nTCGA|1\n", "it has no column patient"),
        (b"Patient,a\nx,1\ny,1,2,3\n", "Expected 2 fields"),
        (b"\0\1\2\3" * 99, "data.csv was not used"),
    ],
)
def test_a_broken_data_csv_becomes_a_note(tiny_cohort: Path, content: bytes, reason: str) -> None:
    (tiny_cohort / "data.csv").write_bytes(content)
    cohort = Cohort.open(tiny_cohort)
    assert cohort.patients is None
    assert len(cohort.notes) == 1
    assert reason in cohort.notes[0]
    assert "\n" not in cohort.notes[0]


def test_a_codebook_beside_data_csv_is_read(tiny_cohort: Path) -> None:
    assert Cohort.open(tiny_cohort).codebook is None
    (tiny_cohort / "codebook.csv").write_text("Column,code,label\ngender,1,female\n")
    codebook = Cohort.open(tiny_cohort).codebook
    assert codebook.to_dict("records") == [{"column": "gender", "code": 1, "label": "female"}]
    (tiny_cohort / "codebook.csv").write_text("code,label\n1,female\n")
    cohort = Cohort.open(tiny_cohort)
    assert cohort.codebook is None
    assert cohort.notes == (
        "codebook.csv was not used: it has no column column: add it to the first line.",
    )


def test_a_cohort_is_synthetic_only_where_every_patient_is_said_to_be(
    tiny_cohort: Path, sample_root: Path
) -> None:
    assert Cohort.open(sample_root).is_synthetic
    table = tiny_cohort / "data.csv"
    everybody = ["TCGA_XX_0001", "TCGA_XX_0002", "TCGA_YY_0003"]
    for patients, synthetic in (
        (everybody, True),
        (everybody[:2], False),
        ([], False),
        ([*everybody, "somebody else"], True),
    ):
        pd.DataFrame({"Patient": patients, "synthetic": 1}).to_csv(table, index=False)
        assert Cohort.open(tiny_cohort).is_synthetic is synthetic
    table.write_text("Patient,synthetic\nTCGA_XX_0001,1\nTCGA_XX_0002,0\nTCGA_YY_0003,1\n")
    cohort = Cohort.open(tiny_cohort)
    assert not cohort.is_synthetic
    told = {cohort.case(name).patient_id: cohort.case(name).synthetic for name in cohort.cases}
    assert told == {"TCGA_XX_0001": True, "TCGA_XX_0002": False, "TCGA_YY_0003": True}


def test_the_same_content_elsewhere_is_the_same_cohort(tiny_cohort: Path, tmp_path: Path) -> None:
    identity = Cohort.open(tiny_cohort).identity
    shutil.copytree(tiny_cohort, tmp_path / "other" / "deeper" / "copy")
    moved = Cohort.open(tmp_path / "other")
    assert moved.identity == identity
    assert moved.state_dir == Cohort.open(tiny_cohort).state_dir


def test_another_compression_is_the_same_cohort_and_another_pixel_is_not(
    tiny_cohort: Path,
) -> None:
    identity = Cohort.open(tiny_cohort).identity
    for path in tiny_cohort.rglob("*.tif"):
        tifffile.imwrite(path, tifffile.imread(path), compression="zlib")
    assert Cohort.open(tiny_cohort).identity == identity
    image = head(1)
    image[0, 0, 0] += 1
    write_pair(tiny_cohort / FIRST, FIRST, 1, image, None)
    changed = Cohort.open(tiny_cohort).identity
    assert changed != identity
    write_pair(tiny_cohort / FIRST, FIRST, 1, head(1), blob(20, 21))
    assert Cohort.open(tiny_cohort).identity not in (identity, changed)


def test_data_csv_is_no_part_of_a_cohort_s_identity(tiny_cohort: Path) -> None:
    identity = Cohort.open(tiny_cohort).identity
    (tiny_cohort / "data.csv").unlink()
    assert Cohort.open(tiny_cohort).identity == identity


def test_the_dataset_s_folder_is_never_written(tiny_cohort: Path, home: Path) -> None:
    before = tree(tiny_cohort)
    for _ in range(2):
        cohort = Cohort.open(tiny_cohort)
        cohort.case(FIRST).volume()
        cohort.case(FIRST).masks()
    assert tree(tiny_cohort) == before
    assert home in cohort.state_dir.parents
    assert (cohort.state_dir / "index.parquet").is_file()


def test_a_home_that_cannot_be_written_costs_only_the_index(
    tiny_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path / "file"))
    cohort = Cohort.open(tiny_cohort)
    assert len(cohort.slices) == 8
    assert cohort.notes[0].startswith("The index was not saved, so each start reads all files")


def test_the_user_s_own_folder_may_be_written_as_a_tilde(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tiny_cohort.parent))
    assert len(Cohort.open("~/tiny").slices) == 8
    with pytest.raises(CohortError, match="does not exist"):
        Cohort.open("~nobody-of-that-name/tiny")


def test_progress_counts_the_slices_read(tiny_cohort: Path) -> None:
    seen: list[tuple[int, int]] = []
    Cohort.open(tiny_cohort, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)


def test_a_marked_corner_stays_in_its_corner_in_every_format(tmp_path: Path) -> None:
    image = head(1, 48, 64)
    image[0, 63] = 250, 130, 10
    mask = np.zeros((48, 64), np.uint8)
    mask[0, 63] = 255
    write_pair(tmp_path / "a", "a", 1, image, mask)
    (tmp_path / "b").mkdir()
    for name, pixels in (("b_1", image[..., ::-1]), ("b_1_mask", mask)):
        cv2.imwrite(os.fspath(tmp_path / "b" / f"{name}.png"), pixels)
    for case in ("a", "b"):
        opened = Cohort.open(tmp_path).case(case)
        assert opened.slice_pixels(1)[0, 63].tolist() == [250, 130, 10]
        assert np.argwhere(opened.slice_mask(1)).tolist() == [[0, 63]]


def test_the_real_cohort_opens_whole(real_root: Path, real_cohort: Cohort) -> None:
    cohort = real_cohort
    masks = list(real_root.rglob("*_mask.tif"))
    assert len(cohort.slices) == len(masks)
    assert cohort.slices["area_px"].notna().all()
    assert (cohort.slices[["height", "width", "channels"]] == [256, 256, 3]).all(axis=None)
    assert cohort.notes == ()
    assert not cohort.is_synthetic
    some = cohort.slices[cohort.slices["area_px"] > 0].sample(20, random_state=0)
    for row in some.itertuples():
        image = cv2.imread(str(real_root / row.image_path), cv2.IMREAD_UNCHANGED)[..., ::-1]
        mask = cv2.imread(str(real_root / row.mask_path), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(cohort.case(row.case).slice_pixels(row.slice_number), image)
        assert row.area_px == np.count_nonzero(mask)
        assert row.mean_flair == pytest.approx(image[..., 1].mean())
