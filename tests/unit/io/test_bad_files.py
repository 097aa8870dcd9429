"""Bad files of every kind, each with the one sentence that belongs to it."""

import time
from collections.abc import Callable

import pytest
from support.bad_dicom import dicom_files
from support.bad_files import GREY, archives, inside, pictures, volumes
from support.cohorts import head
from support.files import dicom, nifti, voxels
from support.pictures import tiff

from brainseg.errors import DecodeError
from brainseg.io import InputFile, open_inputs

LONGEST_REFUSAL_S = 5  # guards against a decoder that was started at all, not a speed


ALONE = [*pictures(), *volumes(), *dicom_files(), *archives()]


INSIDE = inside()


def test_there_are_at_least_120_bad_files() -> None:
    assert len({(name, reason) for name, _, reason in ALONE}) + len(INSIDE) >= 120


@pytest.mark.parametrize(("name", "data", "reason"), ALONE, ids=[bad[0] for bad in ALONE])
def test_a_bad_file_is_refused_with_its_sentence(
    name: str, data: bytes | Callable[[], bytes], reason: str
) -> None:
    data = data if isinstance(data, bytes) else data()
    started = time.monotonic()
    with pytest.raises(DecodeError) as refusal:
        open_inputs([InputFile(name, data)])
    assert str(refusal.value) == f"{name} was not used: {reason}."
    assert time.monotonic() - started < LONGEST_REFUSAL_S


@pytest.mark.parametrize(("name", "data", "reason"), INSIDE)
def test_a_bad_entry_of_an_archive_is_refused_with_its_sentence(
    name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(DecodeError) as refusal:
        open_inputs([InputFile("upload.zip", data)])
    assert str(refusal.value) == f"{name} was not used: {reason}."


@pytest.mark.parametrize("kind", ["tif", "nii", "dcm"])
def test_a_bad_file_among_good_ones_is_left_out_by_name(kind: str) -> None:
    good = {
        "tif": [tiff(head(1)), tiff(head(2))],
        "nii": [nifti(voxels()), nifti(voxels())],
        "dcm": [dicom(GREY, 0.0), dicom(GREY, 5.0)],
    }[kind]
    files = [InputFile(f"{place}.{kind}", data) for place, data in enumerate(good)]
    files.insert(1, InputFile(f"bad.{kind}", b""))
    upload = open_inputs(files)
    assert upload.refused == (f"bad.{kind} was not used: file is empty.",)
    assert upload.series
