"""Hundreds of bad files in one folder: each is a row or a sentence, and the good ones are read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.bad_dicom import dicom_files
from support.bad_files import archives, pictures, volumes
from support.cohorts import FIRST, blob, head, write_pair
from support.fuzzing import mutated, originals
from support.odd_files import ODD

from brainseg.batch.inputs import find_inputs
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError

MUTATIONS = 2_000


def bad_files() -> Iterator[tuple[str, bytes]]:
    """Yield names and contents: those with a sentence of their own first, then mutations."""
    for name, data, _ in (*pictures(), *volumes(), *dicom_files(), *archives()):
        yield name, data if isinstance(data, bytes) else data()
    yield from mutations(seed=1)


def mutations(seed: int) -> Iterator[tuple[str, bytes]]:
    rng, files = np.random.default_rng(seed), originals()
    while True:
        for name, data in files:
            yield name, mutated(data, rng)


def write_bad_folder(root: Path, files: Iterator[tuple[str, bytes]], count: int) -> None:
    """Write each file into a folder of its own, beside a good case, tables and odd files."""
    for number, (name, data) in zip(range(count), files, strict=False):
        path = root / f"c{number:04d}" / Path(name).name[-80:]
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    for kind, make in ODD.items():
        for name in ("x.tif", "x_mask.png", "x.jpg", "x.nii.gz", "x.dcm", "x.zip", "DICOMDIR"):
            path = root / kind / name
            path.parent.mkdir(exist_ok=True)
            make(path)
    for number in (1, 2, 3):
        write_pair(root / FIRST, FIRST, number, head(number), blob(20, 20))
    ODD["pipe"](root / "data.csv")


def check_both_doors(root: Path) -> tuple[int, int]:
    """Open a folder as a cohort and as inputs; return how many inputs were read and refused."""
    cohort = Cohort.open(root)
    assert len(cohort.case(FIRST).volume()) == 3
    for reason in cohort.slices["image_error"].dropna():
        assert "\n" not in reason
    read = refused = 0
    for one in find_inputs(root):
        assert one.content()
        try:
            one.open()
            read += 1
        except BrainsegError as refusal:
            assert "\n" not in str(refusal)
            refused += 1
    return read, refused


@pytest.mark.slow
def test_500_bad_files_in_a_folder_are_each_named_and_the_good_case_is_read(tmp_path: Path) -> None:
    write_bad_folder(tmp_path, bad_files(), 500)
    read, refused = check_both_doors(tmp_path)
    assert read >= 1
    assert refused > 200


@pytest.mark.slow
def test_2000_mutations_in_a_folder_are_read_or_refused(tmp_path: Path) -> None:
    write_bad_folder(tmp_path, mutations(seed=3), MUTATIONS)
    read, refused = check_both_doors(tmp_path)
    assert read + refused > 1_500  # DICOM files of one study are one input
    assert min(read, refused) > 200
