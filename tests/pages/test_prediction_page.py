"""The prediction page: data sent to the viewer, badges and warnings, safe handling of uploads."""

import io
import re
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.cohorts import FIRST, blob, head
from support.pages import addresses_of_cases, open_page, texts, viewed
from support.pictures import png
from support.remote_models import listening
from support.two_folds import model_of_two_folds
from support.volume_formats import write_volume

import brainseg as bs
import brainseg.inference.prediction
from brainseg.cohort import Cohort
from brainseg.exports.payload import STEPS, case_payload, in_steps
from brainseg.inference.prediction import predict
from brainseg.inference.quantised import quantise
from brainseg.inference.workers import prediction_jobs
from brainseg.models import open_model
from brainseg.models.remote import shown_name
from brainseg.serving import app_of
from dashboard.shared import cache
from dashboard.views.prediction import result, session_uploads

UPLOAD = {"source": "your own files"}
FIVE_CHANNELS = np.zeros((40, 40, 5), np.uint8)
AS_ONE_PAGE = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.fixture
def model(monkeypatch, tiny_model):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tiny_model))
    return open_model()


@pytest.fixture(scope="module")
def two_folds(tiny_model, tmp_path_factory):
    """Return the folder of a model of two folds; do not change it."""
    return model_of_two_folds(tiny_model, tmp_path_factory.mktemp("models") / "two")


@pytest.fixture
def held_out(model) -> str:
    return model.folds[0].held_out[0]


@pytest.fixture
def looks(monkeypatch) -> list:
    """Return a list that grows with each prediction; nothing is kept from before."""
    cache.reload()
    runs, run = [], brainseg.inference.prediction.predict_blocks

    def counted(*given):
        runs.append(given)
        return run(*given)

    monkeypatch.setattr(brainseg.inference.prediction, "predict_blocks", counted)
    return runs


def facts(app, column: str | int = 0) -> dict[str, str]:
    """Return the table of how a prediction was made."""
    (table,) = [one.value for one in app.table if "Engine" in one.value.index]
    return (table[column] if isinstance(column, str) else table.iloc[:, column]).to_dict()


def said(app) -> str:
    """Return the texts of a page without the escapes that keep them from being markup."""
    return re.sub(r"\\(?=[^\w\s])", "", texts(app))


def tiff(pixels: np.ndarray, **more: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **more)
    return file.getvalue()


def upload(app, *files: tuple[str, bytes]):
    """Return the page after files were uploaded together."""
    given = [(name, data, "application/octet-stream") for name, data in files]
    app.file_uploader("upload").set_value(given)
    return app.run()


def slice_with_a_tumour() -> np.ndarray:
    image = head(7)
    image[..., 1] = np.where(blob(20, 20, 12), 250, image[..., 1])
    return image


def test_the_viewer_receives_the_cores_prediction_of_a_held_out_case(
    monkeypatch, taught_root, model, held_out
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    assert not app.exception
    case = Cohort.open(taught_root).case(held_out)
    header, arrays = viewed(app)
    assert np.array_equal(arrays["probability"], in_steps(quantise(predict(case.volume(), model))))
    assert np.array_equal(arrays["mask"], case.masks()[0])
    assert header["case"] == held_out
    assert header["made_by"] == "tiny: fold 0"
    assert header["threshold"] == pytest.approx(model.threshold, abs=0.5 / STEPS)
    assert "Held-out prediction: fold 0 was not trained on this patient" in said(app)
    assert facts(app)["Patient"] == "held out"
    assert facts(app)["Engine"]
    assert facts(app)["Time"].endswith("s for 5 slices")


def test_a_case_that_a_remote_model_held_out_is_shown_as_such(
    monkeypatch, taught_root, tiny_model, held_out
):
    cache.reload()
    local = open_model(str(tiny_model))
    where, server, thread = listening(app_of(local, prediction_jobs()))
    address = f"http://{where}/v2/models/{local.name}"
    monkeypatch.setenv("BRAINSEG_MODEL", address)
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    server.should_exit = True
    thread.join()
    cache.reload()  # other tests have a model of the same networks
    assert "Held-out prediction: fold 0 was not trained on this patient" in said(app)
    assert viewed(app)[0]["made_by"] == f"{shown_name(address)}: fold 0"
    assert facts(app)["Patient"] == "held out"
    assert facts(app)["Engine"].endswith(f"at {where}")


def test_a_case_is_predicted_once_however_often_the_page_runs(
    monkeypatch, taught_root, model, held_out, looks
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    app.run()
    assert len(looks) == 1


def test_the_default_is_how_the_model_is_scored(monkeypatch, tiny_cohort, two_folds):
    monkeypatch.setenv("BRAINSEG_MODEL", str(two_folds))
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST)
    header, arrays = viewed(app)
    assert header["made_by"] == "two: the mean of folds 0 and 1"
    case = Cohort.open(tiny_cohort).case(FIRST)
    same = bs.predict(case, open_model())
    assert np.array_equal(arrays["probability"], in_steps(same.units))
    (code,) = [one.value for one in app.code if "bs.predict" in one.value]
    assert "bs.predict(case, model)" in code
    fewer = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST, effort="fast")
    (code,) = [one.value for one in fewer.code if "bs.predict" in one.value]
    assert "bs.predict(case, model, mode='fast')" in code
    fast = bs.predict(case, open_model(), mode="fast")
    assert np.array_equal(viewed(fewer)[1]["probability"], in_steps(fast.units))


