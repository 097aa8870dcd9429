"""Warnings of the prediction page in its files, and hidden predictions."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from support.cohorts import write_pair
from support.exported import text_of
from support.files import dicom_series
from support.pages import open_page, texts, viewed
from support.two_folds import model_of_two_folds

from brainseg.batch.run import STAMPED, Wanted, in_words, predict_all
from brainseg.cohort import Cohort
from brainseg.models import open_model
from dashboard.shared import widgets

KINDS = ("nifti", "dicom-seg", "overlay", "csv", "pdf")
NO_HEAD = "do not rely on"


def photograph() -> list[tuple[str, bytes]]:
    """Return a colour picture of no head, with soft gradients and noise, as one PNG."""
    row, column = np.mgrid[:150, :200]
    channels = (
        120 + 80 * np.sin(column / 20) + 40 * np.cos(row / 12),
        100 + 90 * np.cos((column + row) / 30),
        60 + row,
    )
    noise = np.random.default_rng(0).normal(0, 8, (150, 200, 3))
    pixels = (np.stack(channels, axis=-1) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return [("upload.png", file.getvalue())]


def scan(modality: str) -> list[tuple[str, bytes]]:
    """Return a head with a thick bright skull as the files of a DICOM series."""
    plane = np.zeros((64, 64), np.uint16)
    for size, value in (((29, 24), 400), ((28, 23), 2000), ((25, 20), 1040)):
        cv2.ellipse(plane, (32, 32), size[::-1], 0, 0, 360, value, -1)
    stack = np.stack([plane + np.uint16(place) for place in range(3)])
    return [(file.name, file.data) for file in dicom_series(stack, Modality=modality)]


@pytest.fixture
def made(monkeypatch) -> dict[str, Callable[[], bytes]]:
    """Return the function that creates each offered file, by the label of its button."""
    buttons = {}
    monkeypatch.setattr(
        widgets, "download", lambda label, content, *_, **__: buttons.update({label: content})
    )
    return buttons


def uploaded(monkeypatch, given: list[tuple[str, bytes]]):
    """Return the prediction page of the shipped model after an upload."""
    monkeypatch.setenv("BRAINSEG_MODEL", "lgg-unet")
    app = open_page(monkeypatch, None, "prediction")
    app.file_uploader("upload").set_value(
        [(name, data, "application/octet-stream") for name, data in given]
    )
    app.run()
    assert not app.exception
    return app


def from_command_line(
    given: list[tuple[str, bytes]], folder: Path
) -> tuple[dict, dict[str, bytes]]:
    """Return what `brainseg predict` says and writes of the same files."""
    source = folder / "upload"
    source.mkdir()
    for name, data in given:
        (source / name).write_bytes(data)
    if len(given) == 1:
        source = source / given[0][0]
    wanted = Wanted(kinds=KINDS)
    (result,) = predict_all(source, folder / "out", open_model("lgg-unet"), wanted=wanted)
    return result, {Path(path).name: Path(path).read_bytes() for path in result["outputs"]}


def lasting(name: str, content: bytes) -> str:
    """Return the words of a file without the day and the seconds, which differ between two runs."""
    told = " ".join(text_of(name, content).split())
    return re.sub(r"in \d+\.\d s|\d{4}-\d\d-\d\d · ", "", told)


def shown_warnings(app) -> list[str]:
    """Return the warnings of the page, in order, without the escapes of markup."""
    found = [element.value for element in (*app.error, *app.warning)]
    return [re.sub(r"\\(?=[^\w\s])", "", one) for one in found]


@pytest.mark.parametrize("given", [photograph(), scan("CT"), scan("MR")], ids=["photo", "CT", "MR"])
def test_the_page_makes_the_files_that_the_command_line_writes(monkeypatch, made, given, tmp_path):
    app = uploaded(monkeypatch, given)
    result, written = from_command_line(given, tmp_path)
    assert shown_warnings(app) == result["warnings"]
    assert result["warnings"]
    if result["unsuitable"]:
        app.button("show_anyway").click().run()
        assert shown_warnings(app) == result["warnings"]
    with zipfile.ZipFile(io.BytesIO(made["All files (ZIP)"]())) as packed:
        page = {name: packed.read(name) for name in packed.namelist()}
    assert page.keys() == written.keys()
    for name, content in page.items():
        if name.endswith((".pdf", ".txt")):
            assert lasting(name, content) == lasting(name, written[name]), name
        elif name.endswith(".dcm"):
            ours, theirs = (pydicom.dcmread(io.BytesIO(one)) for one in (content, written[name]))
            assert ours.SOPInstanceUID == theirs.SOPInstanceUID
            said = ours.SegmentSequence[0].SegmentDescription
            assert said == theirs.SegmentSequence[0].SegmentDescription
            assert said.startswith(f"Warning: {result['warnings'][0][:40]}")
        else:
            assert content == written[name], name
        if name.endswith((".pdf", ".txt", ".csv", ".png", ".gz")):
            first = " ".join(result["warnings"][0].split())
            assert " ".join(text_of(name, content).split()).startswith(f"Warning: {first}"), name
    alone = np.asarray(Image.open(io.BytesIO(made["Overlay (PNG)"]())))
    assert (alone[0, 0] == (240, 228, 66)).all(), "the picture on its own is stamped, too"


@pytest.mark.parametrize(
    ("given", "said"),
    [(photograph(), NO_HEAD), (scan("CT"), "These files are CT, not MR."), (scan("XA"), "not MR.")],
)
def test_images_other_than_head_mr_are_hidden_until_the_user_asks(monkeypatch, made, given, said):
    app = uploaded(monkeypatch, given)
    assert said in app.error[0].value.replace("\\", "")
    header, arrays = viewed(app)
    assert header["made_by"] is None
    assert "probability" not in arrays
    assert not made, "no file is offered"
    app.button("show_anyway").click().run()
    assert not app.exception
    header, arrays = viewed(app)
    assert header["made_by"].startswith("lgg-unet")
    assert header["warnings"] == shown_warnings(app)
    assert "Report (PDF)" in made


def test_another_upload_is_hidden_again(monkeypatch, made):
    app = uploaded(monkeypatch, photograph())
    app.button("show_anyway").click().run()
    assert made
    made.clear()
    app.file_uploader("upload").set_value([("x.png", photograph()[0][1], "image/png")])
    app.run()
    assert app.button("show_anyway")
    assert not made


def test_an_mr_series_is_shown_at_once(monkeypatch, made):
    app = uploaded(monkeypatch, scan("MR"))
    assert viewed(app)[0]["made_by"]
    assert "Report (PDF)" in made


def test_the_command_line_says_that_the_files_are_stamped(tmp_path):
    result, _ = from_command_line(scan("CT"), tmp_path)
    assert result["unsuitable"] is True
    line = in_words(result)
    assert line.startswith("upload: These files are CT, not MR.")
    assert STAMPED in line
    assert line.endswith(" ml in 3 slices.")


@pytest.mark.parametrize("page", ["prediction", "case"])
def test_a_case_of_a_cohort_without_a_head_is_hidden_too(monkeypatch, tmp_path, page):
    monkeypatch.setenv("BRAINSEG_MODEL", "lgg-unet")
    picture = np.asarray(Image.open(io.BytesIO(photograph()[0][1])))
    for number in (1, 2, 3):
        write_pair(tmp_path / "A_B_1", "A_B_1", number, np.roll(picture, number, axis=0), None)
    app = open_page(monkeypatch, tmp_path, page, case="A_B_1", model="lgg-unet")
    assert not app.exception
    assert NO_HEAD in app.error[0].value.replace("\\", "")
    assert viewed(app)[0]["made_by"] is None
    app.button("show_anyway").click().run()
    assert viewed(app)[0]["made_by"].startswith("lgg-unet")


def test_an_upload_of_a_training_image_is_predicted_by_the_held_out_fold(
    monkeypatch, taught_root, tiny_model, tmp_path_factory
):
    folder = model_of_two_folds(tiny_model, tmp_path_factory.mktemp("models") / "two")
    model = open_model(str(folder))
    monkeypatch.setenv("BRAINSEG_MODEL", str(folder))
    pixels = Cohort.open(taught_root).case(model.folds[0].trained_on[0]).slice_pixels(3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=9)
    app = open_page(monkeypatch, None, "prediction")
    app.file_uploader("upload").set_value([("a.png", file.getvalue(), "image/png")])
    app.run()
    assert not app.exception
    assert viewed(app)[0]["made_by"] == "two: fold 1"
    said = texts(app).replace("\\", "")
    assert "This image was in the training data of fold 0." in said
    assert "Held-out prediction: fold 1 was not trained on this patient" in said
    assert "It is unknown" not in said
