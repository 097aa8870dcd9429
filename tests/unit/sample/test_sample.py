"""The synthetic sample: the layout of the LGG cohort, plausible contrasts, the same bytes again."""

import csv
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.errors import SampleError
from brainseg.sample import write_sample, write_sample_apart
from brainseg.sample.phantom import SyntheticCase, synthesize_case

SEED = 3
LACKS_POST, LACKS_PRE = 4, 11
ENDINGS = (".tif", "_mask.tif")
synthesized = cache(synthesize_case)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("cohort") / "sample", cases=2, seed=SEED)


@pytest.fixture(scope="module")
def case() -> SyntheticCase:
    return synthesized(SEED, 1)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB)


def test_the_same_seed_writes_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    assert contents(write_sample(tmp_path / "again", cases=2, seed=SEED)) == contents(sample)


def test_a_case_does_not_depend_on_the_number_of_cases(sample: Path, tmp_path: Path) -> None:
    alone = contents(write_sample(tmp_path / "one", cases=1, seed=SEED))
    images = {name: data for name, data in alone.items() if name.endswith(".tif")}
    assert images
    assert images.items() <= contents(sample).items()


def test_another_seed_gives_another_case(case: SyntheticCase) -> None:
    other = synthesize_case(SEED + 1, 1)
    assert other.name == case.name
    assert not np.array_equal(other.pixels[0], case.pixels[0])


def test_folders_and_files_are_named_as_in_the_lgg_cohort(sample: Path) -> None:
    folders = sorted(path for path in sample.iterdir() if path.is_dir())
    assert [folder.name for folder in folders] == [
        "SYNTH_S1_0001_20260101",
        "SYNTH_S2_0002_20260101",
    ]
    for folder in folders:
        slices = len(list(folder.iterdir())) // 2
        assert 20 <= slices <= 40
        expected = {f"{folder.name}_{n}{end}" for n in range(1, slices + 1) for end in ENDINGS}
        assert {path.name for path in folder.iterdir()} == expected


def test_files_have_the_channels_in_the_order_of_the_lgg_cohort(
    sample: Path, case: SyntheticCase
) -> None:
    for index in (0, len(case.pixels) // 2):
        stem = sample / case.name / f"{case.name}_{index + 1}"
        pixels = read_rgb(stem.with_suffix(".tif"))
        assert pixels.shape == (256, 256, 3)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, case.pixels[index])
        mask = cv2.imread(f"{stem}_mask.tif", cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, case.masks[index] * np.uint8(255))


def test_images_are_stored_uncompressed(sample: Path, case: SyntheticCase) -> None:
    image = sample / case.name / f"{case.name}_1.tif"
    assert image.stat().st_size >= 256 * 256 * 3


def test_masks_contain_only_0_and_255_and_some_slices_have_no_tumour(sample: Path) -> None:
    masks = np.stack(
        [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sample.rglob("*_mask.tif")]
    )
    assert masks.shape[1:] == (256, 256)
    assert set(np.unique(masks)) == {0, 255}
    assert 0.2 < masks.any(axis=(1, 2)).mean() < 0.7