def test_all_passes_are_offered_where_the_model_is_scored_with_fewer(
    monkeypatch, tiny_cohort, two_folds
):
    for name, offered in (
        (str(two_folds), ["as scored", "single pass", "all folds, mirrored"]),
        ("lgg-unet", ["as scored", "single pass"]),
    ):
        monkeypatch.setenv("BRAINSEG_MODEL", name)
        app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST)
        (passes,) = [one for one in app.button_group if one.label == "Passes"]
        assert passes.options == offered


def test_a_full_prediction_shows_its_uncertainty(monkeypatch, tiny_cohort, two_folds):
    monkeypatch.setenv("BRAINSEG_MODEL", str(two_folds))
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST, effort="fast")
    assert "spread" not in viewed(app)[1]
    assert "Uncertainty is not available for a single pass" in said(app)
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST, effort="full")
    assert not app.exception
    header, arrays = viewed(app)
    assert arrays["spread"].any()
    assert header["made_by"] == "two: the mean of folds 0 and 1, with mirror images"
    assert "The 4 passes (2 folds, original and mirrored) agree" in said(app)
    assert facts(app)["Passes"] == "4 passes (2 folds, original and mirrored)"


def test_two_folds_are_side_by_side_each_with_its_training_exposure(
    monkeypatch, taught_root, two_folds
):
    monkeypatch.setenv("BRAINSEG_MODEL", str(two_folds))
    model = open_model()
    case = model.folds[0].held_out[1]
    address = {"case": case, "left": "two: fold 0", "right": "two: fold 1"}
    app = open_page(monkeypatch, taught_root, "prediction", **address)
    assert not app.exception
    header, arrays = viewed(app)
    volume = Cohort.open(taught_root).case(case).volume()
    assert np.array_equal(arrays["probability"], in_steps(quantise(predict(volume, model, (0,)))))
    assert np.array_equal(arrays["other"], in_steps(quantise(predict(volume, model, (1,)))))
    assert header["other"]["made_by"] == "two: fold 1"
    assert "Left: Held-out prediction: fold 0 was not trained on this patient" in said(app)
    assert "Right: Fold 1 was trained on this patient; the Dice is not meaningful" in said(app)
    assert [one.label for one in app.metric][:2] == ["Dice between the two", "Voxels that differ"]
    assert facts(app, "Left")["Predicted by"] == "fold 0"
    assert facts(app, "Right")["Predicted by"] == "fold 1"
    assert "are the same" not in said(app)


def test_comparing_a_network_with_itself_shows_a_message(monkeypatch, taught_root, two_folds):
    monkeypatch.setenv("BRAINSEG_MODEL", str(two_folds))
    case = open_model().folds[0].held_out[1]
    app = open_page(monkeypatch, taught_root, "prediction", case=case, right="two: fold 0")
    assert "are the same: two predicts this case with fold 0" in said(app)


def test_an_unknown_model_to_compare_with_shows_a_message(
    monkeypatch, taught_root, model, held_out
):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out, right="<b>nobody</b>")
    assert not app.exception
    assert "showing none" in said(app)


def test_a_patient_of_the_training_data_shows_a_warning(monkeypatch, taught_root, model):
    case = model.folds[0].trained_on[0]
    app = open_page(monkeypatch, taught_root, "prediction", case=case)
    assert "Fold 0 was trained on this patient; the Dice" in app.warning[0].value


