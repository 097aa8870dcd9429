"""Exports of masks with several labels: files say which label they have, and one file has all."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader
from support.volume_cohorts import brats, three_labels

from brainseg.cohort import Cohort
from brainseg.exports.case import export_case

CASE = "BraTS-GLI-00000-000"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    root = tmp_path_factory.mktemp("brats")
    brats(root, values=three_labels, suffix=".nii")
    return Cohort.open(root)


def stored(path: Path) -> np.ndarray:
    """Return the voxels of a file as (n, h, w)."""
    image = nib.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
    return np.asarray(image.dataobj).transpose(2, 1, 0)


def test_each_file_names_the_chosen_label(cohort: Cohort, tmp_path: Path) -> None:
    export_case(cohort.of_label("enhancing tumour"), CASE, tmp_path)
    assert (stored(tmp_path / f"{CASE}_mask.nii.gz") == (three_labels() == 3)).all()
    slices = pd.read_csv(tmp_path / f"{CASE}_slices.csv", comment="#")
    assert set(slices["mask_label"]) == {"enhancing tumour"}
    about = (tmp_path / f"{CASE}_about.txt").read_text()
    assert "mask: the manual outline of the label “enhancing tumour”, 1 inside" in about
    report = PdfReader(tmp_path / f"{CASE}_report.pdf").pages[0].extract_text()
    assert "the label “enhancing tumour”" in " ".join(report.split())
    assert "mm² by slice number" in report


def test_without_a_choice_the_mask_is_the_union_and_the_label_map_has_all(
    cohort: Cohort, tmp_path: Path
) -> None:
    export_case(cohort, CASE, tmp_path)
    assert (stored(tmp_path / f"{CASE}_mask.nii.gz") == (three_labels() > 0)).all()
    assert (stored(tmp_path / f"{CASE}_labels.nii.gz") == three_labels()).all()
    named = json.loads((tmp_path / f"{CASE}_labels.json").read_text())["labels"]
    assert named["tumour core"] == [1, 3]
    about = (tmp_path / f"{CASE}_about.txt").read_text()
    assert "outline of the union of whole tumour, tumour core, enhancing tumour, 1 inside" in about
