"""The prediction page: what the model finds, what that is worth, and what an upload may not do."""

import json
from io import BytesIO

import numpy as np
import pytest
import streamlit as st
import tifffile
from conftest import FIRST, blob, head
from pages import open_page, pictures_of, texts
from PIL import Image

import brainseg.prediction
from brainseg.cohort import Cohort
from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR
from brainseg.metrics import dice
from brainseg.models import open_model
from brainseg.prediction import predict
from dashboard import uploads

UPLOAD = {"source": "your own image"}
FIVE_CHANNELS = np.zeros((40, 40, 5), np.uint8)
AS_ONE_PAGE = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.fixture
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    return open_model()


@pytest.fixture
def held_out(model) -> str:
    return model.folds[0].held_out[0]


@pytest.fixture
def runs_of_the_network(monkeypatch) -> list:
    """Return a list that grows with each run of the network; nothing is kept from before."""
    st.cache_resource.clear()
    runs, run = [], brainseg.prediction.predict

    def counted(*given):
        runs.append(given)
        return run(*given)

    monkeypatch.setattr(brainseg.prediction, "predict", counted)
    return runs


def metrics(app) -> list[tuple[str, str]]:
    return [(metric.label, metric.value) for metric in app.metric]


def tiff(pixels: np.ndarray, **more: object) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, pixels, **more)
    return file.getvalue()


def upload(app, data: bytes, name: str = "slice.tif"):
    """Return the page after a file was uploaded."""
    kind = "image/png" if name.endswith("png") else "image/tiff"
    app.file_uploader("upload").set_value((name, data, kind))
    return app.run()


def slice_with_a_tumour() -> np.ndarray:
    image = head(7)
    image[..., 1] = np.where(blob(20, 20, 12), 250, image[..., 1])
    return image


def test_a_held_out_case_is_scored_as_the_core_scores_it(monkeypatch, taught_root, model, held_out):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    assert not app.exception
    case = Cohort.open(taught_root).case(held_out)
    prediction = predict(case.volume(), model) >= model.threshold
    masks, _ = case.masks()
    assert metrics(app) == [
        ("Predicted (px)", f"{prediction[1].sum()}"),
        ("Manual mask (px)", f"{masks[1].sum()}"),
        ("Dice", f"{dice(masks[1], prediction[1]):.3f}"),
        ("Predicted (voxels)", f"{prediction.sum():,}"),
        ("Manual mask (voxels)", f"{masks.sum():,}"),
        ("Dice", f"{dice(masks, prediction):.3f}"),
    ]
    assert "never seen: predicted by fold 0" in texts(app)


def test_the_three_pictures_show_mask_prediction_and_probability_in_the_files_place(
    monkeypatch, taught_root, model, held_out
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out, slice=3, mask="fill")
    beside, predicted, heat = pictures_of(app)
    case = Cohort.open(taught_root).case(held_out)
    flair = case.slice_pixels(3)[..., 1]
    mask = case.slice_mask(3)
    found = predict(case.volume(), model)[2] >= model.threshold
    assert np.array_equal(beside[~mask][:, 0], flair[~mask])
    assert np.array_equal(predicted[~found][:, 0], flair[~found])
    assert (predicted[found][:, 0] != flair[found]).any()
    assert heat.shape == (64, 64, 3)
    assert MASK_COLOUR != PREDICTION_COLOUR


def test_another_threshold_or_slice_does_not_run_the_network_again(
    monkeypatch, taught_root, model, held_out, runs_of_the_network
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    assert len(runs_of_the_network) == 1
    before = metrics(app)
    app.select_slider("threshold").set_value(0.05).run()
    assert app.query_params["threshold"] in ("0.05", ["0.05"])
    assert metrics(app) != before
    app.select_slider("slice").set_value(4).run()
    assert len(runs_of_the_network) == 1


def test_no_tumour_at_this_threshold_is_said_in_words(monkeypatch, taught_root, model, held_out):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out, slice=1, threshold=0.99)
    assert "No tumour predicted on" in app.info[0].value
    assert "at the threshold 0.99" in app.info[0].value
    assert "(both empty)" in dict(metrics(app)[:3])["Dice"]


def test_a_seen_patient_is_warned_of(monkeypatch, taught_root, model):
    case = model.folds[0].trained_on[0]
    app = open_page(monkeypatch, taught_root, "prediction", case=case)
    assert "learned from this patient: this Dice says nothing" in app.warning[0].value


def test_a_new_patient_is_called_new(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST)
    assert "new to the model: predicted by fold 0" in texts(app)


def test_without_a_mask_there_is_no_dice(monkeypatch, tiny_cohort, model):
    (tiny_cohort / FIRST / f"{FIRST}_2_mask.tif").unlink()
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST, slice=2)
    labels = [label for label, _ in metrics(app)]
    assert labels == ["Predicted (px)", "Predicted (voxels)", "Manual mask (voxels)", "Dice"]
    assert "No usable mask, so there is no Dice." in texts(app)
    assert "1 slice without a usable mask is not counted" in texts(app)