def test_a_new_patient_is_called_new(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", case=FIRST)
    assert "This patient was not in the training data" in said(app)


def test_an_unknown_case_shows_a_message_and_the_list_of_cases(monkeypatch, tiny_cohort, model):
    app = open_page(monkeypatch, tiny_cohort, "prediction", case="../../etc/passwd")
    assert not app.exception
    assert "Unknown case" in app.error[0].value


def test_a_missing_or_damaged_model_shows_one_message(
    monkeypatch, tiny_cohort, tiny_model, tmp_path
):
    monkeypatch.setenv("BRAINSEG_MODEL", str(tmp_path / "none"))
    app = open_page(monkeypatch, tiny_cohort, "prediction")
    assert not app.exception
    assert "unknown model" in app.error[0].value
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in tiny_model.iterdir():
        (damaged / file.name).write_bytes(
            b"damaged" if file.suffix != ".json" else file.read_bytes()
        )
    monkeypatch.setenv("BRAINSEG_MODEL", str(damaged))
    cache.reload()
    app = open_page(monkeypatch, tiny_cohort, "prediction")
    assert not app.exception
    assert "is not the file its manifest names" in app.error[0].value


def test_each_kind_of_file_is_offered(monkeypatch, taught_root, model, held_out):
    app = open_page(monkeypatch, taught_root, "prediction", case=held_out)
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == [
        "All files (ZIP)",
        "NIfTI (ZIP)",
        "Overlay (PNG)",
        "Slices (CSV)",
        "Report (PDF)",
    ]


def test_without_a_file_the_page_offers_an_example(monkeypatch, model):
    app = open_page(monkeypatch, None, "prediction", **UPLOAD)
    assert not app.exception
    assert "stay in the memory of this session" in said(app)
    app.button("example").click().run()
    assert not app.exception
    header, arrays = viewed(app)
    assert header["case"].startswith("SYNTH_")
    assert arrays["mask"].any()
    np.testing.assert_array_equal(probability_of_code(app, model), arrays["probability"])
    app.button("close_example").click().run()
    assert not addresses_of_cases(app)


def test_an_upload_is_predicted_with_its_notes_and_needs_no_cohort(monkeypatch, model):
    app = open_page(monkeypatch, None, "prediction")
    app = upload(app, ("slice.tif", tiff(slice_with_a_tumour()[..., 1].astype(np.uint16) * 100)))
    assert not app.exception
    header, arrays = viewed(app)
    assert header["case"] == "upload"
    assert any("16-bit rescaled" in note for note in header["notes"])
    assert any("filled with FLAIR" in note for note in header["notes"])
    assert "mask" not in arrays
    assert "It is unknown whether this patient was in the training data" in said(app)
    assert facts(app)["Patient"] == "unknown"


def test_a_colour_slice_of_the_cohort_keeps_its_three_sequences(monkeypatch, model):
    image = slice_with_a_tumour()
    app = upload(open_page(monkeypatch, None, "prediction"), ("slice.tif", tiff(image)))
    header, arrays = viewed(app)
    for place, sequence in enumerate(header["sequences"]):
        assert np.array_equal(arrays[sequence][0], image[..., place])


def test_assigning_another_sequence_predicts_again(monkeypatch, model, looks):
    image = slice_with_a_tumour()
    app = upload(open_page(monkeypatch, None, "prediction"), ("slice.tif", tiff(image)))
    flair = next(box for box in app.selectbox if box.label == "FLAIR")
    flair.set_value(0).run()
    assert not app.exception
    assert np.array_equal(viewed(app)[1]["FLAIR"][0], image[..., 0])
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "empty.tif", "file is empty"),
        (b"random bytes" * 50, "random.tif", "not a readable TIFF"),
        (tiff(head(1))[:2000], "cut.tif", "incomplete or damaged"),
        (tiff(FIVE_CHANNELS, **AS_ONE_PAGE), "five.tif", "5 channels; expected 1 or 3"),
        (tiff(np.full((40, 40), np.nan, np.float32)), "nan.tif", "1600 invalid pixels"),
    ],
)
def test_an_untrusted_upload_is_refused_in_one_sentence(monkeypatch, model, data, name, reason):
    app = upload(open_page(monkeypatch, None, "prediction"), (name, data))
    assert not app.exception
    (error,) = app.error
    assert reason in said(app)
    assert "was not used" in error.value
    assert not addresses_of_cases(app)
    app = upload(app, ("good.tif", tiff(slice_with_a_tumour())))
    assert not app.error
    assert viewed(app)


def test_a_bad_file_beside_a_good_one_is_named_and_the_good_one_predicted(monkeypatch, model):
    app = open_page(monkeypatch, None, "prediction")
    app = upload(app, ("good.tif", tiff(slice_with_a_tumour())), ("bad.tif", b"x" * 400))
    assert not app.exception and not app.error
    assert "2 files: 1 slice used, no masks used, 1 left out" in [box.label for box in app.expander]
    assert app.dataframe[0].value.iloc[0].tolist() == ["bad.tif", "not a readable TIFF."]
    assert "1 file or series" not in said(app), "the page names it already"
    assert viewed(app)


