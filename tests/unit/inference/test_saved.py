"""Predictions in files: the same as those computed, for nothing else, and within their size."""

import os
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest

from brainseg.inference.prediction import FAST, FULL, STANDARD, Prediction
from brainseg.inference.saved import SavedPredictions
from brainseg.models import NEW, CaseExposure, open_model

EXPOSURE = CaseExposure(NEW, (0,))
MOST_BYTES = 2**20


@pytest.fixture
def model(tiny_model):
    return open_model(str(tiny_model))


def made(std: bool = True, seed: int = 0) -> Prediction:
    values = np.random.default_rng(seed).random((3, 20, 30), dtype=np.float32)
    return Prediction(values, values / 4 if std else None, EXPOSURE, 0.5, "Net", "CPU", 2, 0.1)


def unseen(done: int, total: int) -> None:
    """A progress that no one follows."""


def makes(std: bool = True, seed: int = 0):
    return lambda progress: made(std, seed)


def forbidden(progress) -> Prediction:
    pytest.fail("predicted again")


@pytest.mark.parametrize("std", [True, False])
def test_another_server_gets_the_same_prediction(model, tmp_path, std):
    made_here = replace(made(std), min_component_fraction=model.inference.min_component_fraction)
    SavedPredictions(tmp_path, MOST_BYTES).get(
        "c", model, EXPOSURE, STANDARD, lambda _: made_here, unseen
    )
    there = SavedPredictions(tmp_path, MOST_BYTES)
    found = there.get("c", model, EXPOSURE, STANDARD, forbidden, unseen)
    np.testing.assert_array_equal(found.units, made_here.units)
    if std:
        np.testing.assert_array_equal(found.std_units, made_here.std_units)
    without = [
        {k: v for k, v in vars(one).items() if "units" not in k} for one in (found, made_here)
    ]
    assert without[0] == without[1]
    assert (found.std_units is None) == (not std)


def test_what_differs_in_anything_is_predicted_for_itself(model, tmp_path, monkeypatch):
    saved = SavedPredictions(tmp_path, MOST_BYTES)
    predicted = []

    def get(content="c", of=model, exposure=EXPOSURE, mode=STANDARD) -> None:
        saved.get(content, of, exposure, mode, lambda _: predicted.append(0) or made(), unseen)

    get()
    get(content="another case")
    get(of=replace(model, digest="another model"))
    get(exposure=CaseExposure(NEW, (0, 0)))
    get(mode=FAST)
    get(mode=FULL)
    monkeypatch.setenv("BRAINSEG_ENGINE", "keras")
    get()
    assert len(predicted) == 7


@pytest.mark.parametrize("damage", [b"", b"PK", None], ids=["empty", "cut", "flipped"])
def test_a_damaged_file_counts_as_missing(model, tmp_path, damage):
    saved = SavedPredictions(tmp_path, MOST_BYTES)
    saved.get("c", model, EXPOSURE, STANDARD, makes(), unseen)
    (path,) = tmp_path.glob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if damage is None else damage)
    again = saved.get("c", model, EXPOSURE, STANDARD, makes(seed=1), unseen)
    np.testing.assert_array_equal(again.units, made(seed=1).units)
    found = saved.get("c", model, EXPOSURE, STANDARD, forbidden, unseen)
    np.testing.assert_array_equal(found.units, made(seed=1).units)


def test_the_files_used_longest_ago_make_room_for_new_ones(model, tmp_path):
    saved = SavedPredictions(tmp_path, MOST_BYTES)
    saved.get("size", model, EXPOSURE, STANDARD, makes(), unseen)
    (path,) = tmp_path.glob("*.npz")
    few = SavedPredictions(tmp_path / "few", 2 * path.stat().st_size + 100)
    for place, content in enumerate("ab"):
        few.get(content, model, EXPOSURE, STANDARD, makes(), unseen)
        for one in (tmp_path / "few").glob("*.npz"):
            os.utime(one, ns=(place, place))
    few.get("a", model, EXPOSURE, STANDARD, forbidden, unseen)  # now used later than b
    few.get("c", model, EXPOSURE, STANDARD, makes(), unseen)
    assert len([*(tmp_path / "few").glob("*.npz")]) == 2
    few.get("a", model, EXPOSURE, STANDARD, forbidden, unseen)
    few.get("c", model, EXPOSURE, STANDARD, forbidden, unseen)


def test_a_folder_that_cannot_be_written_to_or_a_size_of_nothing_saves_nothing(model, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for saved in (SavedPredictions(tmp_path / "file", MOST_BYTES), SavedPredictions(tmp_path, 0)):
        assert saved.get("c", model, EXPOSURE, STANDARD, makes(), unseen).ensemble_size == 2
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_names_are_hashes_and_say_nothing_of_a_case(model, tmp_path):
    SavedPredictions(tmp_path, MOST_BYTES).get(
        "JOHN_DOE", model, EXPOSURE, STANDARD, makes(), unseen
    )
    (path,) = tmp_path.iterdir()
    assert b"JOHN" not in path.name.encode() + path.read_bytes()


def test_a_prediction_that_another_server_saves_meanwhile_is_not_finished(model, tmp_path):
    other = SavedPredictions(tmp_path, MOST_BYTES)
    steps = []

    def slow(progress) -> Prediction:
        for done in range(3):
            steps.append(done)
            progress(done, 3)
            if done == 1:
                other.get("c", model, EXPOSURE, STANDARD, makes(seed=5), unseen)
        pytest.fail("predicted to the end")

    here = SavedPredictions(tmp_path, MOST_BYTES)
    found = here.get("c", model, EXPOSURE, STANDARD, slow, unseen)
    np.testing.assert_array_equal(found.units, made(seed=5).units)
    assert steps == [0, 1, 2]


def test_a_cancelled_prediction_is_not_saved(model, tmp_path):
    def cancelled(done: int, total: int) -> None:
        raise CancelledError

    def predict(progress) -> Prediction:
        progress(0, 3)
        pytest.fail("went on")

    with pytest.raises(CancelledError):
        SavedPredictions(tmp_path, MOST_BYTES).get(
            "c", model, EXPOSURE, STANDARD, predict, cancelled
        )
    assert [*tmp_path.iterdir()] == []
