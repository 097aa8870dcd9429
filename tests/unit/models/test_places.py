"""Models are found by name in the package, in the user's state and in runs."""

import shutil
from pathlib import Path

import pytest

from brainseg.errors import ModelError
from brainseg.models import (
    DEFAULT_MODEL,
    list_models,
    list_run_models,
    open_model,
    place_for,
    places,
)


def test_own_models_and_runs_are_listed_and_opened_by_name(tiny_model, home):
    own = Path(shutil.copytree(tiny_model, home / "models" / "mine"))
    shutil.copytree(tiny_model, home / "models" / ".removed-mine.1-2")
    run = Path(shutil.copytree(tiny_model, home / "cohorts" / "abc" / "runs" / "20260101-000000-x"))
    shutil.copytree(tiny_model, run.with_name("20270101-000000-y"))
    assert list_models() == [DEFAULT_MODEL, "mine"]
    assert list_run_models() == ["20270101-000000-y", run.name]
    assert open_model("mine").folder == own.resolve()
    assert open_model(run.name).folder == run.resolve()


def test_a_model_of_the_package_comes_before_one_of_the_same_name(tiny_model, home):
    shutil.copytree(tiny_model, home / "models" / DEFAULT_MODEL)
    assert open_model(DEFAULT_MODEL).folder.parent != home / "models"
    assert list_models() == [DEFAULT_MODEL]


def test_a_bare_name_is_published_to_the_state_and_a_path_where_it_says(home):
    assert place_for("mine") == home / "models" / "mine"
    assert place_for("models/mine") == Path("models/mine")


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("models/mine", "publish its run again"),
        ("cohorts/abc/runs/20260101-000000-x", "prepare the run as a model again"),
        ("elsewhere/mine", "restore the files of mine from where they were published"),
    ],
)
def test_a_damaged_model_names_the_remedy_of_its_place(tiny_model, home, place, remedy):
    folder = Path(shutil.copytree(tiny_model, home / place))
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match=remedy):
        open_model(str(folder))


def test_a_damaged_model_of_the_package_is_restored_from_the_repository(
    tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(places, "MODELS", tmp_path)
    assert places.remedy_for(tmp_path / "lgg-unet") == "restore models/ from the repository"
