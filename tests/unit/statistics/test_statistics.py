"""Tables of slices and cases: counted again by hand, on small cohorts and on the real one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, OTHER_SITE, blob, head, write_pair

from brainseg import statistics
from brainseg.cohort import Cohort
from brainseg.worklist import case_rows


def row_of(table: pd.DataFrame, case: str) -> pd.Series:
    return table.set_index("case").loc[case]


def test_the_case_table_has_one_row_per_case_in_the_order_of_the_index(tiny_cohort: Path) -> None:
    table = statistics.case_table(Cohort.open(tiny_cohort).slices)
    assert table["case"].tolist() == [FIRST, FLAIR_REPEATED, OTHER_SITE]
    first = row_of(table, FIRST)
    assert (first["slices"], first["masks"], first["slices_with_tumour"]) == (3, 3, 2)
    assert first["tumour_vx"] == 10 * 10 + 12 * 12
    assert first["tumour_share"] == pytest.approx(2 / 3)
    assert first["largest_slice"] == 2
    assert (first["patient_id"], first["institution"]) == ("TCGA_XX_0001", "XX")


def test_the_share_of_the_head_is_of_the_slices_where_mask_and_head_are_known(tiny_cohort):
    slices = Cohort.open(tiny_cohort).slices
    of_first = slices[slices["case"] == FIRST].set_index("slice_number")
    whole = row_of(statistics.case_table(slices), FIRST)["tumour_fraction"]
    assert whole == pytest.approx(244 / of_first["head_px"].sum())
    twice = pd.concat([slices, slices]).sort_values("case", kind="stable", ignore_index=True)
    assert row_of(statistics.case_table(twice), FIRST)["tumour_fraction"] == pytest.approx(whole)
    is_first_slice = (slices["case"] == FIRST) & (slices["slice_number"] == 1)
    partly = slices.assign(area_px=slices["area_px"].mask(is_first_slice))
    expected = 144 / of_first["head_px"].drop(1).sum()
    assert row_of(statistics.case_table(partly), FIRST)["tumour_fraction"] == pytest.approx(
        expected
    )
    unknown = slices.assign(head_px=slices["head_px"].mask(slices["case"] == FIRST))
    assert pd.isna(row_of(statistics.case_table(unknown), FIRST)["tumour_fraction"])


def test_a_sequence_is_a_copy_of_flair_only_if_it_is_on_every_slice(tiny_cohort: Path) -> None:
    pixels = head(99)
    pixels[..., 0] = pixels[..., 1]
    write_pair(tiny_cohort / FLAIR_REPEATED, FLAIR_REPEATED, 4, pixels, None)
    table = statistics.case_table(Cohort.open(tiny_cohort).slices)
    assert table["flair_copies"].tolist() == ["", "", ""]
    (tiny_cohort / FLAIR_REPEATED / f"{FLAIR_REPEATED}_4.tif").unlink()
    table = statistics.case_table(Cohort.open(tiny_cohort).slices)
    assert table["flair_copies"].tolist() == ["", "post-contrast", ""]


def test_unknown_values_are_missing_and_never_zero(tiny_cohort: Path) -> None:
    for mask in (tiny_cohort / OTHER_SITE).glob("*_mask.tif"):
        mask.unlink()
    for mask in (tiny_cohort / FLAIR_REPEATED).glob("*_mask.tif"):
        tifffile.imwrite(mask, np.zeros((64, 64), np.uint8))
    table = statistics.case_table(Cohort.open(tiny_cohort).slices)
    unknown, without = row_of(table, OTHER_SITE), row_of(table, FLAIR_REPEATED)
    assert unknown[["tumour_vx", "tumour_share", "largest_slice"]].isna().all()
    assert (unknown["masks"], unknown["unusable"]) == (0, 2)
    assert without["tumour_vx"] == 0 and without["tumour_share"] == 0
    assert pd.isna(without["largest_slice"])


def test_a_slice_without_a_usable_mask_is_left_out_and_counted(tiny_cohort: Path) -> None:
    tifffile.imwrite(tiny_cohort / FIRST / f"{FIRST}_1_mask.tif", np.full((64, 64), 7, np.uint8))
    slices = Cohort.open(tiny_cohort).slices
    first = row_of(statistics.case_table(slices), FIRST)
    assert (first["masks"], first["unusable"], first["tumour_vx"]) == (2, 1, 144)
    shares = statistics.tumour_shares(slices)
    assert shares["slices"].tolist() == [4, 3, 1]
    assert shares["of_all"].sum() == pytest.approx(1)


def test_counts_are_the_figures_of_the_command_line(tiny_cohort: Path) -> None:
    folder = tiny_cohort / FIRST
    (folder / f"{FIRST}_1.tif").write_bytes(b"II*\0 broken")
    (folder / f"{FIRST}_2_mask.tif").write_bytes(b"")
    (folder / f"{FIRST}_10_mask.tif").unlink()
    write_pair(tiny_cohort / "stranger", "stranger", 1, head(1), blob(3, 3))
    counts = statistics.counts(Cohort.open(tiny_cohort).slices)
    assert counts == {
        "cases": 4,
        "slices": 9,
        "masks": 7,
        "slices_with_tumour": 4,
        "institutions": {"XX": 2, "YY": 1, "unknown": 1},
        "errors": 2,
    }
    assert json.loads(json.dumps(counts)) == counts


def test_codes_stay_codes_and_a_gap_stays_a_gap(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    columns = statistics.patient_columns(cohort.slices, cohort.patients).set_index("column")
    assert columns.loc["neoplasm_histologic_grade"].tolist() == [2, 1, 2]
    codes = case_rows(cohort)["neoplasm_histologic_grade"]
    grades = statistics.code_counts(codes, codes.index > 0)
    assert grades["value"].tolist()[:2] == ["1", "2"]
    assert pd.isna(grades["value"].iloc[2])
    assert grades["all"].tolist() == [1, 1, 1]
    assert grades["chosen"].tolist() == [0, 1, 1]
    assert grades["label"].isna().all()


def test_only_a_code_book_gives_a_code_a_name(tiny_cohort: Path) -> None:
    (tiny_cohort / "codebook.csv").write_text(
        "column,code,label\nneoplasm_histologic_grade,2,grade III\nother,1,wrong\n"
    )
    cohort = Cohort.open(tiny_cohort)
    codes = case_rows(cohort)["neoplasm_histologic_grade"]
    grades = statistics.code_counts(codes, codebook=cohort.codebook)
    assert grades["label"].tolist()[1] == "grade III"
    assert pd.isna(grades["label"].iloc[0]) and pd.isna(grades["label"].iloc[2])


def test_codes_are_sorted_as_numbers() -> None:
    codes = pd.Series([10, 2, None, 2], name="cluster", dtype="Int64")
    assert statistics.code_counts(codes)["value"].tolist()[:2] == ["2", "10"]


def test_only_patients_of_the_folder_count_and_only_their_first_row(tiny_cohort: Path) -> None:
    table = tiny_cohort / "data.csv"
    table.write_text(table.read_text() + "TCGA_ZZ_0009,2,50\nTCGA_XX_0001,,50\n")
    cohort = Cohort.open(tiny_cohort)
    columns = statistics.patient_columns(cohort.slices, cohort.patients).set_index("column")
    assert columns.loc["neoplasm_histologic_grade"].tolist() == [2, 1, 2]


def test_the_file_table_counts_shapes_dtypes_and_values(tiny_cohort: Path) -> None:
    write_pair(
        tiny_cohort / "odd", "odd", 1, np.zeros((40, 50), np.uint16), np.eye(40, 50, dtype=np.uint8)
    )
    write_pair(tiny_cohort / "odd", "odd", 2, head(3), blob(1, 1)).write_bytes(b"")
    table = statistics.file_table(Cohort.open(tiny_cohort).slices)
    rows = [tuple(None if pd.isna(v) else v for v in row) for row in table.itertuples(index=False)]
    assert ("image", "64 × 64 × 3", "uint8", None, 8) in rows
    assert ("image", "40 × 50", "uint16", None, 1) in rows
    assert ("image", None, None, None, 1) in rows
    assert ("mask", "40 × 50", "uint8", "0, 1", 1) in rows
    assert table["files"].sum() == 20


def test_the_same_seed_gives_the_same_random_pair(tiny_cohort: Path) -> None:
    slices = Cohort.open(tiny_cohort).slices
    pairs = [statistics.random_pair(slices, seed) for seed in range(20)]
    assert pairs == [statistics.random_pair(slices, seed) for seed in range(20)]
    assert len({pair.image_path for pair in pairs}) > 3
    assert (pairs[0].image_shape, pairs[0].mask_shape) == ((64, 64, 3), (64, 64))
    assert statistics.random_pair(slices[slices["mask_path"].isna()], 0) is None


def test_the_counts_of_the_real_cohort_equal_an_independent_count(
    real_root: Path, real_cohort: Cohort
) -> None:
    images = [path for path in real_root.rglob("*.tif") if "_mask" not in path.name]
    masks = {path: tifffile.imread(path) for path in real_root.rglob("*_mask.tif")}
    with_tumour = [path for path, mask in masks.items() if (mask > 0).any()]
    slices = real_cohort.slices
    counts = statistics.counts(slices)
    assert counts["cases"] == len({path.parent for path in images}) == 86
    assert counts["slices"] == len(images) == 3101
    assert counts["masks"] == len(masks) == 3101
    assert counts["slices_with_tumour"] == len(with_tumour)
    assert counts["institutions"] == {"CS": 12, "DU": 36, "EZ": 1, "FG": 11, "HT": 26}
    assert counts["errors"] == 0
    table = statistics.case_table(slices).set_index("case")
    volume_vx = pd.Series({path: int((mask == 255).sum()) for path, mask in masks.items()})
    by_case = volume_vx.groupby(lambda path: path.parent.name).sum()
    assert table["tumour_vx"].to_dict() == by_case.to_dict()
    assert (table["slices_with_tumour"] > 0).all()
