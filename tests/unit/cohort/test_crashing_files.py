"""A file that ends its decoder is named and left out; the index, the volume and the checks go on."""

from pathlib import Path

import numpy as np
import pytest
from support.cohorts import FIRST, OTHER_SITE, blob, head, write_pair
from support.jobs import InThisProcess, fatal_tiff, use_fatal_files
from support.pictures import png

import brainseg.io.decoding
from brainseg.checks import run_checks
from brainseg.cohort import Cohort, slice_rows
from brainseg.errors import CohortError
from brainseg.jobs import JobLost

LOST = "decoding it ended its process, so it is damaged or too large"


@pytest.fixture
def hostile_cohort(tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the tiny cohort with an image and a mask, of two cases, that end their decoder."""
    use_fatal_files(monkeypatch)
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(fatal_tiff(head(2)))
    name = f"{OTHER_SITE}_1_mask.tif"
    (tiny_cohort / OTHER_SITE / name).write_bytes(fatal_tiff(head(3)))
    return tiny_cohort


def test_a_file_that_ends_its_decoder_is_a_row_of_the_index_and_the_others_are_read(
    hostile_cohort: Path,
) -> None:
    slices = Cohort.open(hostile_cohort).slices.set_index(["case", "slice_number"])
    assert slices["image_error"].dropna().to_dict() == {(FIRST, 2): LOST}
    assert slices["mask_error"].dropna().to_dict() == {(OTHER_SITE, 1): LOST}
    assert slices["image_hash"].notna().all() and slices["mask_hash"].notna().all()
    assert slices.loc[(FIRST, 2), "mask_values"] == "0 255"
    assert slices["area_px"].isna().sum() == 2
    assert slices.loc[(OTHER_SITE, 1), "height"] == 64


def test_of_a_folder_with_many_files_only_those_that_end_their_decoder_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fatal_files(monkeypatch)
    fatal = {7, 8, 20}
    for number in range(1, 25):
        make = fatal_tiff if number in fatal else png
        path = write_pair(tmp_path / "x", "x", number, None, None).with_suffix(
            ".tif" if number in fatal else ".png"
        )
        path.write_bytes(make(head(number)))
    slices = Cohort.open(tmp_path).slices.set_index("slice_number")
    assert set(slices.index[slices["image_error"] == LOST]) == fatal
    assert slices["height"].notna().sum() == 21


def test_a_file_that_ended_its_decoder_is_not_decoded_at_the_next_start(
    hostile_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Cohort.open(hostile_cohort)
    monkeypatch.setattr(slice_rows, "read_rows", None)
    monkeypatch.setattr("brainseg.cohort.index.read_rows", None)
    assert Cohort.open(hostile_cohort).identity == first.identity


def test_a_case_is_shown_without_the_file_that_ends_its_decoder(hostile_cohort: Path) -> None:
    cohort = Cohort.open(hostile_cohort)
    volume = cohort.case(FIRST).volume()
    assert len(volume) == 2
    assert "left out, because unusable or of another size: slice 2" in volume.notes
    assert cohort.case(OTHER_SITE).masks()[1].tolist() == [False, True]
    with pytest.raises(CohortError, match=f"slice 2 cannot be shown .{LOST}"):
        cohort.case(FIRST).slice_pixels(2)


def test_a_file_that_was_damaged_after_indexing_is_one_sentence(
    tiny_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fatal_files(monkeypatch)
    cohort = Cohort.open(tiny_cohort)
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(fatal_tiff(head(2)))
    for read in (cohort.case(FIRST).volume, lambda: cohort.case(FIRST).slice_pixels(2)):
        with pytest.raises(CohortError, match=rf"{FIRST}_2\.tif was not used: {LOST}\."):
            read()


def test_the_checks_name_the_files_that_end_their_decoder(hostile_cohort: Path) -> None:
    found = run_checks(Cohort.open(hostile_cohort))
    texts = [one.message for one in found if one.kind.startswith("unreadable")]
    assert len(texts) == 2 and all(LOST in text for text in texts)


def test_a_cohort_of_png_files_gives_the_same_index_with_and_without_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 40):
        image, mask = head(number), blob(20, 20, number % 12)
        image = image.astype(np.uint16) * 257 if number > 36 else image
        folder = tmp_path / ("deep" if number > 36 else "eight")
        folder.mkdir(exist_ok=True)
        (folder / f"x_{number}.png").write_bytes(png(image))
        (folder / f"x_{number}_mask.png").write_bytes(png(mask))
    write_pair(tmp_path / "eight", "x", 50, head(50), blob(20, 20))
    by_workers = Cohort.open(tmp_path)
    inside = InThisProcess("decoding")
    for module in (slice_rows, brainseg.io.decoding):
        monkeypatch.setattr(module, "DECODING", inside)
    monkeypatch.setenv("BRAINSEG_HOME", str(tmp_path / "home"))
    here = Cohort.open(tmp_path)
    assert here.identity == by_workers.identity
    assert here.slices.equals(by_workers.slices)
    assert np.array_equal(
        here.case("deep").volume().pixels, by_workers.case("deep").volume().pixels
    )


def test_a_case_whose_windows_cost_the_worker_is_described_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path / "deep", "deep", 1, head(1).astype(np.uint16) * 257, blob(20, 20))

    def lost(*_: object) -> None:
        raise JobLost("took more than 600 s")

    monkeypatch.setattr(slice_rows, "_read_stack", lost)
    monkeypatch.setattr(slice_rows, "DECODING", InThisProcess("decoding"))
    (row,) = Cohort.open(tmp_path).slices.itertuples()
    assert row.image_use_error.startswith("decoding it took more than 600 s")
    assert row.mask_values == "0 255"
