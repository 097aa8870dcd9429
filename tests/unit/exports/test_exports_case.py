"""Exports of a case: every pixel at its position, and no geometry that the source lacks."""

import gzip
import io
import zipfile
from dataclasses import replace
from datetime import date

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader
from support import predictions
from support.cohorts import FIRST, FLAIR_REPEATED, head

from brainseg import RESEARCH_USE
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.exports import file_stem
from brainseg.exports.case import (
    case_files,
    export_case,
    nifti_files,
    write_case,
    zip_bytes,
)
from brainseg.exports.nifti import (
    PLACEHOLDER_AFFINE,
    PLACEHOLDER_ORIENTATION,
    affine_warning,
    nifti_bytes,
)
from brainseg.exports.tables import case_table, slice_table
from brainseg.inference.record import SYNTHETIC, CaseRecord, record_of
from brainseg.models import HELD_OUT
from brainseg.volume import FLAIR, Volume

TILTED = np.array([[0, 0.05, -0.8, 10], [0, -0.9, 0, 20], [5, 0, 0, -30], [0, 0, 0, 1.0]])
UPRIGHT = np.array([[0, 0, -0.8, 10], [0, -0.9, 0, 20], [5, 0, 0, -30], [0, 0, 0, 1.0]])


def record_of_case(root, name: str = FIRST) -> CaseRecord:
    case = Cohort.open(root).case(name)
    return record_of(name, case.volume(), case.readable["slice_number"], *case.masks())


def predicted(record: CaseRecord) -> CaseRecord:
    probability = np.linspace(0, 1, record.masks.size, dtype=np.float32).reshape(record.masks.shape)
    return replace(
        record, predicted=predictions.made("net", HELD_OUT, (2,), 0.75, probability, 0.5)
    )


def opened(content: bytes) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(content))


def voxels(content: bytes) -> np.ndarray:
    """Return the array of a NIfTI file as (slice, row, column)."""
    return np.asarray(opened(content).dataobj).transpose(2, 1, 0)


def test_every_pixel_is_read_back_at_its_position(tiny_cohort):
    record = predicted(record_of_case(tiny_cohort))
    files = nifti_files(record)
    assert list(files) == [
        f"{FIRST}_{part}.nii.gz"
        for part in ("pre-contrast", "flair", "post-contrast", "mask", "prediction", "probability")
    ]
    read = {name.removeprefix(f"{FIRST}_"): voxels(content) for name, content in files.items()}
    for name in record.volume.sequences:
        np.testing.assert_array_equal(read[f"{name.lower()}.nii.gz"], record.volume.sequence(name))
    np.testing.assert_array_equal(read["mask.nii.gz"], record.masks)
    assert read["mask.nii.gz"].dtype == np.uint8
    np.testing.assert_array_equal(read["prediction.nii.gz"], record.predicted.mask)
    np.testing.assert_array_equal(read["probability.nii.gz"], record.predicted.probability)
    assert read["probability.nii.gz"].dtype == np.float32


def test_a_marked_voxel_is_at_column_row_slice():
    pixels = np.zeros((3, 40, 50, 3), np.uint8)
    pixels[2, 7, 11] = (1, 200, 3)
    volume = Volume(pixels)
    image = opened(nifti_bytes(volume.sequence(FLAIR), volume))
    assert image.shape == (50, 40, 3)
    assert np.argwhere(image.dataobj).tolist() == [[11, 7, 2]]


def test_without_a_spacing_the_header_states_that_it_is_unknown(tiny_cohort):
    for content in nifti_files(record_of_case(tiny_cohort)).values():
        header = opened(content).header
        assert (int(header["qform_code"]), int(header["sform_code"])) == (0, 0)
        assert header.get_xyzt_units()[0] == "unknown"
        assert header.get_zooms() == (1, 1, 1)
        np.testing.assert_array_equal(header.get_sform(), np.eye(4))
        assert header["descrip"].item().decode().startswith(RESEARCH_USE)
        assert PLACEHOLDER_AFFINE in header.extensions[0].get_content().decode()


def test_a_spacing_is_written_without_an_invented_orientation():
    volume = Volume(head(1)[np.newaxis], spacing_mm=(5.0, 0.9, 0.8))
    header = opened(nifti_bytes(volume.sequence(FLAIR), volume)).header
    assert header.get_zooms() == pytest.approx((0.8, 0.9, 5.0))
    assert header.get_xyzt_units()[0] == "mm"
    assert (int(header["qform_code"]), int(header["sform_code"])) == (0, 0)
    assert affine_warning(volume) == PLACEHOLDER_ORIENTATION


@pytest.mark.parametrize(("affine", "qform_code"), [(UPRIGHT, 2), (TILTED, 0)])
def test_an_affine_of_the_source_gives_each_voxel_its_position(affine, qform_code):
    pixels = np.stack([head(n, 40, 50) for n in range(3)])
    volume = Volume(pixels, spacing_mm=(5.0, 0.9, 0.8), affine=affine)
    image = opened(nifti_bytes(volume.sequence(FLAIR), volume))
    assert affine_warning(volume) is None
    assert int(image.header["sform_code"]) == 2
    assert int(image.header["qform_code"]) == qform_code
    for at in ((0, 0, 0), (2, 7, 11), (1, 39, 49)):
        slice_, row, column = at
        np.testing.assert_allclose(
            image.affine @ [column, row, slice_, 1], affine @ [*at, 1], rtol=1e-6
        )


