"""What a path holds that can be predicted: each file in one input, each input in its own folder."""

import gzip
import io
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from conftest import FIRST, FLAIR_REPEATED, OTHER_SITE, head
from PIL import Image
from written_dicom import written_series

from brainseg.errors import BrainsegError, CohortError, DecodeError
from brainseg.inputs import CaseInput, FilesInput, find_inputs
from brainseg.volume import FLAIR, PRE_CONTRAST


def write_nifti(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 900, (40, 48, 4)).astype(np.int16)
    path.write_bytes(gzip.compress(nib.Nifti1Image(voxels, np.diag([1, 1, 5, 1])).to_bytes()))
    return path


def write_jpeg(path: Path) -> Path:
    Image.fromarray(head(1)).save(path, quality=95)
    return path


@pytest.fixture
def mixed(tiny_cohort):
    """Return a folder with a bit of everything."""
    root = tiny_cohort
    for sequence in ("t1", "flair", "t1ce", "seg"):
        write_nifti(root / "BraTS_1" / f"BraTS_1_{sequence}.nii.gz")
    for name in ("one.nii.gz", "two.nii.gz"):
        write_nifti(root / "loose" / name)
    _, files = written_series()
    for deep, named in (("", "i.dcm"), ("deeper", "without_an_ending")):
        for number, file in enumerate(files):
            path = root / "study" / deep / (named if deep == "" else f"{named}{number}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_stem(f"{path.stem}{number}" if deep == "" else path.stem).write_bytes(
                file.data
            )
    write_jpeg(root / "photo.jpg")
    with zipfile.ZipFile(root / "sent.zip", "w") as archive:
        archive.write(root / "loose" / "one.nii.gz", "one.nii.gz")
    (root / "notes.txt").write_text("not an input")
    (root / ".hidden.nii.gz").write_bytes(b"not seen")
    return root


def test_everything_that_can_be_predicted_is_found_once(mixed):
    found = find_inputs(mixed)
    assert [one.name for one in found] == [
        "BraTS_1",
        FIRST,
        FLAIR_REPEATED,
        OTHER_SITE,
        "one",
        "photo",
        "sent",
        "study",
        "two",
    ]
    files = {one.name: len(one.files) for one in found if isinstance(one, FilesInput)}
    assert files == {"BraTS_1": 4, "one": 1, "photo": 1, "sent": 1, "study": 10, "two": 1}
    assert sum(isinstance(one, CaseInput) for one in found) == 3


def test_the_folder_of_a_study_may_be_given_itself_and_other_studies_are_other_inputs(mixed):
    (one,) = find_inputs(mixed / "study")
    assert (one.name, len(one.files)) == ("study", 10)
    for file in written_series()[1]:
        (mixed / "study" / "deeper" / "still").mkdir(exist_ok=True)
        (mixed / "study" / "deeper" / "still" / file.name).write_bytes(file.data)
    assert [(one.name, len(one.files)) for one in find_inputs(mixed / "study")] == [
        ("still", 5),
        ("study", 10),
    ]


def test_inputs_of_one_name_have_folders_of_their_own(tmp_path):
    write_nifti(tmp_path / "a" / "scan.nii.gz", 1)
    write_nifti(tmp_path / "b" / "SCAN.nii.gz", 2)
    write_nifti(tmp_path / "b" / "<img onerror=x>.nii.gz", 3)
    found = find_inputs(tmp_path)
    assert [one.folder for one in found] == ["img_onerror_x", "SCAN", "scan-2"]
    assert len({one.content() for one in found}) == 3


def test_a_case_of_nifti_files_is_assembled_by_their_names(tmp_path):
    for seed, sequence in enumerate(("t1", "flair"), start=1):
        write_nifti(tmp_path / "all" / "P" / f"P_{sequence}.nii.gz", seed)
    (one,) = find_inputs(tmp_path / "all")
    opened = one.open()
    volume = opened.record.volume
    assert volume.spacing_mm == (5.0, 1.0, 1.0)
    alone = {
        seed: FilesInput("x", tmp_path, (write_nifti(tmp_path / "x.nii.gz", seed),)).open()
        for seed in (1, 2)
    }
    np.testing.assert_array_equal(
        volume.sequence(PRE_CONTRAST), alone[1].record.volume.sequence(FLAIR)
    )
    np.testing.assert_array_equal(volume.sequence(FLAIR), alone[2].record.volume.sequence(FLAIR))
    assert any("filled with FLAIR" in note for note in volume.notes)
    assert opened.source is not None


def test_a_single_file_of_each_kind_is_one_input(tmp_path):
    stack = np.stack([head(n) for n in range(3)])
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="rgb")
    _, files = written_series()
    (tmp_path / "IM0001").write_bytes(files[0].data)
    slices = {}
    for path in (
        tmp_path / "pages.tif",
        tmp_path / "IM0001",
        write_jpeg(tmp_path / "photo.jpg"),
        write_nifti(tmp_path / "volume.nii.gz"),
    ):
        (one,) = find_inputs(path)
        slices[one.name] = len(one.open().record.volume)
    assert slices == {"pages": 3, "IM0001": 1, "photo": 1, "volume": 4}


def test_a_bad_file_is_one_sentence(tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(gzip.compress(b"\0" * 400))
    (one,) = find_inputs(bad)
    with pytest.raises(DecodeError, match=r"bad\.nii\.gz was not used: ") as refused:
        one.open()
    assert "Traceback" not in str(refused.value)
    bad.unlink()
    with pytest.raises(CohortError, match="cannot be opened"):
        one.content()


def test_a_path_without_any_input_says_what_could_be_one(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BrainsegError, match="is no input"):
        find_inputs(tmp_path / "notes.txt")
    with pytest.raises(BrainsegError, match="holds no"):
        find_inputs(tmp_path)
    with pytest.raises(BrainsegError, match="does not exist"):
        find_inputs(tmp_path / "nowhere")


def test_a_zip_is_opened_as_what_is_in_it(tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number, file in enumerate(written_series()[1]):
            archive.writestr(f"series/{number}.dcm", file.data)
    (tmp_path / "sent.zip").write_bytes(data.getvalue())
    (one,) = find_inputs(tmp_path)
    assert len(one.open().record.volume) == 5