def test_a_case_folder_is_taken_whole_and_its_masks_are_the_truth(monkeypatch, model):
    mask = blob(20, 20, 12)
    slices = [(f"x_{n}.tif", tiff(slice_with_a_tumour())) for n in (1, 2)]
    masks = [(f"x_{n}_mask.tif", tiff(mask)) for n in (1, 2)]
    app = upload(open_page(monkeypatch, None, "prediction"), *slices, *masks)
    labels = [box.label for box in app.expander]
    assert "4 files: 2 slices used, 2 masks used, 0 left out" in labels
    assert app.session_state["your_files"] is False, "the box folds once files are in"
    assert np.array_equal(viewed(app)[1]["mask"], np.stack([mask > 0] * 2))


def probability_of_code(app, model, **replaced: str) -> np.ndarray:
    """Run the code on a page, and return its prediction in the steps of the viewer."""
    (code,) = [one.value for one in app.code if "bs.predict" in one.value]
    # The tiny model is named by the environment alone.
    for text, other in {f"open_model({model.name!r})": "open_model()", **replaced}.items():
        code = code.replace(text, other)
    names: dict = {}
    exec(code, names)
    return in_steps(quantise(names["prediction"].probability))


def test_the_code_of_an_upload_gives_its_prediction(monkeypatch, model, tmp_path):
    data = tiff(slice_with_a_tumour())
    app = upload(open_page(monkeypatch, None, "prediction"), ("slice.tif", data))
    (tmp_path / "slice.tif").write_bytes(data)
    given = {'"your-files"': repr(str(tmp_path / "slice.tif"))}
    found = probability_of_code(app, model, **given)
    np.testing.assert_array_equal(found, viewed(app)[1]["probability"])


def test_a_mask_is_added_to_an_upload_whatever_its_name_and_refused_if_it_does_not_fit(
    monkeypatch, model
):
    mask = blob(20, 20, 12)
    image = ("x_1.tif", tiff(slice_with_a_tumour()))
    app = upload(open_page(monkeypatch, None, "prediction"), image)
    assert "mask" not in viewed(app)[1]
    for name, data, used in (
        ("x_1.tif", tiff(mask), True),
        ("x_1.png", png(mask), True),
        ("x_1.tif", tiff(mask[:40]), False),
    ):
        app.file_uploader("upload_masks").set_value([(name, data, "application/octet-stream")])
        app.run()
        assert not app.exception and not app.error
        assert ("mask" in viewed(app)[1]) == used
        assert app.dataframe.len == (0 if used else 1)


