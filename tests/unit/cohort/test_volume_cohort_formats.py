"""Cohorts of NRRD, MetaImage and MGH files: the same cases, masks and sizes as of the NIfTI files."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.volume_cohorts import (
    CASES,
    CORE_VX,
    NIFTI_LAYOUTS,
    OEDEMA_VX,
    SPACING_MM,
    affine,
    as_file,
    labels,
    save,
    volume,
)
from support.volume_formats import SEGMENTS, SUFFIXES, rewrite, write_volume

from brainseg.batch.inputs import FilesInput, find_inputs
from brainseg.cohort import Cohort
from brainseg.exports.case import export_case

PIXELS = ["case", "patient_id", "slice_number", "image_hash", "mask_hash", "label_px"]


@pytest.mark.parametrize(
    ("layout", "suffix"),
    [*zip(NIFTI_LAYOUTS, SUFFIXES, strict=True), ("nnU-Net", ".mha")],
)
def test_a_layout_of_another_format_is_the_cohort_of_its_nifti_files(
    tmp_path: Path, layout: str, suffix: str
) -> None:
    NIFTI_LAYOUTS[layout](tmp_path / "data")
    expected = Cohort.open(tmp_path / "data").slices[PIXELS]
    names = [one.name for one in find_inputs(tmp_path / "data")]
    rewrite(tmp_path / "data", suffix)
    cohort = Cohort.open(tmp_path / "data")
    found = cohort.slices[PIXELS]
    assert found.equals(expected), found.compare(expected)
    assert [one.name for one in find_inputs(tmp_path / "data")] == names
    case = cohort[0]
    assert (case.masks()[0] == (labels() > 0)).all()
    assert case.volume().spacing_mm == pytest.approx(SPACING_MM)


def slicer(folder: Path, seed: int, image: str, mask: str) -> None:
    """Write a case as 3D Slicer does: a volume, and a segmentation with names."""
    write_volume(folder / image, as_file(volume(seed)[..., 1]), affine())
    write_volume(folder / mask, as_file(labels()), affine(), SEGMENTS)


def test_segments_of_slicer_are_labels_with_their_names(tmp_path: Path) -> None:
    for seed, case in enumerate(CASES):
        slicer(tmp_path, seed, f"{case}.nrrd", f"{case}.seg.nrrd")
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == list(CASES)
    totals = [json.loads(text) for text in cohort.slices["label_px"].dropna()]
    assert sum(one["whole tumour"] for one in totals) == 2 * (OEDEMA_VX - CORE_VX)
    assert sum(one.get("core", 0) for one in totals) == 2 * CORE_VX


def test_a_prediction_folder_reads_a_case_of_slicer_with_its_mask(tmp_path: Path) -> None:
    slicer(tmp_path / "P01", 0, "FLAIR.nrrd", "Segmentation.seg.nrrd")
    (found,) = find_inputs(tmp_path)
    assert isinstance(found, FilesInput)
    record = found.open().record
    assert record.masks is not None and int(record.masks.sum()) == OEDEMA_VX
    assert record.labels is not None and set(record.labels.labels) == {"core", "whole tumour"}


def test_an_export_lies_on_the_grid_of_the_file(tmp_path: Path) -> None:
    write_volume(tmp_path / "data" / "P01_flair.mha", as_file(volume(0)[..., 1]), affine())
    write_volume(tmp_path / "data" / "P01_flair_seg.mha", as_file(labels()), affine())
    paths = export_case(Cohort.open(tmp_path / "data"), "P01_flair", tmp_path / "out")
    (mask,) = [nib.load(path) for path in paths if path.name.endswith("_mask.nii.gz")]
    assert nib.aff2axcodes(mask.affine) and np.asarray(mask.dataobj).sum() == OEDEMA_VX
    world = nib.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj)))
    expected = nib.affines.apply_affine(affine(), np.argwhere(as_file(labels())))
    assert np.allclose(world.mean(axis=0), expected.mean(axis=0), atol=1e-3)


def test_changed_voxels_beside_an_unchanged_header_are_read_again(tmp_path: Path) -> None:
    write_volume(tmp_path / "P01.mhd", as_file(volume(0)[..., 1]), affine())
    write_volume(tmp_path / "P01_seg.nhdr", as_file(labels()), affine())
    before = Cohort.open(tmp_path).slices["area_px"].sum()
    (one,) = find_inputs(tmp_path)
    content = one.content()
    (tmp_path / "P01_seg.raw").write_bytes(bytes(labels().size))
    assert (before, Cohort.open(tmp_path).slices["area_px"].sum()) == (OEDEMA_VX, 0)
    assert one.content() != content


def test_a_case_whose_voxels_are_missing_is_named_and_the_others_open(tmp_path: Path) -> None:
    for seed, case in enumerate(CASES):
        write_volume(tmp_path / f"{case}.mhd", as_file(volume(seed)[..., 1]), affine())
    (tmp_path / "P02.raw").unlink()
    slices = Cohort.open(tmp_path).slices
    (error,) = slices["image_error"].dropna()
    assert "its voxels are in P02.raw, which is missing or not readable" in error
    assert slices["image_error"].isna().sum() == len(volume(0))


def test_formats_mix_in_one_case(tmp_path: Path) -> None:
    for name, channel, suffix in (("T1", 0, ".mgz"), ("FLAIR", 1, ".nrrd")):
        write_volume(tmp_path / f"P01_{name}{suffix}", as_file(volume(0)[..., channel]), affine())
    save(tmp_path / "P01_seg.nii.gz", labels())
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 1
    assert cohort.slices["area_px"].sum() == OEDEMA_VX
    assert any("post-contrast" in note for note in cohort[0].volume().notes)


def test_a_subject_of_freesurfer_is_one_case_without_its_results(tmp_path: Path) -> None:
    head, flair, anatomy = as_file(volume(0)[..., 0]), as_file(volume(0)[..., 1]), as_file(labels())
    for subject in ("bert", "ernie"):
        mri = tmp_path / subject / "mri"
        for name in ("orig/001", "rawavg", "orig", "nu", "T1", "norm", "brain", "brainmask"):
            write_volume(mri / f"{name}.mgz", head, affine())
        for name in ("aseg", "aparc+aseg", "wm.seg", "ribbon", "lh.ribbon", "filled"):
            write_volume(mri / f"{name}.mgz", anatomy, affine())
        if subject == "bert":
            write_volume(mri / "FLAIR.mgz", flair, affine())
            write_volume(mri / "lesion_mask.mgz", anatomy, affine())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["bert", "ernie"]
    assert cohort.slices.groupby("case")["area_px"].sum().tolist() == [OEDEMA_VX, 0]
    shown = cohort["bert"].volume()
    assert np.corrcoef(shown.sequence("FLAIR").ravel(), volume(0)[..., 1].ravel())[0, 1] > 0.999
    assert [len(one.files) for one in find_inputs(tmp_path)] == [3, 1]


def test_folders_of_the_virtual_skeleton_database_are_one_case_with_regions(tmp_path: Path) -> None:
    case = tmp_path / "HGG" / "brats_2013_pat0001_1"
    for number, (name, channel) in enumerate((("MR_T1", 0), ("MR_Flair", 1), ("MR_T1c", 2))):
        stem = f"VSD.Brain.XX.O.{name}.{54512 + number}"
        write_volume(case / stem / f"{stem}.mha", as_file(volume(0)[..., channel]), affine())
    stem = "VSD.Brain_3more.XX.O.OT.54517"
    write_volume(case / stem / f"{stem}.mha", as_file(labels()), affine())
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == [case.name]
    shown = cohort[0].volume()
    for channel, name in enumerate(shown.sequences):
        assert (
            np.corrcoef(shown.sequence(name).ravel(), volume(0)[..., channel].ravel())[0, 1] > 0.999
        )
    totals = [json.loads(text) for text in cohort.slices["label_px"].dropna()]
    assert sum(one["whole tumour"] for one in totals) == OEDEMA_VX
    assert sum(one.get("tumour core", 0) for one in totals) == CORE_VX
