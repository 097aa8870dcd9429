"""Facts of whole volumes: the axes as stored, the plane of thick slices, grey levels in use."""

import itertools
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.volume_cohorts import dicom_study, save, two_folders, volume

from brainseg.cohort import Cohort
from brainseg.cohort.volume_facts import volume_facts
from brainseg.io import InputFile, assemble, guess_assignment, open_inputs, ruling_grid
from brainseg.io.upload import Grid
from brainseg.volume import Volume

LETTERS = [
    "".join(letters)
    for pairs in itertools.permutations(("LR", "PA", "IS"))
    for letters in itertools.product(*pairs)
]


def facts_of(path: Path) -> dict:
    upload = open_inputs([InputFile(path.name, path.read_bytes())])
    assignment = guess_assignment(upload)
    return volume_facts(assemble(upload, assignment), ruling_grid(upload, assignment))


@pytest.mark.parametrize("axes", LETTERS[::5])
def test_the_axes_are_those_of_nibabel_and_the_plane_does_not_depend_on_them(
    tmp_path: Path, axes: str
) -> None:
    path = tmp_path / "flair.nii"
    save(path, volume(0)[..., 1], axes)
    assert "".join(nib.aff2axcodes(nib.load(path).affine)) == axes
    found = facts_of(path)
    assert (found["axes"], found["plane"]) == (axes, "axial")


@pytest.mark.parametrize(
    ("spacing", "plane"),
    [((1, 1, 1), ""), ((1, 1, 1.4), ""), ((5, 1, 1), "sagittal"), ((1, 4, 1), "coronal")],
)
def test_the_plane_is_that_of_thick_slices(
    tmp_path: Path, spacing: tuple[float, ...], plane: str
) -> None:
    voxels = np.arange(40 * 44 * 48, dtype=np.uint16).reshape(40, 44, 48)
    nib.save(nib.Nifti1Image(voxels, np.diag([*spacing, 1.0])), tmp_path / "flair.nii")
    assert facts_of(tmp_path / "flair.nii")["plane"] == plane


def test_levels_and_their_largest_value_are_counted_in_what_is_brighter_than_background() -> None:
    pixels = np.zeros((4, 50, 50, 3), np.uint8)
    pixels[:, 10:40, 10:40, 0] = np.linspace(20, 219, 3600).reshape(4, 30, 30)
    pixels[:, 10:40, 10:40, 1] = pixels[:, 10:40, 10:40, 0] // 50 * 50 + 20
    pixels[..., 2] = np.minimum(pixels[..., 0], 180)
    found = volume_facts(Volume(pixels), Grid())
    assert (found["axes"], found["plane"]) == ("", "")
    assert list(found["levels"].values()) == [199, 5, 161]
    assert found["at_maximum"]["post-contrast"] == pytest.approx(0.2, abs=0.01)
    assert found["at_maximum"]["pre-contrast"] < 0.002
    empty = volume_facts(Volume(np.zeros((2, 8, 8, 3), np.uint8)), Grid())
    assert set(empty["levels"].values()) == {0} and set(empty["at_maximum"].values()) == {0}


def test_the_first_slice_of_each_case_has_the_facts(tmp_path: Path) -> None:
    two_folders(tmp_path / "nifti")
    dicom_study(tmp_path / "dicom" / "P01", 0, "P01")
    for folder, axes in (("nifti", "RAS"), ("dicom", None)):
        slices = Cohort.open(tmp_path / folder).slices
        known = slices[slices["volume_facts"].notna()]
        assert (known["slice_index"] == 0).all() and len(known) == slices["case"].nunique()
        facts = json.loads(known["volume_facts"].iloc[0])
        assert facts["plane"] == "axial"
        assert facts["axes"] == axes or (axes is None and len(set(facts["axes"])) == 3)
