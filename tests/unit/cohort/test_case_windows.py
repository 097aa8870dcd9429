"""One window a case: slices of more than 8 bits stay comparable, indexed and shown."""

import os
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from support.cohorts import blob, head
from support.jobs import InThisProcess

import brainseg.cohort.index
from brainseg.checks import run_checks
from brainseg.cohort import Cohort, slice_rows
from brainseg.cohort.case_windows import HIGH_COLUMNS, LOW_COLUMNS
from brainseg.cohort.discovery import list_files
from brainseg.cohort.slice_features import describe_slice
from brainseg.io import InputFile, open_inputs
from brainseg.io.window import to_eight_bits

SCALES = np.array([3, 40, 9], np.uint16)
"""Of the three sequences, whose scanners' units have nothing in common."""


def deep_slices(count: int = 3) -> np.ndarray:
    """Return (n, h, w, 3) uint16: each slice is brighter than the one before."""
    return np.stack(
        [head(number).astype(np.uint16) * SCALES * (number + 1) for number in range(count)]
    )


def write_slice(folder: Path, number: int, pixels: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{folder.name}_{number}.tif"
    photometric = "rgb" if pixels.ndim == 3 else "minisblack"
    tifffile.imwrite(path, pixels, photometric=photometric)
    cv2.imwrite(str(folder / f"{folder.name}_{number}_mask.tif"), blob(20, 24))
    return path


def write_case(folder: Path, stack: np.ndarray) -> Path:
    for number, pixels in enumerate(stack, start=1):
        write_slice(folder, number, pixels)
    return folder


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_slices_of_a_deep_case_keep_their_brightness_beside_each_other(
    tmp_path: Path, dtype: type
) -> None:
    grey = deep_slices()[..., 1].astype(dtype)
    write_case(tmp_path / "P01", grey)
    volume = Cohort.open(tmp_path).case("P01").volume()
    assert np.array_equal(volume.sequence("FLAIR"), to_eight_bits(grey)[0])
    tops = volume.sequence("FLAIR").max(axis=(1, 2)).astype(int)
    assert tops[0] < tops[1] < tops[2] == 255
    (note,) = [note for note in volume.notes if "rescaled" in note]
    assert f"range 0 to {grey.max():g} for the whole case" in note


def test_the_sequences_of_a_deep_case_have_a_window_each(tmp_path: Path) -> None:
    stack = deep_slices()
    write_case(tmp_path / "P01", stack)
    volume = Cohort.open(tmp_path).case("P01").volume()
    for channel in range(3):
        expected = to_eight_bits(np.ascontiguousarray(stack[..., channel]))[0]
        assert np.array_equal(volume.pixels[..., channel], expected)
    (note,) = [note for note in volume.notes if "rescaled" in note]
    assert "pre-contrast 0 to" in note and "FLAIR 0 to" in note and "post-contrast 0 to" in note


def test_the_index_the_viewer_and_an_upload_agree_on_a_deep_case(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "P01", deep_slices())
    case = Cohort.open(tmp_path).case("P01")
    volume = case.volume()
    files = [InputFile(path.name, path.read_bytes()) for path in sorted(folder.glob("P01_?.tif"))]
    for channel, series in enumerate(open_inputs(files).series):
        assert np.array_equal(volume.pixels[..., channel], series.pixels)
    for place, row in enumerate(case.slices.to_dict("records")):
        pixels = case.slice_pixels(row["slice_number"])
        assert np.array_equal(pixels, volume.pixels[place])
        described = describe_slice(pixels, (blob(20, 24) > 0).astype(np.uint8))
        for name in ("head_px", "sharpness_flair", "noise_post_contrast", "fingerprint", "area_px"):
            assert row[name] == described[name]


def test_whole_numbers_within_8_bits_are_kept_as_they_are_for_a_whole_case(tmp_path: Path) -> None:
    stack = np.stack([head(number) for number in range(3)]).astype(np.uint16)
    write_case(tmp_path / "P01", stack)
    assert np.array_equal(Cohort.open(tmp_path).case("P01").volume().pixels, stack)


def test_a_change_of_one_deep_slice_gives_its_whole_case_a_new_window(tmp_path: Path) -> None:
    for case in ("P01", "P02"):
        write_case(tmp_path / case, deep_slices())
    before = Cohort.open(tmp_path).slices.set_index(["case", "slice_number"])
    path = write_slice(tmp_path / "P01", 2, deep_slices()[1] * 4)
    os.utime(path, ns=(1, 1))
    after = Cohort.open(tmp_path).slices.set_index(["case", "slice_number"])
    assert (after.loc["P01", HIGH_COLUMNS[1]] > before.loc["P01", HIGH_COLUMNS[1]]).all()
    pd.testing.assert_frame_equal(after.loc[["P02"]], before.loc[["P02"]])
    path.unlink()
    (tmp_path / "P01" / "P01_2_mask.tif").unlink()
    without = Cohort.open(tmp_path).slices.set_index(["case", "slice_number"])
    assert (without.loc["P01", HIGH_COLUMNS[1]] < after.loc["P01", HIGH_COLUMNS[1]].iloc[0]).all()
    write_slice(tmp_path / "P01", 4, deep_slices()[1] * 4)
    joined = Cohort.open(tmp_path).slices.set_index(["case", "slice_number"])
    assert joined.loc["P01", HIGH_COLUMNS[1]].nunique() == 1
    fresh = brainseg.cohort.index.build_index(tmp_path, list_files(tmp_path).files, None)
    assert fresh[HIGH_COLUMNS[1]].tolist() == joined[HIGH_COLUMNS[1]].tolist()


def test_a_case_of_8_bits_has_no_window_and_one_deep_slice_in_it_has_its_own(
    tmp_path: Path,
) -> None:
    write_case(tmp_path / "P01", np.stack([head(number) for number in range(3)]))
    write_slice(tmp_path / "P01", 2, deep_slices()[1])
    slices = Cohort.open(tmp_path).slices
    assert slices[LOW_COLUMNS[1]].notna().tolist() == [False, True, False]


def test_a_deep_case_is_windowed_with_one_slice_in_memory(tmp_path: Path, monkeypatch) -> None:
    write_case(tmp_path / "P01", deep_slices(8))
    alive, most = [0], [0]
    decode = slice_rows.decode
    monkeypatch.setattr(slice_rows, "DECODING", InThisProcess("decoding"))

    class Counted(np.ndarray):
        def __del__(self) -> None:
            alive[0] -= self.base is not None and self.dtype == np.uint16

    def spy(data: bytes, name: str, page: int = 0):
        decoded = decode(data, name, page)
        if decoded.pixels.dtype == np.uint16:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            object.__setattr__(decoded, "pixels", decoded.pixels.view(Counted))
        return decoded

    monkeypatch.setattr(slice_rows, "decode", spy)
    Cohort.open(tmp_path)
    assert 1 <= most[0] <= 2


def test_a_range_that_no_float_holds_is_a_finding_of_each_slice(tmp_path: Path) -> None:
    stack = np.zeros((2, 64, 64), np.float64)
    stack[0, 10:30, 10:30], stack[1, 10:30, 10:30] = -1.7e308, 1.7e308
    write_case(tmp_path / "P01", stack)
    cohort = Cohort.open(tmp_path)
    assert cohort.slices["image_use_error"].str.contains("too wide to be rescaled").all()
    assert len(run_checks(cohort, only={"image_pixels"})) == 2


def test_deep_png_slices_are_windowed_by_case_too(tmp_path: Path) -> None:
    (tmp_path / "P01").mkdir()
    grey = deep_slices()[..., 1]
    for number, pixels in enumerate(grey, start=1):
        (tmp_path / "P01" / f"P01_{number}.png").write_bytes(
            cv2.imencode(".png", pixels)[1].tobytes()
        )
    volume = Cohort.open(tmp_path).case("P01").volume()
    assert np.array_equal(volume.sequence("FLAIR"), to_eight_bits(grey)[0])


def test_a_deep_slice_of_many_bits_reads_the_same_from_twelve_packed_bits(tmp_path: Path) -> None:
    grey = np.minimum(deep_slices()[..., 1], 4095)
    for number, pixels in enumerate(grey, start=1):
        file = BytesIO()
        tifffile.imwrite(file, pixels, photometric="minisblack", bitspersample=12)
        (tmp_path / "P01").mkdir(exist_ok=True)
        (tmp_path / "P01" / f"P01_{number}.tif").write_bytes(file.getvalue())
    volume = Cohort.open(tmp_path).case("P01").volume()
    assert np.array_equal(volume.sequence("FLAIR"), to_eight_bits(grey)[0])
