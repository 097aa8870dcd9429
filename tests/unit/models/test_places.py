"""Models are found by name in the package, in the user's state and in runs."""

import shutil
from pathlib import Path

from brainseg.models import DEFAULT_MODEL, list_models, list_run_models, open_model, place_for


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
