"""Exports of a prediction: on the input's own grid, and without patient tags."""

import gzip
import io
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypdf import PdfReader
from support.cohorts import head

from brainseg import RESEARCH_USE
from brainseg.exports.nifti import nifti_bytes
from brainseg.exports.prediction import FOR_A_PAGE, KINDS, overlay, prediction_files, slice_stems
from brainseg.imaging import PREDICTION_COLOUR, REMOVED_COLOUR, automatic_window, windowed
from brainseg.inference.prediction import Prediction
from brainseg.inference.quantised import quantise
from brainseg.inference.record import CaseRecord, record_of_volume
from brainseg.io import InputFile, assemble, guess_assignment, open_inputs
from brainseg.models import NEW, CaseExposure
from brainseg.volume import FLAIR, Volume

MODEL = SimpleNamespace(
    name="net", digest="a1b2" * 16, target="tumour", threshold_for=lambda folds: 0.5
)
UNDER_THE_FEET = np.array(
    [[-0.8, 0, 0.1, 90], [0, 0.9, 0, -126], [0.2, 0, 5.0, -72], [0, 0, 0, 1.0]]
)


def found(shape: tuple[int, int, int]) -> Prediction:
    """Return a prediction with a mark in one corner of one slice."""
    probability = np.zeros(shape, np.float32)
    probability[1, 2:9, 3:7] = 0.75
    std = probability / 3
    return Prediction(probability, std, CaseExposure(NEW, (0, 1)), 1.2, "Net float32", "CPU", 4)


def upload_record(volume: Volume, **more: object) -> CaseRecord:
    return record_of_volume(volume, None, MODEL, found(volume.pixels.shape[:3]), **more)


@pytest.fixture
def record() -> CaseRecord:
    return upload_record(
        Volume(np.stack([head(n, 40, 50) for n in range(3)])), warnings=("It is odd.",)
    )


def test_all_files_have_their_names_and_the_research_line(record):
    files = prediction_files(record, kinds=tuple(KINDS), made_on=date(2026, 1, 1))
    assert list(files) == [
        *(f"upload_{n}_prediction.png" for n in (1, 2, 3)),
        "upload_prediction.nii.gz",
        "upload_probability.nii.gz",
        "upload_uncertainty.nii.gz",
        "upload_2_overlay.png",
        "upload_slices.csv",
        "upload_measures.csv",
        "upload_report.pdf",
        "upload_about.txt",
    ]
    for name, content in files.items():
        text = content
        if name.endswith(".gz"):
            text = gzip.decompress(content)
        if name.endswith(".pdf"):
            (page,) = PdfReader(io.BytesIO(content)).pages
            text = " ".join(page.extract_text().split()).encode()
        assert RESEARCH_USE.encode() in text, name
    assert files == prediction_files(record, kinds=tuple(KINDS), made_on=date(2026, 1, 1))
    assert set(prediction_files(record)) < set(files)
    assert FOR_A_PAGE[0] == "nifti"


def test_report_and_text_have_model_uncertainty_and_cautions(record):
    files = prediction_files(record, kinds=("pdf",), made_on=date(2026, 1, 1))
    (page,) = PdfReader(io.BytesIO(files["upload_report.pdf"])).pages
    text = files["upload_about.txt"].decode()
    for told in (" ".join(page.extract_text().split()), text):
        for sentence in (
            "the mean of 4 passes (2 folds, original and mirrored), computed by Net float32 on CPU in",
            "The 4 passes (2 folds, original and mirrored) agree on",
            "Warning: It is odd.",
        ):
            assert sentence in told


def test_without_a_mask_only_the_prediction_is_measured(record):
    files = prediction_files(record, kinds=("csv",))
    slices = pd.read_csv(io.BytesIO(files["upload_slices.csv"]), comment="#")
    assert slices["prediction_area_px"].tolist() == [0, 28, 0]
    assert not [column for column in slices if column.startswith("mask_")]
    whole = pd.read_csv(io.BytesIO(files["upload_measures.csv"]), comment="#")
    assert whole.loc[0, ["region", "volume_vx", "components"]].tolist() == ["prediction", 28, 1]


def test_the_overlay_is_the_slice_with_the_prediction_outlined(record):
    record = replace(record, warnings=())
    files = prediction_files(record, kinds=("overlay",))
    picture = np.asarray(Image.open(io.BytesIO(files["upload_2_overlay.png"])))
    np.testing.assert_array_equal(picture, overlay(record, 1))
    outlined = (picture == PREDICTION_COLOUR).all(axis=-1)
    assert outlined[2, 3]
    assert not outlined[4, 5], "the inside is not covered"
    flair = record.volume.sequence(FLAIR)
    grey = windowed(flair[1], automatic_window(flair))
    np.testing.assert_array_equal(picture[~outlined][:, 0], grey[~outlined])


