"""Random mutations of good files: read or refused with a sentence, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from support.cohorts import head
from support.fuzzing import mutated, originals, outcomes
from support.jobs import fatal_tiff, use_fatal_files

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort
from brainseg.cohort.discovery import SUFFIXES
from brainseg.errors import BrainsegError


def test_2000_mutations_are_read_or_refused_and_no_worker_is_lost() -> None:
    seen, lost = outcomes(2_000, seed=8)
    assert sum(seen.values()) == 2_000
    assert not lost
    assert min(seen["read"], seen["refused"]) > 200


def write_mutations(folder: Path, count: int, suffixes: tuple[str, ...] = ()) -> None:
    """Write mutations of good files into one folder for each original."""
    rng = np.random.default_rng(3)
    files = [(name, data) for name, data in originals() if name.endswith(suffixes or "")]
    for number in range(count):
        name, data = files[number % len(files)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"x_{number}{Path(name).suffix}").write_bytes(mutated(data, rng))


@pytest.mark.slow
def test_2000_mutations_in_a_folder_are_rows_with_pixels_or_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fatal_files(monkeypatch)
    write_mutations(tmp_path, 1_998, SUFFIXES)
    for number, name in ((1, "deflate.tif"), (2, "lzw.tif")):
        (tmp_path / name / f"x_9000{number}.tif").write_bytes(fatal_tiff(head(number)))
    slices = Cohort.open(tmp_path).slices
    assert len(slices) == 2_000
    has_pixels = slices["height"].notna()
    assert (has_pixels != slices["image_error"].notna()).all()
    assert min(has_pixels.sum(), (~has_pixels).sum()) > 200
    assert slices["image_error"].str.contains("ended its process").sum() >= 2


@pytest.mark.slow
def test_mutations_of_all_kinds_in_a_folder_are_opened_or_refused_in_a_sentence(
    tmp_path: Path,
) -> None:
    write_mutations(tmp_path, 230)
    opened, refused = 0, 0
    for one in find_inputs(tmp_path):
        try:
            opened += len(one.open().record.volume) > 0
        except BrainsegError as error:
            assert str(error) and "\n" not in str(error)
            refused += 1
    assert min(opened, refused) > 3
