"""The index: what is read of each pair, and what is read again."""

import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import FIRST, FLAIR_REPEATED, blob, head, write_pair

import brainseg.cohort.index
from brainseg.cohort import Cohort, slice_rows
from brainseg.cohort.discovery import list_files
from brainseg.cohort.index import build_index, identity_of, index_as_bytes, read_index
from brainseg.cohort.slice_rows import read_rows
from brainseg.io.masks import mask_as_bool


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that every file decoded from now on is added to."""
    names: list[str] = []
    decode = slice_rows.decode_plainly

    def spy(data: bytes, name: str, page: int = 0):
        names.append(name)
        return decode(data, name, page)

    monkeypatch.setattr(slice_rows, "decode_plainly", spy)
    return names


def one_row(root: Path, image: np.ndarray | None, mask: np.ndarray | None) -> pd.Series:
    write_pair(root / "case", "case", 1, image, mask)
    return build_index(root, list_files(root).files, None).iloc[0]


def test_the_second_opening_reads_no_image(tiny_cohort: Path, decoded: list[str]) -> None:
    first = Cohort.open(tiny_cohort)
    assert len(decoded) == 16
    decoded.clear()
    second = Cohort.open(tiny_cohort)
    assert decoded == []
    assert second.identity == first.identity
    pd.testing.assert_frame_equal(second.slices, first.slices)


def test_only_a_changed_file_and_its_pair_are_read_again(
    tiny_cohort: Path, decoded: list[str]
) -> None:
    Cohort.open(tiny_cohort)
    decoded.clear()
    write_pair(tiny_cohort / FIRST, FIRST, 2, None, blob(20, 20, 5))
    cohort = Cohort.open(tiny_cohort)
    assert sorted(decoded) == [f"{FIRST}/{FIRST}_2.tif", f"{FIRST}/{FIRST}_2_mask.tif"]
    assert cohort.case(FIRST).slices["area_px"].tolist() == [100, 25, 0]
    assert cohort.cases == [FIRST, FLAIR_REPEATED, "TCGA_YY_0003_20000103"]
    decoded.clear()
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, cohort.slices)
    assert decoded == []


def test_a_change_that_keeps_size_and_name_is_seen_by_its_time(
    tiny_cohort: Path, decoded: list[str]
) -> None:
    Cohort.open(tiny_cohort)
    path = tiny_cohort / FIRST / f"{FIRST}_1.tif"
    size = path.stat().st_size
    write_pair(tiny_cohort / FIRST, FIRST, 1, head(99), None)
    os.utime(path, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns + 10**6))
    assert path.stat().st_size == size
    decoded.clear()
    Cohort.open(tiny_cohort)
    assert len(decoded) == 2


def test_a_deleted_file_goes_and_a_new_one_comes(tiny_cohort: Path, decoded: list[str]) -> None:
    Cohort.open(tiny_cohort)
    for name in ("_2.tif", "_2_mask.tif"):
        (tiny_cohort / FIRST / f"{FIRST}{name}").unlink()
    write_pair(tiny_cohort / FIRST, FIRST, 3, head(3), blob(9, 9))
    decoded.clear()
    case = Cohort.open(tiny_cohort).case(FIRST)
    assert case.slices["slice_number"].tolist() == [1, 3, 10]
    assert case.slices["slice_index"].tolist() == [0, 1, 2]
    assert len(decoded) == 2


def test_a_file_that_could_not_be_opened_is_tried_again(tiny_cohort: Path) -> None:
    link = tiny_cohort / FIRST / f"{FIRST}_11.tif"
    link.symlink_to(tiny_cohort.parent / "disk" / "image.tif")
    row = Cohort.open(tiny_cohort).case(FIRST).slices.iloc[-1]
    assert row["image_error"].startswith("image cannot be opened")
    files = list_files(tiny_cohort).files
    index = build_index(tiny_cohort, files, None)
    found = brainseg.cohort.index._rows_before(files, index)
    assert (found >= 0).tolist() == index["image_hash"].notna().tolist()


def test_the_index_of_unchanged_files_is_the_saved_one_and_no_copy(tiny_cohort: Path) -> None:
    files = list_files(tiny_cohort).files
    index = build_index(tiny_cohort, files, None)
    assert build_index(tiny_cohort, files, index) is index
    moved = index.assign(patient_id="of an older version")
    assert build_index(tiny_cohort, files, moved).equals(index)


def test_files_with_one_hash_are_not_taken_for_each_other(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list_files(tiny_cohort).files
    index = build_index(tiny_cohort, files, None)
    monkeypatch.setattr(
        brainseg.cohort.index,
        "hash_pandas_object",
        lambda table, index: pd.Series(0, table.index, "uint64"),
    )
    fewer = files.iloc[1:].reset_index(drop=True)
    expected = build_index(tiny_cohort, fewer, None)
    assert build_index(tiny_cohort, fewer, index).equals(expected)
    assert (brainseg.cohort.index._rows_before(fewer, index) < 0).all()


@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped", "text", "another table"])
def test_a_damaged_index_is_built_anew(tiny_cohort: Path, decoded: list[str], damage: str) -> None:
    cohort = Cohort.open(tiny_cohort)
    path = cohort.state_dir / "index.parquet"
    whole = path.read_bytes()
    if damage == "emptied":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        path.write_bytes(whole[:4] + bytes(byte ^ 255 for byte in whole[4:3000]) + whole[3000:])
    elif damage == "text":
        path.write_text("no table")
    else:
        pd.DataFrame({"a": [1]}).to_parquet(path)
    decoded.clear()
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, cohort.slices)
    assert len(decoded) == 16
    decoded.clear()
    Cohort.open(tiny_cohort)
    assert decoded == []


def test_an_index_of_an_older_version_is_rebuilt_without_a_word(
    tiny_cohort: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Cohort.open(tiny_cohort)
    with monkeypatch.context() as older:
        older.setattr(
            brainseg.cohort.index, "INDEX_VERSION", brainseg.cohort.index.INDEX_VERSION - 1
        )
        content = index_as_bytes(first.slices.drop(columns=["mask_notes", "image_notes"]))
    (first.state_dir / "index.parquet").write_bytes(content)
    decoded.clear()
    second = Cohort.open(tiny_cohort)
    assert len(decoded) == 16
    assert (second.identity, second.notes) == (first.identity, ())
    decoded.clear()
    pd.testing.assert_frame_equal(Cohort.open(tiny_cohort).slices, second.slices)
    assert decoded == []


def test_an_index_with_any_flipped_byte_is_never_read_as_another(tiny_cohort: Path) -> None:
    cohort = Cohort.open(tiny_cohort)
    path = cohort.state_dir / "index.parquet"
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    for at in np.linspace(4, len(whole) - footer - 1, 150).astype(int):
        flipped = bytearray(whole)
        flipped[at] ^= 4
        path.write_bytes(flipped)
        index = read_index(path)
        assert index is None or index.equals(cohort.slices), f"byte {at}"


@pytest.mark.parametrize("pointer", [b"", b"\xff\xfe", b"../../etc", b"0" * 32])
def test_a_damaged_pointer_to_the_index_is_written_anew(
    tiny_cohort: Path, home: Path, decoded: list[str], pointer: bytes
) -> None:
    identity = Cohort.open(tiny_cohort).identity
    (path,) = (home / "roots").iterdir()
    path.write_bytes(pointer)
    assert Cohort.open(tiny_cohort).identity == identity
    assert path.read_text() == identity


def test_eight_openings_at_once_give_the_same_index(tiny_cohort: Path) -> None:
    seen: list[Cohort] = []
    threads = [
        threading.Thread(target=lambda: seen.append(Cohort.open(tiny_cohort))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert {cohort.notes for cohort in seen} == {()}
    assert all(cohort.slices.equals(seen[0].slices) for cohort in seen)
    assert read_index(seen[0].state_dir / "index.parquet").equals(seen[0].slices)


@pytest.mark.parametrize("bright", [255, 1])
def test_masks_of_0_and_255_and_of_0_and_1_count_alike(tmp_path: Path, bright: int) -> None:
    mask = blob(5, 5) // 255 + blob(40, 40, 4) // 255
    row = one_row(tmp_path, head(1), mask * np.uint8(bright))
    assert row["area_px"] == 116
    assert row["components"] == 2
    assert row["mask_values"] == f"0 {bright}"


def test_a_mask_of_zeros_counts_as_no_tumour_and_not_as_missing(tmp_path: Path) -> None:
    row = one_row(tmp_path, head(1), np.zeros((64, 64), np.uint8))
    assert row["area_px"] == 0
    assert row["components"] == 0
    assert row["mask_values"] == "0"


def test_a_mask_filled_to_the_rim_is_one_component(tmp_path: Path) -> None:
    row = one_row(tmp_path, head(1), np.full((64, 64), 255, np.uint8))
    assert (row["area_px"], row["components"]) == (64 * 64, 1)


@pytest.mark.parametrize(
    ("mask", "values"),
    [
        (blob(9, 9) // 2, "0 127"),
        (blob(9, 9) + blob(30, 30) // 5, "0 51 255"),
        (np.arange(64 * 64, dtype=np.uint8).reshape(64, 64), "0 1 2 3 4 5 6 7"),
        (np.full((64, 64), -1, np.int16), "-1"),
        (np.full((64, 64), 0.5, np.float32), "0.5"),
    ],
)
def test_masks_of_other_values_have_no_area(tmp_path: Path, mask: np.ndarray, values: str) -> None:
    row = one_row(tmp_path, head(1), mask)
    assert pd.isna(row["area_px"])
    assert pd.isna(row["components"])
    assert row["mask_values"] == values
    assert pd.isna(row["mask_error"])


def test_a_mask_of_another_size_or_of_three_different_channels_has_no_area(tmp_path: Path) -> None:
    row = one_row(tmp_path / "a", head(1), blob(9, 9, height=48, width=64))
    assert (row["mask_height"], row["mask_width"]) == (48, 64)
    assert pd.isna(row["area_px"])
    row = one_row(tmp_path / "b", head(1), head(2))
    assert row["mask_channels"] == 3
    assert pd.isna(row["area_px"])


def test_masks_of_one_bit_and_of_sixteen_are_masks(tmp_path: Path) -> None:
    write_pair(tmp_path, "x", 1, head(1), None)
    for mask in (blob(9, 9) > 0, blob(9, 9).astype(np.uint16)):
        tifffile.imwrite(tmp_path / "x_1_mask.tif", mask, photometric="minisblack")
        row = build_index(tmp_path, list_files(tmp_path).files, None).iloc[0]
        assert row["area_px"] == 100


def test_what_is_missing_is_missing(tmp_path: Path) -> None:
    row = one_row(tmp_path / "a", head(1), None)
    assert row["mask_error"] == "mask is missing"
    assert row[["area_px", "components", "mask_height", "mask_values"]].isna().all()
    row = one_row(tmp_path / "b", None, blob(9, 9))
    assert row["image_error"] == "image is missing"
    assert row[["area_px", "height", "mean_flair", "image_hash"]].isna().all()
    assert row["mask_values"] == "0 255"


def test_damaged_files_become_rows_with_the_reason(tiny_cohort: Path) -> None:
    folder = tiny_cohort / FIRST
    (folder / f"{FIRST}_1.tif").write_bytes(b"")
    (folder / f"{FIRST}_2.tif").write_bytes(b"\xff\xd8\xff\xe0 a photograph")
    (folder / f"{FIRST}_10_mask.tif").write_bytes(b"noise")
    (folder / f"{FIRST}_11.tif").mkdir()
    rows = Cohort.open(tiny_cohort).case(FIRST).slices
    assert rows["image_error"].tolist()[:2] == ["file is empty", "content is JPEG, name says TIFF"]
    assert rows["mask_error"].tolist()[2] == "not a readable TIFF"
    assert len(rows) == 3


def test_an_image_that_cannot_be_a_slice_keeps_its_shape_and_says_why(tmp_path: Path) -> None:
    write_pair(
        tmp_path / "x", "x", 1, np.zeros((64, 64, 5), np.uint8), blob(9, 9), planarconfig="contig"
    )
    write_pair(tmp_path / "x", "x", 2, head(1, 20, 20), blob(9, 9, height=20, width=20))
    index = build_index(tmp_path, list_files(tmp_path).files, None)
    assert index["image_use_error"].tolist() == [
        "5 channels; expected 1 or 3",
        "20 x 20 px is too small to segment (at least 32 px a side)",
    ]
    assert index["channels"].tolist() == [5, 3]
    assert index["image_error"].isna().all()
    assert index["area_px"].isna().all()


def test_pages_and_types_are_told(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    pages = np.stack([head(1), head(2)])
    tifffile.imwrite(tmp_path / "x" / "x_1.tif", head(3))
    tifffile.imwrite(tmp_path / "x" / "x_2.tif", pages, photometric="rgb")  # among slices
    tifffile.imwrite(tmp_path / "x" / "x_3.tif", head(1).astype(np.uint16))
    index = build_index(tmp_path, list_files(tmp_path).files, None)
    assert index["pages"].tolist() == [1, 2, 1]
    assert index["dtype"].tolist() == ["uint8", "uint8", "uint16"]


def test_means_are_those_of_each_sequence(tmp_path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0], image[:32, :, 1], image[0, 0, 2] = 7, 200, 64
    for name, pixels in (("a", image), ("b", image.astype(np.uint16))):
        row = one_row(tmp_path / name, pixels, None)
        assert row["mean_pre_contrast"] == 7
        assert row["mean_flair"] == 100
        assert row["mean_post_contrast"] == 64 / 64**2


def test_sequences_that_repeat_flair_are_named(tmp_path: Path) -> None:
    for name, copied, expected in (
        ("a", (), ""),
        ("b", (0,), "pre-contrast"),
        ("c", (2,), "post-contrast"),
        ("d", (0, 2), "pre-contrast post-contrast"),
    ):
        image = head(1)
        for channel in copied:
            image[..., channel] = image[..., 1]
        assert one_row(tmp_path / name, image, None)["flair_copies"] == expected
    image = head(1)
    image[..., 0] = image[..., 1]
    image[5, 32, 0] += 1
    assert one_row(tmp_path / "e", image, None)["flair_copies"] == ""


def test_reading_a_part_depends_on_nothing_but_the_part(tiny_cohort: Path) -> None:
    files = list_files(tiny_cohort).files
    before = files.copy(deep=True)
    whole = read_rows(tiny_cohort, files)
    pd.testing.assert_frame_equal(files, before)
    assert read_rows(tiny_cohort, files) == whole
    for rows in ([6, 2, 4], [0], []):
        assert read_rows(tiny_cohort, files.loc[rows]) == [whole[row] for row in rows]


def test_an_index_does_not_depend_on_how_it_was_cut_into_parts(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list_files(tiny_cohort).files
    whole = build_index(tiny_cohort, files, None)
    monkeypatch.setattr(brainseg.cohort.index, "PART_ROWS", 3)
    parts = build_index(tiny_cohort, files, None)
    pd.testing.assert_frame_equal(parts, whole)
    assert identity_of(parts) == identity_of(whole)


def test_an_identity_does_not_depend_on_the_order_of_rows(tiny_cohort: Path) -> None:
    index = build_index(tiny_cohort, list_files(tiny_cohort).files, None)
    assert identity_of(index.sample(frac=1, random_state=0)) == identity_of(index)
    assert len(identity_of(index)) == 32


def test_a_mask_is_read_as_bool_only_where_its_values_mean_a_mask() -> None:
    assert mask_as_bool(blob(9, 9)).sum() == 100
    assert mask_as_bool(blob(9, 9) // 255).sum() == 100
    assert not mask_as_bool(np.zeros((64, 64), np.uint8)).any()
    assert mask_as_bool(np.full((64, 64), 255, np.uint8)).all()
    assert mask_as_bool(blob(9, 9) // 2) is None
    assert mask_as_bool(np.full((64, 64), np.nan)) is None
    assert mask_as_bool(np.zeros((64, 64, 3), np.uint8)) is None


def test_a_file_that_breaks_its_description_costs_its_own_row_only(tiny_cohort, monkeypatch):
    described = slice_rows.row_of_pair

    def breaks(image, mask, mask_name="", windows=()):
        if mask_name.endswith("_1_mask.tif"):
            raise RuntimeError("a mistake in the code")
        return described(image, mask, mask_name, windows)

    monkeypatch.setattr(slice_rows, "row_of_pair", breaks)
    slices = Cohort.open(tiny_cohort).slices
    broken = slices["slice_number"] == 1
    reason = "it cannot be described (RuntimeError): leave it out, or report it"
    assert set(slices.loc[broken, "image_error"]) == {reason}
    assert slices.loc[~broken, "image_error"].isna().all()