def test_an_unknown_case_is_one_sentence_and_the_list(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", case="../../etc/passwd")
    assert not app.exception
    assert "Unknown case" in app.error[0].value


def test_a_missing_or_damaged_model_is_one_sentence(monkeypatch, tiny_cohort, tiny_model, tmp_path):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tmp_path / "none"))
    app = open_page(monkeypatch, tiny_cohort, "prediction")
    assert not app.exception
    assert "unknown model" in app.error[0].value
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in tiny_model.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    (damaged / "fold0.weights.h5").write_bytes(b"not weights")
    monkeypatch.setenv("BRAINSEG_MODEL", str(damaged))
    st.cache_resource.clear()
    app = open_page(monkeypatch, tiny_cohort, "prediction")
    assert not app.exception
    assert "is not the file its manifest names" in app.error[0].value


def test_the_downloads_hold_the_mask_and_say_what_they_are_not(
    monkeypatch, taught_root, model, held_out
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["Predicted mask (PNG)", "Overlay (PNG)", "Area by slice (CSV)"]


def test_an_upload_is_predicted_with_its_notes(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD)
    assert not app.exception
    app = upload(app, tiff(slice_with_a_tumour()[..., 1].astype(np.uint16) * 100))
    assert not app.exception
    assert "16\\-bit rescaled" in texts(app)
    assert "one grey channel, used for all three sequences" in texts(app)
    assert [label for label, _ in metrics(app)] == ["Predicted (px)"]
    assert len(pictures_of(app)) == 3


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "empty.tif", "file is empty"),
        (b"random bytes" * 50, "random.tif", "not a readable TIFF"),
        (tiff(head(1))[:2000], "cut.tif", "incomplete or damaged"),
        (tiff(head(1)), "named.png", "content is TIFF, name says PNG"),
        (tiff(FIVE_CHANNELS, **AS_ONE_PAGE), "five.tif", "5 channels; expected 1 or 3"),
        (tiff(np.zeros((8, 8, 3), np.uint8)), "small.tif", "too small to segment"),
        (tiff(np.full((40, 40), np.nan, np.float32)), "nan.tif", "1600 invalid pixels"),
    ],
)
def test_an_upload_that_cannot_be_trusted_is_refused_in_one_sentence(
    monkeypatch, tiny_cohort, model, data, name, reason
):
    app = upload(open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD), data, name)
    assert not app.exception
    (error,) = app.error
    assert reason in error.value.replace("\\", "")
    assert "was not used" in error.value
    assert not app.metric
    assert not app.get("plotly_chart")


def test_after_a_refusal_the_next_upload_is_predicted_by_the_same_model(
    monkeypatch, tiny_cohort, model
):
    app = upload(open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD), b"x", "bad.tif")
    assert app.error
    app = upload(app, tiff(slice_with_a_tumour()))
    assert not app.error
    assert app.metric[0].label == "Predicted (px)"


def test_the_page_of_a_multipage_tiff_is_asked_for(monkeypatch, tiny_cohort, model):
    pages = np.stack([head(1), slice_with_a_tumour(), head(3)])
    data = tiff(pages, photometric="rgb")
    app = upload(open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD), data)
    assert "This file holds 3 pages" in app.info[0].value
    app.number_input("upload_page").set_value(2).run()
    assert np.array_equal(pictures_of(app)[0][..., 0], pages[1][..., 1])


def test_the_name_of_an_upload_is_text_and_never_markup(monkeypatch, tiny_cohort, model):
    name = "<img src=x onerror=alert(1)> **bold** [a](b).tif"
    app = upload(open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD), b"x", name)
    assert "\\<img src\\=x" in app.error[0].value
    assert "\\*\\*bold\\*\\*" in app.error[0].value


def test_uploads_stay_in_the_session_bounded_and_are_forgotten(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD)
    for seed in range(8):
        app = upload(app, tiff(head(seed)))
    assert len(app.session_state[uploads.KEPT]) <= uploads.MOST_KEPT
    app.file_uploader("upload").clear().run()
    assert uploads.KEPT not in app.session_state


def test_an_upload_needs_no_cohort(monkeypatch, model):
    app = upload(open_page(monkeypatch, None, "prediction", **UPLOAD), tiff(slice_with_a_tumour()))
    assert not app.exception
    assert app.metric[0].label == "Predicted (px)"


def test_a_transparent_png_is_taken_with_a_note(monkeypatch, tiny_cohort, model):
    file = BytesIO()
    image = np.dstack([slice_with_a_tumour(), np.full((64, 64), 9, np.uint8)])
    Image.fromarray(image).save(file, format="PNG")
    app = upload(
        open_page(monkeypatch, tiny_cohort, "prediction", **UPLOAD), file.getvalue(), "a.png"
    )
    assert "transparency channel left out" in texts(app)


def test_hovering_the_third_picture_tells_the_probability(
    monkeypatch, taught_root, model, held_out
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    images = [trace for trace in spec["data"] if trace["type"] == "image"]
    assert "probability" in images[2]["hovertemplate"]
    assert "probability" not in images[1]["hovertemplate"]