def test_an_added_mask_may_be_a_header_and_the_file_of_its_voxels(monkeypatch, model, tmp_path):
    image = np.stack([slice_with_a_tumour()[..., 1]] * 2, -1)
    mask = np.stack([blob(20, 20, 12) // 255] * 2, -1)
    write_volume(tmp_path / "flair.nrrd", image, np.eye(4))
    write_volume(tmp_path / "outline.mhd", mask, np.eye(4))
    added = [(name, (tmp_path / name).read_bytes(), "") for name in ("outline.mhd", "outline.raw")]
    data = (tmp_path / "flair.nrrd").read_bytes()
    app = upload(open_page(monkeypatch, None, "prediction"), ("flair.nrrd", data))
    app.file_uploader("upload_masks").set_value(added)
    app.run()
    assert not app.exception and not app.error
    assert viewed(app)[1]["mask"].sum() == mask.sum()


def test_a_label_of_an_uploaded_mask_is_chosen_compared_and_drawn(monkeypatch, model, looks):
    mask = blob(20, 20, 12) // 255
    mask[20:26, 20:26] = 2
    files = ("x_1.tif", tiff(slice_with_a_tumour())), ("x_1_mask.tif", tiff(mask))
    app = upload(open_page(monkeypatch, None, "prediction"), *files)
    assert not app.exception
    picker = next(box for box in app.selectbox if box.label == "Label")
    assert picker.options == ["Label: all (union)", "Label: 1", "Label: 2"]
    assert viewed(app)[1]["mask"].sum() == (mask > 0).sum()
    assert {one["name"] for one in viewed(app)[0]["labels"]} == {"label 1", "label 2"}
    picker.set_value("label 2").run()
    assert not app.exception
    assert viewed(app)[1]["mask"].sum() == 36
    assert len(looks) == 1  # the prediction is the same


def test_the_pages_of_a_tiff_become_a_stack_or_one_slice_as_chosen(monkeypatch, model):
    pages = np.stack([head(1), slice_with_a_tumour(), head(3)])
    app = open_page(monkeypatch, None, "prediction")
    app = upload(app, ("pages.tif", tiff(pages, photometric="rgb")))
    assert not app.exception
    picker = next(box for box in app.selectbox if "has 3 pages" in box.label)
    assert len(viewed(app)[0]["slice_numbers"]) == 3
    picker.set_value(1).run()
    assert np.array_equal(viewed(app)[1]["FLAIR"], pages[1:2, ..., 1])


def test_the_name_of_an_upload_is_text_and_never_markup(monkeypatch, model):
    name = "<img src=x onerror=alert(1)> **bold** [a](b).tif"
    app = upload(open_page(monkeypatch, None, "prediction"), (name, b"x"))
    assert "\\<img src\\=x" in app.error[0].value
    assert "\\*\\*bold\\*\\*" in app.error[0].value


def test_an_archive_with_a_traversal_name_writes_nothing(monkeypatch, model, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../../outside.tif", tiff(slice_with_a_tumour()))
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.parent.rglob("outside*"))
    app = upload(open_page(monkeypatch, None, "prediction"), ("slices.zip", archive.getvalue()))
    assert not app.exception
    assert app.error or viewed(app)
    assert set(tmp_path.parent.rglob("outside*")) == before


def test_two_visitors_of_a_case_share_its_packed_prediction(
    monkeypatch, taught_root, model, held_out
):
    cache.reload()
    packed = []
    monkeypatch.setattr(
        result, "case_payload", lambda *parts: packed.append(0) or case_payload(*parts)
    )
    for _ in range(2):
        assert viewed(open_page(monkeypatch, taught_root, "prediction", case=held_out))
    assert len(packed) == 1


def test_a_case_is_predicted_once_for_all_servers_and_restarts(
    monkeypatch, taught_root, model, held_out, home
):
    cache.reload()
    first = viewed(open_page(monkeypatch, taught_root, "prediction", case=held_out))
    cache.reload()  # as another process, or this one after a restart
    monkeypatch.setattr(cache, "predict_timed", lambda *_: pytest.fail("predicted again"))
    again = viewed(open_page(monkeypatch, taught_root, "prediction", case=held_out))
    np.testing.assert_array_equal(again[1]["probability"], first[1]["probability"])
    assert again[0] == first[0]
    assert [path.suffix for path in (home / "predictions").iterdir()] == [".npz"]


def test_the_prediction_of_an_upload_is_not_saved(monkeypatch, model, home):
    app = upload(
        open_page(monkeypatch, None, "prediction"), ("slice.tif", tiff(slice_with_a_tumour()))
    )
    assert viewed(app)
    assert not (home / "predictions").exists()


def test_a_session_keeps_only_the_last_upload_and_forgets_it_when_removed(monkeypatch, model):
    app = open_page(monkeypatch, None, "prediction")
    for seed in range(4):
        app = upload(app, ("slice.tif", tiff(head(seed))))
        keys = app.session_state[session_uploads.CACHE].keys
        assert len({files for _, files, *_ in keys}) == 1
    app.file_uploader("upload").clear().run()
    assert session_uploads.CACHE not in app.session_state


def test_the_address_contains_nothing_of_an_upload(monkeypatch, model):
    app = open_page(monkeypatch, None, "prediction")
    app = upload(app, ("Doe_John_1950.tif", tiff(slice_with_a_tumour())))
    assert "Doe" not in str(dict(app.query_params))
    assert "Doe" not in viewed(app)[0]["case"]


def test_a_transparent_png_is_accepted_with_a_note(monkeypatch, model):
    file = io.BytesIO()
    image = np.dstack([slice_with_a_tumour(), np.full((64, 64), 9, np.uint8)])
    Image.fromarray(image).save(file, format="PNG")
    app = upload(open_page(monkeypatch, None, "prediction"), ("a.png", file.getvalue()))
    assert any("transparency" in note for note in viewed(app)[0]["notes"])


def test_masks_of_an_uploaded_case_are_compared_with_the_prediction(monkeypatch, model):
    slices = [(f"x_{n}.tif", tiff(slice_with_a_tumour())) for n in (1, 2)]
    masks = [(f"x_{n}_mask.tif", tiff(blob(26, 30))) for n in (1, 2)]
    app = upload(open_page(monkeypatch, None, "prediction"), *slices, *masks)
    header, arrays = viewed(app)
    assert header["shape"][0] == 2
    assert np.array_equal(arrays["mask"] > 0, np.stack([blob(26, 30)] * 2) > 0)
    assert any("accompanying masks (all slices)" in note for note in header["notes"])
