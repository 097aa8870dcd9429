"""Cohorts of NIfTI and DICOM files in the layouts of the field: cases, masks, orientation, sizes."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from support.volume_cohorts import (
    CASES,
    CORE_VX,
    NIFTI_LAYOUTS,
    OEDEMA_VX,
    SIDE,
    SLICES,
    SPACING_MM,
    VOXEL_ML,
    affine,
    brats,
    decathlon,
    dicom_study,
    labels,
    named,
    nnunet,
    older_brats,
    save,
    volume,
)

from brainseg.batch.inputs import find_inputs
from brainseg.checks import run_checks
from brainseg.cohort import Cohort, studies, volume_files
from brainseg.cohort.discovery import list_files
from brainseg.exports import file_stem
from brainseg.exports.case import export_case
from brainseg.io.limits import DAMAGED
from brainseg.reviews import open_measurements
from brainseg.volume import FLAIR, SEQUENCES
from brainseg.worklist import LABEL, case_rows, code_columns


def areas(cohort: Cohort) -> dict[str, int]:
    """Return the voxels of each label over the whole cohort."""
    totals: dict[str, int] = {}
    for text in cohort.slices["label_px"].dropna():
        for name, px in json.loads(text).items():
            totals[name] = totals.get(name, 0) + px
    return totals


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR"])
@pytest.mark.parametrize("layout", NIFTI_LAYOUTS)
def test_a_layout_opens_with_its_masks_upright(tmp_path: Path, layout: str, axes: str) -> None:
    NIFTI_LAYOUTS[layout](tmp_path, axes)
    cohort = Cohort.open(tmp_path)
    with_masks = [case for case in cohort if case.masks()[1].any()]
    assert len(with_masks) == len(CASES)
    for case in with_masks:
        assert len(case.slices) == SLICES
        masks, has_mask = case.masks()
        assert has_mask.all()
        assert (masks == (labels() > 0)).all()
        assert case.volume().spacing_mm == pytest.approx(SPACING_MM)
        assert (case.slice_mask(8) == masks[7]).all()
        assert (case.slice_pixels(8) == case.volume().pixels[7]).all()
    rows = case_rows(cohort).dropna(subset="tumour_vx")
    assert rows["tumour_vx"].tolist() == [OEDEMA_VX] * 2
    assert rows["tumour_ml"].tolist() == pytest.approx([OEDEMA_VX * VOXEL_ML] * 2)


@pytest.mark.parametrize("layout", ["nnU-Net", "Decathlon", "BraTS 2023", "BraTS 2021", "BIDS"])
def test_each_sequence_is_the_one_that_the_layout_names(tmp_path: Path, layout: str) -> None:
    NIFTI_LAYOUTS[layout](tmp_path)
    shown = next(iter(Cohort.open(tmp_path))).volume()
    for channel, name in enumerate(shown.sequences):
        expected = volume(0)[..., channel].ravel()
        assert np.corrcoef(shown.sequence(name).ravel(), expected)[0, 1] > 0.999, name


@pytest.mark.parametrize("layout", ["Decathlon", "BraTS 2023", "BraTS 2021"])
def test_a_fourth_sequence_is_read_on_request(tmp_path: Path, layout: str) -> None:
    NIFTI_LAYOUTS[layout](tmp_path)
    case = Cohort.open(tmp_path)[0]
    assert case.volume().names == SEQUENCES
    shown = case.volume(with_others=True)
    assert shown.names == (*SEQUENCES, "T2")
    assert shown.pixels.shape[-1] == len(SEQUENCES)
    expected = (volume(0)[..., 0] // 2).ravel()
    assert np.corrcoef(shown.sequence("T2").ravel(), expected)[0, 1] > 0.999


def test_a_fourth_sequence_is_exported(tmp_path: Path) -> None:
    brats(tmp_path / "data", suffix=".nii")
    cohort = Cohort.open(tmp_path / "data")
    names = [path.name for path in export_case(cohort, cohort.cases[0], tmp_path / "out")]
    assert f"{cohort.cases[0]}_t2.nii.gz" in names


def test_labels_keep_the_names_of_dataset_json_and_regions_are_sums(tmp_path: Path) -> None:
    nnunet(tmp_path)
    assert areas(Cohort.open(tmp_path)) == {"whole tumour": 2 * OEDEMA_VX, "core": 2 * CORE_VX}


def test_brats_regions_have_their_names(tmp_path: Path) -> None:
    brats(tmp_path)
    found = areas(Cohort.open(tmp_path))
    assert found == {"whole tumour": 2 * OEDEMA_VX, "tumour core": 2 * CORE_VX}


def test_the_worklist_has_the_size_of_each_label(tmp_path: Path) -> None:
    brats(tmp_path)
    rows = case_rows(Cohort.open(tmp_path))
    ml = {name: rows[name].tolist() for name in rows if name.startswith(LABEL)}
    assert ml["label: whole tumour (ml)"] == pytest.approx([OEDEMA_VX * VOXEL_ML] * 2)
    assert ml["label: tumour core (ml)"] == pytest.approx([CORE_VX * VOXEL_ML] * 2)
    assert not set(ml) & set(code_columns(rows))


def test_a_session_is_a_case_of_its_subject_with_its_row_of_participants(tmp_path: Path) -> None:
    NIFTI_LAYOUTS["BIDS"](tmp_path)
    cohort = Cohort.open(tmp_path)
    assert cohort.cases == ["sub-P01_ses-1", "sub-P02_ses-1"]
    assert cohort.slices["patient_id"].unique().tolist() == ["sub-P01", "sub-P02"]
    assert case_rows(cohort)["age"].tolist() == [41.5, 60.0]


def test_dicom_studies_with_segmentations_are_cases(tmp_path: Path) -> None:
    for seed, patient in enumerate(CASES):
        dicom_study(tmp_path / patient, seed, patient)
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == len(CASES)
    for case in cohort:
        assert (case.masks()[0] == (labels() > 0)).all()
        assert case.volume().spacing_mm == pytest.approx(SPACING_MM)
        expected = volume(cohort.cases.index(case.name))[..., 1].ravel()
        assert np.corrcoef(case.volume().sequence(FLAIR).ravel(), expected)[0, 1] > 0.999
    assert areas(cohort) == {"core": 2 * CORE_VX, "oedema": 2 * (OEDEMA_VX - CORE_VX)}
    assert not any("^X" in text for text in cohort.slices["source"].dropna())


def test_a_case_of_dicom_files_gives_its_drawn_measurements_as_a_dicom_report(
    tmp_path: Path,
) -> None:
    dicom_study(tmp_path / "data" / "P1", 0, "P1")
    cohort = Cohort.open(tmp_path / "data")
    name = cohort.cases[0]
    ruler = {"id": "a1", "kind": "ruler", "normal": 2, "name": "edge", "sequence": FLAIR}
    points = [[1, 2, 1.5], [4, 6, 1.5]]
    open_measurements(cohort).change(name, "AB", [{**ruler, "points": points}])
    paths = {path.name: path for path in export_case(cohort, name, tmp_path / "out")}
    report = pydicom.dcmread(paths[f"{file_stem(name)}_measurements.dcm"])
    assert (report.Modality, report.PatientName) == ("SR", "")
    referred = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    images = tmp_path.glob("data/P1/STUDY/S1/*")  # the FLAIR images
    assert referred.SeriesInstanceUID == pydicom.dcmread(next(images)).SeriesInstanceUID


def test_two_studies_of_a_patient_are_two_cases_of_one_patient(tmp_path: Path) -> None:
    for visit in ("before", "after"):
        dicom_study(tmp_path / visit, 0, "same", with_seg=False)
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 2
    assert cohort.slices["patient_id"].nunique() == 1


def test_only_changed_cases_are_read_again(tmp_path: Path) -> None:
    named(tmp_path)
    first = Cohort.open(tmp_path)
    read: list[tuple[int, int]] = []
    again = Cohort.open(tmp_path, lambda *counts: read.append(counts))
    assert read == []
    assert again.slices.equals(first.slices)
    save(tmp_path / "P02_seg.nii.gz", labels() * 0)
    changed = Cohort.open(tmp_path, lambda *counts: read.append(counts))
    assert read == [(1, 1)]
    assert changed.slices.groupby("case")["area_px"].sum().tolist() == [OEDEMA_VX, 0]


def test_a_mask_on_another_grid_is_laid_on_the_image(tmp_path: Path) -> None:
    named(tmp_path)
    whole = nib.load(tmp_path / "P01_seg.nii.gz")
    nib.save(whole.slicer[:, 4:, 2:], tmp_path / "P01_seg.nii.gz")
    case = Cohort.open(tmp_path)["P01"]
    assert (case.masks()[0] == (labels() > 0)).all()


def test_a_mask_of_the_right_size_in_another_place_is_refused_and_found(tmp_path: Path) -> None:
    named(tmp_path)
    voxels = np.asanyarray(nib.load(tmp_path / "P01_seg.nii.gz").dataobj)
    mirrored = affine() @ np.diag([-1.0, 1, 1, 1])
    nib.save(nib.Nifti1Image(voxels, mirrored), tmp_path / "P01_seg.nii.gz")
    cohort = Cohort.open(tmp_path)
    assert cohort["P01"].slices["area_px"].isna().all()
    assert cohort["P02"].slices["area_px"].notna().all()
    findings = run_checks(cohort, only={"volume_mask", "unreadable_mask"})
    assert [finding.case for finding in findings] == ["P01"]
    assert "another position, orientation or spacing" in findings[0].message


def test_a_case_that_cannot_be_read_is_named_and_the_others_open(tmp_path: Path) -> None:
    named(tmp_path)
    (tmp_path / "P01.nii.gz").write_bytes(b"\x1f\x8b broken")
    cohort = Cohort.open(tmp_path)
    assert cohort["P01"].readable.empty
    assert cohort["P02"].masks()[0].any()
    assert run_checks(cohort, only={"damaged_file", "unreadable_image"})


def test_cases_of_one_name_in_two_datasets_stay_apart(tmp_path: Path) -> None:
    decathlon(tmp_path / "one")
    decathlon(tmp_path / "two")
    cohort = Cohort.open(tmp_path)
    assert len(cohort) == 4
    assert cohort.slices.groupby("case").size().tolist() == [SLICES] * 4


@pytest.mark.parametrize("layout", NIFTI_LAYOUTS)
def test_predict_takes_one_input_a_case(tmp_path: Path, layout: str) -> None:
    NIFTI_LAYOUTS[layout](tmp_path)
    inputs = find_inputs(tmp_path)
    assert len(inputs) == len(Cohort.open(tmp_path).cases)
    record = inputs[0].open().record
    assert record.volume.pixels.shape == (SLICES, SIDE, SIDE, 3)
    assert (record.masks == (labels() > 0)).all()


def test_predict_takes_a_study_with_its_segmentation_as_one_input(tmp_path: Path) -> None:
    dicom_study(tmp_path / "P01", 0, "P01")
    (found,) = find_inputs(tmp_path)
    opened = found.open()
    assert (opened.record.masks == (labels() > 0)).all()
    assert opened.left_out is None


def test_a_sequence_that_no_file_names_is_guessed_with_a_note(tmp_path: Path) -> None:
    for case in CASES:
        save(tmp_path / case / "a.nii.gz", volume(0)[..., 0])
        save(tmp_path / f"{case}-4d.nii.gz", np.stack([volume(0)[..., 0]] * 2, axis=-1))
    cohort = Cohort.open(tmp_path)
    assert any("2 case(s) have a sequence that no file names" in note for note in cohort.notes)
    assert any("was taken for FLAIR" in note for note in cohort[f"{CASES[0]}-4d"].volume().notes)


def test_only_the_beginning_of_dicom_files_is_read_to_find_studies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dicom_study(tmp_path / "P01", 0, "P01")
    for path in tmp_path.rglob("I*"):
        path.write_bytes(path.read_bytes() + bytes(200_000))
    monkeypatch.setattr("brainseg.cohort.layouts.dicom.read_file", None)
    (found,) = list_files(tmp_path).volumes
    assert len(found.files) == 3 * SLICES + 1


def test_a_slice_and_masks_are_those_of_the_whole_case_and_read_no_more_than_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older_brats(tmp_path)
    case = Cohort.open(tmp_path)[0]
    volume, (masks, _) = case.volume(), case.masks()
    source = case.slices["source"].iloc[0]
    study = studies.decode_study(tmp_path, source)
    assert study.values is not None
    assert np.array_equal(study.volume.pixels, volume.pixels)
    assert np.array_equal(study.values > 0, masks)
    assert np.array_equal(case.slice_pixels(8), volume.pixels[7])
    read: list[str] = []

    def counted(root: Path, path: str) -> bytes:
        read.append(path.rsplit("_", 1)[-1])
        return (root / path).read_bytes()

    monkeypatch.setattr(studies, "_read", counted)
    monkeypatch.setattr(studies, "by_worker", lambda do, _, *arguments: do(*arguments))
    assert np.array_equal(case.volume().pixels, volume.pixels)
    assert sorted(read) == ["flair.nii.gz", "t1.nii.gz", "t1ce.nii.gz"]
    read.clear()
    monkeypatch.setattr(studies, "open_inputs", None)  # of the image, only the header is decoded
    assert np.array_equal(case.masks()[0], masks)
    assert sorted(read) == ["flair.nii.gz", "seg.nii.gz"]


def test_whatever_a_reader_raises_costs_its_case_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(tmp_path)
    (case, _) = list_files(tmp_path).volumes

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(volume_files, "decode_study", broken)
    (row,) = volume_files.rows_of(tmp_path, case.source(tmp_path))
    assert row["image_error"] == DAMAGED