def test_each_file_with_a_picture_says_which_grey_values_it_shows(record):
    low, high = automatic_window(record.volume.sequence(FLAIR))
    words = f"{FLAIR}: grey values {low} to {high}, the case's 1st to 99th percentile"
    files = prediction_files(record, kinds=("overlay", "pdf"))
    assert Image.open(io.BytesIO(files["upload_2_overlay.png"])).text["Description"] == words
    assert f"Pictures show {words}." in files["upload_about.txt"].decode()
    (page,) = PdfReader(io.BytesIO(files["upload_report.pdf"])).pages
    assert "prediction: tumour by net, " in files["upload_about.txt"].decode()
    assert words.partition(": ")[2] in " ".join(page.extract_text().split())
    assert "Pictures" not in prediction_files(record, kinds=("masks",))["upload_about.txt"].decode()


def test_a_removed_component_is_in_every_file_and_its_probability_is_the_networks(record):
    made = found((3, 40, 50))
    units = made.units.copy()
    units[2, 30, 40:43] = quantise(np.float32([0.992]))
    made = replace(made, units=units, min_component_fraction=0.2)
    record = record_of_volume(record.volume, [5, 6, 7], MODEL, made)
    files = prediction_files(record, kinds=tuple(KINDS), made_on=date(2026, 1, 1))

    def voxels(name: str) -> np.ndarray:
        image = nib.Nifti1Image.from_bytes(gzip.decompress(files[f"upload_{name}.nii.gz"]))
        return np.asarray(image.dataobj).transpose(2, 1, 0)

    np.testing.assert_array_equal(voxels("probability"), made.probability)
    assert voxels("prediction").sum() == 28
    removed = voxels("components_removed")
    assert removed.sum() == 3
    assert removed[2, 30, 40:43].all()
    assert "upload_components_removed.nii.gz" in files["upload_about.txt"].decode()
    slices = pd.read_csv(io.BytesIO(files["upload_slices.csv"]), comment="#")
    assert slices["prediction_removed_px"].tolist() == [0, 0, 3]
    whole = pd.read_csv(io.BytesIO(files["upload_measures.csv"]), comment="#")
    assert whole.loc[0, ["volume_vx", "components_removed", "removed_vx"]].tolist() == [28, 1, 3]
    (page,) = PdfReader(io.BytesIO(files["upload_report.pdf"])).pages
    for told in (" ".join(page.extract_text().split()), files["upload_about.txt"].decode()):
        assert "1 smaller component was removed (below 20% of the largest)." in told
        assert "Removed: slice 7: 3 voxels." in told
    hatched = (overlay(record, 2) == REMOVED_COLOUR).all(axis=-1)
    assert hatched[30, 40:43].all()


def test_slices_with_the_same_number_have_separate_files(record):
    assert slice_stems(record) == ["upload_1", "upload_2", "upload_3"]
    twice = record_of_volume(record.volume, [4, 4, 5])
    assert slice_stems(twice) == ["upload_4_k0", "upload_4_k1", "upload_5"]


def test_records_without_prediction_and_unknown_kinds_are_refused(record):
    with pytest.raises(ValueError, match="kinds of"):
        prediction_files(record, kinds=("mp4",))
    with pytest.raises(ValueError, match="a record with a prediction"):
        prediction_files(record_of_volume(record.volume))


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_a_nifti_input_gets_its_own_shape_and_affine_back(kind, axes):
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 999, (50, 40, 6)).astype(np.int16).transpose(axes)
    given = kind(voxels, UNDER_THE_FEET[:, [*axes, 3]])
    given.header["descrip"] = b"Secret Name"
    given.header.set_xyzt_units("mm")
    given = kind.from_bytes(given.to_bytes())  # a header holds an affine as float32
    files = [InputFile("a_flair.nii.gz", gzip.compress(given.to_bytes()))]
    upload = open_inputs(files)
    volume = assemble(upload, guess_assignment(upload))
    record = upload_record(volume)
    made = prediction_files(record, upload.grid.source, kinds=("nifti",))
    for name, array in (
        ("prediction", record.predicted.mask),
        ("probability", record.predicted.probability),
    ):
        content = gzip.decompress(made[f"upload_{name}.nii.gz"])
        back = kind.from_bytes(content)
        assert back.shape == given.shape
        np.testing.assert_array_equal(back.affine, given.affine)
        for code in ("qform_code", "sform_code"):
            assert back.header[code] == given.header[code]
        assert back.header.get_zooms() == given.header.get_zooms()
        # Where the picture that the model saw has this voxel, the file has it.
        shown = upload.grid.source.orientation.shown(np.asarray(back.dataobj))
        np.testing.assert_array_equal(shown, array)
        assert b"Secret" not in content
        assert RESEARCH_USE.encode() in content
    assert "grid of the file that was predicted" in made["upload_about.txt"].decode()


def test_pictures_have_a_placeholder_for_geometry(record):
    record = replace(record, warnings=())
    content = prediction_files(record, kinds=("nifti",))["upload_prediction.nii.gz"]
    assert content == nifti_bytes(record.predicted.mask, record.volume, "prediction", is_mask=True)