def test_a_slice_without_a_mask_is_not_a_number_and_never_a_zero(tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    record = record_of_case(tiny_cohort)
    files = case_files(record)
    mask = voxels(files[f"{FIRST}_mask.nii.gz"])
    assert np.isnan(mask[1]).all()
    np.testing.assert_array_equal(mask[[0, 2]], record.masks[[0, 2]])
    assert "slice 2 without" in files[f"{FIRST}_about.txt"].decode()
    for number in (1, 10):
        (tiny_cohort / FIRST / f"{FIRST}_{number}_mask.tif").unlink()
    files = case_files(record_of_case(tiny_cohort))
    assert f"{FIRST}_mask.nii.gz" not in files
    assert "no slice has a usable one" in files[f"{FIRST}_about.txt"].decode()


def test_the_table_has_the_slice_number_of_each_index(tiny_cohort):
    table = slice_table(predicted(record_of_case(tiny_cohort)))
    assert table["voxel_k"].tolist() == [0, 1, 2]
    assert table["slice_number"].tolist() == [1, 2, 10]
    assert table["mask_area_px"].tolist() == [100, 144, 0]
    assert table["prediction_area_px"].tolist() == [0, 0, 3072]
    whole = case_table(predicted(record_of_case(tiny_cohort))).set_index("region")
    assert whole["volume_vx"].to_dict() == {"mask": 244, "prediction": 3072}
    assert whole["longest_slice"].to_dict() == {"mask": 2, "prediction": 10}


def test_an_unusable_slice_is_not_in_the_stack_and_is_named(tiny_cohort):
    (tiny_cohort / FIRST / f"{FIRST}_2.tif").write_bytes(b"no image")
    files = case_files(record_of_case(tiny_cohort))
    assert opened(files[f"{FIRST}_flair.nii.gz"]).shape == (64, 64, 2)
    table = pd.read_csv(io.BytesIO(files[f"{FIRST}_slices.csv"]), comment="#")
    assert table["slice_number"].tolist() == [1, 10]
    assert "slice 2" in files[f"{FIRST}_about.txt"].decode()


def test_the_text_file_describes_the_files(tiny_cohort):
    record = predicted(record_of_case(tiny_cohort, FLAIR_REPEATED))
    told = case_files(record)[f"{FLAIR_REPEATED}_about.txt"].decode()
    for sentence in (
        RESEARCH_USE,
        PLACEHOLDER_AFFINE,
        "post-contrast: the same pixels as FLAIR",
        "net, fold 2; 1 where the probability is at least 0.75",
        f"{FLAIR_REPEATED}_report.pdf",
    ):
        assert sentence in told


def test_a_synthetic_case_is_never_exported_as_a_patient_s(tiny_cohort, tmp_path):
    assert SYNTHETIC not in case_files(record_of_case(tiny_cohort))[f"{FIRST}_about.txt"].decode()
    (tiny_cohort / "data.csv").write_text("Patient,synthetic\nTCGA_XX_0001,1\n")
    export_case(Cohort.open(tiny_cohort), FIRST, tmp_path)
    assert SYNTHETIC in (tmp_path / f"{FIRST}_about.txt").read_text()
    (page,) = PdfReader(tmp_path / f"{FIRST}_report.pdf").pages
    assert SYNTHETIC in " ".join(page.extract_text().split())


def test_the_same_case_gives_the_same_bytes(tiny_cohort):
    record = predicted(record_of_case(tiny_cohort))
    first, second = (case_files(record, made_on=date(2026, 1, 1)) for _ in range(2))
    assert first == second
    assert zip_bytes(first) == zip_bytes(second)
    with zipfile.ZipFile(io.BytesIO(zip_bytes(first))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == first


def test_an_array_on_another_grid_is_refused():
    volume = Volume(head(1)[np.newaxis])
    with pytest.raises(ValueError, match="put it on the volume's grid first"):
        nifti_bytes(np.zeros((1, 64, 63), np.uint8), volume)


def test_files_are_replaced_only_with_overwrite(tmp_path):
    write_case({"a": b"1", "b": b"2"}, tmp_path / "out")
    (tmp_path / "out" / "mine.txt").write_text("kept")
    (tmp_path / "out" / "a").unlink()
    with pytest.raises(CohortError, match="b is there already, and nothing was written"):
        write_case({"a": b"3", "b": b"4"}, tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()
    write_case({"a": b"3", "b": b"4"}, tmp_path / "out", overwrite=True)
    assert {p.name: p.read_text() for p in (tmp_path / "out").iterdir()} == {
        "a": "3",
        "b": "4",
        "mine.txt": "kept",
    }


def test_nothing_is_exported_into_the_dataset(tiny_cohort):
    cohort = Cohort.open(tiny_cohort)
    for out in (tiny_cohort, tiny_cohort / FIRST / "deeper"):
        with pytest.raises(CohortError, match="a dataset's folder is never written"):
            export_case(cohort, FIRST, out)


@pytest.mark.parametrize(
    ("case", "stem"),
    [
        ("TCGA_CS_4941", "TCGA_CS_4941"),
        ("../../etc/passwd", "etc_passwd"),
        ("a b<img>", "a_b_img"),
        ("..", "case"),
        ("患者01", "患者01"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_case_s_name_is_never_a_path(case, stem):
    assert file_stem(case) == stem