def test_the_tumour_lies_inside_the_head(case: SyntheticCase) -> None:
    for pixels, mask in zip(case.pixels, case.masks, strict=True):
        if mask.any():
            head = (cv2.GaussianBlur(pixels[..., 1], (0, 0), 1) > 12).astype(np.uint8)
            outline = cv2.convexHull(cv2.findNonZero(head))
            filled = cv2.fillConvexPoly(np.zeros_like(head), outline, 1)
            assert filled[mask].all()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_tumour_is_brighter_than_the_healthy_brain_on_flair(number: int) -> None:
    case = synthesized(SEED, number)
    index = case.masks.sum(axis=(1, 2)).argmax()
    flair, mask = case.pixels[index, ..., 1], case.masks[index]
    far = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
    # The head's interior, without the scalp, which is brighter than any brain.
    brain = cv2.erode((flair > 15).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    healthy = flair[brain & far]
    assert healthy.size > 1000
    assert np.median(flair[mask]) > 1.15 * np.median(healthy)


@pytest.mark.parametrize(
    ("number", "sequence", "channel"),
    [(LACKS_POST, "post-contrast", 2), (LACKS_PRE, "pre-contrast", 0)],
)
def test_flair_replaces_the_missing_sequence(number: int, sequence: str, channel: int) -> None:
    case = synthesize_case(SEED, number)
    assert case.missing_sequence == sequence
    np.testing.assert_array_equal(case.pixels[..., channel], case.pixels[..., 1])
    assert not np.array_equal(case.pixels[..., 2 - channel], case.pixels[..., 1])


def test_no_sequence_repeats_flair_if_none_is_missing(case: SyntheticCase) -> None:
    assert case.missing_sequence is None
    assert not np.array_equal(case.pixels[..., 0], case.pixels[..., 1])
    assert not np.array_equal(case.pixels[..., 2], case.pixels[..., 1])


def test_the_table_says_that_each_patient_is_synthetic(sample: Path) -> None:
    with (sample / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Patient"] for row in rows] == ["SYNTH_S1_0001", "SYNTH_S2_0002"]
    assert {row["synthetic"] for row in rows} == {"1"}
    assert {row["missing_sequence"] for row in rows} == {"none"}


def test_the_readme_names_its_source_and_seed(sample: Path) -> None:
    text = (sample / "README.md").read_text()
    assert "Research and education only. Not a medical device." in text
    assert "MNI152" in text and "Fonov" in text
    assert re.search(rf"seed {SEED}\b", text)


@pytest.mark.slow
def test_a_rerun_completes_an_interrupted_sample_and_reports_progress(tmp_path: Path) -> None:
    dest = write_sample(tmp_path / "sample", cases=1, seed=SEED)
    whole = contents(dest)
    lost = next(dest.rglob("*_7.tif"))
    lost.unlink()
    (dest / "data.csv").unlink()
    steps: list[tuple[int, int]] = []
    write_sample(dest, cases=1, seed=SEED, progress=lambda done, total: steps.append((done, total)))
    assert contents(dest) == whole
    assert steps == [(1, 1)]


def test_a_killed_run_leaves_no_table(tmp_path: Path) -> None:
    def kill(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "sample", cases=2, seed=SEED, progress=kill)
    assert not (tmp_path / "sample" / "data.csv").exists()


def test_a_folder_with_other_files_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("Patient\nTCGA_CS_4941\n")
    with pytest.raises(SampleError, match=r"data\.csv.*choose a new or empty folder"):
        write_sample(tmp_path, cases=1)
    assert contents(tmp_path) == {"data.csv": b"Patient\nTCGA_CS_4941\n"}


def test_a_stray_file_within_a_sample_is_refused(sample: Path, tmp_path: Path) -> None:
    dest = Path(shutil.copytree(sample, tmp_path / "sample"))
    (dest / "notes.txt").write_text("mine")
    with pytest.raises(SampleError, match=r"notes\.txt"):
        write_sample(dest, cases=2, seed=SEED)


def test_a_sample_of_another_seed_is_refused(sample: Path) -> None:
    with pytest.raises(SampleError, match="another seed"):
        write_sample(sample, cases=2, seed=SEED + 1)


@pytest.mark.parametrize("cases", [0, -1, 501])
def test_the_number_of_cases_is_from_1_to_500(tmp_path: Path, cases: int) -> None:
    with pytest.raises(SampleError, match=f"got {cases}"):
        write_sample(tmp_path / "sample", cases=cases)


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="got -1"):
        write_sample(tmp_path / "sample", cases=1, seed=-1)
    with pytest.raises(SampleError, match="seed -1"):
        synthesize_case(-1, 1)


def test_a_server_that_writes_the_sample_in_another_process_holds_none_of_its_libraries():
    program = (
        "import sys; import brainseg.sample, brainseg.training.data; "
        "print({'scipy.interpolate', 'nilearn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_the_other_process_refuses_a_folder_as_this_one_does(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("Patient\nTCGA_CS_4941\n")
    with pytest.raises(SampleError, match=r"data\.csv.*choose a new or empty folder"):
        write_sample_apart(tmp_path)
