"""Which picture a file becomes, and where the patient's sides lie in it and in what is exported."""

import io
from dataclasses import replace
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from support.cohorts import head

from brainseg.exports.payload import case_payload
from brainseg.exports.prediction import overlay, prediction_files
from brainseg.exports.report import case_report
from brainseg.inference.prediction import Prediction
from brainseg.inference.record import CaseRecord, record_of_volume, with_prediction
from brainseg.io import InputFile, open_inputs
from brainseg.io.orientation import plane_of, sides_of
from brainseg.models.exposure import UNKNOWN, CaseExposure
from brainseg.volume import Volume

PICTURES = {
    "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P", "first": "I", "last": "S"},
    "coronal": {"left": "R", "right": "L", "top": "S", "bottom": "I", "first": "P", "last": "A"},
    "sagittal": {"left": "A", "right": "P", "top": "S", "bottom": "I", "first": "L", "last": "R"},
}
SIZES = {"axial": (40, 44, 6), "coronal": (40, 6, 44), "sagittal": (6, 40, 44)}
"""Towards right, front and top; the thin axis is the one that slices were acquired along."""


def nifti(voxels: np.ndarray, tilt: float) -> nib.Nifti1Image:
    """Return an image whose axes rise to right, front and top, turned by so many degrees about right."""
    cos, sin = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    affine = np.eye(4)
    affine[1:3, 1:3] = [[cos, -sin], [sin, cos]]
    return nib.Nifti1Image(voxels, affine)


@pytest.mark.parametrize("plane", SIZES)
@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PSR", "AIL", "LSA", "RIP", "SRA"])
@pytest.mark.parametrize("tilt", [0, 20, 40])
def test_each_acquisition_is_shown_as_radiologists_look_at_it(plane, codes, tilt):
    scene = np.random.default_rng(0).integers(1, 255, SIZES[plane]).astype(np.uint8)
    image = nifti(scene, tilt)
    to = nib.orientations.axcodes2ornt(codes)
    image = image.as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(image.affine), to)
    )
    upload = open_inputs([InputFile("flair.nii", image.to_bytes())])
    assert plane_of(upload.grid.affine) == plane
    assert sides_of(upload.grid.affine) == PICTURES[plane]
    shown = {
        "axial": scene[::-1, ::-1].transpose(2, 1, 0),
        "coronal": scene[::-1, :, ::-1].transpose(1, 2, 0),
        "sagittal": scene[:, ::-1, ::-1].transpose(0, 2, 1),
    }[plane]
    np.testing.assert_array_equal(upload.series[0].pixels, shown)
    said = " ".join(upload.notes)
    assert f"shown as {plane} slices" in said


def test_no_two_axes_of_a_strongly_oblique_stack_follow_the_same_side():
    turn = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3  # about (1, 1, 1), by 60 degrees
    for scale in ([1, 1, 1], [5, 1, 1], [1, 1.001, 0.999]):
        affine = np.eye(4)
        affine[:3, :3] = turn * scale
        sides = sides_of(affine)
        assert set(sides.values()) == set("LRAPIS")


def upload_record(affine: np.ndarray | None) -> CaseRecord:
    volume = Volume(np.stack([head(n, 200, 220) for n in range(3)]), affine=affine)
    model = SimpleNamespace(
        name="net", digest="a1b2" * 16, target="tumour", threshold_for=lambda folds: 0.5
    )
    probability = np.zeros(volume.pixels.shape[:3], np.float32)
    probability[1, 90:110, 90:110] = 0.75
    exposure = CaseExposure(UNKNOWN, (0,))
    made = Prediction(probability, None, exposure, 1.2, "Net", "CPU", 1)
    return with_prediction(record_of_volume(volume), model, made)


AXIAL = np.array([[0, 0, -1, 0], [0, -1, 0, 0], [5, 0, 0, 0], [0, 0, 0, 1.0]])


def test_the_overlay_has_the_letters_at_its_edges_and_none_where_the_orientation_is_unknown():
    without, lettered = (overlay(upload_record(affine), 1).astype(int) for affine in (None, AXIAL))
    changed = np.abs(lettered - without).max(axis=2) > 100
    rows, columns = np.nonzero(changed)
    edges = (rows < 25) | (rows >= 175) | (columns < 25) | (columns >= 195)
    assert edges.all()
    for part in (changed[80:120, :25], changed[80:120, -25:], changed[:25, 90:130], changed[-25:]):
        assert part.sum() > 10
    files = prediction_files(upload_record(AXIAL), kinds=("overlay",))
    (stored,) = [files[name] for name in files if name.endswith("_overlay.png")]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored)))[-200:, :], lettered)


@pytest.mark.parametrize("plane", PICTURES)
def test_each_letter_of_the_overlay_stands_on_its_side(plane):
    steps = {
        "axial": ((0, 0, 1), (0, -1, 0), (-1, 0, 0)),
        "coronal": ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
        "sagittal": ((1, 0, 0), (0, 0, -1), (0, -1, 0)),
    }[plane]
    affine = np.eye(4)
    affine[:3, :3] = np.array(steps).T
    assert sides_of(affine) == PICTURES[plane]
    header = case_payload(replace(upload_record(affine), predicted=None)).case
    assert f'"left": "{PICTURES[plane]["left"]}"'.encode() in header


def letters(record: CaseRecord) -> list[str]:
    text = PdfReader(io.BytesIO(case_report(record))).pages[0].extract_text()
    return [line for line in text.split("\n") if line in list("RLAPSI")]


def test_the_report_has_the_letters_where_the_orientation_is_known_and_none_where_it_is_not():
    # Two pictures, each letter as a rim and as a face.
    assert sorted(letters(upload_record(AXIAL))) == sorted("RLAP" * 4)
    assert letters(upload_record(None)) == []
