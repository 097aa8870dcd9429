"""Prediction over folders: what is done is kept, what is bad is reported and passed over."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import FIRST
from PIL import Image

from brainseg import RESEARCH_USE
from brainseg.batch import predict_all
from brainseg.cohort import Cohort
from brainseg.errors import CohortError
from brainseg.models import open_model
from brainseg.prediction import predict


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


def test_each_case_gets_its_masks_and_a_result(model, tiny_cohort, tmp_path):
    results = list(predict_all(tiny_cohort, tmp_path / "out", model))
    assert [result["case"] for result in results] == Cohort.open(tiny_cohort).cases
    for result in results:
        assert result["error"] is None
        assert len(result["outputs"]) == result["slices"]
        masks = np.stack([np.asarray(Image.open(path)) for path in result["outputs"]])
        assert set(np.unique(masks)) <= {0, 255}
        assert np.count_nonzero(masks) == result["area_px"]
        json.dumps(result)


def test_the_masks_are_the_prediction_in_the_order_and_corner_of_the_slices(
    model, taught_root, tmp_path
):
    case = Cohort.open(taught_root).case(model.folds[0].held_out[0])
    result = next(
        result
        for result in predict_all(taught_root, tmp_path / "out", model)
        if result["case"] == case.name
    )
    expected = predict(case.volume(), model, (0,)) >= model.threshold
    assert expected.any()
    written = [np.asarray(Image.open(path)) > 0 for path in result["outputs"]]
    np.testing.assert_array_equal(written, expected)
    assert Path(result["outputs"][1]).name == f"{case.name}_2_prediction.png"


def test_every_file_says_what_it_is_not(model, tiny_cohort, tmp_path):
    result = next(predict_all(tiny_cohort, tmp_path / "out", model))
    assert Image.open(result["outputs"][0]).text["Comment"] == RESEARCH_USE


def test_a_second_run_does_not_run_the_network_again(model, tiny_cohort, tmp_path, monkeypatch):
    out = tmp_path / "out"
    first = list(predict_all(tiny_cohort, out, model))
    Path(first[1]["outputs"][0]).unlink()
    import brainseg.prediction

    asked = []

    def counted(volume, model, folds):
        asked.append(volume)
        return predict(volume, model, folds)

    monkeypatch.setattr(brainseg.prediction, "predict", counted)
    again = list(predict_all(tiny_cohort, out, model))
    assert len(asked) == 1, "only the case whose file is gone is predicted again"
    assert [r["area_px"] for r in again] == [r["area_px"] for r in first]
    image = tiny_cohort / FIRST / f"{FIRST}_1.tif"
    image.write_bytes(next(tiny_cohort.glob("*/*_3.tif")).read_bytes())
    list(predict_all(tiny_cohort, out, model))
    assert len(asked) == 2, "and the case whose pixels changed"


def test_a_bad_case_is_reported_and_the_others_are_predicted(model, tiny_cohort, tmp_path):
    for path in (tiny_cohort / FIRST).glob("*.tif"):
        path.write_bytes(b"II*\0 but nothing more")
    results = list(predict_all(tiny_cohort, tmp_path / "out", model))
    assert [result["error"] is None for result in results] == [False, True, True]
    assert "no slice that can be read" in results[0]["error"]
    assert results[0]["outputs"] == []


def test_a_case_with_a_damaged_slice_gets_the_others_and_says_so(model, tiny_cohort, tmp_path):
    damaged = tiny_cohort / FIRST / f"{FIRST}_2.tif"
    damaged.write_bytes(damaged.read_bytes()[:500])
    for _ in range(2):  # a kept result says it again
        result = next(predict_all(tiny_cohort, tmp_path / "out", model))
        assert "1 of 3 slices" in result["error"]
        names = [Path(path).name for path in result["outputs"]]
        assert names == [f"{FIRST}_1_prediction.png", f"{FIRST}_10_prediction.png"]


def test_an_image_alone_is_predicted_and_a_bad_one_is_one_sentence(model, taught_root, tmp_path):
    image = next(taught_root.glob("*/*_2.tif"))
    (result,) = predict_all(image, tmp_path / "out", model)
    assert (result["slices"], result["error"]) == (1, None)
    bad = tmp_path / "bad.tif"
    bad.write_bytes(image.read_bytes()[:3000])
    (result,) = predict_all(bad, tmp_path / "out", model)
    assert result["error"] == "bad.tif was not used: file is incomplete or damaged."


def test_the_dataset_is_never_written_into(model, tiny_cohort):
    before = sorted(tiny_cohort.rglob("*"))
    for out in (tiny_cohort, tiny_cohort / "predictions"):
        with pytest.raises(CohortError, match="never written"):
            list(predict_all(tiny_cohort, out, model))
    assert sorted(tiny_cohort.rglob("*")) == before
